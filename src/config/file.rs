//! `component.toml`, section by section: each function reads its section in full before it builds
//! anything, so that everything wrong is told at once.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use url::Url;

use super::reader::{ConfigError, Findings, Problem, Reader, Section};
use super::values::{
    Value, domain, duration_or_none, duration_text, expected, filled_in, host_and_port, host_of,
    is_loopback, long_enough, one_of, public_url, quoted, web_url,
};
use super::{
    Authentication, C2s, C2sTls, Component, Config, Flows, Http, Introspection, Limits, Log,
    LogFormat, Registration, RegistrationAlgorithm, Site, Storage, Tokens, Xmpp,
};
use crate::model::{CodeChallengeMethod, GrantType, ResponseType};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A path of this length no longer fits a socket's address (`sun_path`, with its final zero).
const MAX_SOCKET_PATH: usize = 107;

/// Reads the file. Relative paths in it are relative to its folder.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|e| ConfigError {
        file: Some(path.to_owned()),
        problems: vec![Problem {
            line: None,
            sentence: format!("cannot be read: {e} (`xmpp-oauth init` writes one)"),
        }],
    })?;
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent().unwrap_or(Path::new("/"));
    read(&text, folder, Some(&absolute)).map_err(|error| ConfigError {
        file: Some(path.to_owned()),
        ..error
    })
}

/// Reads a text as if it stood in a file in `folder`.
pub fn parse(text: &str, folder: &Path) -> Result<Config, ConfigError> {
    read(text, folder, None)
}

/// The dotted names of all options.
pub fn known_keys() -> Vec<String> {
    let reader = Reader::new("", Path::new("/"));
    reader.read(|file| whole(file, None));
    reader.findings().known
}

fn read(text: &str, folder: &Path, path: Option<&Path>) -> Result<Config, ConfigError> {
    let reader = Reader::new(text, folder);
    let config = reader.read(|file| whole(file, path));
    let Findings {
        problems, warnings, ..
    } = reader.findings();
    match config {
        Some(config) if problems.is_empty() => Ok(Config { warnings, ..config }),
        _ => Err(ConfigError {
            file: None,
            problems,
        }),
    }
}

fn whole(file: &Section<'_>, path: Option<&Path>) -> Option<Config> {
    let control_socket = control_socket(file);
    let component = file.section("component", |section| component(section, path));
    let jid = component.as_ref().map(|component| component.jid.clone());
    let xmpp = file.section("xmpp", |section| xmpp(section, jid.as_deref()));
    let http = file.section("http", http);
    let storage = file.section("storage", storage);
    let site = file.section("site", site);
    let tokens = file.section("tokens", tokens);
    let registration = file.section("registration", |section| registration(section, path));
    let flows = file.section("flows", flows);
    let introspection = file.section("introspection", introspection);
    let limits = file.section("limits", limits);
    let log = file.section("log", log);
    Some(Config {
        component: component?,
        xmpp: xmpp?,
        http: http?,
        storage,
        site,
        tokens,
        registration,
        flows,
        introspection,
        limits,
        log,
        control_socket,
        warnings: Vec::new(),
    })
}

fn control_socket(file: &Section<'_>) -> PathBuf {
    let path = file
        .path("control_socket")
        .unwrap_or_else(|| file.absolute("xmpp-oauth.sock"));
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        file.problem(
            "control_socket",
            &format!(
                "must be a path of at most {MAX_SOCKET_PATH} bytes (the system's limit for \
                 sockets), unlike {}",
                path.display()
            ),
        );
    }
    path
}

fn component(section: &Section<'_>, file: Option<&Path>) -> Option<Component> {
    let jid = section.required(
        "jid",
        "the component's domain in the server's config",
        domain,
    );
    let secret = section.secret("secret", "secret_file", filled_in);
    if !section.has("secret_file") {
        section.require(
            "secret",
            "the component's secret in the server's config (or component.secret_file, a file \
             with it)",
        );
    }
    warn_of_secret_in(section, "secret", file);
    let server = section
        .text("server", host_and_port)
        .unwrap_or_else(|| "127.0.0.1:5347".to_owned());
    let allow_plaintext_network = section.flag("allow_plaintext_network").unwrap_or(false);
    if !is_loopback(host_of(&server)) && !allow_plaintext_network {
        section.problem(
            "server",
            &format!(
                "must be on loopback (127.0.0.1, [::1], localhost), not {}: the link is plaintext \
                 and carries passwords. Where a tunnel protects it, set \
                 component.allow_plaintext_network = true",
                quoted(&server)
            ),
        );
    }
    let max_stanza_size = section
        .number("max_stanza_size", 10_000..=16 * 1024 * 1024)
        .unwrap_or(512 * 1024);
    let timeout = section
        .duration("timeout", "1s", "1m")
        .unwrap_or(Duration::from_secs(5));
    Some(Component {
        jid: jid?,
        secret: secret?,
        server,
        allow_plaintext_network,
        max_stanza_size,
        timeout,
    })
}

/// A secret in the config file itself is as private as the file.
fn warn_of_secret_in(section: &Section<'_>, key: &str, file: Option<&Path>) {
    if let Some(file) = file.filter(|_| section.has(key)) {
        section.warn_if_others_can_read(file);
    }
}

fn xmpp(section: &Section<'_>, component: Option<&jid::DomainRef>) -> Option<Xmpp> {
    section.require(
        "hosts",
        "the domains whose accounts may log in, such as [\"example.com\"]",
    );
    let hosts = section.list("hosts", |text| {
        let host = domain(text)?;
        if component.is_some_and(|jid| jid.as_str() == host.as_str()) {
            return Err(format!(
                "is component.jid itself: {} has no accounts",
                quoted(text)
            ));
        }
        Ok(host)
    });
    if hosts.as_ref().is_some_and(Vec::is_empty) {
        section.problem("hosts", "must name at least one domain");
    }
    let authentication = section
        .text("authentication", |text| {
            one_of(
                &[
                    ("module", Authentication::Module),
                    ("c2s", Authentication::C2s),
                ],
                text,
            )
        })
        .unwrap_or(Authentication::Module);
    let max_password_checks = section
        .number("max_password_checks", 1..=1000)
        .unwrap_or(16);
    let hosts = hosts.unwrap_or_default();
    let c2s = section.section("c2s", |section| c2s(section, &hosts));
    Some(Xmpp {
        hosts,
        authentication,
        c2s,
        max_password_checks,
    })
}

fn c2s(section: &Section<'_>, hosts: &[jid::DomainPart]) -> C2s {
    let address = section.text("address", host_and_port);
    let tls = section
        .text("tls", |text| {
            one_of(
                &[
                    ("starttls", C2sTls::Starttls),
                    ("direct", C2sTls::Direct),
                    ("none", C2sTls::None),
                ],
                text,
            )
        })
        .unwrap_or(C2sTls::Starttls);
    let on_loopback = match &address {
        Some(address) => is_loopback(host_of(address)),
        None => hosts.iter().all(|host| is_loopback(host.as_str())),
    };
    if tls == C2sTls::None && !on_loopback {
        section.problem(
            "tls",
            "may be \"none\" only with xmpp.c2s.address on loopback (127.0.0.1, [::1], localhost): \
             passwords would travel in the open",
        );
    }
    let ca_file = existing(section, "ca_file", "a file", Path::is_file);
    let mechanisms = section
        .list("mechanisms", |text| {
            one_of(&MECHANISMS.map(|name| (name, name)), text).map(str::to_owned)
        })
        .unwrap_or_else(|| MECHANISMS.map(str::to_owned).to_vec());
    if mechanisms.is_empty() {
        section.problem("mechanisms", "must name at least one mechanism");
    }
    C2s {
        address,
        tls,
        ca_file,
        mechanisms,
    }
}

/// The SASL mechanisms that can check a password, the best first.
const MECHANISMS: [&str; 3] = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"];

/// A path to something that must be there.
fn existing(
    section: &Section<'_>,
    key: &'static str,
    what: &str,
    is_there: impl FnOnce(&Path) -> bool,
) -> Option<PathBuf> {
    let path = section.path(key)?;
    if !is_there(&path) {
        section.problem(
            key,
            &format!("must be {what} that exists, unlike {}", path.display()),
        );
    }
    Some(path)
}

fn http(section: &Section<'_>) -> Option<Http> {
    let listen = section
        .text("listen", listening)
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8480)));
    let public_url = section.required(
        "public_url",
        "the URL under which people and clients reach this, such as \"https://auth.example.com\"",
        public_url,
    );
    let trusted_proxies = section
        .list("trusted_proxies", |text| {
            text.parse::<IpAddr>()
                .map_err(|_| expected("an IP address", &quoted(text)))
        })
        .unwrap_or_else(|| {
            vec![
                IpAddr::from([127, 0, 0, 1]),
                IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
            ]
        });
    let ops_listen = section
        .text("ops_listen", |text| match text {
            "none" => Ok(None),
            _ => listening(text)
                .map(Some)
                .map_err(|wrong| wrong.replacen("must be ", "must be \"none\" or ", 1)),
        })
        .unwrap_or_else(|| Some(SocketAddr::from(([127, 0, 0, 1], 8481))));
    if ops_listen == Some(listen) && listen.port() != 0 {
        section.problem(
            "ops_listen",
            "must differ from http.listen: health and metrics are not for the public",
        );
    }
    Some(Http {
        listen,
        public_url: public_url?,
        trusted_proxies,
        ops_listen,
    })
}

fn listening(text: &str) -> Value<SocketAddr> {
    text.parse().map_err(|_| {
        expected(
            "an IP address and a port such as \"127.0.0.1:8480\" or \"[::]:8480\"",
            &quoted(text),
        )
    })
}

fn storage(section: &Section<'_>) -> Storage {
    let sqlite_path = section
        .text("url", |text| match text.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() && !path.starts_with("//") => Ok(section.absolute(path)),
            _ => Err(expected("\"sqlite:PATH\"", &without_password(text))),
        })
        .unwrap_or_else(|| section.absolute("xmpp-oauth.db"));
    Storage { sqlite_path }
}

/// A database's URL without the password that it may hold.
fn without_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(url) if url.password().is_some() => format!("\"{}:…\"", url.scheme()),
        _ => quoted(text),
    }
}

fn site(section: &Section<'_>) -> Site {
    let site_name = section
        .text("site_name", |text| {
            if text.trim().is_empty() {
                return Err("must not be empty".to_owned());
            }
            Ok(text.to_owned())
        })
        .unwrap_or_else(|| "My XMPP Server".to_owned());
    let template_path = existing(section, "template_path", "a folder", Path::is_dir);
    let template_style = section
        .texts_by_name("template_style")
        .unwrap_or_default()
        .into_iter()
        .collect();
    let policy_url = section.text("policy_url", web_url);
    let terms_url = section.text("terms_url", web_url);
    let service_documentation = section.text("service_documentation", web_url);
    let locales = section
        .list("locales", |text| {
            one_of(&[("en", "en")], text).map(str::to_owned)
        })
        .unwrap_or_else(|| vec!["en".to_owned()]);
    if locales.is_empty() {
        section.problem("locales", "must name at least one language");
    }
    Site {
        site_name,
        template_path,
        template_style,
        policy_url,
        terms_url,
        service_documentation,
        locales,
    }
}

fn tokens(section: &Section<'_>) -> Tokens {
    let access_token_ttl = section
        .duration("access_token_ttl", "1m", "30d")
        .unwrap_or(HOUR);
    let refresh_token_ttl = section
        .text("refresh_token_ttl", duration_or_none)
        .unwrap_or(None);
    if let Some(refresh) = refresh_token_ttl.filter(|ttl| *ttl < access_token_ttl) {
        section.problem(
            "refresh_token_ttl",
            &format!(
                "must be \"none\" or at least tokens.access_token_ttl ({:?}), not {:?}: it would \
                 end before there is anything to refresh",
                duration_text(access_token_ttl),
                duration_text(refresh)
            ),
        );
    }
    // RFC 6749 §4.1.2: at most ten minutes.
    let authorization_code_ttl = section
        .duration("authorization_code_ttl", "10s", "10m")
        .unwrap_or(5 * MINUTE);
    let session_ttl = section
        .duration("session_ttl", "1m", "90d")
        .unwrap_or(12 * HOUR);
    Tokens {
        access_token_ttl,
        refresh_token_ttl,
        authorization_code_ttl,
        session_ttl,
    }
}

fn registration(section: &Section<'_>, file: Option<&Path>) -> Registration {
    let registration_key = section.secret("registration_key", "registration_key_file", long_enough);
    warn_of_secret_in(section, "registration_key", file);
    let registration_algorithm = section
        .text("registration_algorithm", |text| {
            one_of(
                &[
                    ("HS256", RegistrationAlgorithm::HS256),
                    ("HS384", RegistrationAlgorithm::HS384),
                    ("HS512", RegistrationAlgorithm::HS512),
                ],
                text,
            )
        })
        .unwrap_or(RegistrationAlgorithm::HS256);
    let default_ttl = section
        .text("default_ttl", duration_or_none)
        .unwrap_or(Some(90 * DAY));
    let accept_expired = section.flag("accept_expired").unwrap_or(true);
    Registration {
        registration_key,
        registration_algorithm,
        default_ttl,
        accept_expired,
    }
}

fn flows(section: &Section<'_>) -> Flows {
    let allowed_grant_types = section
        .list("allowed_grant_types", |text| {
            supported(
                &[
                    ("authorization_code", GrantType::AuthorizationCode),
                    ("refresh_token", GrantType::RefreshToken),
                ],
                text,
            )
        })
        .unwrap_or_else(|| vec![GrantType::AuthorizationCode, GrantType::RefreshToken]);
    let allowed_response_types = section
        .list("allowed_response_types", |text| {
            supported(&[("code", ResponseType::Code)], text)
        })
        .unwrap_or_else(|| vec![ResponseType::Code]);
    let allowed_code_challenge_methods = section
        .list("allowed_code_challenge_methods", |text| {
            supported(
                &[
                    ("S256", CodeChallengeMethod::S256),
                    ("plain", CodeChallengeMethod::Plain),
                ],
                text,
            )
        })
        .unwrap_or_else(|| vec![CodeChallengeMethod::S256]);
    let require_code_challenge = section.flag("require_code_challenge").unwrap_or(true);
    let flows = Flows {
        allowed_grant_types,
        allowed_response_types,
        allowed_code_challenge_methods,
        require_code_challenge,
    };
    check_flows(section, &flows);
    flows
}

fn supported<T: Copy>(choices: &[(&str, T)], text: &str) -> Value<T> {
    one_of(choices, text).map_err(|wrong| format!("is not supported by this version: it {wrong}"))
}

/// Settings that are fine one by one and let nobody in together.
fn check_flows(section: &Section<'_>, flows: &Flows) {
    if !flows
        .allowed_grant_types
        .contains(&GrantType::AuthorizationCode)
    {
        section.problem(
            "allowed_grant_types",
            "must hold \"authorization_code\": without it nobody can get a token",
        );
    }
    if !flows.allowed_response_types.contains(&ResponseType::Code) {
        section.problem(
            "allowed_response_types",
            "must hold \"code\": flows.allowed_grant_types has \"authorization_code\"",
        );
    }
    if flows.require_code_challenge && flows.allowed_code_challenge_methods.is_empty() {
        section.problem(
            "allowed_code_challenge_methods",
            "must not be empty while flows.require_code_challenge is true",
        );
    }
}

fn introspection(section: &Section<'_>) -> Introspection {
    let allowed = section
        .list("allowed", |text| {
            if text.is_empty() || text.contains(char::is_whitespace) {
                return Err(expected("a JID or a client_id", &quoted(text)));
            }
            Ok(text.to_owned())
        })
        .unwrap_or_default();
    Introspection { allowed }
}

fn limits(section: &Section<'_>) -> Limits {
    Limits {
        max_connections: section.number("max_connections", 1..=65_535).unwrap_or(512),
        max_body_size: section
            .number("max_body_size", 4096..=16 * 1024 * 1024)
            .unwrap_or(64 * 1024),
        request_timeout: section
            .duration("request_timeout", "1s", "5m")
            .unwrap_or(Duration::from_secs(10)),
        password_tries_per_account: section
            .number("password_tries_per_account", 1..=10_000)
            .unwrap_or(5),
        password_tries_per_address: section
            .number("password_tries_per_address", 1..=10_000)
            .unwrap_or(20),
        registrations_per_address: section
            .number("registrations_per_address", 1..=10_000)
            .unwrap_or(10),
        cached_tokens: section
            .number("cached_tokens", 1..=10_000_000)
            .unwrap_or(50_000),
    }
}

fn log(section: &Section<'_>) -> Log {
    let level = section
        .text("level", |text| {
            let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
            let well_formed = text.split(',').all(|part| match part.split_once('=') {
                Some((target, level)) => !target.is_empty() && is_level(level),
                None => is_level(part),
            });
            if well_formed {
                return Ok(text.to_owned());
            }
            Err(expected(
                "a level (error, warn, info, debug, trace, off) or a list such as \
                 \"info,xmpp_oauth::xmpp=debug\"",
                &quoted(text),
            ))
        })
        .unwrap_or_else(|| "info".to_owned());
    let format = section
        .text("format", |text| {
            one_of(
                &[("text", LogFormat::Text), ("json", LogFormat::Json)],
                text,
            )
        })
        .unwrap_or(LogFormat::Text);
    Log { level, format }
}
