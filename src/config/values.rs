//! x
/// x
pub struct Ttl;
/// x
pub fn duration_text() {}
