//! `clients`: the apps that people have used.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Map, Value};

use super::control::ask;
use super::operations::{ClientRow, Failed, Operation, Outcome};
use super::{output, unexpected};
use crate::config::Config;

/// The apps that people have used.
#[derive(Debug, Subcommand)]
pub(super) enum Clients {
    /// List them, oldest first.
    List {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Show one.
    Show {
        /// Its client_id, or its fingerprint as `clients list` shows it.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Add one by hand, which never expires, and show its client_id and secret.
    Add(Add),
    /// Remove one for good: its grants end, and it cannot come back under this client_id.
    Remove {
        /// Its client_id, or its fingerprint as `clients list` shows it.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
}

/// What is said of a client; the names are those of RFC 7591.
#[derive(Debug, clap::Args)]
pub(super) struct Add {
    /// The name that people see.
    #[arg(long)]
    name: Option<String>,
    /// Its home page.
    #[arg(long, value_name = "URL")]
    uri: Option<String>,
    /// Where answers may go; may stand more than once.
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A program on people's own devices, not a website.
    #[arg(long)]
    native: bool,
    /// It has no secret to keep.
    #[arg(long)]
    public: bool,
    /// The scopes that it may ask for, in one text; without this, all.
    #[arg(long)]
    scope: Option<String>,
    /// A file with all its metadata in JSON, in place of the rest or beside it.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
    /// For programs.
    #[arg(long)]
    json: bool,
}

impl Add {
    fn metadata(&self) -> Result<Value, Failed> {
        let mut metadata = match &self.metadata {
            None => Map::new(),
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| error.to_string())
                .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
                .map_err(|error| format!("{}: {error}", file.display()))?,
        };
        let mut say = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                metadata.insert(name.to_owned(), value);
            }
        };
        say("client_name", self.name.clone().map(Value::from));
        say("client_uri", self.uri.clone().map(Value::from));
        say("scope", self.scope.clone().map(Value::from));
        say("application_type", self.native.then(|| "native".into()));
        say(
            "token_endpoint_auth_method",
            self.public.then(|| "none".into()),
        );
        let uris = &self.redirect_uris;
        say(
            "redirect_uris",
            (!uris.is_empty()).then(|| uris.clone().into()),
        );
        Ok(metadata.into())
    }
}

async fn add(config: &Arc<Config>, add: &Add) -> Result<(), Failed> {
    let metadata = add.metadata()?.to_string();
    let added = match ask(config, Operation::AddClient { metadata }).await? {
        Outcome::Added(added) => added,
        other => return Err(unexpected(&other)),
    };
    if add.json {
        output::json(&added);
    } else {
        output::facts(&[
            ("name", added.client_name),
            ("client_id", added.client_id),
            ("client_secret", output::or_dash(added.client_secret)),
        ]);
    }
    Ok(())
}

pub(super) async fn run(config: &Arc<Config>, command: Clients) -> Result<(), Failed> {
    match command {
        Clients::List { json } => list(&clients(config).await?, json),
        Clients::Show { id, json } => {
            let clients = clients(config).await?;
            let mut matching = clients
                .iter()
                .filter(|client| client.client_id == id || client.fingerprint.starts_with(&id));
            match (matching.next(), matching.next()) {
                (Some(client), None) if json => output::json(client),
                (Some(client), None) => show(client),
                (Some(_), Some(_)) => return Err(format!("more than one client begins with {id}")),
                (None, _) => {
                    let id: String = id.chars().take(24).collect();
                    return Err(format!(
                        "there is no client {id}; `clients list` shows them"
                    ));
                }
            }
        }
        Clients::Add(arguments) => add(config, &arguments).await?,
        Clients::Remove { id } => {
            ask(config, Operation::RemoveClient { client: id }).await?;
            output::line("removed; its grants have ended");
        }
    }
    Ok(())
}

async fn clients(config: &Arc<Config>) -> Result<Vec<ClientRow>, Failed> {
    match ask(config, Operation::Clients).await? {
        Outcome::Clients(clients) => Ok(clients),
        other => Err(unexpected(&other)),
    }
}

fn list(clients: &[ClientRow], json: bool) {
    if json {
        return output::json(&clients);
    }
    let rows: Vec<_> = clients
        .iter()
        .map(|client| {
            [
                client.fingerprint.clone(),
                client.client_name.clone(),
                output::or_dash(client.client_uri.as_ref()),
                client.registered_at.clone(),
            ]
        })
        .collect();
    output::table(["FINGERPRINT", "NAME", "URI", "REGISTERED"], &rows);
}

fn show(client: &ClientRow) {
    output::facts(&[
        ("fingerprint", client.fingerprint.clone()),
        ("name", client.client_name.clone()),
        ("uri", output::or_dash(client.client_uri.as_ref())),
        ("redirects to", client.redirect_uris.join(" ")),
        ("known by", client.origin.clone()),
        ("registered", client.registered_at.clone()),
        ("expires", output::or_dash(client.expires_at.as_ref())),
        ("client_id", client.client_id.clone()),
    ]);
}
