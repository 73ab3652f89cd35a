//! Logging out at clients, too (OpenID Connect Back-Channel Logout).

use jid::BareJid;

use super::{ClientId, GrantId};

/// A client that was given something by a browser session and wants to hear of that session's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// What it was given.
    pub grant_id: GrantId,
    /// Which client.
    pub client_id: ClientId,
    /// Who is logged in there.
    pub account: BareJid,
    /// What the client knows the browser session by: nothing that opens it, and no other client's name
    /// for it.
    pub sid: String,
}

/// What a client has still to be told: that a session has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingLogout {
    /// Which session, as the client knows it.
    pub sid: String,
    /// Which client.
    pub client_id: ClientId,
    /// Who was logged in there.
    pub account: BareJid,
    /// How often it was tried in vain.
    pub tries: u32,
    /// How often the session has ended: what was delivered of one end delivers no later one.
    pub round: u32,
}
