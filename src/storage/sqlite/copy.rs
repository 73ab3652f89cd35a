//! A file as one end of a copy: no other connection is open, and none can be opened.

use std::path::Path;

use rusqlite::{Connection, ErrorCode};

use super::schema;
use crate::storage::copy::{CopyError, Described, End, Kind, Table, UNFINISHED};
use crate::storage::sql::{Column, Db};
use crate::storage::{Result, StoreError};

/// See the module.
pub(in crate::storage) struct Alone {
    db: Connection,
    name: String,
}

impl Alone {
    /// Opens a file that must be there, and keeps it as it is.
    pub(in crate::storage) fn to_read(path: &Path) -> std::result::Result<Self, CopyError> {
        let name = path.display().to_string();
        // no SQLITE_OPEN_CREATE, but a name for it
        if !path.exists() {
            return Err(CopyError::NotThere(name));
        }
        let opened = schema::open_alone(path).and_then(|db| {
            db.pragma_update(None, "query_only", true)?;
            Ok(db)
        });
        match opened {
            Ok(db) => Ok(Self { db, name }),
            Err(error) => Err(unopened(name, error)),
        }
    }

    /// Opens or makes a file, without its tables.
    pub(in crate::storage) fn to_write(path: &Path) -> std::result::Result<Self, CopyError> {
        let name = path.display().to_string();
        schema::make(path).map_err(|error| CopyError::Failed {
            database: name.clone(),
            error: StoreError::Database(error.to_string()),
        })?;
        let opened = schema::open_alone(path).and_then(|db| {
            let is_foreign = is_foreign(&db)?;
            if !is_foreign {
                schema::set_up_to_write(&db)?;
            }
            Ok((db, is_foreign))
        });
        match opened {
            Ok((_, true)) => Err(CopyError::NotEmpty(name)),
            Ok((db, false)) => Ok(Self { db, name }),
            Err(error) => Err(unopened(name, error)),
        }
    }

    fn transact(
        &self,
        begin: &str,
        work: &mut dyn FnMut(&dyn Db) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        let run = |sql| {
            let done = self.db.execute_batch(sql);
            done.map_err(|error| CopyError::Failed {
                database: self.name.clone(),
                error: error.into(),
            })
        };
        run(begin)?;
        match work(&self.db) {
            Ok(()) => run("COMMIT"),
            Err(error) => {
                // SQLite has ended it by itself after some errors.
                if !self.db.is_autocommit() {
                    run("ROLLBACK")?;
                }
                Err(error)
            }
        }
    }
}

/// Whether something else keeps its tables there.
fn is_foreign(db: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name <> ?";
    let others: i64 = db.query_row(sql, [UNFINISHED], |row| row.get(0))?;
    Ok(others > 0 && schema::version(db)? == 0)
}

fn unopened(database: String, error: rusqlite::Error) -> CopyError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy) => CopyError::InUse(database),
        _ => CopyError::Failed {
            database,
            error: error.into(),
        },
    }
}

impl End for Alone {
    fn name(&self) -> &str {
        &self.name
    }

    fn versions(&self) -> Result<(i64, i64)> {
        Ok((schema::version(&self.db)?, schema::known()))
    }

    fn migrate(&mut self) -> Result<()> {
        schema::migrate(&mut self.db)
    }

    fn is_alone(&self) -> Result<bool> {
        Ok(true)
    }

    fn columns(&self, db: &dyn Db, table: &str) -> Result<Vec<Described>> {
        let mut columns = Vec::new();
        let sql = "SELECT name, type FROM pragma_table_info(?)";
        db.each(sql, &[table.into()], &mut |row| {
            let (Column::Text(name), Column::Text(of)) = (row.column(0)?, row.column(1)?) else {
                return Err(StoreError::Corrupt(format!("no columns of {table}")));
            };
            let kind = match of {
                "INTEGER" => Kind::Integer,
                "TEXT" => Kind::Text,
                "BLOB" => Kind::Blob,
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
        let count: i64 = self.db.query_row(&sql, [], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    fn read(
        &self,
        work: &mut dyn FnMut(&dyn Db) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        self.transact("BEGIN", work)
    }

    fn write(
        &self,
        work: &mut dyn FnMut(&dyn Db) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        self.transact("BEGIN IMMEDIATE", work)
    }

    /// The next number is always the one after the highest.
    fn settle(&self, _db: &dyn Db, _tables: &[Table]) -> Result<()> {
        Ok(())
    }
}
