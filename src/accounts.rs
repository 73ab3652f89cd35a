//! The ports through which `oauth` and `http` reach people's accounts; `xmpp` implements them.

use async_trait::async_trait;
use jid::{BareJid, DomainPart};

use crate::model::{Generation, GrantId, Profile, ScopeSet};
use crate::secrets::Secret;

/// The server could not be asked, or did not answer in time. It says nothing about the question:
/// people are told to try again, never that their password was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The component link is down.
    #[error("the link to the XMPP server is down")]
    LinkDown,
    /// No answer within the time-out.
    #[error("the XMPP server did not answer in time")]
    TimedOut,
    /// Too many questions at once already.
    #[error("too many questions to the XMPP server at once")]
    Busy,
    /// The server answered with an error: what it said.
    #[error("the XMPP server could not answer: {0}")]
    Refused(String),
}

/// The server's word on a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordCheck {
    /// It is right. `generation`: see [`Generation`]; `None` where the server cannot know.
    Valid {
        /// The account's generation.
        generation: Option<Generation>,
    },
    /// It is wrong, or there is no such account, or it is disabled.
    Invalid,
}

/// What the server knows of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountStatus {
    /// There is none of that name.
    Missing,
    /// It may not log in.
    Disabled,
    /// It may.
    Enabled {
        /// Its generation, where the server can know.
        generation: Option<Generation>,
    },
}

/// The XMPP server, as far as accounts go.
#[async_trait]
pub trait Accounts: Send + Sync {
    /// Whether `password` is the account's.
    async fn check_password(
        &self,
        account: &BareJid,
        password: &Secret,
    ) -> Result<PasswordCheck, Unavailable>;

    /// What the server knows of accounts of `host`, in the order of `names` (at most 100 of them).
    async fn statuses(
        &self,
        host: &DomainPart,
        accounts: &[BareJid],
    ) -> Result<Vec<AccountStatus>, Unavailable>;

    /// Ends the live sessions of a grant; answers how many there were.
    async fn end_sessions(&self, account: &BareJid, grant: &GrantId) -> Result<u32, Unavailable>;

    /// Sends the account a message. It is on its way, or dropped: it is never kept for later.
    async fn tell(&self, account: &BareJid, text: &str) -> Result<(), Unavailable>;

    /// What the account's vCard says; nothing, where there is none.
    async fn profile(&self, account: &BareJid) -> Result<Profile, Unavailable>;

    /// The XMPP scopes that the host's module has said it enforces; none before it has.
    fn enforced_scopes(&self, host: &DomainPart) -> ScopeSet;
}
