//! The XMPP server as the rest of the program sees it.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use jid::{BareJid, DomainPart, DomainRef, Jid};
use minidom::Element;
use tokio::sync::watch;
use tokio::task::JoinSet;
use xmpp_parsers::stanza_error::{DefinedCondition, StanzaError};
use xso::{AsXml, FromXml};

use super::commands::Stages;
use super::counts::Counts;
use super::hosts::{Host, HostInfo, Module};
use super::iq::Kind;
use super::link::{Link, LinkState};
use super::message;
use super::ns;
use super::password::Checks;
use super::router::Router;
use super::vcard;
use crate::accounts::{AccountStatus, Accounts, PasswordCheck, Unavailable};
use crate::config::Config;
use crate::metrics::Metrics;
use crate::model::{Generation, GrantId, Profile, Scope, ScopeSet};
use crate::oauth::Provider;
use crate::secrets::{Random, Secret};

/// The XMPP server: asked through [`Accounts`], heard while [`Server::run`] runs.
#[derive(Debug)]
pub struct Server {
    pub(super) config: Arc<Config>,
    pub(super) link: Link,
    hosts: Vec<Arc<Host>>,
    checks: Checks,
    pub(super) stages: Arc<Stages>,
    pub(super) counts: Arc<Counts>,
}

impl Server {
    /// The server that `config` names; the link is down until [`Server::run`].
    pub fn new(config: Arc<Config>, random: Arc<dyn Random>) -> Arc<Self> {
        let name = |host: &DomainPart| {
            let needs_module = !config.xmpp.only_validates(host);
            Arc::new(Host::new(host.clone(), needs_module))
        };
        let hosts: Vec<_> = config.xmpp.hosts.iter().map(name).collect();
        // A configuration has a host; without one, asking after ourselves is as good.
        let pinged = config.xmpp.hosts.first().unwrap_or(&config.component.jid);
        let (pinged, counts) = (Jid::from(pinged.clone()), Arc::<Counts>::default());
        let stages = Arc::new(Stages::new(Arc::clone(&random), Arc::clone(&counts)));
        let link = Link::new(
            config.component.clone(),
            pinged,
            random,
            Arc::clone(&counts),
        );
        Arc::new(Self {
            checks: Checks::new(&config.xmpp),
            stages,
            config,
            link,
            hosts,
            counts,
        })
    }

    /// Keeps the link up and serves what comes over it, until `shutdown` comes about. What has been
    /// taken by then is answered.
    pub async fn run(
        self: Arc<Self>,
        provider: Arc<Provider>,
        shutdown: impl Future<Output = ()> + Send,
    ) {
        let mut tasks = JoinSet::new();
        let router = Router::new(&self, &provider, &mut tasks);
        for host in &self.hosts {
            let (greeted, provider) = (Arc::clone(host), Arc::clone(&provider));
            let server = Arc::clone(&self);
            tasks.spawn(async move { greeted.settle(&provider, &server.link).await });
            let (silent, server) = (Arc::clone(host), Arc::clone(&self));
            tasks.spawn(async move { silent.ask_for_hello(&server.link).await });
        }
        self.link.run(&router, shutdown).await;
    }

    /// Whether the link is up, and why not; now and later.
    pub fn link_state(&self) -> watch::Receiver<LinkState> {
        self.link.state()
    }

    /// What is counted here, with what can only be looked at now.
    pub fn metrics(&self) -> &Metrics {
        self.counts.look(
            &self.link.state().borrow(),
            self.link.pending(),
            &self.host_infos(),
        );
        &self.counts.metrics
    }

    /// What is known of the served hosts.
    pub fn host_infos(&self) -> Vec<HostInfo> {
        self.hosts.iter().map(|host| host.info()).collect()
    }

    pub(super) fn hosts(&self) -> &[Arc<Host>] {
        &self.hosts
    }

    /// Whether a host's module has said hello.
    pub(super) fn has_module(&self, host: &DomainRef) -> bool {
        let info = self.host(host).map(|host| host.info());
        info.is_some_and(|info| matches!(info.module, Module::Present(_)))
    }

    /// Whether the host lets people in by `/oauth2/validate/HOST`, with no module that has said hello.
    fn only_validates(&self, host: &DomainRef) -> bool {
        self.config.xmpp.only_validates(host) && !self.has_module(host)
    }

    fn host(&self, name: &DomainRef) -> Option<&Arc<Host>> {
        self.hosts.iter().find(|host| host.is(name))
    }

    /// Asks a host's module.
    pub(super) async fn ask_module(
        &self,
        host: &DomainRef,
        kind: Kind,
        payload: Element,
    ) -> Result<Element, Unavailable> {
        let Some(known) = self.host(host) else {
            return Err(Unavailable::Refused(format!("{host} is not served")));
        };
        let to = Jid::from(BareJid::from(host));
        match self.link.ask(&to, kind, payload).await? {
            Ok(Some(payload)) => Ok(payload),
            Ok(None) => Err(Unavailable::Refused("an empty answer".to_owned())),
            Err(error) => {
                if let DefinedCondition::ItemNotFound | DefinedCondition::ServiceUnavailable =
                    error.defined_condition
                {
                    known.doubt();
                }
                Err(refused(&error))
            }
        }
    }
}

pub(super) fn refused(error: &StanzaError) -> Unavailable {
    if error.defined_condition == DefinedCondition::ResourceConstraint {
        return Unavailable::Busy;
    }
    let text = error.texts.values().next();
    Unavailable::Refused(match text {
        Some(text) => format!("{:?} ({text})", error.defined_condition),
        None => format!("{:?}", error.defined_condition),
    })
}

#[derive(AsXml)]
#[xml(namespace = ns::ACCOUNT, name = "accounts")]
struct AccountsQuery {
    #[xml(child(n = ..))]
    accounts: Vec<AccountQuery>,
}

#[derive(AsXml)]
#[xml(namespace = ns::ACCOUNT, name = "account")]
struct AccountQuery {
    #[xml(attribute)]
    username: String,
}

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "accounts", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct AccountsAnswer {
    #[xml(child(n = ..))]
    accounts: Vec<AccountAnswer>,
}

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "account", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct AccountAnswer {
    #[xml(attribute)]
    username: String,
    #[xml(attribute)]
    exists: bool,
    #[xml(attribute)]
    enabled: bool,
    #[xml(attribute(default))]
    generation: Option<String>,
}

impl AccountAnswer {
    fn status(&self) -> AccountStatus {
        match (self.exists, self.enabled) {
            (false, _) => AccountStatus::Missing,
            (true, false) => AccountStatus::Disabled,
            (true, true) => AccountStatus::Enabled {
                generation: self.generation.clone().and_then(generation),
            },
        }
    }
}

/// An empty generation is as good as none.
pub(super) fn generation(text: String) -> Option<Generation> {
    (!text.is_empty()).then(|| Generation::new(text))
}

#[derive(AsXml)]
#[xml(namespace = ns::ACCOUNT, name = "end-sessions")]
struct EndSessions {
    #[xml(attribute)]
    username: String,
    #[xml(attribute)]
    grant: String,
}

#[derive(FromXml)]
#[xml(namespace = ns::ACCOUNT, name = "ended", on_unknown_attribute = Discard, on_unknown_child = Discard)]
struct Ended {
    #[xml(attribute(default))]
    count: u32,
}

#[async_trait]
impl Accounts for Server {
    async fn check_password(
        &self,
        account: &BareJid,
        password: &Secret,
    ) -> Result<PasswordCheck, Unavailable> {
        self.checks.check(self, account, password).await
    }

    async fn statuses(
        &self,
        host: &DomainPart,
        accounts: &[BareJid],
    ) -> Result<Vec<AccountStatus>, Unavailable> {
        let query = AccountsQuery {
            accounts: accounts
                .iter()
                .map(|account| AccountQuery {
                    username: username(account),
                })
                .collect(),
        };
        let answer = self.ask_module(host, Kind::Get, query.into()).await?;
        let answer = AccountsAnswer::try_from(answer).map_err(senseless)?;
        let status_of = |account: &BareJid| {
            let name = account.node()?.as_str();
            let mut answers = answer.accounts.iter();
            Some(answers.find(|answer| answer.username == name)?.status())
        };
        accounts
            .iter()
            .map(|account| status_of(account).ok_or_else(|| senseless("an account was left out")))
            .collect()
    }

    async fn end_sessions(&self, account: &BareJid, grant: &GrantId) -> Result<u32, Unavailable> {
        let order = EndSessions {
            username: username(account),
            grant: grant.to_string(),
        };
        let host = account.domain();
        if self.only_validates(host) {
            return Ok(0); // nobody there knows a grant
        }
        let answer = self.ask_module(host, Kind::Set, order.into()).await?;
        Ok(Ended::try_from(answer).map_err(senseless)?.count)
    }

    async fn tell(&self, account: &BareJid, text: &str) -> Result<(), Unavailable> {
        self.link.send(message::to(&self.config, account, text))
    }

    async fn profile(&self, account: &BareJid) -> Result<Profile, Unavailable> {
        vcard::profile(&self.link, account).await
    }

    fn enforced_scopes(&self, host: &DomainPart) -> ScopeSet {
        if self.only_validates(host) {
            // Nothing there holds a session to less than the account.
            return Scope::XMPP.parse().unwrap_or_default();
        }
        self.host(host)
            .map(|host| host.scopes())
            .unwrap_or_default()
    }
}

/// The localpart.
pub(super) fn username(account: &BareJid) -> String {
    account.node().map(ToString::to_string).unwrap_or_default()
}

/// The module's answer makes no sense.
pub(super) fn senseless(what: impl std::fmt::Display) -> Unavailable {
    Unavailable::Refused(format!("the module's answer makes no sense: {what}"))
}
