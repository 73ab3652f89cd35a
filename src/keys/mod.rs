//! stub
pub mod registration;
use std::sync::Arc;
/// x
pub struct Keyring;
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct KeyError;
impl Keyring {
    /// x
    pub async fn open(
        _s: Arc<dyn crate::storage::Store>,
        _c: Arc<dyn crate::clock::Clock>,
        _r: Arc<dyn crate::secrets::Random>,
    ) -> Result<Arc<Self>, KeyError> {
        Ok(Arc::new(Self))
    }
    /// x
    pub async fn sign<T: serde::Serialize>(
        &self,
        _alg: jsonwebtoken::Algorithm,
        _claims: &T,
    ) -> Result<String, KeyError> {
        Ok("x.y.z".into())
    }
    /// x
    pub fn jwks(&self) -> std::sync::Arc<serde_json::Value> {
        std::sync::Arc::default()
    }
}
