//! SASL OAUTHBEARER messages (RFC 7628): parse what clients really send, look the token up, decide.

use jid::{BareJid, DomainRef};

use super::Provider;
use crate::clock::Timestamp;
use crate::model::{ClientId, GrantId, ScopeSet};

/// What became of an OAUTHBEARER message.
#[derive(Debug)]
pub enum BearerAnswer {
    /// The token opens this account's sessions.
    Success(BearerSuccess),
    /// It does not: the JSON of RFC 7628 §3.2.2, for the client.
    Challenge(String),
    /// That was no OAUTHBEARER message.
    Malformed,
    /// It could not be looked up; the client may try again.
    Unavailable,
}

/// A session that may be opened.
#[derive(Debug)]
pub struct BearerSuccess {
    /// Whose.
    pub account: BareJid,
    /// The grant that it hangs on.
    pub grant_id: GrantId,
    /// The client that the grant was given to.
    pub client_id: ClientId,
    /// Its name, for people.
    pub client_name: String,
    /// What the session may do.
    pub scopes: ScopeSet,
    /// When the access token expires.
    pub expires_at: Timestamp,
}

impl Provider {
    /// Decides about a client's message (already base64-decoded) to `host`.
    pub async fn check_bearer(&self, host: &DomainRef, message: &[u8]) -> BearerAnswer {
        todo!()
    }
}
