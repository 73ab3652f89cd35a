//! stub
use crate::clock::Timestamp;
use std::time::Duration;
/// x
#[derive(Debug)]
pub struct RetryAfter(pub Duration);
/// x
pub struct Brake<K>(std::marker::PhantomData<K>);
impl<K: std::hash::Hash + Eq + Clone> Brake<K> {
    /// x
    pub fn new(_b: u32, _r: Duration) -> Self {
        Self(std::marker::PhantomData)
    }
    /// x
    pub fn take(&self, _k: &K, _now: Timestamp) -> Result<(), RetryAfter> {
        Ok(())
    }
    /// x
    pub fn give_back(&self, _k: &K, _now: Timestamp) {}
}
/// x
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressKey(pub std::net::IpAddr);
/// x
pub fn address_key(a: std::net::IpAddr) -> AddressKey {
    AddressKey(a)
}
