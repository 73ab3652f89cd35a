//! The one way to take access back: storage, then caches, then live sessions.

use std::sync::Arc;
use std::time::Duration;

use jid::BareJid;

use super::clients::Credentials;
use super::{OauthError, Params, Provider};
use crate::accounts::{Accounts, Unavailable};
use crate::model::{Client, ClientId, ClientOrigin, EndReason, Generation, Grant, GrantId};
use crate::secrets::{TokenHash, TokenKind};
use crate::storage::{Ended, GrantFilter, Store, StoreError};

/// How many live grants an account may have: more than anybody has apps, few enough to look through.
const MOST_GRANTS: usize = 200;

/// What the server says has happened to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// Its password changed.
    Password,
    /// It was removed.
    Deleted,
    /// It was disabled.
    Disabled,
}

impl Provider {
    /// Answers a request at the revocation endpoint (RFC 7009 §2). Whichever of a grant's tokens is
    /// shown, the grant ends, and its live sessions with it. A token that is unknown is no error.
    ///
    /// # Errors
    /// The client did not prove who it is, said nothing, or showed another client's token.
    pub async fn revoke_for_client(
        &self,
        params: &Params,
        credentials: &Credentials,
    ) -> Result<(), OauthError> {
        let client = self.authenticate_client(credentials).await?;
        let token = params
            .get("token")
            .ok_or_else(|| OauthError::invalid_request("token is missing"))?;
        let Some(grant) = self.grant_of_token(token).await? else {
            return Ok(());
        };
        // RFC 7009 §2.1: the token must have been issued to the client making the request
        if grant.client_id != client.id {
            return Err(OauthError::invalid_grant(
                "the token was issued to another client",
            ));
        }
        self.end_grant(&grant.id, EndReason::ClientRevoked).await?;
        Ok(())
    }

    async fn grant_of_token(&self, token: &str) -> Result<Option<Grant>, StoreError> {
        let hash = TokenHash::of(token);
        Ok(match TokenKind::Refresh.is_kind_of(token) {
            true => self
                .store
                .refresh_token(&hash)
                .await?
                .map(|token| token.grant),
            false => self
                .store
                .access_token(&hash)
                .await?
                .map(|token| token.grant),
        })
    }

    /// Ends a grant. Answers whether it was there to be ended.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn end_grant(&self, id: &GrantId, reason: EndReason) -> Result<bool, StoreError> {
        let ended = self.store.end_grant(id, reason, self.now()).await?;
        self.tell(&ended, reason).await;
        Ok(!ended.grants.is_empty())
    }

    /// Ends everything that the account had granted, and its browser sessions. Answers when that is
    /// durable; live sessions are ended behind it.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn account_changed(
        &self,
        account: &BareJid,
        change: AccountChange,
    ) -> Result<(), StoreError> {
        let reason = match change {
            AccountChange::Password => EndReason::PasswordChanged,
            AccountChange::Deleted => EndReason::AccountDeleted,
            AccountChange::Disabled => EndReason::AccountDisabled,
        };
        self.end_account(account, None, reason).await.map(drop)
    }

    /// The operator takes back all that an account has granted, and logs its browsers out. Answers which
    /// grants ended.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn revoke_account(&self, account: &BareJid) -> Result<Vec<GrantId>, StoreError> {
        let ended = self
            .end_account(account, None, EndReason::OperatorRevoked)
            .await?;
        Ok(ended.grants.into_iter().map(|(_, grant)| grant).collect())
    }

    /// The operator takes back all that a client was granted; it stays registered. Answers which grants
    /// ended.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn revoke_client(&self, client_id: &ClientId) -> Result<Vec<GrantId>, StoreError> {
        let reason = EndReason::OperatorRevoked;
        let ended = self.store.end_client(client_id, reason, self.now()).await?;
        self.tell(&ended, reason).await;
        Ok(ended.grants.into_iter().map(|(_, grant)| grant).collect())
    }

    /// Ends the oldest grants of an account that has more than it can need, `newest` not among them.
    pub(super) async fn keep_few(&self, newest: &Grant) -> Result<(), StoreError> {
        let filter = GrantFilter {
            account: Some(newest.account.clone()),
            // clients that ask for themselves have nobody's account in common
            client_id: self.is_nobodys(newest).then(|| newest.client_id.clone()),
            ..GrantFilter::default()
        };
        let grants = self.store.grants(&filter).await?;
        for grant in grants
            .iter()
            .skip(MOST_GRANTS)
            .filter(|old| old.id != newest.id)
        {
            self.counts.grants_per_account.inc();
            self.end_grant(&grant.id, EndReason::TooMany).await?;
        }
        Ok(())
    }

    /// Ends an account's grants and browser sessions; with `unless`, those of that generation stay.
    pub(super) async fn end_account(
        &self,
        account: &BareJid,
        unless: Option<&Generation>,
        reason: EndReason,
    ) -> Result<Ended, StoreError> {
        self.account_changes.advance(account);
        self.store.announce(account).await?;
        let ended = self
            .store
            .end_account(account, unless, reason, self.now())
            .await?;
        self.tell(&ended, reason).await;
        Ok(ended)
    }

    /// Removes a client and ends its grants. Answers whether there was one.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn remove_client(&self, id: &ClientId) -> Result<bool, StoreError> {
        let Some(client) = self.client(id.as_str()).await? else {
            return Ok(false);
        };
        let reason = EndReason::ClientRemoved;
        let ended = self
            .store
            .remove_client(id, client.expires_at, reason, self.now())
            .await?;
        self.clients.invalidate(id);
        tracing::info!(client = client.metadata.client_name, "removed a client");
        self.tell(&ended, reason).await;
        Ok(true)
    }

    /// The clients of the configuration, and those that were used or added and not removed.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        let stored = self.store.clients().await?.into_iter();
        let others = stored.filter(|client| {
            client.origin != ClientOrigin::Configured && !self.is_configured(&client.id)
        });
        Ok(self.configured_clients().cloned().chain(others).collect())
    }

    /// Lets everybody know who must: first whoever has to act on it.
    pub(super) async fn tell(&self, ended: &Ended, reason: EndReason) {
        self.after_end(ended);
        self.audit_ends(ended, reason).await;
    }

    /// What the store has ended must end everywhere: in the cache now, on the server as soon as it can
    /// be told (the store remembers until it was).
    fn after_end(&self, ended: &Ended) {
        self.logouts.look();
        self.forget_tokens(&ended.access_tokens);
        // Nobody's grants have opened no sessions, and there is no server to ask.
        let peoples = ended
            .grants
            .iter()
            .filter(|(account, _)| account.node().is_some());
        for (account, grant) in peoples {
            let (accounts, store) = (Arc::clone(&self.accounts), Arc::clone(&self.store));
            tokio::spawn(tell_server(accounts, store, account.clone(), grant.clone()));
        }
    }

    /// Takes access tokens that the store knows no more out of the cache.
    pub(super) fn forget_tokens(&self, hashes: &[TokenHash]) {
        for hash in hashes {
            self.tokens.invalidate(hash);
        }
    }
}

/// How often a server that is there and does not do it is told, in half an hour and more altogether; then
/// the next `hello` tells it.
const TRIES: u32 = 12;
/// The first pause between two tries; each is twice as long as the one before, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// Tells the server to end a grant's sessions, until it has.
async fn tell_server(
    accounts: Arc<dyn Accounts>,
    store: Arc<dyn Store>,
    account: BareJid,
    grant: GrantId,
) {
    let mut pause = FIRST_PAUSE;
    for _ in 0..TRIES {
        match accounts.end_sessions(&account, &grant).await {
            Ok(count) => {
                tracing::debug!(%account, %grant, count, "the server ended a grant's sessions");
                if let Err(error) = store.finish_end(&grant).await {
                    tracing::error!(%error, "an ended grant could not be ticked off");
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%account, %grant, %error, "the server will be told later to end sessions");
                if error == Unavailable::LinkDown {
                    return;
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
