//! Grants: what a person allowed a client to do.

use std::net::IpAddr;

use jid::BareJid;

use super::{ClaimSet, Client, ClientId, Generation, GrantId, ScopeSet};
use crate::clock::Timestamp;

/// What a person allowed a client to do. Tokens and live sessions hang on it and end with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its name.
    pub id: GrantId,
    /// Whose account it opens.
    pub account: BareJid,
    /// To which client.
    pub client_id: ClientId,
    /// The client's name at the time, for people.
    pub client_name: String,
    /// What it allows.
    pub scopes: ScopeSet,
    /// When it was given.
    pub created_at: Timestamp,
    /// The address that consent came from, where it is kept.
    pub granted_from: Option<IpAddr>,
    /// When one of its tokens or sessions was last used, to within some minutes.
    pub last_used_at: Timestamp,
    /// The address that it was last used from, where it is kept.
    pub last_used_from: Option<IpAddr>,
    /// When the person last gave their password for it; `None` where the server has taken their word in
    /// another way.
    pub auth_time: Option<Timestamp>,
    /// OIDC Core §2: the request's nonce, repeated in the id_token.
    pub nonce: Option<String>,
    /// What the client wants in its id_token (OIDC Core §5.5).
    pub id_token_claims: ClaimSet,
    /// The account's generation at that time; `None` where the server cannot know.
    pub generation: Option<Generation>,
    /// When and why it ended; `None` while it lives.
    pub ended: Option<(Timestamp, EndReason)>,
}

impl Grant {
    /// One that is given now to `client`, of which nothing else is known yet.
    pub fn new(
        id: GrantId,
        account: BareJid,
        client: &Client,
        scopes: ScopeSet,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            account,
            client_id: client.id.clone(),
            client_name: client.metadata.client_name.clone(),
            scopes,
            created_at: now,
            granted_from: None,
            last_used_at: now,
            last_used_from: None,
            auth_time: None,
            nonce: None,
            id_token_claims: ClaimSet::default(),
            generation: None,
            ended: None,
        }
    }

    /// Whether it still opens anything.
    pub fn is_live(&self) -> bool {
        self.ended.is_none()
    }
}

/// Why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The client revoked one of its tokens (RFC 7009).
    ClientRevoked,
    /// The account's owner took it back.
    OwnerRevoked,
    /// The operator took it back.
    OperatorRevoked,
    /// The client was removed.
    ClientRemoved,
    /// A used refresh token was shown again (RFC 9700 §4.14).
    RefreshTokenReused,
    /// A used code was shown again (RFC 6749 §4.1.2).
    CodeReplayed,
    /// The account's password changed, or the account was made anew.
    PasswordChanged,
    /// The account is gone.
    AccountDeleted,
    /// The account was disabled.
    AccountDisabled,
    /// It was the oldest of more than an account may have.
    TooMany,
}

impl EndReason {
    /// Each of them.
    pub const ALL: [Self; 10] = [
        Self::ClientRevoked,
        Self::OwnerRevoked,
        Self::OperatorRevoked,
        Self::ClientRemoved,
        Self::RefreshTokenReused,
        Self::CodeReplayed,
        Self::PasswordChanged,
        Self::AccountDeleted,
        Self::AccountDisabled,
        Self::TooMany,
    ];

    /// A word for storage and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientRevoked => "client_revoked",
            Self::OwnerRevoked => "owner_revoked",
            Self::OperatorRevoked => "operator_revoked",
            Self::ClientRemoved => "client_removed",
            Self::RefreshTokenReused => "refresh_token_reused",
            Self::CodeReplayed => "code_replayed",
            Self::PasswordChanged => "password_changed",
            Self::AccountDeleted => "account_deleted",
            Self::AccountDisabled => "account_disabled",
            Self::TooMany => "too_many",
        }
    }

    /// The reason that `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == word)
    }
}
