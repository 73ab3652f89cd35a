//! A client's own key pair, and what it signs with it.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub(crate) struct ClientKey {
    private: EncodingKey,
    pub(crate) public: Jwk,
}

impl ClientKey {
    pub(crate) fn new() -> Self {
        let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let der = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let private = EncodingKey::from_ec_der(der.as_ref());
        let public = Jwk::from_encoding_key(&private, Algorithm::ES256).unwrap();
        Self { private, public }
    }

    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.public] })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_as(&Header::new(Algorithm::ES256), claims)
    }

    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).unwrap()
    }
}
