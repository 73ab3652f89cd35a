//! `storage`: looking after the database itself.

use std::path::PathBuf;

use clap::Subcommand;

use super::operations::Failed;
use super::output;
use crate::config::{Config, Database};
use crate::storage::sqlite::SqliteStore;

/// Look after the database.
#[derive(Debug, Subcommand)]
pub(super) enum Storage {
    /// Copy a SQLite database to a new file, whether `serve` runs or not. A file that is there is left alone.
    Backup {
        /// Where to. Only its owner can read it.
        file: PathBuf,
    },
}

pub(super) fn run(config: &Config, command: Storage) -> Result<(), Failed> {
    match command {
        // not over the control socket: serve may be kept from writing where the operator wants it
        Storage::Backup { file } => {
            let Database::Sqlite(database) = &config.storage.database else {
                return Err(format!(
                    "{} is PostgreSQL's: its own pg_dump makes the copy (docs/operate.md). This is for SQLite",
                    config.storage.database
                ))?;
            };
            SqliteStore::back_up(database, &file).map_err(|error| error.to_string())?;
            output::line(format_args!(
                "{} is in {}. Keep the configuration with it: client_ids hang on its registration_key",
                database.display(),
                file.display()
            ));
            Ok(())
        }
    }
}
