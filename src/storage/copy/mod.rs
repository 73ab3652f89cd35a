//! A whole database into another one, of whichever kind.
//!
//! Rows go over in the order of their keys, so many in each transaction of the destination. So what is there
//! says by itself how far this has come, and whoever is broken off, by whatever, goes on after the highest key.
//! In the end each row is read again on both sides and compared: that finds what the source has changed
//! between two runs, too. Until then a table stands in the destination that keeps programs from serving half
//! a database (`tables::UNFINISHED`).
//!
//! Nothing is written to the source, and nobody else may use either of them meanwhile. The rooms of the
//! databases see to that, where they can.

mod rows;
mod tables;

use std::time::Duration;

pub(super) use self::rows::{Described, Kind};
use self::rows::{Key, Plan};
pub(super) use self::tables::UNFINISHED;
pub use self::tables::{LEFT_OUT, TABLES, Table};
use super::sql::{Column, Db};
use super::{StoreError, postgres, sqlite};
use crate::config::Database;

/// Why nothing was copied, or not all of it.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A database failed.
    #[error("{database}: {error}")]
    Failed {
        /// Which one.
        database: String,
        /// How.
        error: StoreError,
    },
    /// The destination refuses a row that was copied into what an earlier run had left.
    #[error(
        "{database}: {error}. If {source_name} has changed since this copy was begun, the two do not fit \
         together: {}",
        begin_anew(database)
    )]
    Refused {
        /// The destination.
        database: String,
        /// The source.
        source_name: String,
        /// How.
        error: StoreError,
    },
    /// Both are one.
    #[error("{0} cannot be copied to itself")]
    Itself(String),
    /// The source is not there, or nothing of ours is in it.
    #[error("there is no database of xmpp-oauth at {0}")]
    NotThere(String),
    /// Somebody else is connected, or has the file open.
    #[error("{0} is in use: stop `serve`, and whatever else has it open, first")]
    InUse(String),
    /// Only a database of this very version is copied.
    #[error(
        "{database} has schema {found}, this version has {known}: start this version's `serve` on it once first"
    )]
    TooOld {
        /// Which one.
        database: String,
        /// The version of its schema.
        found: i64,
        /// The program's.
        known: i64,
    },
    /// Something else is in the destination.
    #[error("{0} is not empty, and is no copy of this: a copy needs a new database")]
    NotEmpty(String),
    /// What was read again is not the same.
    #[error(
        "{table} of {database} is not {table} of {source_name}, which was changed since this copy was begun, \
         unless the copy was: {}",
        begin_anew(database)
    )]
    Differs {
        /// Where.
        table: &'static str,
        /// The destination.
        database: String,
        /// The source.
        source_name: String,
    },
}

fn begin_anew(database: &str) -> String {
    format!("drop {database} and copy anew, with nobody at the source")
}

type Result<T> = std::result::Result<T, CopyError>;

/// How long a process that was stopped, or killed, may take to be gone from a database.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Rows are copied.
    Copying,
    /// Rows are read again and compared.
    Comparing,
}

/// How far it has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// With what.
    pub step: Step,
    /// In which table.
    pub table: &'static str,
    /// So many of its rows are done, those of an earlier run among them.
    pub rows: u64,
    /// So many does it have.
    pub total: u64,
    /// How many were done when this run came to it.
    pub before: u64,
}

/// A copy that is whole, and was compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// All rows, of all tables.
    pub rows: u64,
    /// It was whole before.
    pub was_there: bool,
}

/// A database that nobody else uses meanwhile, and the one connection to it.
pub(super) trait End {
    /// For people, without a password.
    fn name(&self) -> &str;

    /// The version of its schema, 0 for none; and the one that this program has.
    fn versions(&self) -> super::Result<(i64, i64)>;

    /// Makes its tables, or brings them up to date.
    fn migrate(&mut self) -> super::Result<()>;

    /// Waits a while for others to go. `false`, if they do not.
    fn is_alone(&self) -> super::Result<bool>;

    /// The columns of a table; none where there is no such table.
    fn columns(&self, db: &dyn Db, table: &str) -> super::Result<Vec<Described>>;

    /// How many rows it has.
    fn count(&self, table: &Table) -> super::Result<u64>;

    /// Does something with all as it was at one moment.
    fn read(&self, work: &mut dyn FnMut(&dyn Db) -> Result<()>) -> Result<()>;

    /// Writes something, which is durable then.
    fn write(&self, work: &mut dyn FnMut(&dyn Db) -> Result<()>) -> Result<()>;

    /// What there is to do when rows have come with their numbers.
    fn settle(&self, db: &dyn Db, tables: &[Table]) -> super::Result<()>;
}

/// Copies all of `from` to `to`, which is made if it is not there, or goes on with what an earlier call has
/// begun. Blocks as long as that takes.
///
/// # Errors
/// See [`CopyError`]. What has been copied stays.
pub fn copy(from: &Database, to: &Database, report: &mut dyn FnMut(Progress)) -> Result<Copied> {
    if is_same(from, to) {
        return Err(CopyError::Itself(to.to_string()));
    }
    let source = open_source(from)?;
    let mut destination = open_destination(to)?;
    let begun = begin(destination.as_ref(), source.name())?;
    if begun != Begun::Full {
        let migrated = destination.migrate();
        migrated.map_err(|error| failed(destination.as_ref(), error))?;
    }
    let copy = Copy {
        source: source.as_ref(),
        destination: destination.as_ref(),
        is_resumed: begun == Begun::Before,
    };
    match begun {
        Begun::Full => copy.compare_full(report),
        Begun::Before | Begun::Now => copy.run(report),
    }
}

/// Whether two names are of one database: of SQLite, also where a file has two.
pub fn is_same(from: &Database, to: &Database) -> bool {
    match (from, to) {
        (Database::Sqlite(from), Database::Sqlite(to)) => {
            from == to
                || from
                    .canonicalize()
                    .is_ok_and(|from| to.canonicalize().is_ok_and(|to| from == to))
        }
        (Database::Postgres(from), Database::Postgres(to)) => {
            (&from.hosts, &from.name) == (&to.hosts, &to.name)
        }
        _ => false,
    }
}

fn open_source(database: &Database) -> Result<Box<dyn End>> {
    let end: Box<dyn End> = match database {
        Database::Sqlite(path) => Box::new(sqlite::Alone::to_read(path)?),
        Database::Postgres(settings) => Box::new(postgres::Alone::open(settings)?),
    };
    check_alone(end.as_ref())?;
    let found = end.versions().map_err(|error| failed(end.as_ref(), error));
    match found? {
        (0, _) => return Err(CopyError::NotThere(end.name().to_owned())),
        versions => check_version(end.as_ref(), versions)?,
    }
    end.read(&mut |db| match unfinished(end.as_ref(), db)? {
        Some(of) => Err(failed(end.as_ref(), StoreError::Unfinished(of))),
        None => Ok(()),
    })?;
    Ok(end)
}

fn open_destination(database: &Database) -> Result<Box<dyn End>> {
    let end: Box<dyn End> = match database {
        Database::Sqlite(path) => Box::new(sqlite::Alone::to_write(path)?),
        Database::Postgres(settings) => Box::new(postgres::Alone::open(settings)?),
    };
    check_alone(end.as_ref())?;
    Ok(end)
}

fn check_alone(end: &dyn End) -> Result<()> {
    match end.is_alone().map_err(|error| failed(end, error))? {
        true => Ok(()),
        false => Err(CopyError::InUse(end.name().to_owned())),
    }
}

fn check_version(end: &dyn End, (found, known): (i64, i64)) -> Result<()> {
    let database = end.name().to_owned();
    match found.cmp(&known) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(failed(end, StoreError::TooNew { found, known })),
        std::cmp::Ordering::Less => Err(CopyError::TooOld {
            database,
            found,
            known,
        }),
    }
}

fn failed(end: &dyn End, error: StoreError) -> CopyError {
    CopyError::Failed {
        database: end.name().to_owned(),
        error,
    }
}

/// What a destination is half a copy of.
fn unfinished(end: &dyn End, db: &dyn Db) -> Result<Option<String>> {
    let mut of = None;
    let find = || {
        if end.columns(db, UNFINISHED)?.is_empty() {
            return Ok(());
        }
        let sql = format!("SELECT of_database FROM {UNFINISHED}");
        db.first(&sql, &[], &mut |row| {
            of = Some(match row.column(0)? {
                Column::Text(of) => of.to_owned(),
                _ => String::new(),
            });
            Ok(())
        })
    };
    let mut find = find;
    find().map_err(|error| failed(end, error))?;
    Ok(of)
}

/// When the copying of a destination began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    Now,
    Before,
    /// It has not begun: something else is there, or a copy that is whole.
    Full,
}

/// Before there is a table, so that no program takes it for a database without accounts.
fn begin(end: &dyn End, of: &str) -> Result<Begun> {
    let mut begun = Begun::Now;
    end.write(&mut |db| {
        if unfinished(end, db)?.is_some() {
            begun = Begun::Before;
            return Ok(());
        }
        let is_full = has_rows(end, db).map_err(|error| failed(end, error))?;
        if is_full {
            begun = Begun::Full;
            return Ok(());
        }
        let mark = || {
            db.change(
                &format!("CREATE TABLE {UNFINISHED} (of_database TEXT NOT NULL)"),
                &[],
            )?;
            let sql = format!("INSERT INTO {UNFINISHED} VALUES (?)");
            db.change(&sql, &[of.into()])
        };
        mark().map(drop).map_err(|error| failed(end, error))
    })?;
    Ok(begun)
}

fn has_rows(end: &dyn End, db: &dyn Db) -> super::Result<bool> {
    let mut found = false;
    for table in TABLES {
        if !end.columns(db, table.name)?.is_empty() {
            let sql = format!("SELECT {} FROM {} LIMIT 1", table.key[0], table.name);
            db.first(&sql, &[], &mut |_| {
                found = true;
                Ok(())
            })?;
        }
    }
    Ok(found)
}

struct Copy<'e> {
    source: &'e dyn End,
    destination: &'e dyn End,
    /// Rows may be there already.
    is_resumed: bool,
}

impl Copy<'_> {
    fn run(&self, report: &mut dyn FnMut(Progress)) -> Result<Copied> {
        let versions = self.destination.versions();
        check_version(
            self.destination,
            versions.map_err(|error| failed(self.destination, error))?,
        )?;
        let plans = self.plans()?;
        self.source.read(&mut |source| {
            plans
                .iter()
                .try_for_each(|plan| self.copy_table(plan, source, report))
        })?;
        let rows = self.compare(&plans, report)?;
        // whoever has come meanwhile may have changed what was compared already
        check_alone(self.source)?;
        check_alone(self.destination)?;
        self.destination.write(&mut |db| {
            let settled = self.destination.settle(db, TABLES);
            settled
                .and_then(|()| db.change(&format!("DROP TABLE {UNFINISHED}"), &[]))
                .map(drop)
                .map_err(|error| failed(self.destination, error))
        })?;
        Ok(Copied {
            rows,
            was_there: false,
        })
    }

    /// The copy may have been finished by a call whose end nobody heard of.
    fn compare_full(&self, report: &mut dyn FnMut(Progress)) -> Result<Copied> {
        let not_empty = || CopyError::NotEmpty(self.destination.name().to_owned());
        let versions = self.destination.versions();
        let (found, known) = versions.map_err(|error| failed(self.destination, error))?;
        if found != known {
            return Err(not_empty());
        }
        match self.compare(&self.plans()?, report) {
            Ok(rows) => Ok(Copied {
                rows,
                was_there: true,
            }),
            Err(CopyError::Differs { .. }) => Err(not_empty()),
            Err(error) => Err(error),
        }
    }

    fn plans(&self) -> Result<Vec<Plan>> {
        let mut plans = Vec::with_capacity(TABLES.len());
        self.source.read(&mut |db| {
            for table in TABLES {
                let columns = self.source.columns(db, table.name);
                let plan = columns.and_then(|columns| Plan::new(table, columns));
                plans.push(plan.map_err(|error| failed(self.source, error))?);
            }
            Ok(())
        })?;
        Ok(plans)
    }

    fn copy_table(
        &self,
        plan: &Plan,
        source: &dyn Db,
        report: &mut dyn FnMut(Progress),
    ) -> Result<()> {
        let (mut after, before) = self.done_before(plan)?;
        let total = self.source.count(plan.table);
        let mut progress = Progress {
            step: Step::Copying,
            table: plan.table.name,
            rows: before,
            total: total.map_err(|error| failed(self.source, error))?,
            before,
        };
        loop {
            let batch = plan.read(source, after.as_ref());
            let batch = batch.map_err(|error| failed(self.source, error))?;
            if batch.len() > 0 {
                self.destination
                    .write(&mut |db| plan.store(db, &batch).map_err(|error| self.refused(error)))?;
                progress.rows += batch.len() as u64;
                report(progress);
            }
            if !batch.is_full() {
                return Ok(());
            }
            after = plan.key_after(&batch, after);
        }
    }

    /// The highest key that was copied, and how many rows.
    fn done_before(&self, plan: &Plan) -> Result<(Option<Key>, u64)> {
        if !self.is_resumed {
            return Ok((None, 0));
        }
        let mut last = None;
        self.destination.read(&mut |db| {
            let found = plan.last_key(db);
            last = found.map_err(|error| failed(self.destination, error))?;
            Ok(())
        })?;
        let before = self.destination.count(plan.table);
        Ok((
            last,
            before.map_err(|error| failed(self.destination, error))?,
        ))
    }

    fn refused(&self, error: StoreError) -> CopyError {
        match self.is_resumed {
            true => CopyError::Refused {
                database: self.destination.name().to_owned(),
                source_name: self.source.name().to_owned(),
                error,
            },
            false => failed(self.destination, error),
        }
    }

    /// Reads each row again, on both sides. Answers how many there are.
    fn compare(&self, plans: &[Plan], report: &mut dyn FnMut(Progress)) -> Result<u64> {
        let mut rows = 0;
        self.source.read(&mut |source| {
            self.destination.read(&mut |destination| {
                for plan in plans {
                    rows += self.compare_table(plan, (source, destination), report)?;
                }
                Ok(())
            })
        })?;
        Ok(rows)
    }

    fn compare_table(
        &self,
        plan: &Plan,
        (source, destination): (&dyn Db, &dyn Db),
        report: &mut dyn FnMut(Progress),
    ) -> Result<u64> {
        let total = self.destination.count(plan.table);
        let mut progress = Progress {
            step: Step::Comparing,
            table: plan.table.name,
            rows: 0,
            total: total.map_err(|error| failed(self.destination, error))?,
            before: 0,
        };
        let mut after = None;
        loop {
            let original = plan.read(source, after.as_ref());
            let original = original.map_err(|error| failed(self.source, error))?;
            let copied = plan.read(destination, after.as_ref());
            let copied = copied.map_err(|error| failed(self.destination, error))?;
            if original != copied {
                return Err(CopyError::Differs {
                    table: plan.table.name,
                    database: self.destination.name().to_owned(),
                    source_name: self.source.name().to_owned(),
                });
            }
            if original.len() > 0 {
                progress.rows += original.len() as u64;
                report(progress);
            }
            if !original.is_full() {
                return Ok(progress.rows);
            }
            after = plan.key_after(&original, after);
        }
    }
}
