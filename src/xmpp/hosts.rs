//! What the served hosts' modules have said of themselves.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jid::{DomainPart, DomainRef};
use tokio::sync::{Notify, watch};
use tokio::time::sleep;
use tracing::{debug, info, warn};
use xmpp_parsers::stanza_error::DefinedCondition;

use super::LinkState;
use super::account;
use super::link::Link;
use crate::accounts::Unavailable;
use crate::model::ScopeSet;
use crate::oauth::Provider;

/// A module that is loaded says so by itself within this time of the link's coming up.
const UNASKED: Duration = Duration::from_secs(2);
/// The longest time between two questions to a host that says nothing.
const LONGEST: Duration = Duration::from_secs(60);

/// A served host as it is known now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostInfo {
    /// Its name.
    pub host: DomainPart,
    /// Its module.
    pub module: Module,
}

/// The server module of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Module {
    /// Nothing has been heard yet.
    #[default]
    Unknown,
    /// The host says that it has none.
    Missing,
    /// It is there.
    Present(Hello),
}

/// What a module says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// Its version.
    pub version: String,
    /// The server that it runs in, where it says so.
    pub server: Option<String>,
    /// The XMPP scopes that it enforces.
    pub scopes: ScopeSet,
}

/// A served host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: DomainPart,
    state: Mutex<State>,
    /// A module should be there but does not act like it.
    doubted: Notify,
    /// A hello has come: one is remembered while the last is still being seen to.
    greeted: Notify,
}

#[derive(Debug, Default)]
struct State {
    module: Module,
    /// Whether a hello has come since the link came up.
    heard: bool,
}

impl Host {
    pub(super) fn new(name: DomainPart) -> Self {
        Self {
            name,
            state: Mutex::default(),
            doubted: Notify::new(),
            greeted: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is(&self, name: &DomainRef) -> bool {
        self.name.as_str() == name.as_str()
    }

    pub(super) fn info(&self) -> HostInfo {
        HostInfo {
            host: self.name.clone(),
            module: self.state().module.clone(),
        }
    }

    /// The scopes of the last hello. A link that is away changes nothing about them; a module that
    /// has gone meanwhile is found out when the link is back.
    pub(super) fn scopes(&self) -> ScopeSet {
        match &self.state().module {
            Module::Present(hello) => hello.scopes.clone(),
            Module::Unknown | Module::Missing => ScopeSet::default(),
        }
    }

    /// The module has said hello.
    pub(super) fn hello(&self, hello: Hello) {
        info!(
            host = %self.name,
            version = hello.version,
            server = hello.server,
            scopes = %hello.scopes,
            "the host's module is there"
        );
        let mut state = self.state();
        state.module = Module::Present(hello);
        state.heard = true;
        drop(state);
        self.greeted.notify_one();
    }

    /// The host did not know what a module knows.
    pub(super) fn doubt(&self) {
        self.state().heard = false;
        self.doubted.notify_one();
    }

    fn missing(&self) {
        let mut state = self.state();
        if state.module != Module::Missing {
            warn!(
                host = %self.name,
                "the host has no oauth component module: load it there, with this component's JID"
            );
        }
        state.module = Module::Missing;
    }

    /// Sees to it, hello by hello, that both sides know the same. One at a time: hellos that come
    /// meanwhile make one more round.
    pub(super) async fn settle(&self, provider: &Provider) {
        loop {
            self.greeted.notified().await;
            provider.host_linked(&self.name).await;
        }
    }

    /// Asks for a hello where none comes by itself.
    pub(super) async fn ask_for_hello(&self, link: &Link) {
        let mut state = link.state();
        loop {
            if wait_for(&mut state, true).await.is_none() {
                return;
            }
            tokio::select! {
                () = self.ask_while_silent(link) => {}
                _ = wait_for(&mut state, false) => self.state().heard = false,
            }
        }
    }

    async fn ask_while_silent(&self, link: &Link) {
        let mut wait = UNASKED;
        loop {
            tokio::select! {
                () = sleep(wait) => {}
                () = self.doubted.notified() => wait = UNASKED,
            }
            if self.state().heard {
                self.doubted.notified().await;
                wait = UNASKED;
            }
            match account::ask_for_hello(link, &self.name).await {
                Ok(Ok(())) => debug!(host = %self.name, "the module will say hello"),
                Ok(Err(DefinedCondition::ServiceUnavailable | DefinedCondition::ItemNotFound)) => {
                    self.missing();
                }
                Ok(Err(other)) => {
                    warn!(host = %self.name, "the host does not answer our hello: {other:?}");
                }
                Err(error @ (Unavailable::TimedOut | Unavailable::Busy)) => {
                    warn!(host = %self.name, "the host does not answer our hello: {error}");
                }
                Err(_) => {}
            }
            wait = (wait * 2).min(LONGEST);
        }
    }
}

async fn wait_for(state: &mut watch::Receiver<LinkState>, up: bool) -> Option<()> {
    let reached = state
        .wait_for(|state| (*state == LinkState::Up) == up)
        .await;
    reached.ok().map(drop)
}
