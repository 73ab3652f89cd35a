//! Device codes (RFC 8628): a program without a browser asks, a person answers on another device.

use std::net::IpAddr;

use jid::BareJid;

use super::{ClientId, Generation, GrantId, ScopeSet};
use crate::clock::Timestamp;

/// A request of a device, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// The client that asks.
    pub client_id: ClientId,
    /// What it asks for.
    pub scopes: ScopeSet,
    /// The address that it asked from, for the person who is to allow it; empty once they have answered.
    pub asked_from: String,
    /// When it asked.
    pub issued_at: Timestamp,
    /// From when on nobody can answer or redeem it.
    pub expires_at: Timestamp,
    /// What has become of it.
    pub state: DeviceState,
}

/// What has become of a device's request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has answered.
    Pending,
    /// A person said no, or what they allowed has been taken back before it was fetched.
    Denied,
    /// A person said yes.
    Approved(Approval),
    /// And the device has its tokens.
    Redeemed(Approval),
}

/// A person's yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The grant that it becomes.
    pub grant_id: GrantId,
    /// Who said it.
    pub account: BareJid,
    /// To what.
    pub scopes: ScopeSet,
    /// The address that they said it from, where it is kept.
    pub granted_from: Option<IpAddr>,
    /// When they last gave their password, where that is known.
    pub auth_time: Option<Timestamp>,
    /// The account's generation when they did.
    pub generation: Option<Generation>,
}
