//! stub
use super::KeyError;
use crate::config::RegistrationAlgorithm;
use crate::secrets::Secret;
use jsonwebtoken::*;
/// x
pub fn sign<T: serde::Serialize>(
    k: &Secret,
    _a: RegistrationAlgorithm,
    c: &T,
) -> Result<String, KeyError> {
    encode(
        &Header::new(Algorithm::HS256),
        c,
        &EncodingKey::from_secret(k.expose().as_bytes()),
    )
    .map_err(|_| KeyError)
}
/// x
pub fn verify<T: serde::de::DeserializeOwned + Clone>(
    k: &Secret,
    _a: RegistrationAlgorithm,
    t: &str,
) -> Result<T, KeyError> {
    let mut v = Validation::new(Algorithm::HS256);
    v.required_spec_claims.clear();
    v.validate_exp = false;
    decode::<T>(t, &DecodingKey::from_secret(k.expose().as_bytes()), &v)
        .map(|d| d.claims)
        .map_err(|_| KeyError)
}
