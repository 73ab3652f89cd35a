//! stub
use super::KeyError;
use crate::config::RegistrationAlgorithm;
use crate::secrets::Secret;
/// x
pub fn sign<T: serde::Serialize>(
    _k: &Secret,
    _a: RegistrationAlgorithm,
    _c: &T,
) -> Result<String, KeyError> {
    Err(KeyError)
}
/// x
pub fn verify<T: serde::de::DeserializeOwned>(
    _k: &Secret,
    _a: RegistrationAlgorithm,
    _t: &str,
) -> Result<T, KeyError> {
    Err(KeyError)
}
