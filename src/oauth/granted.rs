//! What an account has granted: the one list that people, their clients and the operator see, and how
//! they take something off it.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use jid::{BareJid, ResourcePart};

use super::Provider;
use crate::clock::Timestamp;
use crate::model::{Client, EndReason, Grant, GrantId};
pub use crate::storage::GrantFilter;
use crate::storage::StoreError;

/// How exactly it is known when something was last used. Uses within this time of the last one that
/// was recorded are not, so that a token that is used all day costs few writes.
pub(super) const USES_RECORDED_EVERY: Duration = Duration::from_secs(600);

/// A grant, as its owner sees it.
#[derive(Clone, Debug)]
pub struct Granted {
    /// The grant: which app under which name, what it may do, from where, since when, last used.
    pub grant: Grant,
    /// What the app says of itself; `None` where it is known no more.
    pub client: Option<Arc<Client>>,
    /// The sessions on the XMPP server that it has open now.
    pub resources: Vec<ResourcePart>,
}

impl Granted {
    /// Whether the app is connected now.
    pub fn is_connected(&self) -> bool {
        !self.resources.is_empty()
    }
}

/// How much of it there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counters {
    /// Accounts that have granted something.
    pub accounts: usize,
    /// Grants that live.
    pub grants: usize,
    /// Clients that were used and not removed.
    pub clients: usize,
    /// Sessions on the XMPP server.
    pub sessions: usize,
}

impl Provider {
    /// Counts what there is now.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn counters(&self) -> Result<Counters, StoreError> {
        let grants = self.store.grants(&GrantFilter::default()).await?;
        let accounts: HashSet<_> = grants.iter().map(|grant| &grant.account).collect();
        Ok(Counters {
            accounts: accounts.len(),
            grants: grants.len(),
            clients: self.store.clients().await?.len(),
            sessions: self.sessions_open(),
        })
    }

    /// What the account has granted and not taken back, newest first.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn granted(&self, account: &BareJid) -> Result<Vec<Granted>, StoreError> {
        let filter = GrantFilter {
            account: Some(account.clone()),
            ..GrantFilter::default()
        };
        self.grants(&filter).await
    }

    /// Grants of whomever, newest first.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn grants(&self, filter: &GrantFilter) -> Result<Vec<Granted>, StoreError> {
        let mut listed = Vec::new();
        for grant in self.store.grants(filter).await? {
            listed.push(self.as_granted(grant).await?);
        }
        Ok(listed)
    }

    /// A grant by its id, live or ended, as long as it is kept.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Granted>, StoreError> {
        match self.store.grant(id).await? {
            Some(grant) => self.as_granted(grant).await.map(Some),
            None => Ok(None),
        }
    }

    async fn as_granted(&self, grant: Grant) -> Result<Granted, StoreError> {
        Ok(Granted {
            client: self.client(grant.client_id.as_str()).await?,
            resources: self.live.of(&grant.account, &grant.id),
            grant,
        })
    }

    /// The account takes back one grant: nobody's but its own. Answers whether there was one.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn revoke_granted(
        &self,
        account: &BareJid,
        id: &GrantId,
    ) -> Result<bool, StoreError> {
        let grant = self.store.grant(id).await?;
        match grant.filter(|grant| grant.account == *account) {
            Some(grant) => self.end_grant(&grant.id, EndReason::OwnerRevoked).await,
            None => Ok(false),
        }
    }

    /// The account takes back all that it has granted; it stays logged in at our pages. Answers which.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn revoke_all_granted(&self, account: &BareJid) -> Result<Vec<GrantId>, StoreError> {
        let reason = EndReason::OwnerRevoked;
        let ended = self.store.end_grants(account, reason, self.now()).await?;
        self.tell(&ended, reason).await;
        Ok(ended.grants.into_iter().map(|(_, grant)| grant).collect())
    }

    /// An address, where addresses are kept.
    pub(super) fn kept(&self, address: IpAddr) -> Option<IpAddr> {
        self.config.audit.addresses.then(|| address.to_canonical())
    }

    /// Records a use behind the caller's back, who must not wait for the disk.
    pub(super) fn record_use(&self, id: &GrantId, from: Option<IpAddr>, now: Timestamp) {
        let from = from.and_then(|from| self.kept(from));
        let (store, id) = (Arc::clone(&self.store), id.clone());
        tokio::spawn(async move {
            if let Err(error) = store.touch_grant(&id, from, now).await {
                tracing::warn!(grant = %id, %error, "when a grant was used could not be recorded");
            }
        });
    }
}
