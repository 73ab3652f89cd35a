//! The clients' live sessions on the XMPP server that hang on grants, as its modules report them, and
//! what the two sides have to make good after one of them was away.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jid::{BareJid, DomainRef, ResourcePart};

use super::Provider;
use super::account::what_changed;
use super::granted::USES_RECORDED_EVERY;
use crate::accounts::{AccountStatus, Unavailable};
use crate::clock::Timestamp;
use crate::model::{GrantId, XmppSession};
use crate::storage::{Holder, StoreError};

/// How many accounts are asked about in one question.
const ACCOUNTS_AT_ONCE: usize = 100;

/// An account's open sessions.
type Open = HashMap<ResourcePart, Session>;

struct Session {
    grant: GrantId,
    /// The use of its grant that was last recorded.
    recorded: Timestamp,
}

/// The open sessions: nothing depends on them but what people are shown.
#[derive(Default)]
pub(super) struct LiveSessions(Mutex<HashMap<BareJid, Open>>);

impl LiveSessions {
    fn all(&self) -> MutexGuard<'_, HashMap<BareJid, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are open.
    pub(super) fn count(&self) -> usize {
        self.all().values().map(HashMap::len).sum()
    }

    /// The resources that an account's grant has open, in order.
    pub(super) fn of(&self, account: &BareJid, grant: &GrantId) -> Vec<ResourcePart> {
        let all = self.all();
        let open = all.get(account).into_iter().flatten();
        let mut resources: Vec<_> = open
            .filter(|(_, session)| session.grant == *grant)
            .map(|(resource, _)| resource.clone())
            .collect();
        resources.sort_unstable();
        resources
    }

    /// Takes a session out, unless another has taken its resource over.
    fn close(&self, session: &XmppSession) -> Option<Session> {
        let mut all = self.all();
        let open = all.get_mut(&session.account)?;
        if open.get(&session.resource)?.grant != session.grant_id {
            return None;
        }
        let closed = open.remove(&session.resource);
        if open.is_empty() {
            all.remove(&session.account);
        }
        closed
    }
}

impl Provider {
    /// A host's module has begun a new account of its sessions: forget what was known of them.
    pub fn forget_sessions(&self, host: &DomainRef) {
        self.live
            .all()
            .retain(|account, _| account.domain().as_str() != host.as_str());
    }

    /// A session has opened. `false`: its grant has ended meanwhile (or belongs to another account),
    /// and the server must close it.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn session_opened(&self, session: XmppSession) -> Result<bool, StoreError> {
        let grant = self.store.grant(&session.grant_id).await?;
        let Some(grant) = grant.filter(|grant| grant.is_live() && grant.account == session.account)
        else {
            return Ok(false);
        };
        let mut recorded = grant.last_used_at;
        let now = self.now();
        if now.since(recorded) >= USES_RECORDED_EVERY {
            self.record_use(&grant.id, None, now);
            recorded = now;
        }
        let grant = session.grant_id;
        self.live
            .all()
            .entry(session.account)
            .or_default()
            .insert(session.resource, Session { grant, recorded });
        Ok(true)
    }

    /// A session has closed.
    pub fn session_closed(&self, session: &XmppSession) {
        let now = self.now();
        if let Some(closed) = self.live.close(session)
            && now.since(closed.recorded) >= USES_RECORDED_EVERY
        {
            self.record_use(&closed.grant, None, now);
        }
    }

    /// How many sessions are open that hang on grants.
    pub fn sessions_open(&self) -> usize {
        self.live.count()
    }

    /// After a host's `hello`: repeats what it has not confirmed, and ends what belongs to accounts
    /// that are gone, disabled, or not what they were.
    pub async fn host_linked(&self, host: &DomainRef) {
        self.repeat_ends(host).await;
        if let Err(error) = self.compare_accounts(host).await {
            tracing::error!(%host, %error, "accounts could not be compared with the server");
        }
    }

    /// Tells the host of ended grants what nobody has told it: whoever ended them may be gone, and have been
    /// another process.
    pub async fn repeat_ends(&self, host: &DomainRef) {
        if let Err(error) = self.tell_pending_ends(host).await {
            tracing::error!(%host, %error, "ended grants could not be repeated to the server");
        }
    }

    async fn tell_pending_ends(&self, host: &DomainRef) -> Result<(), StoreError> {
        for (account, grant) in self.store.pending_ends(&host.to_owned()).await? {
            match self.accounts.end_sessions(&account, &grant).await {
                Ok(_) => self.store.finish_end(&grant).await?,
                Err(error) => {
                    tracing::warn!(%host, %grant, %error, "an ended grant will be repeated to the server later");
                    // what the host refuses once must not stand in the way of the rest
                    if !matches!(error, Unavailable::Refused(_)) {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn compare_accounts(&self, host: &DomainRef) -> Result<(), StoreError> {
        let host = host.to_owned();
        let mut after = None;
        loop {
            let holders = self
                .store
                .holders(&host, after.as_ref(), ACCOUNTS_AT_ONCE)
                .await?;
            let Some(last) = holders.last() else {
                return Ok(());
            };
            after = Some(last.account.clone());
            let names: Vec<_> = holders
                .iter()
                .map(|holder| holder.account.clone())
                .collect();
            let statuses = match self.accounts.statuses(&host, &names).await {
                Ok(statuses) => statuses,
                Err(error) => {
                    tracing::warn!(%host, %error, "accounts will be compared with the server later");
                    return Ok(());
                }
            };
            for (holder, status) in holders.iter().zip(statuses) {
                self.compare(holder, status).await?;
            }
        }
    }

    async fn compare(&self, holder: &Holder, status: AccountStatus) -> Result<(), StoreError> {
        match what_changed(status, &holder.generations) {
            Some(changed) => self
                .end_account(&holder.account, changed.unless.as_ref(), changed.reason)
                .await
                .map(drop),
            None => Ok(()),
        }
    }
}
