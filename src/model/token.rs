//! Access and refresh tokens, as stored: by hash, with what they stand for.

use std::net::IpAddr;

use super::{Grant, ScopeSet, Thumbprint};
use crate::clock::Timestamp;
use crate::secrets::TokenHash;

/// A stored access token and the live grant that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessToken {
    /// The grant.
    pub grant: Grant,
    /// What this token may do: all of the grant, or what a refresh narrowed it to (RFC 6749 §6).
    pub scopes: ScopeSet,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it is worthless.
    pub expires_at: Timestamp,
    /// The refresh token that came with it, while nothing of the pair has been used yet:
    /// its first use must be recorded before it is answered.
    pub unconfirmed_pair: Option<TokenHash>,
    /// The key without which it is worthless (RFC 9449 §6); `None` for a bearer token.
    pub jkt: Option<Thumbprint>,
}

/// A stored refresh token and the live grant that it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The grant.
    pub grant: Grant,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it is worthless; `None` for until revoked.
    pub expires_at: Option<Timestamp>,
    /// When it was first exchanged for another; a token that was is spent but for a lost answer.
    pub rotated_at: Option<Timestamp>,
    /// The key without which it is worthless (RFC 9449 §5); `None` for one that hangs on no key.
    pub jkt: Option<Thumbprint>,
}

/// A new access token, and the refresh token that comes with it, ready to be stored.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The access token's hash.
    pub access: TokenHash,
    /// What the access token may do.
    pub scopes: ScopeSet,
    /// When the access token ends.
    pub access_expires_at: Timestamp,
    /// The refresh token's hash, where one is given.
    pub refresh: Option<TokenHash>,
    /// When the refresh token ends; `None` for until revoked.
    pub refresh_expires_at: Option<Timestamp>,
    /// When they were made.
    pub issued_at: Timestamp,
    /// The address that they were handed to, where it is kept.
    pub issued_to: Option<IpAddr>,
    /// The key that the access token is bound to (RFC 9449 §6).
    pub access_jkt: Option<Thumbprint>,
    /// The key that the refresh token is bound to (RFC 9449 §5).
    pub refresh_jkt: Option<Thumbprint>,
}

impl Pair {
    /// How long the access token lasts, in seconds (RFC 6749 §5.1 `expires_in`).
    pub fn expires_in(&self) -> u64 {
        self.access_expires_at.since(self.issued_at).as_secs()
    }
}
