//! What several processes on one database have to hear of each other: whatever one of them ends or changes
//! that another may hold in memory.

use std::time::Instant;

use async_trait::async_trait;
use jid::BareJid;

use super::Result;
use crate::model::ClientId;
use crate::secrets::TokenHash;

/// Something that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An access token is worthless.
    Token(TokenHash),
    /// A client was changed or removed.
    Client(ClientId),
    /// An account is about to lose its grants and sessions: see
    /// [`Store::announce`](super::Store::announce).
    Account(BareJid),
    /// There are other signing keys.
    Keys,
}

/// What has been read of other processes' changes, and of one's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Whatever was committed before this has been heard.
    pub as_of: Instant,
    /// Nothing is known of what was before: the reader has only begun, or has lost its place.
    pub missed: bool,
    /// Each change once.
    pub changes: Vec<Change>,
    /// Whether this process does what is to be done by one. It is no more than that until the next news, or
    /// until there should have been some.
    pub leads: bool,
}

/// Reads what is changed, in its own place among all that is committed.
#[async_trait]
pub trait Changes: Send {
    /// Waits until there is something to read. May be dropped.
    async fn told(&self);

    /// Reads what was committed since it was last called.
    ///
    /// # Errors
    /// The database could not be read. The next call begins anew.
    async fn read(&mut self) -> Result<News>;
}
