//! Signatures on `client_id`s: HMAC with the operator's `registration_key`.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::KeyError;
use crate::config::RegistrationAlgorithm;
use crate::secrets::Secret;

const fn jws(algorithm: RegistrationAlgorithm) -> Algorithm {
    match algorithm {
        RegistrationAlgorithm::HS256 => Algorithm::HS256,
        RegistrationAlgorithm::HS384 => Algorithm::HS384,
        RegistrationAlgorithm::HS512 => Algorithm::HS512,
    }
}

/// Signs claims.
///
/// # Errors
/// They cannot be written as JSON.
pub fn sign<T: Serialize>(
    key: &Secret,
    algorithm: RegistrationAlgorithm,
    claims: &T,
) -> Result<String, KeyError> {
    sign_typed("JWT", key, algorithm, claims)
}

/// The same with a `typ` in the header that says what it is (RFC 8725 §3.11).
///
/// # Errors
/// See [`sign`].
pub fn sign_typed<T: Serialize>(
    typ: &str,
    key: &Secret,
    algorithm: RegistrationAlgorithm,
    claims: &T,
) -> Result<String, KeyError> {
    let key = EncodingKey::from_secret(key.expose().as_bytes());
    let mut header = Header::new(jws(algorithm));
    header.typ = Some(typ.to_owned());
    jsonwebtoken::encode(&header, claims, &key)
        .map_err(|error| KeyError::Unusable(error.to_string()))
}

/// The claims of a token that this key signed, with this algorithm and no other. Whether they have
/// expired is for the caller to look at.
///
/// # Errors
/// [`KeyError::NotOurs`].
pub fn verify<T: DeserializeOwned + Clone>(
    key: &Secret,
    algorithm: RegistrationAlgorithm,
    token: &str,
) -> Result<T, KeyError> {
    let mut validation = Validation::new(jws(algorithm));
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_aud = false;
    let key = DecodingKey::from_secret(key.expose().as_bytes());
    let decoded = jsonwebtoken::decode(token, &key, &validation);
    decoded
        .map(|token| token.claims)
        .map_err(|_| KeyError::NotOurs)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_this_key_with_this_algorithm_is_believed() {
        let (key, other) = (Secret::new("one key"), Secret::new("another key"));
        let hs256 = RegistrationAlgorithm::HS256;
        let token = sign(&key, hs256, &json!({ "exp": 1 })).unwrap();
        assert!(
            verify::<Value>(&key, hs256, &token).is_ok(),
            "expiry is the caller's"
        );
        assert!(verify::<Value>(&other, hs256, &token).is_err());
        assert!(verify::<Value>(&key, RegistrationAlgorithm::HS512, &token).is_err());

        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let (_, rest) = token.split_once('.').unwrap();
        let (claims, _) = rest.split_once('.').unwrap();
        assert!(verify::<Value>(&key, hs256, &format!("{none}.{claims}.")).is_err());
    }
}
