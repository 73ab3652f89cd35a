//! What must outlive the process: clients that were used, codes, grants, tokens, browser sessions,
//! signing keys, and what the server has still to be told.
//!
//! [`Store`] says what is meant, and each of its methods is atomic: two callers who redeem one code,
//! or rotate one refresh token, never both win. Nothing is answered before it is durable. Tokens,
//! codes and cookies are known here only by their hashes. Which calls are allowed is for `oauth` to
//! say; what it takes is said once for all databases in `sql`; how one is run is for [`sqlite`] and
//! [`postgres`].

mod changes;
pub mod copy;
mod counts;
pub mod postgres;
mod sql;
pub mod sqlite;
mod tally;

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use jid::{BareJid, DomainPart};

pub use self::changes::{Change, Changes, News};
use self::postgres::PostgresStore;
use self::sqlite::SqliteStore;
pub use self::tally::{Tally, Try};
use crate::clock::Timestamp;
use crate::config::Database;
use crate::metrics::Metrics;
use crate::model::{
    AccessToken, Approval, AuthorizationCode, BrowserSession, Client, ClientId, DeviceCode,
    EndReason, Event, Generation, Grant, GrantId, KeptEvent, NoticeKind, Pair, PendingLogout,
    PushedRequest, RefreshToken, SignIn,
};
use crate::secrets::TokenHash;

/// The database failed. Callers answer `server_error`; the cause is for the log.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It could not be opened, read or written.
    #[error("the database failed: {0}")]
    Database(String),
    /// It holds something that this version cannot read.
    #[error("the database holds something unexpected: {0}")]
    Corrupt(String),
    /// It was written by a newer version of the program.
    #[error(
        "the database has schema {found}, this version knows up to {known}: run a newer version"
    )]
    TooNew {
        /// The schema's version in the file.
        found: i64,
        /// The newest that this program knows.
        known: i64,
    },
    /// It holds half of another one.
    #[error(
        "the database holds a copy of {0} that is not finished: finish it with `storage copy`, or drop it"
    )]
    Unfinished(String),
    /// The store is shutting down.
    #[error("the database is closed")]
    Closed,
}

/// The result of a store's method.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Opens the database that the settings name, or makes its file or its tables, and brings its schema up to
/// date.
///
/// # Errors
/// It cannot be opened, or is of a newer version.
pub async fn open(database: &Database) -> Result<Arc<dyn Store>> {
    Ok(match database {
        Database::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
        Database::Postgres(settings) => Arc::new(PostgresStore::open(settings).await?),
    })
}

/// What the store knows of a client beyond its self-contained `client_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time is looked at, none are kept"
)]
pub enum StoredClient {
    /// It was used (or updated, or configured): this overrides what the `client_id` says.
    Known(Client),
    /// It was removed and may not be used again.
    Removed,
}

/// Grants that have just ended, and the access tokens that ended with them (so that no cache goes on
/// answering for them). The store has already queued their sessions to be ended; see
/// [`Store::pending_ends`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The grants, with whose they were.
    pub grants: Vec<(BareJid, GrantId)>,
    /// The hashes of their access tokens.
    pub access_tokens: Vec<TokenHash>,
}

/// What came of redeeming a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It was good; the grant and its tokens are stored.
    Done,
    /// It had been redeemed before. What it gave has been ended (RFC 6749 §4.1.2); nothing, where
    /// that had ended already.
    Replayed(Ended),
    /// There is no such code, or it has expired unused, or its client has been removed.
    Unknown,
}

/// What came of storing a device's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceSaved {
    /// It is stored.
    Done,
    /// Another request has this user code: try one more.
    Taken,
    /// As many wait as may.
    TooMany,
}

/// What came of a person's answer to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceAnswered {
    /// It is stored.
    Done,
    /// It had been answered, or has expired.
    TooLate,
    /// The person's browser session has ended meanwhile.
    SessionEnded,
}

/// What came of exchanging a refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The new pair is stored; the access tokens named here are worthless from now on.
    Rotated {
        /// The access tokens that the new pair takes the place of.
        superseded: Vec<TokenHash>,
    },
    /// The token had been exchanged or replaced before, and that was no lost answer. Its grant has
    /// been ended (RFC 9700 §4.14.2).
    Reused(Ended),
    /// There is no such token, it has expired, or its grant has ended.
    Unknown,
}

/// Which grants to list.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// Only this account's.
    pub account: Option<BareJid>,
    /// Only this client's.
    pub client_id: Option<ClientId>,
    /// Ended ones, too, as long as they are kept.
    pub with_ended: bool,
}

/// An account that holds live grants or browser sessions, and the generations they were given under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The account.
    pub account: BareJid,
    /// The distinct generations among its live grants and browser sessions, where known.
    pub generations: Vec<Generation>,
}

/// A signing key as stored. What is in `private_key` is for `keys` to say.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// Its `kid` (RFC 7517 §4.5).
    pub kid: String,
    /// Its JWS algorithm.
    pub algorithm: String,
    /// PKCS #8, DER.
    pub private_key: Vec<u8>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When a newer one took its place; it is still published until its last signature has expired.
    pub retired_at: Option<Timestamp>,
}

impl std::fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

/// How long the old refresh token may still be shown after it was exchanged, by a client that never
/// got the answer.
pub const LOST_ANSWER_WINDOW: std::time::Duration = std::time::Duration::from_secs(600);

/// How long a redeemed code is known, so that showing it again ends what it gave. Later it is as
/// unknown as any other.
pub const REDEEMED_CODE_KEPT: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// How long a device code is known beyond its end, so that a device which still asks is told.
pub const EXPIRED_DEVICE_KEPT: std::time::Duration = std::time::Duration::from_secs(600);

/// How long a spent refresh token is known, so that showing it again ends its grant. Later, or when
/// it would have expired, it is as unknown as any other. This bounds what a busy grant leaves behind.
pub const SPENT_TOKEN_KEPT: std::time::Duration = std::time::Duration::from_secs(90 * 24 * 3600);

/// How many logouts wait to be told to clients. Where there are more, those give way that were tried most.
pub const MOST_PENDING_LOGOUTS: usize = 10_000;

/// How many rows of security events an account keeps.
pub const EVENTS_KEPT: usize = 500;

/// Durable storage. One conformance suite (`tests/store/`) runs on every implementation.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    // Clients

    /// What is stored of a client; `None` where nothing overrides its `client_id`.
    async fn client(&self, id: &ClientId) -> Result<Option<StoredClient>>;

    /// Stores a client, or overwrites what is stored of it. A removed one stays removed.
    async fn put_client(&self, client: &Client) -> Result<()>;

    /// What is stored of this client's id, if anything, is from now on this client: also where one was
    /// removed.
    async fn take_over_client(&self, client: &Client) -> Result<()>;

    /// Whether another client that has no grants may be stored: this one is stored already, or there are
    /// fewer than `most` whose rows no grant ever needed.
    async fn has_room_for_client(&self, id: &ClientId, most: usize) -> Result<bool>;

    /// Removes a client for good and ends its grants. The row stays as a tombstone until the
    /// registration would have expired (for ever, where it would not).
    async fn remove_client(
        &self,
        id: &ClientId,
        expires_at: Option<Timestamp>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Ended>;

    /// The stored clients that were not removed, oldest first.
    async fn clients(&self) -> Result<Vec<Client>>;

    // Codes

    /// Stores a code for whoever consented in the browser session `session`. `false`, and nothing is
    /// stored, if that session has ended meanwhile (or is another account's): whatever ended it was
    /// meant for the code, too.
    async fn save_code(
        &self,
        hash: &TokenHash,
        code: &AuthorizationCode,
        session: &TokenHash,
    ) -> Result<bool>;

    /// A code, redeemed or not, as long as it is kept.
    async fn code(&self, hash: &TokenHash) -> Result<Option<AuthorizationCode>>;

    /// Redeems a code: marks it used, stores the client where nothing was stored of it, the grant and
    /// its tokens. A second call for the same code, expired or not, ends what the first one gave, for
    /// [`REDEEMED_CODE_KEPT`]. The first pair counts as confirmed: nothing came before it.
    async fn redeem_code(
        &self,
        hash: &TokenHash,
        client: &Client,
        grant: &Grant,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Redeemed>;

    // Pushed authorization requests (RFC 9126)

    /// Stores a pushed request under its name's hash. `false`, and nothing is stored, if `most` of its client
    /// wait for a browser already; those that are stored at once may pass that by as many as there are
    /// connections.
    async fn save_push(
        &self,
        uri: &TokenHash,
        pushed: &PushedRequest,
        most: Option<usize>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Takes a pushed request of this client, which is gone with that. Another client's stays.
    async fn take_push(
        &self,
        uri: &TokenHash,
        client: &ClientId,
        now: Timestamp,
    ) -> Result<Option<String>>;

    // Device codes (RFC 8628)

    /// Stores a device's request that nobody has answered yet, unless `most` are waiting.
    async fn save_device(
        &self,
        hash: &TokenHash,
        user_code: &TokenHash,
        device: &DeviceCode,
        most: usize,
    ) -> Result<DeviceSaved>;

    /// A device's request by its device code, as long as it is kept: [`EXPIRED_DEVICE_KEPT`] beyond
    /// its end, or [`REDEEMED_CODE_KEPT`] beyond its redemption.
    async fn device(&self, hash: &TokenHash) -> Result<Option<DeviceCode>>;

    /// The same by its user code, with the hash of the device code.
    async fn device_of_user(
        &self,
        user_code: &TokenHash,
    ) -> Result<Option<(TokenHash, DeviceCode)>>;

    /// A person's yes, by the browser session `session` of the account that it names.
    async fn approve_device(
        &self,
        hash: &TokenHash,
        approval: &Approval,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<DeviceAnswered>;

    /// A person's no, by their browser session.
    async fn deny_device(
        &self,
        hash: &TokenHash,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<DeviceAnswered>;

    /// Redeems an approved device code, as [`Store::redeem_code`] does a code.
    async fn redeem_device(
        &self,
        hash: &TokenHash,
        client: &Client,
        grant: &Grant,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Redeemed>;

    // Tokens

    /// Stores a grant that comes without a code, and its tokens; the client, too, where nothing was
    /// stored of it. `false`, and nothing is stored, if the client has been removed, or the browser
    /// session `session` that it hangs on has ended meanwhile (or is another account's).
    async fn save_grant(
        &self,
        client: &Client,
        grant: &Grant,
        pair: &Pair,
        session: Option<&TokenHash>,
    ) -> Result<bool>;

    /// An access token whose grant lives. Expiry is for the caller to look at.
    async fn access_token(&self, hash: &TokenHash) -> Result<Option<AccessToken>>;

    /// A refresh token whose grant lives, exchanged or not.
    async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<RefreshToken>>;

    /// Exchanges a refresh token for a new pair, which is unconfirmed until it is first used.
    ///
    /// - Never exchanged before: the grant's access tokens are deleted, the new pair is stored.
    /// - Exchanged no longer than [`LOST_ANSWER_WINDOW`] ago, and its latest successor pair still
    ///   unconfirmed: that pair is deleted, the new one takes its place.
    /// - Otherwise the grant ends: [`Rotation::Reused`].
    ///
    /// Exchanging a token confirms the pair that it came with: it has been used.
    ///
    /// The refresh token of a pair that was deleted for a lost answer is spent, too. To show it is
    /// reuse: its answer was not lost after all, so two parties hold answers to one token, and one of
    /// them may be a thief (RFC 9700 §4.14.2). A client that refreshes twice at once and keeps the
    /// wrong answer has to ask its user again, as it would under any rotation. The deleted access
    /// token is merely unknown.
    ///
    /// A spent token is recognised for [`SPENT_TOKEN_KEPT`]. A new pair without a refresh token
    /// counts as confirmed.
    async fn rotate_refresh_token(
        &self,
        hash: &TokenHash,
        pair: &Pair,
        now: Timestamp,
    ) -> Result<Rotation>;

    /// Records that something of the pair with this refresh token has been used, so that its
    /// predecessor can no longer be shown. `false` if the pair is gone.
    async fn confirm_pair(&self, refresh: &TokenHash, now: Timestamp) -> Result<bool>;

    // Grants

    /// A grant, live or ended, as long as it is kept.
    async fn grant(&self, id: &GrantId) -> Result<Option<Grant>>;

    /// Grants, newest first.
    async fn grants(&self, filter: &GrantFilter) -> Result<Vec<Grant>>;

    /// Ends a grant: deletes its tokens and, if it has an XMPP scope, queues its sessions to be ended.
    /// Nothing if it had ended. Its code stays as a spent one. Where its owner or the operator ends it, the
    /// client's other codes for this account go, too, that were not redeemed yet.
    async fn end_grant(&self, id: &GrantId, reason: EndReason, now: Timestamp) -> Result<Ended>;

    /// Ends a client's grants, deletes its codes that were not redeemed yet, and denies what was allowed to
    /// its devices that have not fetched it. It stays what it is.
    async fn end_client(&self, id: &ClientId, reason: EndReason, now: Timestamp) -> Result<Ended>;

    /// Ends an account's grants and browser sessions, deletes its codes that were not redeemed yet, and
    /// denies what it allowed to devices that have not fetched it. With `unless`, those of that generation stay (and those whose generation is not known).
    async fn end_account(
        &self,
        account: &BareJid,
        unless: Option<&Generation>,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Ended>;

    /// Ends an account's grants and deletes its codes that were not redeemed yet; its browser sessions
    /// stay.
    async fn end_grants(
        &self,
        account: &BareJid,
        reason: EndReason,
        now: Timestamp,
    ) -> Result<Ended>;

    /// Records that a live grant was used, unless a later use was recorded.
    async fn touch_grant(&self, id: &GrantId, from: Option<IpAddr>, now: Timestamp) -> Result<()>;

    /// Accounts of a host that hold live grants or browser sessions, in the order of their localparts
    /// after `after`'s, at most `limit`.
    async fn holders(
        &self,
        host: &DomainPart,
        after: Option<&BareJid>,
        limit: usize,
    ) -> Result<Vec<Holder>>;

    /// Grants of a host whose sessions the server has not yet confirmed to have ended, oldest first.
    async fn pending_ends(&self, host: &DomainPart) -> Result<Vec<(BareJid, GrantId)>>;

    /// The server has confirmed: forget it.
    async fn finish_end(&self, id: &GrantId) -> Result<()>;

    // Browser sessions

    /// Stores a browser session under its cookie's hash.
    async fn save_session(&self, hash: &TokenHash, session: &BrowserSession) -> Result<()>;

    /// A browser session. Expiry is for the caller to look at.
    async fn session(&self, hash: &TokenHash) -> Result<Option<BrowserSession>>;

    /// An account's browser sessions, newest first, with their cookies' hashes. Expired ones are among
    /// them until they are purged.
    async fn sessions(&self, account: &BareJid) -> Result<Vec<(TokenHash, BrowserSession)>>;

    /// Records that a browser session was used, unless a later use was recorded.
    async fn touch_session(&self, hash: &TokenHash, now: Timestamp) -> Result<()>;

    /// Ends a browser session; nothing if there is none.
    async fn end_session(&self, hash: &TokenHash) -> Result<()>;

    /// Ends an account's browser sessions, all `but` one. Answers how many.
    async fn end_sessions(&self, account: &BareJid, but: Option<&TokenHash>) -> Result<usize>;

    // Security events

    /// Keeps events. What happens to one grant, or account, more than once on a day (of UTC) is one row
    /// that counts. An account keeps its last [`EVENTS_KEPT`] rows. A failed login is kept only where the
    /// account has a grant or a browser session: anybody can name any account.
    async fn record_events(&self, events: &[Event]) -> Result<()>;

    /// What is kept of an account, newest first. Nothing is left of one that [`Self::end_account`] has ended
    /// as deleted.
    async fn events(&self, account: &BareJid) -> Result<Vec<KeptEvent>>;

    /// Deletes up to `limit` rows that last happened before then. Answers how many went.
    async fn purge_events(&self, before: Timestamp, limit: usize) -> Result<usize>;

    // Notices

    /// Whether an account wants to be told of what happens to it; it does until it says otherwise.
    async fn wants_notices(&self, account: &BareJid) -> Result<bool>;

    /// Remembers what an account wants.
    async fn want_notices(&self, account: &BareJid, wanted: bool) -> Result<()>;

    /// Takes one of the `most` notices of this kind that an account may be sent on a day (of UTC). `false`:
    /// they are used up, the account wants none, or nothing is kept of it: neither a grant nor a browser
    /// session.
    async fn take_notice(
        &self,
        account: &BareJid,
        kind: NoticeKind,
        most: u32,
        now: Timestamp,
    ) -> Result<bool>;

    // Logouts of clients (OpenID Connect Back-Channel Logout)

    /// Remembers, until the browser session `session` ends or expires, that a client was given something by
    /// it. `false`, and nothing is remembered, if that session has ended meanwhile (or is another
    /// account's). A session remembers no more of a client, and of all clients, than anybody needs.
    ///
    /// What ends the session, or takes back what the account gave the client, makes of this a
    /// [`PendingLogout`], and deletes the code where it was not redeemed yet.
    async fn save_sign_in(
        &self,
        sign_in: &SignIn,
        session: &TokenHash,
        now: Timestamp,
    ) -> Result<bool>;

    /// What the client knows the session by that gave it this grant, as long as that is remembered.
    async fn sid(&self, grant: &GrantId) -> Result<Option<String>>;

    /// Ends the browser session `old`, and hands what clients were given by it over to `new`: its person
    /// has logged in anew in the same browser. One of another account simply ends.
    async fn succeed_session(&self, old: &TokenHash, new: &TokenHash) -> Result<()>;

    /// What is to be told now, one for each client: what was tried least comes first.
    async fn due_logouts(&self, now: Timestamp, limit: usize) -> Result<Vec<PendingLogout>>;

    /// The client was told, or is never to be.
    async fn finish_logout(&self, logout: &PendingLogout) -> Result<()>;

    /// The client could not be told: not before `until` is it tried again.
    async fn postpone_logout(&self, logout: &PendingLogout, until: Timestamp) -> Result<()>;

    // Keys and secrets

    /// All signing keys that were not deleted, oldest first.
    async fn signing_keys(&self) -> Result<Vec<StoredKey>>;

    /// Stores a new signing key; those of the same algorithm that were in use are retired `now`.
    async fn add_signing_key(&self, key: &StoredKey, now: Timestamp) -> Result<()>;

    /// The same, if the key that is in use for its algorithm is still this one: none, with `None`. So of
    /// several processes that see one missing, or too old, one makes the next. Answers whether it is stored.
    async fn replace_signing_key(
        &self,
        key: &StoredKey,
        in_place_of: Option<&str>,
        now: Timestamp,
    ) -> Result<bool>;

    /// Deletes a signing key.
    async fn remove_signing_key(&self, kid: &str) -> Result<()>;

    /// The secret of that name; `fresh` is stored and answered if there was none.
    async fn secret(&self, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32]>;

    // Several processes on one database

    /// Reads what any process changes that others may hold in memory. `None` where one process has the
    /// database to itself.
    fn changes(&self) -> Option<Box<dyn Changes>>;

    /// What the processes count together. `None` where one process has the database to itself, and counts in
    /// its memory.
    fn tally(&self) -> Option<&dyn Tally>;

    /// Tells all processes that what is about to become something for this account must not: to be called
    /// before what it has is ended. Whoever has stored something for it then hears this, or has stored it
    /// early enough to be ended, too.
    async fn announce(&self, account: &BareJid) -> Result<()>;

    // Housekeeping

    /// Deletes up to `limit` rows of each kind that serve no purpose any more: expired refresh tokens,
    /// codes, sessions and tombstones, expired clients without grants, grants without XMPP scope whose last token has expired, and
    /// grants that ended before `ended_before`. Answers how many rows went: none, when there is no
    /// more to do. An expired access token goes with its successor or its grant.
    async fn purge(&self, now: Timestamp, ended_before: Timestamp, limit: usize) -> Result<usize>;

    /// Deletes every address that is kept, for an operator who wants none.
    async fn forget_addresses(&self) -> Result<()>;

    /// Whether it can be read and written right now.
    async fn check(&self) -> Result<()>;

    /// Finishes what is waiting, then closes. Later calls get [`StoreError::Closed`].
    async fn close(&self);

    /// What is counted of it.
    fn metrics(&self) -> &Metrics;
}
