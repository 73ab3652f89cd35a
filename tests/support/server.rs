//! A server of either kind, shaped by what a scenario wants of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::child::Signal;
use super::ejabberd::Ejabberd;
use super::prosody::{COMPONENT, Prosody, SECOND, SECRET, STRANGER, THIRD, User};
use super::release::{Release, Software, Source};

/// The components, as many of them as a scenario wants.
const COMPONENTS: [&str; 3] = [COMPONENT, SECOND, THIRD];

/// What a scenario wants of its server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) release: Release,
    /// Clients must use TLS before they log in.
    pub(crate) is_encrypted: bool,
    /// XEP-0198.
    has_resumption: bool,
    /// XEP-0388, and XEP-0484 where it works.
    has_sasl2: bool,
    /// WebSocket and BOSH (RFC 7395, XEP-0206).
    has_web: bool,
    /// Our module is there.
    pub(crate) has_oauth_module: bool,
    /// How many components the module knows, up to three. Where it is more than one, a stranger may connect.
    components: usize,
    /// Where components may connect, beside loopback.
    pub(crate) component_address: Option<Ipv4Addr>,
}

impl Wish {
    /// An ordinary server with our module, that lets clients log in without TLS.
    pub(crate) fn of(release: Release) -> Self {
        Self {
            release,
            is_encrypted: false,
            has_resumption: false,
            has_sasl2: false,
            has_web: false,
            has_oauth_module: true,
            components: 1,
            component_address: None,
        }
    }

    pub(crate) fn encrypted(self) -> Self {
        Self {
            is_encrypted: true,
            ..self
        }
    }

    pub(crate) fn with_resumption(self) -> Self {
        Self {
            has_resumption: true,
            ..self
        }
    }

    pub(crate) fn with_sasl2(self) -> Self {
        Self {
            has_sasl2: true,
            ..self
        }
    }

    pub(crate) fn with_web(self) -> Self {
        Self {
            has_web: true,
            ..self
        }
    }

    pub(crate) fn with_components(self, components: usize) -> Self {
        Self { components, ..self }
    }

    pub(crate) fn reached_at(self, address: Ipv4Addr) -> Self {
        Self {
            component_address: Some(address),
            ..self
        }
    }

    /// Those that the module knows.
    pub(crate) fn known_components(self) -> &'static [&'static str] {
        &COMPONENTS[..self.components]
    }

    /// Those that may connect.
    pub(crate) fn all_components(self) -> Vec<&'static str> {
        let known = self.known_components().iter().copied();
        known
            .chain((self.components > 1).then_some(STRANGER))
            .collect()
    }

    pub(crate) fn without_oauth_module(self) -> Self {
        Self {
            has_oauth_module: false,
            ..self
        }
    }

    /// Whether the release has SASL2 at all: ejabberd 23.01 has none.
    pub(crate) fn can_sasl2(self) -> bool {
        self.release.is_prosody() || self.is_new()
    }

    /// Whether the release can disable an account at all: Debian 12's Prosody cannot.
    pub(crate) fn can_disable(self) -> bool {
        !self.release.is_prosody() || self.is_new()
    }

    /// Whether it gives out FAST tokens: Debian 12's Prosody fails when it is asked for one.
    pub(crate) fn has_fast(self) -> bool {
        self.has_sasl2 && self.is_new()
    }

    /// Whether the release's prosody-modules have mod_rest: Debian 12's have not.
    pub(crate) fn has_rest(self) -> bool {
        self.release.is_prosody() && self.is_new()
    }

    /// Whether the server has OAUTHBEARER without our module, for its own authentication providers.
    pub(crate) fn has_oauthbearer(self) -> bool {
        self.release.is_prosody() && self.is_new()
    }

    /// Debian 13's.
    fn is_new(self) -> bool {
        self.release.source == Source::Tree("trixie") || is_trixie()
    }

    pub(crate) async fn start(self) -> Server {
        match self.release.software {
            Software::Ejabberd => Server::Ejabberd(Ejabberd::start_new(self).await),
            Software::Prosody => Server::Prosody(self.prosody().await),
        }
    }

    async fn prosody(self) -> Prosody {
        let mut builder = Prosody::builder(self.release).require_encryption(self.is_encrypted);
        if self.has_resumption {
            builder = builder.global_modules(&["smacks"]);
        }
        if self.has_sasl2 {
            builder = builder.host_modules(&["sasl2"]);
        }
        if self.has_fast() {
            builder = builder.host_modules(&["sasl2_fast"]);
        }
        if self.has_web {
            builder = builder.global_modules(&["websocket", "bosh"]);
        }
        if let known @ [_, _, ..] = self.known_components() {
            let known = known.iter().map(|name| format!("{name:?}"));
            let known = known.collect::<Vec<_>>().join(", ");
            builder = builder.host_line(&format!("oauth_component = {{ {known} }}"));
        }
        for name in &self.all_components()[1..] {
            let section = format!("Component {name:?}\ncomponent_secret = {SECRET:?}");
            builder = builder.component_line(&section);
        }
        if let Some(address) = self.component_address {
            let line = format!("component_interfaces = {{ \"127.0.0.1\", \"{address}\" }}");
            builder = builder.global_line(&line);
        }
        if !self.has_oauth_module {
            builder = builder.without_oauth_module();
        }
        builder.start().await
    }
}

fn is_trixie() -> bool {
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    system.lines().any(|line| line == "VERSION_CODENAME=trixie")
}

/// A running server.
pub(crate) enum Server {
    Prosody(Prosody),
    Ejabberd(Ejabberd),
}

impl Server {
    pub(crate) async fn start(&mut self) {
        match self {
            Self::Prosody(server) => server.start().await,
            Self::Ejabberd(server) => server.start().await,
        }
    }

    pub(crate) async fn stop(&mut self) {
        match self {
            Self::Prosody(server) => server.stop().await,
            Self::Ejabberd(server) => server.stop().await,
        }
    }

    pub(crate) fn kill9(&mut self) {
        match self {
            Self::Prosody(server) => server.kill9(),
            Self::Ejabberd(server) => server.kill9(),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        match self {
            Self::Prosody(server) => server.signal(signal),
            Self::Ejabberd(server) => server.signal(signal),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::Prosody(server) => server.pid(),
            Self::Ejabberd(server) => server.pid(),
        }
    }

    pub(crate) fn log(&self) -> String {
        match self {
            Self::Prosody(server) => server.log(),
            Self::Ejabberd(server) => server.log(),
        }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        match self {
            Self::Prosody(server) => server.ca_file(),
            Self::Ejabberd(server) => server.ca_file(),
        }
    }

    pub(crate) fn c2s(&self) -> SocketAddr {
        match self {
            Self::Prosody(server) => server.c2s(),
            Self::Ejabberd(server) => server.c2s(),
        }
    }

    pub(crate) fn c2s_tls(&self) -> SocketAddr {
        match self {
            Self::Prosody(server) => server.c2s_tls(),
            Self::Ejabberd(server) => server.c2s_tls(),
        }
    }

    /// Where chat clients in browsers connect: by WebSocket, by BOSH.
    pub(crate) fn web(&self) -> [String; 2] {
        let port = match self {
            Self::Prosody(server) => server.ports.http,
            Self::Ejabberd(server) => server.ports.http,
        };
        [
            format!("ws://localhost:{port}/xmpp-websocket"),
            format!("http://localhost:{port}/http-bind"),
        ]
    }

    pub(crate) fn component(&self) -> SocketAddr {
        match self {
            Self::Prosody(server) => server.component(),
            Self::Ejabberd(server) => server.component(),
        }
    }

    /// Makes an account.
    pub(crate) async fn add_user(&self, user: User<'_>) {
        match self {
            Self::Prosody(server) => server.add_user(user).await,
            Self::Ejabberd(server) => server.add_user(user).await,
        }
    }

    /// Changes a password without a word to the component's module, where the server can: ejabberd has no
    /// way past itself.
    pub(crate) async fn set_password_outside(&self, jid: &str, password: &str) {
        match (self, jid.split_once('@')) {
            (Self::Prosody(server), _) => server.set_password_outside(jid, password).await,
            (Self::Ejabberd(server), Some((name, host))) => {
                server.set_password(name, host, password).await;
            }
            (Self::Ejabberd(_), None) => panic!("{jid} is no account"),
        }
    }

    pub(crate) async fn delete_user(&self, jid: &str) {
        match (self, jid.split_once('@')) {
            (Self::Prosody(server), _) => server.delete_user(jid).await,
            (Self::Ejabberd(server), Some((name, host))) => server.delete_user(name, host).await,
            (Self::Ejabberd(_), None) => panic!("{jid} is no account"),
        }
    }

    pub(crate) async fn disable_user(&self, jid: &str) {
        match (self, jid.split_once('@')) {
            (Self::Prosody(server), _) => server.disable_user(jid).await,
            (Self::Ejabberd(server), Some((name, host))) => server.ban(name, host).await,
            (Self::Ejabberd(_), None) => panic!("{jid} is no account"),
        }
    }

    /// What the log says when a session waits to be resumed.
    pub(crate) fn says_hibernating(&self) -> &'static str {
        match self {
            Self::Prosody(_) => "going into hibernation",
            Self::Ejabberd(_) => "for stream resumption",
        }
    }
}
