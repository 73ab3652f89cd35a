//! Words to an account that it has not asked for: an app was given access, a replay was stopped, many wrong
//! passwords were given.
//!
//! They are sent once, or never: while the server is away they are dropped, and what happened stands on the
//! account's page. Nobody waits for them, so that how long an answer takes tells nothing of the account.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use super::Provider;
use crate::accounts::Accounts;
use crate::limits::Brake;
use crate::model::{ApplicationType, Client, EventKind, Grant, Notice, NoticeKind};
use crate::storage::{GrantFilter, Store, StoreError};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many of a kind an account is sent on a day. Who lets in more apps than this is not helped by more
/// words; wrong passwords can be given by anybody.
const fn most_a_day(kind: NoticeKind) -> u32 {
    match kind {
        NoticeKind::NewApp => 10,
        NoticeKind::Replay => 3,
        NoticeKind::WrongPasswords => 1,
    }
}

/// Who puts a notice into words.
pub trait Words: Send + Sync {
    /// What a person reads; `None` where it cannot be said.
    fn say(&self, notice: &Notice) -> Option<String>;
}

/// What it takes to tell an account something.
pub(super) struct Notices {
    store: Arc<dyn Store>,
    accounts: Arc<dyn Accounts>,
    words: Arc<dyn Words>,
    /// Keeps refused tries, which cost nothing else, off the disk.
    passwords: Brake<BareJid>,
}

impl Notices {
    pub(super) fn new(
        store: Arc<dyn Store>,
        accounts: Arc<dyn Accounts>,
        words: Arc<dyn Words>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            accounts,
            words,
            passwords: Brake::new(most_a_day(NoticeKind::WrongPasswords), DAY),
        })
    }

    async fn send(&self, notice: Notice, now: crate::clock::Timestamp) -> Result<(), StoreError> {
        let (account, kind) = (&notice.account, notice.kind);
        let most = most_a_day(kind);
        if !self.store.take_notice(account, kind, most, now).await? {
            return Ok(());
        }
        let Some(text) = self.words.say(&notice) else {
            return Ok(());
        };
        match self.accounts.tell(account, &text).await {
            Ok(()) => tracing::debug!(%account, notice = kind.as_str(), "an account was told"),
            Err(error) => {
                tracing::info!(%account, notice = kind.as_str(), %error, "an account was not told");
            }
        }
        Ok(())
    }

    /// Whether this grant gives an app access that had none. One that others cannot pass for (see
    /// [`Provider::answer_unasked`]) is no new app while it may as much already.
    async fn is_new_app(&self, grant: &Grant, client: Option<&Client>) -> Result<bool, StoreError> {
        let proves_itself = client.is_some_and(|client| {
            client.metadata.is_confidential()
                || client.metadata.application_type == ApplicationType::Web
        });
        if !proves_itself {
            return Ok(true);
        }
        let filter = GrantFilter {
            account: Some(grant.account.clone()),
            client_id: Some(grant.client_id.clone()),
            with_ended: false,
        };
        let grants = self.store.grants(&filter).await?;
        Ok(!grants.iter().any(|other| {
            other.id != grant.id
                && other.generation == grant.generation
                && grant.scopes.is_subset(&other.scopes)
        }))
    }
}

impl Provider {
    /// Whether the account is told of what happens to it; `None` where the operator has nobody told.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn wants_notices(&self, account: &BareJid) -> Result<Option<bool>, StoreError> {
        match self.config.notices.kinds.is_empty() {
            true => Ok(None),
            false => self.store.wants_notices(account).await.map(Some),
        }
    }

    /// The account wants to be told, or does not.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn want_notices(&self, account: &BareJid, wanted: bool) -> Result<(), StoreError> {
        self.store.want_notices(account, wanted).await?;
        tracing::info!(%account, wanted, "an account chose whether it is told what happens");
        Ok(())
    }

    /// Tells the owner of a grant what happened to it, where that is news.
    pub(super) async fn notify_of_grant(&self, grant: &Grant, kind: EventKind) {
        let kind = match kind {
            EventKind::Granted => NoticeKind::NewApp,
            EventKind::CodeReplayed | EventKind::RefreshTokenReplayed => NoticeKind::Replay,
            EventKind::Refreshed
            | EventKind::Ended(_)
            | EventKind::LoggedIn
            | EventKind::LoginFailed => return,
        };
        // a resource server's own token is nobody's grant
        if !self.tells_of(kind) || grant.account.node().is_none() {
            return;
        }
        let client = match kind {
            NoticeKind::NewApp => self.client(grant.client_id.as_str()).await.unwrap_or(None),
            NoticeKind::Replay | NoticeKind::WrongPasswords => None,
        };
        let (notices, grant, now) = (Arc::clone(&self.notices), grant.clone(), self.now());
        tokio::spawn(async move {
            let sent = async {
                if kind == NoticeKind::NewApp
                    && !notices.is_new_app(&grant, client.as_deref()).await?
                {
                    return Ok(());
                }
                let notice = Notice {
                    account: grant.account,
                    kind,
                    client_name: Some(grant.client_name),
                };
                notices.send(notice, now).await
            };
            log(sent.await);
        });
    }

    /// Tells an account that no more passwords are taken for a while.
    pub(super) fn notify_of_passwords(&self, account: &BareJid) {
        let (kind, now) = (NoticeKind::WrongPasswords, self.now());
        if !self.tells_of(kind) || self.notices.passwords.take(account, now).is_err() {
            return;
        }
        let notices = Arc::clone(&self.notices);
        let notice = Notice {
            account: account.clone(),
            kind,
            client_name: None,
        };
        tokio::spawn(async move { log(notices.send(notice, now).await) });
    }

    fn tells_of(&self, kind: NoticeKind) -> bool {
        self.config.notices.kinds.contains(&kind)
    }
}

fn log(sent: Result<(), StoreError>) {
    if let Err(error) = sent {
        tracing::error!(%error, "an account could not be told what happened to it");
    }
}
