//! `[storage]`: which database, and how to reach it.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;
use url::Url;

use super::reader::Section;
use super::server::warn_of_secret_in;
use super::values::{Value, expected, filled_in, is_loopback, quoted};
use crate::secrets::Secret;

/// `[storage]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    /// The database of `url`, with what the other options say of PostgreSQL.
    pub database: Database,
    /// The password for a URL that has none.
    pub password: Option<Secret>,
    /// How many connections are held to PostgreSQL.
    pub connections: usize,
}

impl Storage {
    /// A database with what the options say, where its URL does not.
    #[must_use]
    pub fn reach(&self, database: Database) -> Database {
        match database {
            Database::Postgres(postgres) => Database::Postgres(Postgres {
                password: postgres.password.or_else(|| self.password.clone()),
                connections: self.connections,
                ..postgres
            }),
            Database::Sqlite(path) => Database::Sqlite(path),
        }
    }
}

/// A database, as a URL names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// The file of `sqlite:PATH`.
    Sqlite(PathBuf),
    /// A database of a PostgreSQL server.
    Postgres(Postgres),
}

/// What `postgres://USER@HOST/DATABASE` says, and what stands beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Postgres {
    /// Hosts, or folders of a socket, with their ports. Of several, the one is used that can be written.
    pub hosts: Vec<(String, u16)>,
    /// Whom to log in as.
    pub user: String,
    /// Their password, if the server wants one.
    pub password: Option<Secret>,
    /// The database's name.
    pub name: String,
    /// How TLS is used; `None` for not at all.
    pub tls: Option<PostgresTls>,
    /// How many connections are held.
    pub connections: usize,
}

/// TLS to a PostgreSQL server, whose certificate must be for its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PostgresTls {
    /// Certificate authorities to trust, beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// As a URL, without a password.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(postgres) => postgres.fmt(f),
        }
    }
}

/// As a URL, without a password.
impl fmt::Display for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.user)?;
        for (no, (host, port)) in self.hosts.iter().enumerate() {
            let comma = if no == 0 { "" } else { "," };
            match host.contains(':') {
                true => write!(f, "{comma}[{host}]:{port}")?,
                false => write!(f, "{comma}{host}:{port}")?,
            }
        }
        write!(f, "/{}", self.name)
    }
}

/// How many connections are held, unless the file says so.
const CONNECTIONS: usize = 8;

pub(super) fn storage(section: &Section<'_>, file: Option<&Path>) -> Storage {
    let database = section
        .text("url", |text| database(text, |path| section.absolute(path)))
        .unwrap_or_else(|| Database::Sqlite(section.absolute("xmpp-oauth.db")));
    let password = section.secret("password", "password_file", filled_in);
    warn_of_secret_in(section, "password", file);
    let connections = section.number("connections", 1..=1000);
    if let Database::Postgres(Postgres {
        password: Some(_), ..
    }) = &database
    {
        warn_of_secret_in(section, "url", file);
        if password.is_some() {
            section.problem(
                "url",
                "has a password, and storage.password is set: keep one",
            );
        }
    }
    let storage = Storage {
        database: Database::Sqlite(PathBuf::new()),
        password,
        connections: connections.unwrap_or(CONNECTIONS),
    };
    Storage {
        database: storage.reach(database),
        ..storage
    }
}

/// What a database's URL names; relative paths in it are relative to `folder`.
///
/// # Errors
/// What it must be, in a sentence that holds no password.
pub fn database_url(text: &str, folder: &Path) -> Result<Database, String> {
    database(text, |path| folder.join(path))
}

fn database(text: &str, absolute: impl Fn(&str) -> PathBuf) -> Value<Database> {
    if let Some(path) = text.strip_prefix("sqlite:")
        && !path.is_empty()
        && !path.starts_with("//")
    {
        return Ok(Database::Sqlite(absolute(path)));
    }
    let is_postgres = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.starts_with(scheme));
    if !is_postgres {
        let found = without_password(text);
        return Err(expected(
            "\"sqlite:PATH\" or \"postgres://USER@HOST/DATABASE\"",
            &found,
        ));
    }
    // What cannot be read may hold a password anywhere.
    let url = Url::parse(text).map_err(|error| {
        format!("must be \"postgres://USER@HOST/DATABASE\", and is no URL: {error}")
    })?;
    postgres(&url, absolute).map(Database::Postgres)
}

fn postgres(url: &Url, absolute: impl Fn(&str) -> PathBuf) -> Value<Postgres> {
    let (mut host, mut port, mut user, mut sslmode, mut ca_file) = (None, None, None, None, None);
    for (name, value) in url.query_pairs() {
        let value = value.into_owned();
        match &*name {
            "host" => host = Some(value),
            "port" => port = Some(value),
            "user" => user = Some(value),
            "sslmode" => sslmode = Some(value),
            "sslrootcert" => ca_file = Some(absolute(&value)),
            _ => {
                return Err(format!(
                    "has a parameter {}: known are host, port, user, sslmode and sslrootcert",
                    quoted(&name)
                ));
            }
        }
    }
    let decoded = |text: &str| -> Value<String> {
        let text = percent_decode_str(text).decode_utf8();
        let text = text.map_err(|_| "holds bytes that are no UTF-8".to_owned());
        text.map(Cow::into_owned)
    };
    let named = url.host_str().filter(|host| !host.is_empty());
    let host = match (host, named) {
        (Some(host), _) => host,
        (None, Some(host)) => decoded(host.trim_matches(['[', ']']))?,
        (None, None) => {
            return Err("names no host, as in \"postgres://USER@HOST/DATABASE\"".to_owned());
        }
    };
    let ports = match (port, url.port()) {
        (Some(port), _) => port,
        (None, Some(port)) => port.to_string(),
        (None, None) => "5432".to_owned(),
    };
    let ports: Vec<u16> = ports
        .split(',')
        .map(|port| {
            port.parse()
                .map_err(|_| format!("has no port {}", quoted(port)))
        })
        .collect::<Value<_>>()?;
    let names: Vec<_> = host.split(',').map(str::to_owned).collect();
    let hosts: Vec<(String, u16)> = match ports[..] {
        [port] => names.into_iter().map(|host| (host, port)).collect(),
        _ if ports.len() == names.len() => names.into_iter().zip(ports).collect(),
        _ => return Err("has another number of ports than of hosts".to_owned()),
    };
    let user = match user {
        Some(user) => user,
        None => decoded(url.username())?,
    };
    if user.is_empty() {
        return Err("names no user, as in \"postgres://USER@HOST/DATABASE\"".to_owned());
    }
    let name = match url.path().trim_start_matches('/') {
        "" => user.clone(),
        name => decoded(name)?,
    };
    let password = url.password().map(decoded).transpose()?.map(Secret::new);
    Ok(Postgres {
        tls: tls(sslmode.as_deref(), ca_file, &hosts)?,
        hosts,
        user,
        password,
        name,
        connections: CONNECTIONS,
    })
}

/// Without a word about it, TLS is used wherever somebody could listen.
fn tls(
    mode: Option<&str>,
    ca_file: Option<PathBuf>,
    hosts: &[(String, u16)],
) -> Value<Option<PostgresTls>> {
    let is_here = |host: &str| host.starts_with('/') || is_loopback(host);
    let all_here = hosts.iter().all(|(host, _)| is_here(host));
    if let Some(file) = ca_file.as_ref().filter(|file| !file.is_file()) {
        let file = file.display();
        return Err(format!("has an sslrootcert that is no file: {file}"));
    }
    match mode {
        Some("verify-full") => Ok(Some(PostgresTls { ca_file })),
        None if !all_here || ca_file.is_some() => Ok(Some(PostgresTls { ca_file })),
        None | Some("disable") => Ok(None),
        Some(other) => Err(format!(
            "has sslmode={other}: it may be verify-full (the default off this machine; \
             sslrootcert names a certificate authority of your own) or disable. TLS with whoever \
             answers protects from nobody who can listen"
        )),
    }
}

/// A text that may be a database's URL with a password in it, as it is shown.
fn without_password(text: &str) -> String {
    match text.split_once(':') {
        Some((scheme, rest)) if rest.contains('@') => format!("\"{scheme}:…\""),
        _ => quoted(text),
    }
}
