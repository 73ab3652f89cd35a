//! [`Store`] on every database: which operation each of its methods is.

use std::net::IpAddr;

use async_trait::async_trait;
use jid::{BareJid, DomainPart};

use super::rows::{change, find};
use super::{Backend, clients, codes, devices, events, grants, keys, logouts, notices, params};
use super::{purge, pushes, sessions, tokens};
use crate::clock::Timestamp;
use crate::metrics::Metrics;
use crate::model::{
    AccessToken, Approval, AuthorizationCode, BrowserSession, Client, ClientId, DeviceCode,
    EndReason, Event, Generation, Grant, GrantId, KeptEvent, NoticeKind, Pair, PendingLogout,
    PushedRequest, RefreshToken, SignIn,
};
use crate::secrets::TokenHash;
use crate::storage::{
    Change, Changes, DeviceAnswered, DeviceSaved, Ended, GrantFilter, Holder, Redeemed, Result,
    Rotation, Store, StoreError, StoredClient, StoredKey, Tally,
};

#[async_trait]
impl<B: Backend> Store for B {
    async fn client(&self, id: &ClientId) -> Result<Option<StoredClient>> {
        let id = id.clone();
        self.look_up(move |db| clients::find(db, &id)).await
    }

    async fn put_client(&self, client: &Client) -> Result<()> {
        let client = client.clone();
        self.write(move |db| clients::put(db, &client)).await
    }

    async fn take_over_client(&self, client: &Client) -> Result<()> {
        let client = client.clone();
        self.write(move |db| clients::take_over(db, &client)).await
    }

    async fn has_room_for_client(&self, id: &ClientId, most: usize) -> Result<bool> {
        let id = id.clone();
        self.look_up(move |db| clients::has_room(db, &id, most))
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
        self.write(move |db| clients::remove(db, &id, expires_at, reason, now))
            .await
    }

    async fn clients(&self) -> Result<Vec<Client>> {
        self.list(clients::list).await
    }

    async fn save_code(
        &self,
        hash: &TokenHash,
        code: &AuthorizationCode,
        session: &TokenHash,
    ) -> Result<bool> {
        let (hash, code, session) = (*hash, code.clone(), *session);
        self.write(move |db| codes::save(db, &hash, &code, &session))
            .await
    }

    async fn code(&self, hash: &TokenHash) -> Result<Option<AuthorizationCode>> {
        let hash = *hash;
        self.look_up(move |db| codes::find(db, &hash)).await
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
        // Whatever takes the code or its client back meanwhile writes the code, too.
        self.write_own(move |db| codes::redeem(db, &hash, &client, &grant, &pair, now))
            .await
    }

    async fn save_push(
        &self,
        uri: &TokenHash,
        pushed: &PushedRequest,
        most: Option<usize>,
        now: Timestamp,
    ) -> Result<bool> {
        let (uri, pushed) = (*uri, pushed.clone());
        self.once(move |db| pushes::save(db, &uri, &pushed, most, now))
            .await
    }

    async fn take_push(
        &self,
        uri: &TokenHash,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let (uri, client) = (*uri, client.clone());
        self.once(move |db| pushes::take(db, &uri, &client, now))
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
        self.write(move |db| devices::save(db, &hash, &user_code, &device, most))
            .await
    }

    async fn device(&self, hash: &TokenHash) -> Result<Option<DeviceCode>> {
        let hash = *hash;
        self.look_up(move |db| devices::find(db, &hash)).await
    }

    async fn device_of_user(
        &self,
        user_code: &TokenHash,
    ) -> Result<Option<(TokenHash, DeviceCode)>> {
        let user_code = *user_code;
        self.look_up(move |db| devices::find_by_user_code(db, &user_code))
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
        self.write(move |db| devices::approve(db, &hash, &approval, &session, now))
            .await
    }

    async fn deny_device(
        &self,
        hash: &TokenHash,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<DeviceAnswered> {
        let (hash, session) = (*hash, *session);
        self.write(move |db| devices::deny(db, &hash, &session, now))
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
        // Whatever takes the device or its client back meanwhile writes the device, too.
        self.write_own(move |db| devices::redeem(db, &hash, &client, &grant, &pair, now))
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
        self.write(move |db| grants::save(db, &client, &grant, &pair, session.as_ref()))
            .await
    }

    async fn access_token(&self, hash: &TokenHash) -> Result<Option<AccessToken>> {
        let hash = *hash;
        self.look_up(move |db| tokens::find_access(db, &hash)).await
    }

    async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<RefreshToken>> {
        let hash = *hash;
        self.look_up(move |db| tokens::find_refresh(db, &hash))
            .await
    }

    async fn rotate_refresh_token(
        &self,
        hash: &TokenHash,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Rotation> {
        let (hash, pair) = (*hash, pair.clone());
        // Whatever becomes of a grant's tokens is written to the grant, too.
        self.write_own(move |db| tokens::rotate(db, &hash, &pair, now))
            .await
    }

    async fn confirm_pair(&self, refresh: &TokenHash, _now: Timestamp) -> Result<bool> {
        let refresh = *refresh;
        // As above.
        self.write_own(move |db| tokens::confirm(db, &refresh))
            .await
    }

    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>> {
        let id = id.clone();
        self.look_up(move |db| grants::find(db, &id)).await
    }

    async fn grants(&self, filter: &GrantFilter) -> Result<Vec<Grant>> {
        let filter = filter.clone();
        self.list(move |db| grants::list(db, &filter)).await
    }

    async fn end_grant(&self, id: &GrantId, reason: EndReason, now: Timestamp) -> Result<Ended> {
        let id = id.clone();
        self.write(move |db| grants::end(db, &id, reason, now))
            .await
    }

    async fn end_client(&self, id: &ClientId, reason: EndReason, now: Timestamp) -> Result<Ended> {
        let id = id.clone();
        self.write(move |db| grants::end_client(db, &id, reason, now))
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
        self.write(move |db| grants::end_account(db, &account, unless.as_ref(), reason, now))
            .await
    }

    async fn end_grants(
        &self,
        account: &BareJid,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Ended> {
        let account = account.clone();
        self.write(move |db| grants::end_of_account(db, &account, None, reason, now))
            .await
    }

    async fn touch_grant(&self, id: &GrantId, from: Option<IpAddr>, now: Timestamp) -> Result<()> {
        let id = id.clone();
        // One row.
        self.write_own(move |db| grants::touch(db, &id, from, now))
            .await
    }

    async fn holders(
        &self,
        host: &DomainPart,
        after: Option<&BareJid>,
        limit: usize,
    ) -> Result<Vec<Holder>> {
        let (host, after) = (host.clone(), after.cloned());
        self.list(move |db| grants::holders(db, &host, after.as_ref(), limit))
            .await
    }

    async fn pending_ends(&self, host: &DomainPart) -> Result<Vec<(BareJid, GrantId)>> {
        let host = host.clone();
        self.list(move |db| grants::pending_ends(db, &host)).await
    }

    async fn finish_end(&self, id: &GrantId) -> Result<()> {
        let id = id.clone();
        self.write(move |db| grants::finish_end(db, &id)).await
    }

    async fn save_session(&self, hash: &TokenHash, session: &BrowserSession) -> Result<()> {
        let (hash, session) = (*hash, session.clone());
        self.write(move |db| sessions::save(db, &hash, &session))
            .await
    }

    async fn session(&self, hash: &TokenHash) -> Result<Option<BrowserSession>> {
        let hash = *hash;
        self.look_up(move |db| sessions::find(db, &hash)).await
    }

    async fn sessions(&self, account: &BareJid) -> Result<Vec<(TokenHash, BrowserSession)>> {
        let account = account.clone();
        self.list(move |db| sessions::list(db, &account)).await
    }

    async fn touch_session(&self, hash: &TokenHash, now: Timestamp) -> Result<()> {
        let hash = *hash;
        // One row.
        self.write_own(move |db| sessions::touch(db, &hash, now))
            .await
    }

    async fn end_session(&self, hash: &TokenHash) -> Result<()> {
        let hash = *hash;
        self.write(move |db| {
            logouts::of_session(db, &hash)?;
            sessions::end(db, &hash)
        })
        .await
    }

    async fn end_sessions(&self, account: &BareJid, but: Option<&TokenHash>) -> Result<usize> {
        let (account, but) = (account.clone(), but.copied());
        self.write(move |db| {
            logouts::of_sessions(db, &account, but.as_ref())?;
            sessions::end_but(db, &account, but.as_ref())
        })
        .await
    }

    async fn record_events(&self, new: &[Event]) -> Result<()> {
        let new = new.to_vec();
        self.write(move |db| new.iter().try_for_each(|event| events::record(db, event)))
            .await
    }

    async fn events(&self, account: &BareJid) -> Result<Vec<KeptEvent>> {
        let account = account.clone();
        self.list(move |db| events::list(db, &account)).await
    }

    async fn purge_events(&self, before: Timestamp, limit: usize) -> Result<usize> {
        self.write(move |db| events::purge(db, before, limit)).await
    }

    async fn wants_notices(&self, account: &BareJid) -> Result<bool> {
        let account = account.clone();
        self.look_up(move |db| notices::wanted(db, &account)).await
    }

    async fn want_notices(&self, account: &BareJid, wanted: bool) -> Result<()> {
        let account = account.clone();
        self.write(move |db| notices::want(db, &account, wanted))
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
        self.write(move |db| notices::take(db, &account, kind, most, now))
            .await
    }

    async fn save_sign_in(
        &self,
        sign_in: &SignIn,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<bool> {
        let (sign_in, session) = (sign_in.clone(), *session);
        self.write(move |db| logouts::save_sign_in(db, &sign_in, &session, now))
            .await
    }

    async fn sid(&self, grant: &GrantId) -> Result<Option<String>> {
        let grant = grant.clone();
        self.look_up(move |db| logouts::sid(db, &grant)).await
    }

    async fn succeed_session(&self, old: &TokenHash, new: &TokenHash) -> Result<()> {
        let (old, new) = (*old, *new);
        self.write(move |db| {
            logouts::succeed(db, &old, &new)?;
            logouts::of_session(db, &old)?;
            sessions::end(db, &old)
        })
        .await
    }

    async fn due_logouts(&self, now: Timestamp, limit: usize) -> Result<Vec<PendingLogout>> {
        self.list(move |db| logouts::due(db, now, limit)).await
    }

    async fn finish_logout(&self, logout: &PendingLogout) -> Result<()> {
        let logout = logout.clone();
        self.write(move |db| logouts::finish(db, &logout)).await
    }

    async fn postpone_logout(&self, logout: &PendingLogout, until: Timestamp) -> Result<()> {
        let logout = logout.clone();
        self.write(move |db| logouts::postpone(db, &logout, until))
            .await
    }

    async fn signing_keys(&self) -> Result<Vec<StoredKey>> {
        self.list(keys::list).await
    }

    async fn add_signing_key(&self, key: &StoredKey, now: Timestamp) -> Result<()> {
        let key = key.clone();
        self.write(move |db| keys::add(db, &key, now)).await
    }

    async fn replace_signing_key(
        &self,
        key: &StoredKey,
        in_place_of: Option<&str>,
        now: Timestamp,
    ) -> Result<bool> {
        let (key, in_place_of) = (key.clone(), in_place_of.map(ToOwned::to_owned));
        self.write(move |db| keys::replace(db, &key, in_place_of.as_deref(), now))
            .await
    }

    async fn remove_signing_key(&self, kid: &str) -> Result<()> {
        let kid = kid.to_owned();
        self.write(move |db| keys::remove(db, &kid)).await
    }

    async fn secret(&self, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32]> {
        let (name, fresh) = (name.to_owned(), *fresh);
        self.write(move |db| keys::secret(db, &name, &fresh)).await
    }

    fn changes(&self) -> Option<Box<dyn Changes>> {
        self.follow()
    }

    fn tally(&self) -> Option<&dyn Tally> {
        self.shared_tally()
    }

    async fn announce(&self, account: &BareJid) -> Result<()> {
        if !B::IS_SHARED {
            return Ok(());
        }
        let change = Change::Account(account.clone());
        self.write_own(move |db| db.note(&change)).await
    }

    async fn purge(&self, now: Timestamp, ended_before: Timestamp, limit: usize) -> Result<usize> {
        let gone = self.write(move |db| purge::purge(db, now, ended_before, limit));
        let gone = gone.await?;
        match self.shared_tally() {
            Some(tally) => Ok(gone + tally.purge(now, limit).await?),
            None => Ok(gone),
        }
    }

    async fn forget_addresses(&self) -> Result<()> {
        self.write(grants::forget_addresses).await
    }

    async fn check(&self) -> Result<()> {
        // Nothing less than writing shows that there is room to write.
        self.write(|db| change(db, "UPDATE checks SET done = done + 1", params![]).map(drop))
            .await?;
        self.look_up(|db| find(db, "SELECT done FROM checks", params![], |_| Ok(())))
            .await?
            .ok_or_else(|| StoreError::Corrupt("the row that check writes is gone".to_owned()))
    }

    async fn close(&self) {
        self.shut().await;
    }

    fn metrics(&self) -> &Metrics {
        self.counted()
    }
}
