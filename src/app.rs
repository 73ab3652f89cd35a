//! Builds everything once, wires the ports to each other, starts both listeners and the link, and
//! stops them in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::accounts::{Accounts as _, PasswordCheck};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::http::ops::{Health, Readiness};
use crate::http::pages::Pages;
use crate::http::{
    CurrentPages, DoorCounts, NoticeTexts, PagesError, Probes, Web, ops, router, server,
};
use crate::keys::{KeyError, Keyring};
use crate::metrics::{self, Gauge, Metrics};
use crate::oauth::{Foundation, FoundationError, Provider};
use crate::secrets::{OsRandom, Random, Secret, random_text};
use crate::storage::{self, Store, StoreError};
use crate::xmpp::{LinkState, Server};

/// Why the program does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The storage.
    #[error("storage.url: {0}")]
    Store(#[from] StoreError),
    /// A signing key.
    #[error("the signing keys: {0}")]
    Keys(#[from] KeyError),
    /// The protocol.
    #[error(transparent)]
    Provider(#[from] FoundationError),
    /// A template or a text.
    #[error("{0}")]
    Pages(#[from] PagesError),
    /// A listener.
    #[error("{key}: cannot listen on {address}: {error}")]
    Listen {
        /// The setting.
        key: &'static str,
        /// What it says.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
}

/// The program, built and not yet serving.
pub struct App {
    /// The settings.
    pub config: Arc<Config>,
    /// The storage.
    pub store: Arc<dyn Store>,
    /// The signing keys.
    pub keys: Arc<Keyring>,
    /// The link and what comes over it.
    pub server: Arc<Server>,
    /// The protocol.
    pub provider: Arc<Provider>,
    /// Requests that `check` sends through the proxy.
    pub probes: Arc<Probes>,
    /// Notified once the storage is open and both listeners listen.
    pub started: Arc<Notify>,
    /// Notified, templates and texts are read again.
    pub reload: Arc<Notify>,
    /// Notified when that is done, whatever came of it.
    pub reloaded: Arc<Notify>,
    random: Arc<dyn Random>,
}

impl App {
    /// Opens the storage and builds all that stands on it.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn build(config: Arc<Config>) -> Result<Self, StartError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let random: Arc<dyn Random> = Arc::new(OsRandom);
        let store = storage::open(&config.storage.database).await?;
        let server = Server::new(Arc::clone(&config), Arc::clone(&random));
        let keys = Keyring::open(
            Arc::clone(&store),
            Arc::clone(&clock),
            (&config.tokens).into(),
        );
        let keys = keys.await?;
        let provider = Provider::new(Foundation {
            config: Arc::clone(&config),
            store: Arc::clone(&store),
            accounts: Arc::clone(&server) as _,
            words: Arc::new(NoticeTexts::new(&config)?),
            keys: Arc::clone(&keys),
            clock,
            random: Arc::clone(&random),
        });
        Ok(Self {
            provider: Arc::new(provider.await?),
            config,
            store,
            keys,
            server,
            probes: Arc::default(),
            started: Arc::default(),
            reload: Arc::default(),
            reloaded: Arc::default(),
            random,
        })
    }

    fn web(&self) -> Result<Web, PagesError> {
        let (provider, random) = (Arc::clone(&self.provider), Arc::clone(&self.random));
        let web = Web::new(&self.config, provider, random)?;
        Ok(web.with_probes(Arc::clone(&self.probes)))
    }

    /// Whether the storage can be read and written.
    ///
    /// # Errors
    /// It cannot, and why.
    pub async fn check_storage(&self) -> Result<(), StoreError> {
        self.store.check().await
    }

    /// Whether a host's accounts can be asked for, with a name and a password that nobody has: the
    /// answer has to be no.
    ///
    /// # Errors
    /// A sentence: the host cannot be asked, or says yes.
    pub async fn probe_password(&self, host: &str) -> Result<(), String> {
        let name = random_text::<12>(self.random.as_ref()).to_lowercase();
        let account = format!("check-{name}@{host}");
        let account = account.parse().map_err(|_| format!("{host} is no host"))?;
        let password = Secret::new(random_text::<24>(self.random.as_ref()));
        match self.server.check_password(&account, &password).await {
            Ok(PasswordCheck::Invalid) => Ok(()),
            Ok(PasswordCheck::Valid { .. }) => {
                Err("the server lets in an account that cannot exist: it takes any password".into())
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Closes the storage, where nothing was served.
    pub async fn close(&self) {
        self.store.close().await;
    }

    /// Keeps the link up until `stop` turns true, and serves nothing else.
    pub async fn link(&self, stop: watch::Receiver<bool>) {
        let server = Arc::clone(&self.server);
        server.run(Arc::clone(&self.provider), turned(stop)).await;
    }

    /// Serves until `stop` turns true; then lets what is under way end, and closes the storage.
    ///
    /// # Errors
    /// A template is broken, or a listener's address is taken.
    pub async fn serve(&self, stop: watch::Receiver<bool>) -> Result<(), StartError> {
        let web = self.web()?;
        self.provider.take_over_configured_clients().await?;
        self.provider.end_clients_no_longer_configured().await?;
        let web_metrics = web.metrics();
        let http = &self.config.http;
        let public = listen("http.listen", http.listen).await?;
        let ops = match http.ops_listen {
            Some(address) => Some(listen("http.ops_listen", address).await?),
            None => None,
        };
        let limits = server::Limits {
            max_connections: self.config.limits.max_connections,
            head_timeout: self.config.limits.request_timeout,
            counts: web.door_counts(),
        };
        let ops_limits = server::Limits {
            counts: DoorCounts::default(),
            ..limits.clone()
        };
        // The link goes down last, and what other processes change is heard as long: requests under way may
        // still need to ask.
        let (unlink, unlinked) = watch::channel(false);
        let hearing = tokio::spawn(Arc::clone(&self.provider).follow_changes(unlinked.clone()));
        let link = tokio::spawn(
            Arc::clone(&self.server).run(Arc::clone(&self.provider), turned(unlinked)),
        );
        let mut doors = JoinSet::new();
        doors.spawn(keep_pages(
            web.current_pages(),
            Arc::clone(&self.config),
            (Arc::clone(&self.reload), Arc::clone(&self.reloaded)),
            stop.clone(),
        ));
        doors.spawn(server::serve(public, router(web), limits, stop.clone()));
        if let Some(ops) = ops {
            let health = Arc::new(Vitals {
                store: Arc::clone(&self.store),
                server: Arc::clone(&self.server),
                provider: Arc::clone(&self.provider),
                web: web_metrics,
                process: Process::new(),
            });
            doors.spawn(server::serve(
                ops,
                ops::router(health),
                ops_limits,
                stop.clone(),
            ));
        }
        doors.spawn(Arc::clone(&self.provider).deliver_logouts(stop.clone()));
        doors.spawn(keep_keys(Arc::clone(&self.keys), stop.clone()));
        doors.spawn(clean_up(Arc::clone(&self.provider), stop));
        tracing::info!(listen = %http.listen, issuer = http.issuer(), "serving");
        self.started.notify_one();
        while doors.join_next().await.is_some() {}
        unlink.send_replace(true);
        for (what, task) in [("the link", link), ("the hearing of changes", hearing)] {
            if let Err(error) = task.await {
                tracing::error!(%error, "{what} did not end well");
            }
        }
        self.store.close().await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Whether the templates and texts are whole.
///
/// # Errors
/// One is broken: which file, which line.
pub fn check_pages(config: &Config) -> Result<(), PagesError> {
    Pages::new(&config.site).map(drop)
}

async fn turned(mut switch: watch::Receiver<bool>) {
    // the sender gone means the same
    let _ = switch.wait_for(|on| *on).await;
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address)
        .await
        .map_err(|error| StartError::Listen {
            key,
            address,
            error,
        })
}

/// Reads the pages again whenever told to. Broken ones are refused, and the old ones stay.
async fn keep_pages(
    pages: Arc<CurrentPages>,
    config: Arc<Config>,
    (reload, reloaded): (Arc<Notify>, Arc<Notify>),
    mut stop: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = reload.notified() => {}
        }
        match pages.reload(&config.site) {
            Ok(()) => tracing::info!("templates and texts were read again"),
            Err(error) => tracing::error!(%error, "templates and texts stay as they were"),
        }
        reloaded.notify_one();
    }
}

struct Vitals {
    store: Arc<dyn Store>,
    server: Arc<Server>,
    provider: Arc<Provider>,
    web: Metrics,
    process: Process,
}

/// What is counted of the process as a whole.
struct Process {
    metrics: Metrics,
    sessions: Gauge,
}

impl Process {
    fn new() -> Self {
        let metrics = Metrics::default().with_process();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        metrics
            .gauge("info", "The program's version; always 1.", &version)
            .set(1);
        let help = "Sessions of chat clients that hang on grants, as the server tells of them.";
        Self {
            sessions: metrics.gauge("sessions_open", help, &[]),
            metrics,
        }
    }
}

#[async_trait]
impl Health for Vitals {
    async fn readiness(&self) -> Readiness {
        let link = match &*self.server.link_state().borrow() {
            LinkState::Up => "up".to_owned(),
            LinkState::Connecting => "connecting".to_owned(),
            LinkState::Down(why) => why.to_string(),
        };
        let storage = match self.store.check().await {
            Ok(()) => "up".to_owned(),
            Err(error) => error.to_string(),
        };
        Readiness { link, storage }
    }

    fn metrics(&self) -> String {
        let sessions = self.provider.sessions_open();
        let sessions = i64::try_from(sessions).unwrap_or(i64::MAX);
        self.process.sessions.set(sessions);
        metrics::text([
            &self.web,
            self.provider.metrics(),
            self.server.metrics(),
            self.store.metrics(),
            &self.process.metrics,
        ])
    }
}

/// How often the age of the signing keys is looked at.
const KEYS_SEEN_TO: std::time::Duration = std::time::Duration::from_secs(3600);

/// Puts new signing keys in the place of those that have become too old.
async fn keep_keys(keys: Arc<Keyring>, mut stop: watch::Receiver<bool>) {
    loop {
        match keys.rotate_old().await {
            Ok(made) => {
                for key in made {
                    tracing::info!(kid = key.kid, key.algorithm, "a new signing key by age");
                }
            }
            Err(error) => tracing::error!(%error, "the signing keys could not be seen to"),
        }
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(KEYS_SEEN_TO) => {}
        }
    }
}

/// Has deleted what serves no purpose any more, in small steps.
async fn clean_up(provider: Arc<Provider>, mut stop: watch::Receiver<bool>) {
    let mut pause = std::time::Duration::from_secs(60);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(pause) => {}
        }
        pause = match provider.clean_up().await {
            Ok(0) => std::time::Duration::from_secs(60),
            Ok(_) => std::time::Duration::from_millis(200),
            Err(error) => {
                tracing::warn!(%error, "the storage could not be cleaned up");
                std::time::Duration::from_secs(60)
            }
        };
    }
}
