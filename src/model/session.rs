//! Sessions: people's browsers at our pages, and clients on the XMPP server.

use std::net::IpAddr;

use jid::{BareJid, ResourcePart};

use super::{Generation, GrantId};
use crate::clock::Timestamp;

/// A browser in which a person logged in at our pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrowserSession {
    /// Who.
    pub account: BareJid,
    /// When they gave their password, which began it.
    pub auth_time: Timestamp,
    /// The account's generation at that time.
    pub generation: Option<Generation>,
    /// From when on the password is asked again.
    pub expires_at: Timestamp,
    /// When it was last used, to within some minutes.
    pub last_seen_at: Timestamp,
    /// The address that it was begun from, where it is kept.
    pub from: Option<IpAddr>,
    /// What the browser says of itself, shortened.
    pub user_agent: Option<String>,
}

/// A client's session on the XMPP server that was opened with a grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct XmppSession {
    /// Whose.
    pub account: BareJid,
    /// Its resource.
    pub resource: ResourcePart,
    /// The grant that opened it.
    pub grant_id: GrantId,
}
