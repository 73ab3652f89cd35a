//! What the processes on one database count together: tries, and what may be shown once.

use std::time::Duration;

use async_trait::async_trait;

use super::Result;
use crate::clock::Timestamp;
use crate::secrets::TokenHash;

/// A try that a brake of that name lets through, or does not. The brakes' own rule is in `limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// The brake.
    pub brake: &'static str,
    /// Whose try it is.
    pub key: TokenHash,
    /// How long it takes to come back.
    pub costs: Duration,
    /// How long all take that may be had at once.
    pub burst: Duration,
}

/// Counts for all processes. Each method is one statement: where the connection breaks meanwhile, it may be
/// carried out twice, which lets nobody have more.
#[async_trait]
pub trait Tally: Send + Sync {
    /// Takes a try, if one is left. `Err` says when one will be.
    ///
    /// # Errors
    /// It could not be counted, and must not be had.
    async fn take_try(&self, one: Try, now: Timestamp)
    -> Result<std::result::Result<(), Duration>>;

    /// Gives a try back that was taken.
    async fn give_try_back(&self, one: Try, now: Timestamp) -> Result<()>;

    /// Remembers until then that something was shown. `false` if it had been, and was not forgotten yet.
    async fn show_once(&self, what: TokenHash, until: Timestamp, now: Timestamp) -> Result<bool>;

    /// Forgets up to `limit` shown things that may be forgotten, and a small multiple of that of tries that are
    /// back. Answers how many rows went.
    async fn purge(&self, now: Timestamp, limit: usize) -> Result<usize>;
}
