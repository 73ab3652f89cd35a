//! The protocol: what clients may ask for and what they get. One file per endpoint or grant; what
//! they share lives once. Speaks no HTTP, no XML and no SQL, and never looks at the system's clock.
//!
//! RFC 6749, 6750, 7009, 7523, 7591, 7592, 7628, 7636, 7662, 8414, 8628, 9101, 9126, 9207, 9449, 9700; OpenID
//! Connect Core, Discovery, Registration, RP-Initiated and Back-Channel Logout; XEP-0493.

pub mod access;
mod account;
mod audit;
pub mod authorize;
mod backchannel_logout;
pub mod bearer;
pub mod browsers;
mod cache;
mod changes;
mod claims;
mod clean_up;
mod client_keys;
pub mod clients;
pub mod consent;
mod control;
mod counts;
pub mod device;
pub mod discovery;
pub mod dpop;
mod error;
pub mod granted;
mod grants;
mod hint;
mod implicit;
pub mod introspection;
mod issue;
pub mod login;
pub mod logout;
mod metadata;
pub mod notices;
pub mod par;
mod params;
mod profile;
pub mod redirect_uri;
pub mod registration;
mod resource_token;
pub mod revoke;
mod scopes;
mod seen;
pub mod sessions;
mod subject;
pub mod token;
mod tries;
pub mod userinfo;
mod validate;
mod written;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jid::BareJid;

pub use error::{ErrorCode, OauthError};
pub use params::{NotText, Params, Repeated, decode_form, decode_form_part};

use crate::accounts::Accounts;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::keys::{JwkSet, Keyring};
use crate::limits::{AddressKey, Brake, RetryAfter};
use crate::metrics::Metrics;
use crate::model::ClientId;
use crate::secrets::{Random, TokenHash, mac};
use crate::storage::{Store, StoreError};
use access::Access;
use backchannel_logout::Logouts;
use cache::{EpochCache, Epochs};
use changes::Hearing;
use client_keys::FetchedKeys;
use counts::Counts;
use device::DeviceBrakes;
use login::Guesses;
use notices::{Notices, Words};
use par::PushBrakes;
use seen::Seen;
use sessions::LiveSessions;
use tries::{SharedBrake, Together};
use written::Written;

/// How many logins and consents an account may have in a row, before more of them have to wait.
const ROWS_AT_ONCE: u32 = 60;

/// How many clients' keys are fetched at once.
const KEYS_FETCHED_AT_ONCE: usize = 16;
/// How many sectors, for callers whom nobody knows: apart from the keys, which they are not to hold up.
const SECTORS_FETCHED_AT_ONCE: usize = 4;

/// What the provider stands on.
pub struct Foundation {
    /// The settings.
    pub config: Arc<Config>,
    /// What outlives the process.
    pub store: Arc<dyn Store>,
    /// The XMPP server's accounts.
    pub accounts: Arc<dyn Accounts>,
    /// What accounts are told, in words.
    pub words: Arc<dyn Words>,
    /// Signing keys.
    pub keys: Arc<Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// Why there is no provider.
#[derive(Debug, thiserror::Error)]
pub enum FoundationError {
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A client of the configuration cannot be.
    #[error("clients: {client_id}: {why}")]
    Client {
        /// Which.
        client_id: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The provider: everything that its endpoints share.
pub struct Provider {
    config: Arc<Config>,
    store: Arc<dyn Store>,
    accounts: Arc<dyn Accounts>,
    keys: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Signs consent tickets and login forms; lives in the store so that open pages survive a restart.
    form_key: [u8; 32],
    /// Derives what clients prove themselves with.
    secrets_key: [u8; 32],
    /// The clients of the configuration.
    configured: HashMap<ClientId, Arc<clients::Known>>,
    /// Makes pairwise subjects, which must stay what they are.
    subject_key: [u8; 32],
    tokens: EpochCache<TokenHash, Access>,
    clients: EpochCache<ClientId, clients::Known>,
    hearing: Hearing,
    /// Whether other processes may use the database.
    is_shared: bool,
    live: LiveSessions,
    pushes: PushBrakes,
    fetcher: Fetcher,
    fetched_keys: FetchedKeys,
    sector_fetcher: Fetcher,
    logouts: Logouts,
    seen_assertions: Seen,
    seen_proofs: Seen,
    counts: Counts,
    /// By the scopes that are enforced just now; all else that it says is settings.
    metadata: Written<Vec<String>>,
    jwks: Written<JwkSet>,
    /// Moves on before an account's grants and sessions are ended, so that nothing which was begun
    /// before can be finished after.
    account_changes: Epochs,
    password_tries_of_account: SharedBrake<Guesses>,
    password_tries_from_address: SharedBrake<AddressKey>,
    registrations_from_address: SharedBrake<AddressKey>,
    devices: DeviceBrakes,
    notices: Arc<Notices>,
    /// Logins and consents, each of which stores something.
    rows_of_account: Brake<BareJid>,
    /// Codes that an app gets unasked, because its person has allowed it before: it must not use up what
    /// they need themselves.
    unasked_of_account: Brake<(BareJid, ClientId)>,
}

impl Provider {
    /// A provider on this foundation.
    ///
    /// # Errors
    /// The store could not be read, or the configuration has a client that cannot be.
    pub async fn new(on: Foundation) -> Result<Self, FoundationError> {
        let mut fresh = [0; 32];
        on.random.fill(&mut fresh);
        let form_key = on.store.secret("forms", &fresh).await?;
        let issuer = on.config.http.issuer();
        let secrets_key = match &on.config.registration.registration_key {
            Some(key) => {
                let parts: &[&[u8]] = &[b"client_secret", issuer.as_bytes()];
                mac(key.expose().as_bytes(), parts)
            }
            None => {
                on.random.fill(&mut fresh);
                on.store.secret("clients", &fresh).await?
            }
        };
        let configured = clients::configured(&on.config)?;
        on.random.fill(&mut fresh);
        let subject_key = on.store.secret("subjects", &fresh).await?;
        if !on.config.audit.addresses {
            on.store.forget_addresses().await?;
        }
        let limits = &on.config.limits;
        let counts = Counts::new(&on.config.flows.allowed_grant_types);
        let (cached_tokens, cached_clients) =
            (counts.cached_tokens.clone(), counts.cached_clients.clone());
        let is_shared = on.store.changes().is_some();
        let hearing = Hearing::new(is_shared);
        let together = Together::new(Arc::clone(&on.store), form_key);
        let seen = |kind| Seen::new(kind, Arc::clone(&on.store), &counts.signed_messages);
        let ten_seconds = Duration::from_secs(10);
        Ok(Self {
            form_key,
            secrets_key,
            configured,
            subject_key,
            tokens: EpochCache::new(limits.cached_tokens, cached_tokens, hearing.trust()),
            clients: EpochCache::new(limits.cached_tokens / 10, cached_clients, hearing.trust()),
            hearing,
            is_shared,
            live: LiveSessions::default(),
            pushes: PushBrakes::new(&together, &counts),
            fetcher: Fetcher::new(&on.config.fetch, KEYS_FETCHED_AT_ONCE),
            fetched_keys: FetchedKeys::default(),
            sector_fetcher: Fetcher::new(&on.config.fetch, SECTORS_FETCHED_AT_ONCE),
            logouts: Logouts::new(&on.config.fetch),
            seen_assertions: seen("assertion"),
            seen_proofs: seen("proof"),
            metadata: Written::default(),
            jwks: Written::default(),
            account_changes: Epochs::default(),
            password_tries_of_account: together.brake(
                "passwords of account",
                limits.password_tries_per_account,
                Duration::from_secs(30),
                &counts.password_tries_per_account,
            ),
            password_tries_from_address: together.brake(
                "passwords from address",
                limits.password_tries_per_address,
                ten_seconds,
                &counts.password_tries_per_address,
            ),
            registrations_from_address: together.brake(
                "registrations from address",
                limits.registrations_per_address,
                ten_seconds,
                &counts.registrations_per_address,
            ),
            devices: DeviceBrakes::new(&together, &counts),
            notices: Notices::new(Arc::clone(&on.store), Arc::clone(&on.accounts), on.words),
            rows_of_account: Brake::new(ROWS_AT_ONCE, ten_seconds),
            unasked_of_account: Brake::new(ROWS_AT_ONCE, ten_seconds),
            counts,
            config: on.config,
            store: on.store,
            accounts: on.accounts,
            keys: on.keys,
            clock: on.clock,
            random: on.random,
        })
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the protocol counts.
    pub fn metrics(&self) -> &Metrics {
        &self.counts.metrics
    }

    /// The public signing keys: a JWK Set (RFC 7517 §5), as JSON.
    ///
    /// # Errors
    /// `temporarily_unavailable` while the first one could not be made.
    pub async fn jwks(&self) -> Result<Bytes, OauthError> {
        self.jwks.json(self.keys.jwks().await?, JwkSet::clone)
    }

    /// Signs with new keys from now on, one an algorithm; answers their `kid`s.
    ///
    /// # Errors
    /// `temporarily_unavailable`: it could not be made or stored.
    pub async fn rotate_keys(&self) -> Result<Vec<String>, OauthError> {
        let keys = self.keys.rotate().await?;
        Ok(keys.into_iter().map(|key| key.kid).collect())
    }

    /// Counts a login or a consent, before something of it is stored.
    fn take_row(&self, account: &BareJid, now: Timestamp) -> Result<(), RetryAfter> {
        self.rows_of_account
            .take(account, now)
            .inspect_err(|_| self.counts.logins_and_consents_per_account.inc())
    }

    /// The time, as this provider sees it.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
