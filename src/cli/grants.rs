//! `grants`: what people have allowed apps to do.

use std::sync::Arc;

use clap::{Args, Subcommand};
use jid::BareJid;

use super::control::ask;
use super::operations::{Failed, GrantRow, Operation, Outcome};
use super::{output, unexpected};
use crate::config::Config;

/// What people have allowed apps to do.
#[derive(Debug, Subcommand)]
pub(super) enum Grants {
    /// List them, newest first.
    List {
        /// Only this account's.
        #[arg(long, value_name = "JID")]
        account: Option<BareJid>,
        /// Only this client's: its client_id or fingerprint.
        #[arg(long, value_name = "ID")]
        client: Option<String>,
        /// Those that have ended, too.
        #[arg(long)]
        all: bool,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Show one.
    Show {
        /// Its id, as `grants list` shows it.
        #[arg(allow_hyphen_values = true)]
        id: String,
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Take one back, or all of an account's or a client's. Tokens and live sessions end with it.
    Revoke(Which),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// Its id, as `grants list` shows it.
    #[arg(allow_hyphen_values = true)]
    id: Option<String>,
    /// All of this account's.
    #[arg(long, value_name = "JID")]
    account: Option<BareJid>,
    /// All of this client's: its client_id or fingerprint. It stays registered.
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

pub(super) async fn run(config: &Arc<Config>, command: Grants) -> Result<(), Failed> {
    match command {
        Grants::List {
            account,
            client,
            all,
            json,
        } => {
            let operation = Operation::Grants {
                account: account.map(|account| account.to_string()),
                client,
                with_ended: all,
            };
            list(&grants(config, operation).await?, json);
        }
        Grants::Show { id, json } => {
            for grant in grants(config, Operation::Grant { id }).await? {
                match json {
                    true => output::json(&grant),
                    false => show(&grant),
                }
            }
        }
        Grants::Revoke(which) => revoke(config, which).await?,
    }
    Ok(())
}

async fn revoke(config: &Arc<Config>, which: Which) -> Result<(), Failed> {
    let all = match (which.account, which.client) {
        (Some(account), _) => Some(Operation::RevokeAccount {
            account: account.to_string(),
        }),
        (None, Some(client)) => Some(Operation::RevokeClient { client }),
        (None, None) => None,
    };
    if let Some(operation) = all {
        let ended = grants(config, operation).await?;
        output::line(format_args!("revoked {} grants", ended.len()));
    } else if let Some(id) = which.id {
        ask(config, Operation::RevokeGrant { id }).await?;
        output::line("revoked");
    }
    Ok(())
}

async fn grants(config: &Arc<Config>, operation: Operation) -> Result<Vec<GrantRow>, Failed> {
    match ask(config, operation).await? {
        Outcome::Grants(grants) => Ok(grants),
        other => Err(unexpected(&other)),
    }
}

fn list(grants: &[GrantRow], json: bool) {
    if json {
        return output::json(&grants);
    }
    let rows: Vec<_> = grants
        .iter()
        .map(|grant| {
            [
                grant.id.clone(),
                grant.account.clone(),
                grant.client_name.clone(),
                grant.scope.clone(),
                grant.created_at.clone(),
                grant.last_used_at.clone(),
                match &grant.ended_at {
                    Some(_) => "ended".to_owned(),
                    None => output::or_dash(grant.open_sessions),
                },
            ]
        })
        .collect();
    output::table(
        [
            "ID",
            "ACCOUNT",
            "CLIENT",
            "SCOPES",
            "CREATED",
            "LAST USED",
            "SESSIONS",
        ],
        &rows,
    );
}

fn show(grant: &GrantRow) {
    let at = |at: &String, from: Option<&String>| match from {
        Some(from) => format!("{at} from {from}"),
        None => at.clone(),
    };
    let sessions = match grant.resources.as_slice() {
        [] => output::or_dash(grant.open_sessions),
        resources => format!("{}: {}", resources.len(), resources.join(", ")),
    };
    let ended = grant.ended_at.as_ref().map(|at| {
        let reason = grant.end_reason.as_deref().unwrap_or("");
        format!("{at} ({reason})")
    });
    output::facts(&[
        ("id", grant.id.clone()),
        ("account", grant.account.clone()),
        (
            "client",
            format!("{} ({})", grant.client_name, grant.client),
        ),
        ("scopes", grant.scope.clone()),
        (
            "created",
            at(&grant.created_at, grant.granted_from.as_ref()),
        ),
        (
            "last used",
            at(&grant.last_used_at, grant.last_used_from.as_ref()),
        ),
        ("sessions", sessions),
        ("ended", output::or_dash(ended)),
    ]);
}
