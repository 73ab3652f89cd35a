//! Rows on their way, and the statements that read and write them: the same for all databases.

use super::tables::Table;
use crate::storage::sql::{Column, Db, Row, Value};
use crate::storage::{Result, StoreError};

/// How many rows are in memory at once, and in one transaction of the destination.
const BATCH: usize = 1000;
/// How many rows one statement stores. SQLite takes 32,766 parameters, PostgreSQL 65,535.
const TOGETHER: usize = 100;

/// What a column of a table may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum Kind {
    Integer,
    Text,
    Blob,
}

/// A table's column, as the database describes it.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Described {
    pub(in crate::storage) name: String,
    pub(in crate::storage) kind: Kind,
}

/// What a row holds in a column.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Blob(Vec<u8>),
}

impl From<Column<'_>> for Cell {
    fn from(column: Column<'_>) -> Self {
        match column {
            Column::Null => Self::Null,
            Column::Integer(n) => Self::Integer(n),
            Column::Text(text) => Self::Text(text.to_owned()),
            Column::Blob(bytes) => Self::Blob(bytes.to_owned()),
        }
    }
}

impl Cell {
    fn value(&self, kind: Kind) -> Result<Value<'_>> {
        Ok(match (self, kind) {
            (Self::Integer(n), Kind::Integer) => Value::Integer(Some(*n)),
            (Self::Text(text), Kind::Text) => Value::from(text),
            (Self::Blob(bytes), Kind::Blob) => Value::from(bytes),
            (Self::Null, Kind::Integer) => Value::Integer(None),
            (Self::Null, Kind::Text) => Value::Text(None),
            (Self::Null, Kind::Blob) => Value::Blob(None),
            // what it holds may be secret
            _ => {
                return Err(StoreError::Corrupt(format!(
                    "something that is no {kind:?}"
                )));
            }
        })
    }
}

/// Rows that follow each other in the order of their keys, each beginning with its key.
#[derive(PartialEq, Eq)]
pub(super) struct Batch {
    width: usize,
    cells: Vec<Cell>,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    /// Whether more rows may follow.
    pub(super) fn is_full(&self) -> bool {
        self.len() == BATCH
    }
}

/// The key of a row, after which the next ones are read.
pub(super) type Key = Vec<Cell>;

/// How a table is read and written.
pub(super) struct Plan {
    pub(super) table: &'static Table,
    /// The key's come first.
    columns: Vec<Described>,
    first: String,
    next: String,
    last: String,
    store_many: String,
    store_one: String,
}

impl Plan {
    /// For a table with these columns.
    pub(super) fn new(table: &'static Table, described: Vec<Described>) -> Result<Self> {
        let is_key = |column: &Described| table.key.contains(&column.name.as_str());
        let (mut columns, others): (Vec<_>, _) = described.into_iter().partition(is_key);
        columns.sort_by_key(|column| table.key.iter().position(|key| *key == column.name));
        if columns.len() != table.key.len() {
            let name = table.name;
            return Err(StoreError::Corrupt(format!("{name} has another key")));
        }
        columns.extend(others);

        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let (names, name) = (names.join(", "), table.name);
        let key = table.key.join(", ");
        let backwards = table.key.join(" DESC, ");
        let select = format!("SELECT {names} FROM {name}");
        let order = format!("ORDER BY {key} LIMIT {BATCH}");
        let places = places(table.key.len());
        let row = format!("({})", self::places(columns.len()));
        let store = format!("INSERT INTO {name} ({names}) VALUES {row}");
        Ok(Self {
            first: format!("{select} {order}"),
            next: format!("{select} WHERE ({key}) > ({places}) {order}"),
            last: format!("SELECT {key} FROM {name} ORDER BY {backwards} DESC LIMIT 1"),
            store_many: store.clone() + &format!(", {row}").repeat(TOGETHER - 1),
            store_one: store,
            table,
            columns,
        })
    }

    /// The rows after this key; the first ones without it.
    pub(super) fn read(&self, db: &dyn Db, after: Option<&Key>) -> Result<Batch> {
        let width = self.columns.len();
        let mut cells = Vec::with_capacity(width * BATCH);
        let mut read = |row: &dyn Row| {
            for at in 0..width {
                cells.push(row.column(at)?.into());
            }
            Ok(())
        };
        match after {
            None => db.each(&self.first, &[], &mut read)?,
            Some(key) => db.each(&self.next, &self.values(key)?, &mut read)?,
        }
        Ok(Batch { width, cells })
    }

    /// The highest key that there is.
    pub(super) fn last_key(&self, db: &dyn Db) -> Result<Option<Key>> {
        let mut last = None;
        db.first(&self.last, &[], &mut |row| {
            let key = (0..self.table.key.len()).map(|at| Ok(row.column(at)?.into()));
            last = Some(key.collect::<Result<_>>()?);
            Ok(())
        })?;
        Ok(last)
    }

    /// The key of the last of these rows; `before`, if there are none.
    pub(super) fn key_after(&self, batch: &Batch, before: Option<Key>) -> Option<Key> {
        let last = batch.cells.chunks(batch.width).next_back();
        last.map_or(before, |row| Some(row[..self.table.key.len()].to_vec()))
    }

    /// Stores rows.
    pub(super) fn store(&self, db: &dyn Db, batch: &Batch) -> Result<()> {
        self.store_all(db, batch).map_err(|error| match error {
            StoreError::Database(why) => {
                StoreError::Database(format!("{}: {why}", self.table.name))
            }
            error => error,
        })
    }

    fn store_all(&self, db: &dyn Db, batch: &Batch) -> Result<()> {
        let mut together = batch.cells.chunks_exact(batch.width * TOGETHER);
        for rows in &mut together {
            db.change(&self.store_many, &self.values(rows)?)?;
        }
        for row in together.remainder().chunks(batch.width) {
            db.change(&self.store_one, &self.values(row)?)?;
        }
        Ok(())
    }

    /// The parameters for keys or whole rows.
    fn values<'c>(&self, cells: &'c [Cell]) -> Result<Vec<Value<'c>>> {
        let kinds = self.columns.iter().map(|column| column.kind).cycle();
        cells
            .iter()
            .zip(kinds)
            .map(|(cell, kind)| cell.value(kind))
            .collect()
    }
}

/// So many parameters.
fn places(count: usize) -> String {
    vec!["?"; count].join(", ")
}
