//! Our own signatures, shown to us again: id_tokens as hints.

use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{KeyError, Keyring};

/// Whom a JWT says that it is for, whoever signed it: tells which key to verify it with, and nothing else.
pub fn claimed_audience(token: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Claims {
        aud: String,
    }
    claims_unverified(token).map(|claims: Claims| claims.aud)
}

/// What a JWT says, whoever signed it.
pub fn claims_unverified<T: DeserializeOwned>(token: &str) -> Option<T> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice(&claims).ok()
}

impl Keyring {
    /// The claims of a JWT that one of our keys signed, a retired one too as long as it is kept. Whether
    /// they have expired, and what they are for, is for the caller to look at.
    ///
    /// # Errors
    /// [`KeyError::NotOurs`].
    pub fn verify<T: DeserializeOwned + Clone>(&self, token: &str) -> Result<T, KeyError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| KeyError::NotOurs)?;
        let keys = self.keys();
        let key = keys
            .iter()
            .find(|key| header.kid.as_deref() == Some(key.info.kid.as_str()))
            .ok_or(KeyError::NotOurs)?;
        // RFC 8725 §3.1: the algorithm is the key's, whatever the header says
        let algorithm = Algorithm::from_str(&key.info.algorithm).map_err(|_| KeyError::NotOurs)?;
        // RFC 8725 §3.11: no other kind of token is taken for this one
        let is_plain = header.typ.as_deref().is_none_or(|typ| typ == "JWT");
        if header.alg != algorithm || !is_plain {
            return Err(KeyError::NotOurs);
        }
        let mut validation = Validation::new(algorithm);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let public = DecodingKey::from_jwk(&key.public).map_err(|_| KeyError::NotOurs)?;
        let decoded = jsonwebtoken::decode(token, &public, &validation);
        decoded
            .map(|token| token.claims)
            .map_err(|_| KeyError::NotOurs)
    }
}
