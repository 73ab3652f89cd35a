//! A database as one end of a copy: with a connection of its own, beside which there is none of another
//! process of ours.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::time::sleep;
use tokio_postgres::Client;

use super::db::Transaction;
use super::failure::Failure;
use super::schema::{self, Stuck};
use super::session::{Server, Session, runtime};
use crate::config::Postgres;
use crate::storage::copy::{CopyError, Described, End, Kind, PATIENCE, Table};
use crate::storage::sql::{Column, Db};
use crate::storage::{Result, StoreError};

/// The other side may keep a transaction waiting, and big tables take long.
const SETTINGS: &str = "
    SET statement_timeout = 0;
    SET idle_in_transaction_session_timeout = 0;
";

/// Processes of ours that are connected, this one aside. Their names are those that `Server` gives them.
const OTHERS: &str = "
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'xmpp-oauth'";

const COLUMNS: &str = "
    SELECT column_name::text, data_type::text FROM information_schema.columns
    WHERE table_schema = current_schema() AND table_name = ? ORDER BY ordinal_position";

/// See the module.
pub(in crate::storage) struct Alone {
    // Dropped first: the connection ends with it.
    session: Session,
    runtime: Runtime,
    server: Server,
    name: String,
}

impl Alone {
    /// Logs in.
    pub(in crate::storage) fn open(settings: &Postgres) -> std::result::Result<Self, CopyError> {
        let name = settings.to_string();
        let named = |error| CopyError::Failed {
            database: name.clone(),
            error,
        };
        let server = Server::new(settings).map_err(named)?;
        let runtime = runtime().map_err(named)?;
        let session = runtime.block_on(async {
            let session = Session::open(&server).await?;
            let set = session.client.batch_execute(SETTINGS).await;
            set.map_err(|error| Failure::of(&error))?;
            Ok(session)
        });
        let session = session.map_err(|failure| named(unnamed(&failure)))?;
        Ok(Self {
            session,
            runtime,
            server,
            name,
        })
    }

    /// Runs something that may take long, and is no part of a transaction.
    fn ask<T>(
        &self,
        ask: impl AsyncFnOnce(&Client) -> std::result::Result<T, tokio_postgres::Error>,
    ) -> Result<T> {
        let asked = self.runtime.block_on(ask(&self.session.client));
        asked.map_err(|error| unnamed(&Failure::of(&error)))
    }

    fn transact(
        &self,
        begin: &'static str,
        work: &mut dyn FnMut(&dyn Db) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        let transaction = Transaction::new(&self.runtime, &self.session, Some(begin));
        match work(&transaction) {
            Ok(()) => transaction.commit().map_err(|failure| CopyError::Failed {
                database: self.name.clone(),
                error: unnamed(&failure),
            }),
            Err(error) => {
                // What comes of a connection that is of no use any more is the error.
                let _ = transaction.undo();
                Err(error)
            }
        }
    }
}

fn unnamed(failure: &Failure) -> StoreError {
    StoreError::Database(failure.text())
}

fn stuck(stuck: &Stuck, server: &Server) -> StoreError {
    match stuck {
        Stuck::Failed(failure) => unnamed(failure),
        other => other.named(server),
    }
}

impl End for Alone {
    fn name(&self) -> &str {
        &self.name
    }

    fn versions(&self) -> Result<(i64, i64)> {
        let found = self.runtime.block_on(schema::found(&self.session.client));
        Ok((
            found.map_err(|why| stuck(&why, &self.server))?,
            schema::known(),
        ))
    }

    fn migrate(&mut self) -> Result<()> {
        let migrated = self.runtime.block_on(schema::migrate(&self.session.client));
        migrated.map_err(|why| stuck(&why, &self.server))
    }

    fn is_alone(&self) -> Result<bool> {
        let until = Instant::now() + PATIENCE;
        self.ask(async |client| {
            loop {
                let others: i64 = client.query_one(OTHERS, &[]).await?.get(0);
                if others == 0 || Instant::now() > until {
                    return Ok(others == 0);
                }
                sleep(Duration::from_millis(50)).await;
            }
        })
    }

    fn columns(&self, db: &dyn Db, table: &str) -> Result<Vec<Described>> {
        let mut columns = Vec::new();
        db.each(COLUMNS, &[table.into()], &mut |row| {
            let (Column::Text(name), Column::Text(of)) = (row.column(0)?, row.column(1)?) else {
                return Err(StoreError::Corrupt(format!("no columns of {table}")));
            };
            let kind = match of {
                "bigint" => Kind::Integer,
                "text" => Kind::Text,
                "bytea" => Kind::Blob,
                _ => return Err(StoreError::Corrupt(format!("{of} in {table}"))),
            };
            let name = name.to_owned();
            columns.push(Described { name, kind });
            Ok(())
        })?;
        Ok(columns)
    }

    fn count(&self, table: &Table) -> Result<u64> {
        let sql = format!("SELECT count(*) FROM {}", table.name);
        self.ask(async |client| {
            // all rows are wanted, in no order
            client.batch_execute("SET enable_seqscan = on").await?;
            let count: i64 = client.query_one(&sql, &[]).await?.get(0);
            client.batch_execute("SET enable_seqscan = off").await?;
            Ok(count.unsigned_abs())
        })
    }

    fn read(
        &self,
        work: &mut dyn FnMut(&dyn Db) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        self.transact("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", work)
    }

    fn write(
        &self,
        work: &mut dyn FnMut(&dyn Db) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        self.transact("BEGIN ISOLATION LEVEL READ COMMITTED", work)
    }

    /// Numbers go on after the highest; and the planner is told what it has.
    fn settle(&self, db: &dyn Db, tables: &[Table]) -> Result<()> {
        for Table { name, key } in tables {
            if *key == ["no"] {
                let sql = format!(
                    "SELECT setval(pg_get_serial_sequence('{name}', 'no'), max(no)) FROM {name}"
                );
                db.first(&sql, &[], &mut |_| Ok(()))?;
            }
            db.change(&format!("ANALYZE {name}"), &[])?;
        }
        Ok(())
    }
}
