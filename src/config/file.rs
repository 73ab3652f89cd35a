//! x
/// x
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct ConfigError;
/// x
pub fn load() {}
/// x
pub fn parse() {}
