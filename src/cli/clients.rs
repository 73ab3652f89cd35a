//! `clients`: the apps that people have used.

use std::sync::Arc;

use clap::Subcommand;

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
    /// Remove one for good: its grants end, and it cannot come back under this client_id.
    Remove {
        /// Its client_id, or its fingerprint as `clients list` shows it.
        #[arg(allow_hyphen_values = true)]
        id: String,
    },
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
        ("registered", client.registered_at.clone()),
        ("expires", output::or_dash(client.expires_at.as_ref())),
        ("client_id", client.client_id.clone()),
    ]);
}
