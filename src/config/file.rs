//! `component.toml` as a whole. Each section is read in full before anything is built of it, so that
//! everything wrong is told at once.

use std::path::{Path, PathBuf};

use super::reader::{ConfigError, Findings, Problem, Reader, Section};
use super::{Config, Http};
use super::{provider, resource, server, storage};

/// A longer path does not fit a socket's address (`sun_path`, with its final zero).
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
    let component = file.section("component", |section| server::component(section, path));
    let jid = component.as_ref().map(|component| component.jid.clone());
    let xmpp = file.section("xmpp", |section| server::xmpp(section, jid.as_deref()));
    let http = file.section("http", server::http);
    let storage = file.section("storage", |section| storage::storage(section, path));
    let site = file.section("site", provider::site);
    let tokens = file.section("tokens", provider::tokens);
    let registration = file.section("registration", |section| {
        provider::registration(section, path)
    });
    let clients = file.sections("clients", |section| provider::client(section, path));
    let clients: Vec<_> = clients.into_iter().flatten().collect();
    let resources: Vec<_> = file.sections("resources", resource::resource);
    let resources: Vec<_> = resources.into_iter().flatten().collect();
    resource::check_apart(file, &resources, &clients, http.as_ref().map(Http::issuer));
    let flows = file.section("flows", provider::flows);
    let fetch = file.section("fetch", server::fetch);
    let introspection = file.section("introspection", provider::introspection);
    let limits = file.section("limits", provider::limits);
    let audit = file.section("audit", provider::audit);
    let notices = file.section("notices", provider::notices);
    let log = file.section("log", provider::log);
    Some(Config {
        component: component?,
        xmpp: xmpp?,
        http: http?,
        storage,
        site,
        tokens,
        registration,
        clients,
        resources,
        flows,
        fetch,
        introspection,
        limits,
        audit,
        notices,
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
