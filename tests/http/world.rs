//! A provider on a free port, that stands on a real database, a clock that is moved by hand, and a
//! server that is played.

use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::{OnceCell, watch};
use toml::{Table, Value};
use xmpp_oauth::clock::{ManualClock, Timestamp};
use xmpp_oauth::config::{self, Config, Database};
use xmpp_oauth::http::{NoticeTexts, Web, router, server};
use xmpp_oauth::keys::{KeySettings, Keyring};
use xmpp_oauth::metrics::{self, Metrics};
use xmpp_oauth::model::{Grant, GrantId, KeptEvent, SigningAlgorithm};
use xmpp_oauth::oauth::{Foundation, Provider};
use xmpp_oauth::secrets::OsRandom;
use xmpp_oauth::storage::copy::CopyError;
use xmpp_oauth::storage::sqlite::SqliteStore;
use xmpp_oauth::storage::{self, GrantFilter, Store, StoredKey};

use crate::postgres;
use crate::server::Server;
use crate::wait::{START, until};

pub(crate) const ALICE: &str = "alice@example.com";
pub(crate) const PASSWORD: &str = "wonderland";

/// The provider and all that it stands on.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) server: Arc<Server>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) provider: Arc<Provider>,
    pub(crate) web_metrics: Metrics,
    pub(crate) issuer: String,
    /// Where it listens: the issuer, unless a test's settings name another.
    base: String,
    config: Arc<Config>,
    /// Its section of the settings, where it is not SQLite.
    storage: String,
    stop: watch::Sender<bool>,
    /// Whether it hears no more of other processes.
    is_deaf: watch::Sender<bool>,
    folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// On a database of PostgreSQL. All others are, too, where `XMPP_OAUTH_STORAGE=postgres` is set.
    pub(crate) async fn on_postgres() -> Self {
        Self::on_postgres_with("").await
    }

    /// The same, with other settings.
    pub(crate) async fn on_postgres_with(more: &str) -> Self {
        Self::on(on_postgres().await, more).await
    }

    /// With other settings, in TOML: `http.trusted_proxies = []`. An empty text takes one out.
    pub(crate) async fn with(more: &str) -> Self {
        let name = std::env::var_os("XMPP_OAUTH_STORAGE");
        let storage = match name.is_some_and(|name| name == "postgres") {
            true => on_postgres().await,
            false => String::new(),
        };
        Self::on(storage, more).await
    }

    /// Another process on its database, with its settings.
    pub(crate) async fn beside(&self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = (self.storage.clone(), TempDir::new().unwrap());
        let (config, server) = (Arc::clone(&self.config), Arc::clone(&self.server));
        Self::start(listener, config, at, Arc::clone(&self.clock), server).await
    }

    /// The name of its database, where that is one of PostgreSQL.
    pub(crate) fn database(&self) -> &str {
        match &self.config.storage.database {
            Database::Postgres(settings) => &settings.name,
            Database::Sqlite(_) => panic!("it is none of PostgreSQL"),
        }
    }

    /// From now on it hears nothing of other processes.
    pub(crate) fn turn_deaf(&self) {
        self.is_deaf.send_replace(true);
    }

    /// Its process ends.
    pub(crate) fn end(self) {
        self.turn_deaf();
        self.stop.send_replace(true);
    }

    async fn on(storage: String, more: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let folder = TempDir::new().unwrap();
        let text = settings(&base, more) + &storage;
        let config = config::parse(&text, folder.path()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
        let server = Arc::new(Server::default());
        Self::start(listener, Arc::new(config), (storage, folder), clock, server).await
    }

    /// How often the database has committed.
    pub(crate) fn commits(&self) -> u64 {
        let text = metrics::text([self.store.metrics()]);
        let count = "xmpp_oauth_storage_commit_seconds_count ";
        let count = text.lines().find_map(|line| line.strip_prefix(count));
        count.unwrap().parse().unwrap()
    }

    /// The same after it was started anew with these settings in the place of the first ones. The issuer
    /// stays.
    pub(crate) async fn reconfigured(mut self, more: &str) -> Self {
        let text = settings(&self.issuer, more) + &self.storage;
        self.config = Arc::new(config::parse(&text, self.folder.path()).unwrap());
        self.restarted().await
    }

    /// The same after it was stopped, its database copied, and started on the copy: of PostgreSQL, or in a
    /// file of this name.
    pub(crate) async fn moved(mut self, file: Option<&str>) -> Self {
        self.stop.send_replace(true);
        self.turn_deaf();
        self.store.close().await;
        self.storage = match file {
            None => on_postgres().await,
            Some(name) => format!("\n[storage]\nurl = \"sqlite:{name}\"\n"),
        };
        let text = settings(&self.issuer, "") + &self.storage;
        let config = Arc::new(config::parse(&text, self.folder.path()).unwrap());
        let before = std::mem::replace(&mut self.config, Arc::clone(&config));
        // what it heard others by is closed a moment later
        until("the database is not in use any more", START, async || {
            let (from, to) = (
                before.storage.database.clone(),
                config.storage.database.clone(),
            );
            let copied =
                tokio::task::spawn_blocking(move || storage::copy::copy(&from, &to, &mut |_| {}));
            match copied.await.unwrap() {
                Err(CopyError::InUse(_)) => None,
                copied => Some(copied.unwrap()),
            }
        })
        .await;
        self.restarted().await
    }

    /// The same after the process has ended and begun anew, on another port.
    pub(crate) async fn restarted(self) -> Self {
        let Self {
            clock,
            server,
            config,
            stop,
            is_deaf,
            storage,
            folder,
            ..
        } = self;
        stop.send_replace(true);
        is_deaf.send_replace(true);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::start(listener, config, (storage, folder), clock, server).await
    }

    async fn start(
        listener: TcpListener,
        config: Arc<Config>,
        (storage, folder): (String, TempDir),
        clock: Arc<ManualClock>,
        server: Arc<Server>,
    ) -> Self {
        let base = format!("http://{}", listener.local_addr().unwrap());
        let store = storage::open(&config.storage.database).await.unwrap();
        if store.signing_keys().await.unwrap().is_empty() {
            for key in signing_keys().await {
                store.add_signing_key(key, key.created_at).await.unwrap();
            }
        }
        let keys = Keyring::open(
            Arc::clone(&store),
            Arc::clone(&clock) as _,
            (&config.tokens).into(),
        );
        let keys = keys.await.unwrap();
        let words = Arc::new(NoticeTexts::new(&config).unwrap());
        let provider = Provider::new(Foundation {
            config: Arc::clone(&config),
            store: Arc::clone(&store),
            accounts: Arc::clone(&server) as _,
            words,
            keys: Arc::clone(&keys),
            clock: Arc::clone(&clock) as _,
            random: Arc::new(OsRandom),
        });
        let provider = Arc::new(provider.await.unwrap());
        let web = Web::new(&config, Arc::clone(&provider), Arc::new(OsRandom)).unwrap();
        let web_metrics = web.metrics();
        let (stop, stopped) = watch::channel(false);
        let limits = server::Limits {
            max_connections: config.limits.max_connections,
            head_timeout: config.limits.request_timeout,
            counts: web.door_counts(),
        };
        let (is_deaf, deaf) = watch::channel(false);
        tokio::spawn(Arc::clone(&provider).follow_changes(deaf));
        tokio::spawn(Arc::clone(&provider).deliver_logouts(stopped.clone()));
        tokio::spawn(server::serve(listener, router(web), limits, stopped));
        Self {
            clock,
            server,
            store,
            keys,
            provider,
            web_metrics,
            issuer: config.http.issuer().to_owned(),
            base,
            config,
            stop,
            is_deaf,
            storage,
            folder,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// How many bytes it takes on disk.
    pub(crate) fn bytes_stored(&self) -> u64 {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum()
    }

    pub(crate) fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// The one grant that lives.
    pub(crate) async fn only_grant(&self) -> Grant {
        match self.grants().await.as_slice() {
            [grant] => grant.clone(),
            grants => panic!("not one grant: {grants:?}"),
        }
    }

    /// All grants that live.
    pub(crate) async fn grants(&self) -> Vec<Grant> {
        self.store.grants(&GrantFilter::default()).await.unwrap()
    }

    /// What is stored of an account's events, whatever the settings say.
    pub(crate) async fn store_events(&self, account: &str) -> Vec<KeptEvent> {
        self.store.events(&account.parse().unwrap()).await.unwrap()
    }

    /// Why a grant ended.
    pub(crate) async fn end_of(&self, grant: &GrantId) -> Option<&'static str> {
        let grant = self.store.grant(grant).await.unwrap().expect("a grant");
        grant.ended.map(|(_, reason)| reason.as_str())
    }
}

/// The same for all tests: making an RSA key takes longer than most of them.
async fn signing_keys() -> &'static [StoredKey] {
    static KEYS: OnceCell<Vec<StoredKey>> = OnceCell::const_new();
    let make = async || {
        let folder = TempDir::new().unwrap();
        let store: Arc<dyn Store> =
            Arc::new(SqliteStore::open(folder.path().join("key.db")).unwrap());
        let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
        let settings = KeySettings {
            algorithms: SigningAlgorithm::ALL.to_vec(),
            ttl: None,
        };
        let keys = Keyring::open(Arc::clone(&store), clock, settings)
            .await
            .unwrap();
        keys.ready().await.unwrap();
        store.signing_keys().await.unwrap()
    };
    KEYS.get_or_init(make).await
}

/// The settings of a new database there.
async fn on_postgres() -> String {
    let server = postgres::Server::shared();
    let url = server.url(&server.database().await.name);
    format!("\n[storage]\nurl = {url:?}\nconnections = 4\n")
}

fn settings(base: &str, more: &str) -> String {
    let defaults = format!(
        r#"
        component.jid = "oauth.example.com"
        component.secret = "0123456789abcdef0123456789abcdef"
        xmpp.hosts = ["example.com"]
        http.public_url = "{base}"
        registration.registration_key = "a key that is only used in these tests"
        limits.registrations_per_address = 1000
        "#
    );
    let mut all: Table = defaults.parse().unwrap();
    for (section, options) in more.parse::<Table>().unwrap() {
        let Value::Table(options) = options else {
            all.insert(section, options);
            continue;
        };
        let known = all.entry(section).or_insert(Value::Table(Table::new()));
        let known = known.as_table_mut().unwrap();
        for (name, value) in options {
            match value.as_str() {
                Some("") => known.remove(&name),
                _ => known.insert(name, value),
            };
        }
    }
    toml::to_string(&all).unwrap()
}
