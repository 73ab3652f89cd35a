//! [`Store`] on SQLite: one file in WAL mode, one thread that writes, a few that read.
//!
//! The writer commits the work of all callers that wait together, and answers each only when that is
//! on the disk (`synchronous=FULL`). Readers see whatever was answered before they were asked. What a
//! statement does stands in the file of its subject; this one says which thread it runs on.

mod backup;
mod clients;
mod codes;
mod counts;
mod devices;
mod events;
mod grants;
mod keys;
mod logouts;
mod notices;
mod purge;
mod rows;
mod schema;
mod sessions;
#[cfg(test)]
mod tests;
mod tokens;
mod worker;

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use jid::{BareJid, DomainPart};

use self::counts::Counts;
use self::rows::{change, find};
use self::worker::{Pool, Worker};
use super::{DeviceAnswered, DeviceSaved};
use super::{Ended, GrantFilter, Holder, Redeemed, Result, Rotation, Store, StoreError};
use super::{StoredClient, StoredKey};
use crate::clock::Timestamp;
use crate::metrics::Metrics;
use crate::model::{
    AccessToken, Approval, AuthorizationCode, BrowserSession, Client, ClientId, DeviceCode,
    EndReason, Event, Generation, Grant, GrantId, KeptEvent, NoticeKind, Pair, PendingLogout,
    RefreshToken, SignIn,
};
use crate::secrets::TokenHash;

/// More lookup threads than this gain nothing: one answers over 100,000 lookups a second.
const MOST_READERS: usize = 4;

/// A database file.
///
/// A call whose future is dropped may still be carried out. Dropping the store waits until the
/// writer has done what it was given.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer is the last to close the file, and leaves no log beside it.
    lookups: Pool,
    lists: Worker,
    writer: Worker,
    counts: Arc<Counts>,
}

impl SqliteStore {
    /// Opens the file at `path`, and makes it (readable by its owner alone) if there is none. Brings
    /// its schema up to date.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let writer = schema::open_to_write(path)?;
        let counts = Arc::default();
        let readers = std::thread::available_parallelism().map_or(1, usize::from);
        let lookups = (0..readers.min(MOST_READERS))
            .map(|_| Worker::reader("sqlite-lookups", schema::open_to_read(path)?, &counts))
            .collect::<Result<_>>()?;
        Ok(Self {
            lookups: Pool::new(lookups),
            lists: Worker::reader("sqlite-lists", schema::open_to_read(path)?, &counts)?,
            writer: Worker::writer("sqlite-writer", writer, &counts)?,
            counts,
        })
    }

    /// Finishes what is waiting, then closes the file. Later calls get [`StoreError::Closed`].
    pub async fn close(&self) {
        self.lookups.close().await;
        self.lists.close().await;
        self.writer.close().await;
    }

    /// Copies the database file `database`, used by whom it may be, to the new file `to`: all that was
    /// answered before, readable by the file's owner alone. Blocks as long as that takes.
    ///
    /// # Errors
    /// There is no such database, something stands at `to` already, or it cannot be written; then
    /// nothing stands there that was not there before.
    pub fn back_up(database: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        backup::copy(database.as_ref(), to.as_ref())
    }

    /// How often the writer has committed. Many callers share one commit.
    pub fn commits(&self) -> u64 {
        self.counts.commit_seconds.get_sample_count()
    }

    /// What the database's threads count.
    pub fn metrics(&self) -> &Metrics {
        &self.counts.metrics
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn client(&self, id: &ClientId) -> Result<Option<StoredClient>> {
        let id = id.clone();
        self.lookups.run(move |db| clients::find(db, &id)).await
    }

    async fn put_client(&self, client: &Client) -> Result<()> {
        let client = client.clone();
        self.writer.run(move |db| clients::put(db, &client)).await
    }

    async fn take_over_client(&self, client: &Client) -> Result<()> {
        let client = client.clone();
        self.writer
            .run(move |db| clients::take_over(db, &client))
            .await
    }

    async fn has_room_for_client(&self, id: &ClientId, most: usize) -> Result<bool> {
        let id = id.clone();
        self.lookups
            .run(move |db| clients::has_room(db, &id, most))
            .await
    }

    async fn remove_client(
        &self,
        id: &ClientId,
        expires_at: Option<Timestamp>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Ended> {
        let id = id.clone();
        self.writer
            .run(move |db| clients::remove(db, &id, expires_at, reason, now))
            .await
    }

    async fn clients(&self) -> Result<Vec<Client>> {
        self.lists.run(clients::list).await
    }

    async fn save_code(
        &self,
        hash: &TokenHash,
        code: &AuthorizationCode,
        session: &TokenHash,
    ) -> Result<bool> {
        let (hash, code, session) = (*hash, code.clone(), *session);
        self.writer
            .run(move |db| codes::save(db, &hash, &code, &session))
            .await
    }

    async fn code(&self, hash: &TokenHash) -> Result<Option<AuthorizationCode>> {
        let hash = *hash;
        self.lookups.run(move |db| codes::find(db, &hash)).await
    }

    async fn redeem_code(
        &self,
        hash: &TokenHash,
        client: &Client,
        grant: &Grant,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Redeemed> {
        let (hash, client, grant, pair) = (*hash, client.clone(), grant.clone(), pair.clone());
        self.writer
            .run(move |db| codes::redeem(db, &hash, &client, &grant, &pair, now))
            .await
    }

    async fn save_device(
        &self,
        hash: &TokenHash,
        user_code: &TokenHash,
        device: &DeviceCode,
        most: usize,
    ) -> Result<DeviceSaved> {
        let (hash, user_code, device) = (*hash, *user_code, device.clone());
        self.writer
            .run(move |db| devices::save(db, &hash, &user_code, &device, most))
            .await
    }

    async fn device(&self, hash: &TokenHash) -> Result<Option<DeviceCode>> {
        let hash = *hash;
        self.lookups.run(move |db| devices::find(db, &hash)).await
    }

    async fn device_of_user(
        &self,
        user_code: &TokenHash,
    ) -> Result<Option<(TokenHash, DeviceCode)>> {
        let user_code = *user_code;
        self.lookups
            .run(move |db| devices::find_by_user_code(db, &user_code))
            .await
    }

    async fn approve_device(
        &self,
        hash: &TokenHash,
        approval: &Approval,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<DeviceAnswered> {
        let (hash, approval, session) = (*hash, approval.clone(), *session);
        self.writer
            .run(move |db| devices::approve(db, &hash, &approval, &session, now))
            .await
    }

    async fn deny_device(
        &self,
        hash: &TokenHash,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<DeviceAnswered> {
        let (hash, session) = (*hash, *session);
        self.writer
            .run(move |db| devices::deny(db, &hash, &session, now))
            .await
    }

    async fn redeem_device(
        &self,
        hash: &TokenHash,
        client: &Client,
        grant: &Grant,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Redeemed> {
        let (hash, client, grant, pair) = (*hash, client.clone(), grant.clone(), pair.clone());
        self.writer
            .run(move |db| devices::redeem(db, &hash, &client, &grant, &pair, now))
            .await
    }

    async fn save_grant(
        &self,
        client: &Client,
        grant: &Grant,
        pair: &Pair,
        session: Option<&TokenHash>,
    ) -> Result<bool> {
        let (client, grant, pair) = (client.clone(), grant.clone(), pair.clone());
        let session = session.copied();
        self.writer
            .run(move |db| grants::save(db, &client, &grant, &pair, session.as_ref()))
            .await
    }

    async fn access_token(&self, hash: &TokenHash) -> Result<Option<AccessToken>> {
        let hash = *hash;
        self.lookups
            .run(move |db| tokens::find_access(db, &hash))
            .await
    }

    async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<RefreshToken>> {
        let hash = *hash;
        self.lookups
            .run(move |db| tokens::find_refresh(db, &hash))
            .await
    }

    async fn rotate_refresh_token(
        &self,
        hash: &TokenHash,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Rotation> {
        let (hash, pair) = (*hash, pair.clone());
        self.writer
            .run(move |db| tokens::rotate(db, &hash, &pair, now))
            .await
    }

    async fn confirm_pair(&self, refresh: &TokenHash, _now: Timestamp) -> Result<bool> {
        let refresh = *refresh;
        self.writer
            .run(move |db| tokens::confirm(db, &refresh))
            .await
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>> {
        let id = id.clone();
        self.lookups.run(move |db| grants::find(db, &id)).await
    }

    async fn grants(&self, filter: &GrantFilter) -> Result<Vec<Grant>> {
        let filter = filter.clone();
        self.lists.run(move |db| grants::list(db, &filter)).await
    }

    async fn end_grant(&self, id: &GrantId, reason: EndReason, now: Timestamp) -> Result<Ended> {
        let id = id.clone();
        self.writer
            .run(move |db| grants::end(db, &id, reason, now))
            .await
    }

    async fn end_client(&self, id: &ClientId, reason: EndReason, now: Timestamp) -> Result<Ended> {
        let id = id.clone();
        self.writer
            .run(move |db| grants::end_client(db, &id, reason, now))
            .await
    }

    async fn end_account(
        &self,
        account: &BareJid,
        unless: Option<&Generation>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Ended> {
        let (account, unless) = (account.clone(), unless.cloned());
        self.writer
            .run(move |db| grants::end_account(db, &account, unless.as_ref(), reason, now))
            .await
    }

    async fn end_grants(
        &self,
        account: &BareJid,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Ended> {
        let account = account.clone();
        self.writer
            .run(move |db| grants::end_of_account(db, &account, None, reason, now))
            .await
    }

    async fn touch_grant(&self, id: &GrantId, from: Option<IpAddr>, now: Timestamp) -> Result<()> {
        let id = id.clone();
        self.writer
            .run(move |db| grants::touch(db, &id, from, now))
            .await
    }

    async fn holders(
        &self,
        host: &DomainPart,
        after: Option<&BareJid>,
        limit: usize,
    ) -> Result<Vec<Holder>> {
        let (host, after) = (host.clone(), after.cloned());
        self.lists
            .run(move |db| grants::holders(db, &host, after.as_ref(), limit))
            .await
    }

    async fn pending_ends(&self, host: &DomainPart) -> Result<Vec<(BareJid, GrantId)>> {
        let host = host.clone();
        self.lists
            .run(move |db| grants::pending_ends(db, &host))
            .await
    }

    async fn finish_end(&self, id: &GrantId) -> Result<()> {
        let id = id.clone();
        self.writer.run(move |db| grants::finish_end(db, &id)).await
    }

    async fn save_session(&self, hash: &TokenHash, session: &BrowserSession) -> Result<()> {
        let (hash, session) = (*hash, session.clone());
        self.writer
            .run(move |db| sessions::save(db, &hash, &session))
            .await
    }

    async fn session(&self, hash: &TokenHash) -> Result<Option<BrowserSession>> {
        let hash = *hash;
        self.lookups.run(move |db| sessions::find(db, &hash)).await
    }

    async fn sessions(&self, account: &BareJid) -> Result<Vec<(TokenHash, BrowserSession)>> {
        let account = account.clone();
        self.lists.run(move |db| sessions::list(db, &account)).await
    }

    async fn touch_session(&self, hash: &TokenHash, now: Timestamp) -> Result<()> {
        let hash = *hash;
        self.writer
            .run(move |db| sessions::touch(db, &hash, now))
            .await
    }

    async fn end_session(&self, hash: &TokenHash) -> Result<()> {
        let hash = *hash;
        self.writer
            .run(move |db| {
                logouts::of_session(db, &hash)?;
                sessions::end(db, &hash)
            })
            .await
    }

    async fn end_sessions(&self, account: &BareJid, but: Option<&TokenHash>) -> Result<usize> {
        let (account, but) = (account.clone(), but.copied());
        self.writer
            .run(move |db| {
                logouts::of_sessions(db, &account, but.as_ref())?;
                sessions::end_but(db, &account, but.as_ref())
            })
            .await
    }

    async fn record_events(&self, new: &[Event]) -> Result<()> {
        let new = new.to_vec();
        self.writer
            .run(move |db| new.iter().try_for_each(|event| events::record(db, event)))
            .await
    }

    async fn events(&self, account: &BareJid) -> Result<Vec<KeptEvent>> {
        let account = account.clone();
        self.lists.run(move |db| events::list(db, &account)).await
    }

    async fn purge_events(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.writer
            .run(move |db| events::purge(db, before, limit))
            .await
    }

    async fn wants_notices(&self, account: &BareJid) -> Result<bool> {
        let account = account.clone();
        self.lookups
            .run(move |db| notices::wanted(db, &account))
            .await
    }

    async fn want_notices(&self, account: &BareJid, wanted: bool) -> Result<()> {
        let account = account.clone();
        self.writer
            .run(move |db| notices::want(db, &account, wanted))
            .await
    }

    async fn take_notice(
        &self,
        account: &BareJid,
        kind: NoticeKind,
        most: u32,
        now: Timestamp,
    ) -> Result<bool> {
        let account = account.clone();
        self.writer
            .run(move |db| notices::take(db, &account, kind, most, now))
            .await
    }

    async fn save_sign_in(
        &self,
        sign_in: &SignIn,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<bool> {
        let (sign_in, session) = (sign_in.clone(), *session);
        self.writer
            .run(move |db| logouts::save_sign_in(db, &sign_in, &session, now))
            .await
    }

    async fn sid(&self, grant: &GrantId) -> Result<Option<String>> {
        let grant = grant.clone();
        self.lookups.run(move |db| logouts::sid(db, &grant)).await
    }

    async fn succeed_session(&self, old: &TokenHash, new: &TokenHash) -> Result<()> {
        let (old, new) = (*old, *new);
        self.writer
            .run(move |db| {
                logouts::succeed(db, &old, &new)?;
                logouts::of_session(db, &old)?;
                sessions::end(db, &old)
            })
            .await
    }

    async fn due_logouts(&self, now: Timestamp, limit: usize) -> Result<Vec<PendingLogout>> {
        self.lists.run(move |db| logouts::due(db, now, limit)).await
    }

    async fn finish_logout(&self, logout: &PendingLogout) -> Result<()> {
        let logout = logout.clone();
        self.writer
            .run(move |db| logouts::finish(db, &logout))
            .await
    }

    async fn postpone_logout(&self, logout: &PendingLogout, until: Timestamp) -> Result<()> {
        let logout = logout.clone();
        self.writer
            .run(move |db| logouts::postpone(db, &logout, until))
            .await
    }

    async fn signing_keys(&self) -> Result<Vec<StoredKey>> {
        self.lists.run(keys::list).await
    }

    async fn add_signing_key(&self, key: &StoredKey, now: Timestamp) -> Result<()> {
        let key = key.clone();
        self.writer.run(move |db| keys::add(db, &key, now)).await
    }

    async fn remove_signing_key(&self, kid: &str) -> Result<()> {
        let kid = kid.to_owned();
        self.writer.run(move |db| keys::remove(db, &kid)).await
    }

    async fn secret(&self, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32]> {
        let (name, fresh) = (name.to_owned(), *fresh);
        self.writer
            .run(move |db| keys::secret(db, &name, &fresh))
            .await
    }

    async fn purge(&self, now: Timestamp, ended_before: Timestamp, limit: usize) -> Result<usize> {
        self.writer
            .run(move |db| purge::purge(db, now, ended_before, limit))
            .await
    }

    async fn forget_addresses(&self) -> Result<()> {
        self.writer.run(grants::forget_addresses).await
    }

    async fn check(&self) -> Result<()> {
        // Nothing less than writing shows that there is room to write.
        self.writer
            .run(|db| change(db, "UPDATE checks SET done = done + 1", []).map(drop))
            .await?;
        self.lookups
            .run(|db| find(db, "SELECT done FROM checks", [], |_| Ok(())))
            .await?
            .ok_or_else(|| StoreError::Corrupt("the row that check writes is gone".to_owned()))
    }
}
