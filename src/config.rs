//! Typed settings, read from `component.toml`. Every option is described in that file; this room says
//! what a value may be, and names key, line and remedy where one is wrong.

mod file;
mod provider;
mod reader;
mod resource;
mod server;
mod storage;
mod values;

pub use file::{known_keys, load, parse};
pub use reader::{ConfigError, Problem};
pub use storage::{Database, Postgres, PostgresTls, Storage, database_url};
pub use values::{MIN_KEY_LENGTH, duration_text};

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use jid::{BareJid, DomainPart, DomainRef};
use url::Url;

use crate::model::{
    CodeChallengeMethod, GrantType, NoticeKind, ResponseType, Scope, SigningAlgorithm,
};
use crate::secrets::Secret;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `[component]`
    pub component: Component,
    /// `[xmpp]`
    pub xmpp: Xmpp,
    /// `[http]`
    pub http: Http,
    /// `[storage]`
    pub storage: Storage,
    /// `[site]`
    pub site: Site,
    /// `[tokens]`
    pub tokens: Tokens,
    /// `[registration]`
    pub registration: Registration,
    /// `[[clients]]`
    pub clients: Vec<ConfiguredClient>,
    /// `[[resources]]`
    pub resources: Vec<Resource>,
    /// `[flows]`
    pub flows: Flows,
    /// `[fetch]`
    pub fetch: Fetch,
    /// `[introspection]`
    pub introspection: Introspection,
    /// `[limits]`
    pub limits: Limits,
    /// `[audit]`
    pub audit: Audit,
    /// `[notices]`
    pub notices: Notices,
    /// `[log]`
    pub log: Log,
    /// Where `serve` listens for the other commands.
    pub control_socket: PathBuf,
    /// What is allowed but unwise, for the log and for `check`: a sentence each.
    pub warnings: Vec<String>,
}

/// `[component]`: the link (XEP-0114).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// The component's JID, a domain.
    pub jid: DomainPart,
    /// The secret shared with the server.
    pub secret: Secret,
    /// `host:port` of the server's component port.
    pub server: String,
    /// Whether the link may leave the machine although it is plaintext.
    pub allow_plaintext_network: bool,
    /// The largest stanza taken from the server or sent to it, in bytes.
    pub max_stanza_size: usize,
    /// How long to wait for the server's answer to a question.
    pub timeout: Duration,
}

/// `[xmpp]`: whose accounts, and how to ask about passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xmpp {
    /// Whose accounts may log in.
    pub hosts: Vec<DomainPart>,
    /// Those of them whose server has no module of ours and asks `/oauth2/validate/HOST` instead.
    pub validate_hosts: Vec<DomainPart>,
    /// Whose ad-hoc commands reach beyond their own account.
    pub admins: Vec<BareJid>,
    /// How passwords are checked.
    pub authentication: Authentication,
    /// `[xmpp.c2s]`
    pub c2s: C2s,
    /// How many passwords may be with the server at once.
    pub max_password_checks: usize,
}

impl Xmpp {
    /// Whether `host` is one of ours.
    pub fn serves(&self, host: &DomainRef) -> bool {
        self.hosts
            .iter()
            .any(|served| served.as_str() == host.as_str())
    }

    /// Whether `host` lets people in by what `/oauth2/validate/HOST` answers, without a module of ours.
    pub fn only_validates(&self, host: &DomainRef) -> bool {
        self.validate_hosts
            .iter()
            .any(|validating| validating.as_str() == host.as_str())
    }
}

/// `xmpp.authentication`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// Ask the server module over the link.
    Module,
    /// Log in as the user, and stop before binding a resource.
    C2s,
}

/// `[xmpp.c2s]`: for `authentication = "c2s"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct C2s {
    /// `host:port`; `None` for the host's own name and port 5222 (5223 with direct TLS).
    pub address: Option<String>,
    /// How the connection is encrypted.
    pub tls: C2sTls,
    /// Certificates to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
    /// SASL mechanisms to use, the best first.
    pub mechanisms: Vec<String>,
}

/// `xmpp.c2s.tls`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum C2sTls {
    /// RFC 6120 §5.
    Starttls,
    /// XEP-0368.
    Direct,
    /// Plaintext, to loopback only.
    None,
}

/// `[http]`: the listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// Where the endpoints and pages listen.
    pub listen: SocketAddr,
    /// The issuer: where people and clients reach us, without a trailing slash.
    pub public_url: Url,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Where health and metrics listen; `None` for nowhere.
    pub ops_listen: Option<SocketAddr>,
}

impl Http {
    /// The issuer identifier (RFC 8414 §2): `public_url` without a trailing slash.
    pub fn issuer(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }

    /// The absolute URL of one of our paths.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}{path}", self.issuer())
    }

    /// Whether people reach us over TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// Whether what `proxy` says of whom it speaks for is believed.
    pub fn trusts(&self, proxy: IpAddr) -> bool {
        self.trusted_proxies
            .iter()
            .any(|trusted| trusted.contains(&proxy))
    }
}

/// `[site]`: how pages look.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// What people call this server.
    pub site_name: String,
    /// A directory whose files replace built-in templates of the same name.
    pub template_path: Option<PathBuf>,
    /// Variables that every template sees.
    pub template_style: BTreeMap<String, String>,
    /// The operator's privacy policy.
    pub policy_url: Option<Url>,
    /// The operator's terms.
    pub terms_url: Option<Url>,
    /// A picture for the head of every page.
    pub logo_url: Option<Url>,
    /// Documentation for developers of clients.
    pub service_documentation: Option<Url>,
    /// Languages of the pages; the first is for those whose own is missing.
    pub locales: Vec<String>,
    /// What pages may load (CSP), in the place of what the built-in ones need.
    pub security_policy: Option<String>,
}

impl Site {
    /// The built-in languages, as `locales` names them.
    pub const LOCALES: [&str; 5] = ["en", "ar", "de", "es", "fr"];
}

/// `[tokens]`: how long things last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// Access tokens.
    pub access_token_ttl: Duration,
    /// Refresh tokens; `None` for until revoked.
    pub refresh_token_ttl: Option<Duration>,
    /// Authorization codes.
    pub authorization_code_ttl: Duration,
    /// Device codes (RFC 8628).
    pub device_code_ttl: Duration,
    /// Browser sessions.
    pub session_ttl: Duration,
    /// How id_tokens may be signed; RS256 is always among them.
    pub id_token_algorithms: Vec<SigningAlgorithm>,
    /// How old a signing key becomes; `None` for any age.
    pub signing_key_ttl: Option<Duration>,
}

/// `[registration]`: dynamic client registration (RFC 7591).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Signs `client_id`s; without it nobody can register.
    pub registration_key: Option<Secret>,
    /// How.
    pub registration_algorithm: RegistrationAlgorithm,
    /// How long a registration lasts; `None` for ever.
    pub default_ttl: Option<Duration>,
    /// Whether an expired registration may go on refreshing.
    pub accept_expired: bool,
    /// Who may register.
    pub open_to: OpenTo,
    /// Any of these lets a client register where that needs a token.
    pub initial_access_tokens: Vec<Secret>,
}

/// `registration.open_to`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenTo {
    /// Whoever asks.
    Anyone,
    /// Who has an initial access token (RFC 7591 §1.2).
    Token,
    /// Nobody; those who have registered stay.
    Nobody,
}

/// An entry of `[[clients]]`: a client that the operator wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredClient {
    /// Its identifier.
    pub client_id: String,
    /// Its secret, if it has one.
    pub client_secret: Option<Secret>,
    /// What else is said of it, under the names of RFC 7591. It is checked as a registration is.
    pub metadata: serde_json::Value,
}

/// An entry of `[[resources]]`: a service that is not XMPP, whose access tokens are JWTs (RFC 9068).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// What requests call it, `resource` (RFC 8707 §2), and its tokens' `aud`.
    pub uri: String,
    /// What people call it.
    pub name: String,
    /// Its scopes, each with what it allows in plain words.
    pub scopes: BTreeMap<Scope, String>,
    /// How long its tokens last: nobody can take one back before.
    pub access_token_ttl: Duration,
}

/// `registration.registration_algorithm`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
}

/// `[flows]`: what clients may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flows {
    /// Grant types that are on.
    pub allowed_grant_types: Vec<GrantType>,
    /// client_ids that may use the password grant.
    pub password_clients: Vec<String>,
    /// Response types that are on.
    pub allowed_response_types: Vec<ResponseType>,
    /// PKCE methods that are on.
    pub allowed_code_challenge_methods: Vec<CodeChallengeMethod>,
    /// Whether every code request needs PKCE.
    pub require_code_challenge: bool,
    /// Whether every authorization request has to be pushed.
    pub require_pushed_authorization_requests: bool,
}

impl Flows {
    /// Whether this grant type is on.
    pub fn allows(&self, grant_type: GrantType) -> bool {
        match grant_type {
            // no request to the token endpoint bears it
            GrantType::Implicit => self
                .allowed_response_types
                .iter()
                .any(|it| it.is_implicit()),
            _ => self.allowed_grant_types.contains(&grant_type),
        }
    }

    /// Whether this response type is on; a code is only where it can be redeemed.
    pub fn answers(&self, response_type: ResponseType) -> bool {
        self.allowed_response_types.contains(&response_type)
            && (response_type.is_implicit() || self.allows(GrantType::AuthorizationCode))
    }
}

/// `[fetch]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// Whether what clients name may be at an address that is not public.
    pub allow_private: bool,
    /// Certificate authorities to trust there, too.
    pub ca_file: Option<PathBuf>,
}

/// `[introspection]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// Exact JIDs and client_ids that may ask about any access token.
    pub allowed: Vec<String>,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// HTTP connections at once.
    pub max_connections: usize,
    /// The largest request body, in bytes.
    pub max_body_size: usize,
    /// How long a request's head and body may take to arrive.
    pub request_timeout: Duration,
    /// Wrong passwords in a row, per account, before they are slowed down.
    pub password_tries_per_account: u32,
    /// Wrong passwords in a row, per address, before they are slowed down.
    pub password_tries_per_address: u32,
    /// Registrations in a row, per address, before they are slowed down.
    pub registrations_per_address: u32,
    /// Access tokens kept in memory.
    pub cached_tokens: usize,
}

/// `[audit]`: what is kept about people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audit {
    /// How long security events are kept; `None` for not at all.
    pub keep: Option<Duration>,
    /// Whether the addresses that people and apps come from are kept.
    pub addresses: bool,
}

/// `[notices]`: what accounts are told without having asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notices {
    /// Of what.
    pub kinds: Vec<NoticeKind>,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A tracing filter: `info`, `debug`, `xmpp_oauth::xmpp=debug`.
    pub level: String,
    /// Lines for people or JSON.
    pub format: LogFormat,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}
