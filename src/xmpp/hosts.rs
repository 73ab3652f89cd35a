//! What the served hosts' modules have said of themselves.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jid::{DomainPart, DomainRef};
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{info, warn};
use xmpp_parsers::stanza_error::DefinedCondition;

use super::account;
use super::link::{Link, LinkState};
use crate::accounts::Unavailable;
use crate::model::ScopeSet;
use crate::oauth::Provider;

/// A module that is loaded says so by itself within this time of the link's coming up.
const UNASKED: Duration = Duration::from_secs(2);
/// The time between two questions to a host that says nothing; it grows.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// How often a host that is there is told what another process ended, and has not told it.
const REPEAT_EVERY: Duration = Duration::from_secs(5);

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
    /// Whether it is of no use without its module.
    needs_module: bool,
    state: Mutex<State>,
    /// A hello is wanted.
    silent: Notify,
    /// A hello has come: one is remembered while the last is still being seen to.
    greeted: Notify,
}

#[derive(Debug, Default)]
struct State {
    module: Module,
    /// Whether a hello has come since one was wanted.
    heard: bool,
    /// How long it may take.
    patience: Duration,
}

impl Host {
    pub(super) fn new(name: DomainPart, needs_module: bool) -> Self {
        Self {
            name,
            needs_module,
            state: Mutex::default(),
            silent: Notify::new(),
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

    /// The link has come up: a hello should come by itself.
    pub(super) fn linked(&self) {
        self.want_hello(UNASKED);
    }

    /// The host did not know what a module knows.
    pub(super) fn doubt(&self) {
        self.want_hello(Duration::ZERO);
    }

    fn want_hello(&self, patience: Duration) {
        let mut state = self.state();
        state.heard = false;
        state.patience = patience;
        drop(state);
        self.silent.notify_one();
    }

    fn missing(&self) {
        let mut state = self.state();
        if state.module != Module::Missing && self.needs_module {
            warn!(
                host = %self.name,
                "the host has no oauth component module: load it there, with this component's JID"
            );
        }
        state.module = Module::Missing;
    }

    /// Whether its module has said hello, and nothing since has put that in doubt.
    fn is_there(&self) -> bool {
        let state = self.state();
        state.heard && matches!(state.module, Module::Present(_))
    }

    /// Sees to it, hello by hello, that both sides know the same. One at a time: hellos that come
    /// meanwhile make one more round.
    pub(super) async fn settle(&self, provider: &Provider, link: &Link) {
        loop {
            tokio::select! {
                () = self.greeted.notified() => provider.host_linked(&self.name).await,
                () = sleep(REPEAT_EVERY) => {
                    if *link.state().borrow() == LinkState::Up && self.is_there() {
                        provider.repeat_ends(&self.name).await;
                    }
                }
            }
        }
    }

    /// Asks for a hello where none comes by itself.
    pub(super) async fn ask_for_hello(&self, link: &Link) {
        let mut wait = UNASKED;
        let mut told = false;
        loop {
            tokio::select! {
                () = sleep(wait), if !self.state().heard => {}
                () = self.silent.notified() => {
                    wait = self.state().patience;
                    continue;
                }
            }
            if self.state().heard {
                told = false;
                continue;
            }
            let failure = match account::ask_for_hello(link, &self.name).await {
                Ok(Err(DefinedCondition::ServiceUnavailable | DefinedCondition::ItemNotFound)) => {
                    self.missing();
                    None
                }
                Ok(Err(other)) => Some(format!("{other:?}")),
                Err(error @ (Unavailable::TimedOut | Unavailable::Busy)) => Some(error.to_string()),
                // It will say hello; or the link is down, which is told elsewhere.
                Ok(Ok(())) | Err(_) => None,
            };
            if let Some(failure) = failure
                && !std::mem::replace(&mut told, true)
            {
                warn!(host = %self.name, "the host does not answer our hello: {failure}");
            }
            wait = (wait * 2).clamp(SHORTEST, LONGEST);
        }
    }
}
