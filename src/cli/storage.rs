//! `storage`: looking after the database itself.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};

use super::control::{Reached, reach};
use super::operations::Failed;
use super::output;
use crate::config::{Config, Database, Postgres, database_url};
use crate::secrets::Secret;
use crate::storage::copy::{Copied, Progress, Step, copy, is_same};
use crate::storage::sqlite::SqliteStore;

/// How often a table's progress is told, at most.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Look after the database.
#[derive(Debug, Subcommand)]
pub(super) enum Storage {
    /// Copy a SQLite database to a new file, whether `serve` runs or not. A file that is there is left alone.
    Backup {
        /// Where to. Only its owner can read it.
        file: PathBuf,
    },
    Copy(Copy),
}

/// Copy a whole database to another one, of SQLite or PostgreSQL, while `serve` is stopped.
///
/// Every row is read again on both sides in the end. A copy that was broken off goes on when the same
/// command is given again; until it is whole, `serve` refuses it. Nothing is written to where it comes from.
#[derive(Args, Debug)]
pub(super) struct Copy {
    /// From where, as `storage.url` names it [default: the configured database]
    #[arg(long, value_name = "URL")]
    from: Option<String>,
    /// The file where the password for it stands [default: the configured password]
    #[arg(long, value_name = "FILE", requires = "from")]
    from_password_file: Option<PathBuf>,
    /// To where: "sqlite:PATH" or "postgres://USER@HOST/DATABASE". It must be empty.
    #[arg(long, value_name = "URL")]
    to: String,
    /// The file where the password for it stands [default: the configured password]
    #[arg(long, value_name = "FILE")]
    to_password_file: Option<PathBuf>,
}

pub(super) async fn run(config: &Config, command: Storage) -> Result<(), Failed> {
    match command {
        Storage::Copy(copy) => copy_all(config, copy).await,
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

async fn copy_all(config: &Config, arguments: Copy) -> Result<(), Failed> {
    let configured = &config.storage.database;
    let from = match &arguments.from {
        Some(url) => database(
            config,
            "--from",
            url,
            arguments.from_password_file.as_deref(),
        )?,
        None => configured.clone(),
    };
    let to = database(
        config,
        "--to",
        &arguments.to,
        arguments.to_password_file.as_deref(),
    )?;
    // held until the end
    let _nobody = match is_same(&from, configured) || is_same(&to, configured) {
        true => match reach(config).await? {
            Reached::Serve(_) => return Err("`serve` runs: stop it first".to_owned()),
            nobody => Some(nobody),
        },
        false => None,
    };
    let (source, destination) = (from.to_string(), to.to_string());
    let copied = tokio::task::spawn_blocking(move || {
        let mut lines = Lines::default();
        copy(&from, &to, &mut |progress| lines.tell(progress))
    });
    let copied = copied.await.map_err(|error| error.to_string())?;
    let Copied { rows, was_there } = copied.map_err(|error| error.to_string())?;
    let verb = match was_there {
        true => "were there already",
        false => "are there now",
    };
    output::line(format_args!(
        "all {rows} rows of {source} {verb}, in {destination}, and were compared. \
         For `serve` to use it, storage.url must name it"
    ));
    Ok(())
}

/// What an argument names. Nothing that is said of it has a password in it.
fn database(
    config: &Config,
    argument: &str,
    url: &str,
    password_file: Option<&Path>,
) -> Result<Database, Failed> {
    let named = |wrong: &str| format!("{argument} {wrong}");
    let database = database_url(url, Path::new("")).map_err(|wrong| named(&wrong))?;
    let database = match (database, password_file) {
        (database, None) => database,
        (Database::Sqlite(_), Some(_)) => {
            return Err(named("is a file of SQLite, which has no password"));
        }
        (Database::Postgres(postgres), Some(_)) if postgres.password.is_some() => {
            return Err(named(
                "has a password, and a file with one is named: keep one",
            ));
        }
        (Database::Postgres(postgres), Some(file)) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("{}: {error}", file.display()))?;
            Database::Postgres(Postgres {
                password: Some(Secret::new(text.trim_end_matches(['\r', '\n']))),
                ..postgres
            })
        }
    };
    if let Database::Postgres(Postgres {
        password: Some(_), ..
    }) = &database
        && password_file.is_none()
    {
        output::error(named(&format!(
            "has a password, which all users of this machine can see as long as this runs: \
             {argument}-password-file names a file for it"
        )));
    }
    Ok(config.storage.reach(database))
}

/// The progress, a line now and then and one when a table is done.
#[derive(Default)]
struct Lines {
    /// What is under way, since when, and when it was last told.
    table: Option<(Step, &'static str, Instant, Instant)>,
}

impl Lines {
    fn tell(&mut self, progress: Progress) {
        let Progress {
            step,
            table,
            rows,
            total,
            before,
        } = progress;
        let now = Instant::now();
        let (since, told) = match self.table {
            Some((of, name, since, told)) if (of, name) == (step, table) => (since, told),
            _ => (now, now),
        };
        let is_due = rows > before && (rows >= total || now - told >= TELL_EVERY);
        self.table = Some((step, table, since, if is_due { now } else { told }));
        if !is_due {
            return;
        }
        let verb = match step {
            Step::Copying => "copied",
            Step::Comparing => "compared",
        };
        let seconds = (now - since).as_secs_f64();
        let rate = match seconds >= 1.0 {
            true => format!(", {:.0} a second", (rows - before) as f64 / seconds),
            false => String::new(),
        };
        output::progress(format_args!("{table}: {rows} of {total} rows {verb}{rate}"));
    }
}
