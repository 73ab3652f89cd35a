//! Security events of an account: what its owner and the operator may want to look back at.

use std::net::IpAddr;

use jid::BareJid;

use super::{EndReason, GrantId};
use crate::clock::Timestamp;

/// Something that happened to an account's access. No token is ever in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose account.
    pub account: BareJid,
    /// What.
    pub kind: EventKind,
    /// The grant that it is about.
    pub grant_id: Option<GrantId>,
    /// When; of several on one day, the last.
    pub at: Timestamp,
    /// The address that it came from, where it is kept; of several, the last.
    pub from: Option<IpAddr>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An app was given access.
    Granted,
    /// An app used its refresh token.
    Refreshed,
    /// An app's access ended, and why.
    Ended(EndReason),
    /// A used code was shown again, and refused.
    CodeReplayed,
    /// A used refresh token was shown again, and refused.
    RefreshTokenReplayed,
    /// Somebody logged in to the pages.
    LoggedIn,
    /// Somebody gave a wrong password.
    LoginFailed,
}

impl EventKind {
    /// A word for storage and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Refreshed => "refreshed",
            Self::Ended(_) => "ended",
            Self::CodeReplayed => "code_replayed",
            Self::RefreshTokenReplayed => "refresh_token_replayed",
            Self::LoggedIn => "logged_in",
            Self::LoginFailed => "login_failed",
        }
    }

    /// Why, where there is a reason.
    pub const fn reason(self) -> Option<EndReason> {
        match self {
            Self::Ended(reason) => Some(reason),
            _ => None,
        }
    }

    /// What a word and its reason stand for.
    pub fn from_words(word: &str, reason: Option<&str>) -> Option<Self> {
        let reason = reason.and_then(EndReason::from_word);
        Some(match word {
            "granted" => Self::Granted,
            "refreshed" => Self::Refreshed,
            "ended" => Self::Ended(reason?),
            "code_replayed" => Self::CodeReplayed,
            "refresh_token_replayed" => Self::RefreshTokenReplayed,
            "logged_in" => Self::LoggedIn,
            "login_failed" => Self::LoginFailed,
            _ => return None,
        })
    }
}

/// An event as it is kept: what happens more than once a day is kept once, and counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    /// The event.
    pub event: Event,
    /// How the app was called.
    pub client_name: Option<String>,
    /// How often it happened on that day.
    pub count: u32,
}
