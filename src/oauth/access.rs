//! Is this access token good? The path that every check of a token takes: from memory when the token
//! was seen before, and then without disk and without lock.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::Provider;
use super::granted::USES_RECORDED_EVERY;
use crate::clock::Timestamp;
use crate::model::{Grant, ScopeSet, Thumbprint};
use crate::secrets::{TokenHash, TokenKind};
use crate::storage::StoreError;

/// The longest text that is looked up as a token.
const MAX_TOKEN: usize = 64;
/// The same for one that is a JWT: its `client_id` alone may take 4 KiB, which grow by a third.
const MAX_JWT: usize = 16 * 1024;

/// A live access token.
#[derive(Debug)]
pub struct Access {
    /// The grant that it belongs to.
    pub grant: Grant,
    /// What this token may do.
    pub scopes: ScopeSet,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// The key that it is bound to: no bearer token then, and good with a proof alone (RFC 9449 §7).
    pub jkt: Option<Thumbprint>,
    /// The refresh token that it came with, and whether the pair's first use has been recorded.
    pair: Option<TokenHash>,
    confirmed: AtomicBool,
    /// The use of its grant that was last recorded.
    recorded: AtomicI64,
}

impl Provider {
    /// The access token, if it is live. Its first use is recorded before this answers, so that the
    /// refresh token that it was exchanged for can no longer be shown.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn access(&self, token: &str) -> Result<Option<Arc<Access>>, StoreError> {
        if token.len() > MAX_TOKEN || !TokenKind::Access.is_kind_of(token) {
            return Ok(None);
        }
        self.live(&TokenHash::of(token)).await
    }

    /// The same for a token that is another service's (RFC 9068): it opens nothing of ours.
    pub(super) async fn resource_access(
        &self,
        token: &str,
    ) -> Result<Option<Arc<Access>>, StoreError> {
        let is_jwt = token.len() <= MAX_JWT && token.bytes().filter(|b| *b == b'.').count() == 2;
        match is_jwt {
            true => self.live(&TokenHash::of(token)).await,
            false => Ok(None),
        }
    }

    async fn live(&self, hash: &TokenHash) -> Result<Option<Arc<Access>>, StoreError> {
        let Some(access) = self.look_up(hash).await? else {
            return Ok(None);
        };
        if access.expires_at <= self.now() {
            return Ok(None);
        }
        if !access.confirmed.load(Ordering::Acquire) {
            if let Some(pair) = &access.pair
                && !self.store.confirm_pair(pair, self.now()).await?
            {
                return Ok(None);
            }
            access.confirmed.store(true, Ordering::Release);
        }
        Ok(Some(access))
    }

    /// The token was used `from` an address, where that is known.
    pub(super) fn used(&self, access: &Access, from: Option<IpAddr>) {
        let now = self.now();
        let before = access.recorded.load(Ordering::Relaxed);
        if now.since(Timestamp::from_unix(before)) < USES_RECORDED_EVERY {
            return;
        }
        // of all who use it just now, one records it
        let ours = access.recorded.compare_exchange(
            before,
            now.as_unix(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        if ours.is_ok() {
            self.record_use(&access.grant.id, from, now);
        }
    }

    async fn look_up(&self, hash: &TokenHash) -> Result<Option<Arc<Access>>, StoreError> {
        if let Some(access) = self.tokens.get(hash) {
            self.counts.token_cache.hits.inc();
            return Ok(Some(access));
        }
        self.counts.token_cache.misses.inc();
        let epoch = self.tokens.epoch(hash);
        let Some(stored) = self.store.access_token(hash).await? else {
            return Ok(None);
        };
        // a host that is served no longer answers for none of its accounts
        let account = &stored.grant.account;
        if !self.config.xmpp.serves(account.domain()) && *account != self.nobody() {
            return Ok(None);
        }
        let access = Arc::new(Access {
            confirmed: AtomicBool::new(stored.unconfirmed_pair.is_none()),
            recorded: AtomicI64::new(stored.grant.last_used_at.as_unix()),
            pair: stored.unconfirmed_pair,
            grant: stored.grant,
            scopes: stored.scopes,
            issued_at: stored.issued_at,
            expires_at: stored.expires_at,
            jkt: stored.jkt,
        });
        self.tokens.insert(*hash, epoch, Arc::clone(&access));
        Ok(Some(access))
    }
}
