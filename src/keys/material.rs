//! One key: how it is made, for each algorithm, and read from what the store holds of it.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};

use super::{KeyError, KeyInfo};
use crate::clock::Timestamp;
use crate::model::SigningAlgorithm;
use crate::storage::StoredKey;

pub(super) struct Key {
    pub(super) info: KeyInfo,
    pub(super) algorithm: Algorithm,
    pub(super) public: Jwk,
    pub(super) private: EncodingKey,
}

impl Key {
    pub(super) fn is_active_for(&self, algorithm: SigningAlgorithm) -> bool {
        self.info.retired_at.is_none() && self.info.algorithm == algorithm.as_str()
    }
}

/// The JWS algorithm of a key pair; `None` for one that signs with a secret.
const fn jws(algorithm: SigningAlgorithm) -> Option<Algorithm> {
    match algorithm {
        SigningAlgorithm::RS256 => Some(Algorithm::RS256),
        SigningAlgorithm::ES256 => Some(Algorithm::ES256),
        SigningAlgorithm::EdDSA => Some(Algorithm::EdDSA),
        SigningAlgorithm::HS256 => None,
    }
}

pub(super) fn generate(algorithm: SigningAlgorithm, now: Timestamp) -> Result<StoredKey, KeyError> {
    let unusable = |error: aws_lc_rs::error::Unspecified| KeyError::Unusable(error.to_string());
    let private_key = match algorithm {
        SigningAlgorithm::RS256 => {
            let pair = KeyPair::generate(KeySize::Rsa2048).map_err(unusable)?;
            let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&pair).map_err(unusable)?;
            der.as_ref().to_vec()
        }
        SigningAlgorithm::ES256 => {
            let (kind, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
            let der = EcdsaKeyPair::generate_pkcs8(kind, &random).map_err(unusable)?;
            der.as_ref().to_vec()
        }
        SigningAlgorithm::EdDSA => {
            let random = SystemRandom::new();
            let der = Ed25519KeyPair::generate_pkcs8v1(&random).map_err(unusable)?;
            der.as_ref().to_vec()
        }
        SigningAlgorithm::HS256 => {
            let why = "HS256 signs with the client's secret, not with a key";
            return Err(KeyError::Unusable(why.to_owned()));
        }
    };
    let mut key = StoredKey {
        kid: String::new(),
        algorithm: algorithm.as_str().to_owned(),
        private_key,
        created_at: now,
        retired_at: None,
    };
    let (_, _, public) = parse(&key)?;
    // RFC 7638: the name follows from the key
    key.kid = public
        .thumbprint(ThumbprintHash::SHA256)
        .map_err(|error| KeyError::Unusable(error.to_string()))?;
    Ok(key)
}

pub(super) fn read(stored: StoredKey) -> Result<Key, KeyError> {
    let (algorithm, private, mut public) = parse(&stored)?;
    public.common.key_id = Some(stored.kid.clone());
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok(Key {
        info: KeyInfo {
            kid: stored.kid,
            algorithm: stored.algorithm,
            created_at: stored.created_at,
            retired_at: stored.retired_at,
        },
        algorithm,
        public,
        private,
    })
}

fn parse(stored: &StoredKey) -> Result<(Algorithm, EncodingKey, Jwk), KeyError> {
    let algorithm = SigningAlgorithm::from_name(&stored.algorithm)
        .and_then(jws)
        .ok_or_else(|| KeyError::Unusable(format!("{} has an unknown algorithm", stored.kid)))?;
    let unusable = |error: jsonwebtoken::errors::Error| KeyError::Unusable(error.to_string());
    let text = STANDARD.encode(&stored.private_key);
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    let private = match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem.as_bytes()),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(pem.as_bytes()),
        _ => EncodingKey::from_rsa_pem(pem.as_bytes()),
    };
    let private = private.map_err(unusable)?;
    let public = Jwk::from_encoding_key(&private, algorithm).map_err(unusable)?;
    Ok((algorithm, private, public))
}
