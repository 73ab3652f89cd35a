//! Operations on a connection to SQLite: statements stay prepared, rows are read where they lie.

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, params_from_iter};

use crate::storage::sql::{Column, Db, Read, Row, Value};
use crate::storage::{Result, StoreError};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;
        match error {
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Self::Corrupt(error.to_string()),
            _ => Self::Database(error.to_string()),
        }
    }
}

impl Db for Connection {
    fn first(&self, sql: &str, params: &[Value<'_>], read: &mut Read<'_>) -> Result<()> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        rows.next()?.map_or(Ok(()), |row| read(row))
    }

    fn each(&self, sql: &str, params: &[Value<'_>], read: &mut Read<'_>) -> Result<()> {
        let mut statement = self.prepare_cached(sql)?;
        let mut rows = statement.query(params_from_iter(params))?;
        while let Some(row) = rows.next()? {
            read(row)?;
        }
        Ok(())
    }

    fn change(&self, sql: &str, params: &[Value<'_>]) -> Result<usize> {
        let mut statement = self.prepare_cached(sql)?;
        Ok(statement.execute(params_from_iter(params))?)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match self {
            Value::Integer(Some(n)) => ValueRef::Integer(*n),
            Value::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Value::Blob(Some(bytes)) => ValueRef::Blob(bytes),
            Value::Flag(flag) => ValueRef::Integer((*flag).into()),
            Value::Integer(None) | Value::Text(None) | Value::Blob(None) => ValueRef::Null,
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}

impl Row for rusqlite::Row<'_> {
    fn column(&self, at: usize) -> Result<Column<'_>> {
        Ok(match self.get_ref(at)? {
            ValueRef::Null => Column::Null,
            ValueRef::Integer(n) => Column::Integer(n),
            ValueRef::Text(text) => Column::Text(
                std::str::from_utf8(text)
                    .map_err(|error| StoreError::Corrupt(format!("column {at}: {error}")))?,
            ),
            ValueRef::Blob(bytes) => Column::Blob(bytes),
            ValueRef::Real(_) => {
                return Err(StoreError::Corrupt(format!("a fraction in column {at}")));
            }
        })
    }
}
