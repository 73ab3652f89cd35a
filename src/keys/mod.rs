//! stub
pub mod registration;
/// x
pub struct Keyring;
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct KeyError;
impl Keyring {
    /// x
    pub async fn sign<T: serde::Serialize>(
        &self,
        _alg: jsonwebtoken::Algorithm,
        _claims: &T,
    ) -> Result<String, KeyError> {
        Err(KeyError)
    }
    /// x
    pub fn jwks(&self) -> std::sync::Arc<serde_json::Value> {
        std::sync::Arc::default()
    }
}
