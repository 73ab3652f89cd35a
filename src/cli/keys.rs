//! `keys`: what id_tokens are signed with.

use std::sync::Arc;

use clap::Subcommand;

use super::control::ask;
use super::operations::{Failed, KeyRow, Operation, Outcome};
use super::{output, unexpected};
use crate::config::Config;

/// What id_tokens are signed with.
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// List them, oldest first.
    List {
        /// For programs.
        #[arg(long)]
        json: bool,
    },
    /// Make a new one for each algorithm and sign with it; those before stay published for a day.
    Rotate,
    /// Take a retired one out at once: what it signed is worthless from then on.
    Remove {
        /// Its name.
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

pub(super) async fn run(config: &Arc<Config>, command: Keys) -> Result<(), Failed> {
    match command {
        Keys::List { json } => list(&keys(config, Operation::Keys).await?, json),
        Keys::Rotate => {
            for key in keys(config, Operation::RotateKeys).await? {
                output::line(format_args!(
                    "signing {} with {} from now on",
                    key.algorithm, key.kid
                ));
            }
        }
        Keys::Remove { kid } => {
            ask(config, Operation::RemoveKey { kid }).await?;
            output::line("removed");
        }
    }
    Ok(())
}

async fn keys(config: &Arc<Config>, operation: Operation) -> Result<Vec<KeyRow>, Failed> {
    match ask(config, operation).await? {
        Outcome::Keys(keys) => Ok(keys),
        other => Err(unexpected(&other)),
    }
}

fn list(keys: &[KeyRow], json: bool) {
    if json {
        return output::json(&keys);
    }
    let rows: Vec<_> = keys
        .iter()
        .map(|key| {
            [
                key.kid.clone(),
                key.algorithm.clone(),
                key.created_at.clone(),
                match &key.retired_at {
                    Some(at) => format!("retired {at}"),
                    None => "in use".to_owned(),
                },
            ]
        })
        .collect();
    output::table(["KID", "ALGORITHM", "CREATED", "STATE"], &rows);
}
