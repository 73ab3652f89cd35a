//! What a client has pushed (RFC 9126).

use super::ClientId;
use crate::clock::Timestamp;

/// An authorization request that its client has pushed (RFC 9126), and no browser has brought yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRequest {
    /// Whose it is.
    pub client_id: ClientId,
    /// Its parameters, as a query.
    pub request: String,
    /// Until when a browser may bring it.
    pub expires_at: Timestamp,
}
