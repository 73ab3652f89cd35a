//! What the store's methods do, once for all databases: in statements that each of them understands, run
//! on a connection ([`Db`]) whose database stands in a room of its own.
//!
//! - Parameters are written `?` or `?1`. Their types are those of [`Value`], so a comparison with one
//!   never hangs on what the database guesses.
//! - What is spelled differently is left out: `coalesce` for `ifnull`, `CASE` for `max` of two values,
//!   `ON CONFLICT` with the conflict's columns, where the row that is there already is named with its table.
//! - Texts compare by their bytes everywhere.
//!
//! An operation has its transaction to itself, and may be run again when another one came between.

mod clients;
mod codes;
mod devices;
mod events;
mod grants;
mod keys;
mod logouts;
mod notices;
mod purge;
mod pushes;
mod rows;
mod sessions;
mod store;
mod tally;
mod tokens;

#[cfg(test)]
pub(super) use self::grants::list_sql;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;

use super::{Change, Changes, Result, StoreError, Tally};
use crate::metrics::Metrics;

/// A database, and how operations get to it.
pub(crate) trait Backend: Send + Sync + 'static {
    /// Whether several processes may use the database.
    const IS_SHARED: bool = false;

    /// Carries out an operation that looks up with one statement.
    fn look_up<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static;

    /// Carries out one that reads more, all of it as it was at one moment.
    fn list<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static;

    /// Carries out one that writes: as if nothing else went on meanwhile, and durable when it is answered.
    /// Where two could not have happened one after the other, one is done again.
    fn write<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static;

    /// The same, cheaper, for one that decides by rows alone which it writes itself, or which nobody writes
    /// without writing those: it need not be kept from anything but another's writing of the same rows.
    fn write_own<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static;

    /// Carries out one that writes by a single statement, and needs no more than that to be whole. Where the
    /// connection breaks meanwhile, it may be done twice.
    fn once<T, F>(&self, work: F) -> impl Future<Output = Result<T>> + Send
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static;

    /// See [`Store::tally`](super::Store::tally).
    fn shared_tally(&self) -> Option<&dyn Tally> {
        None
    }

    /// See [`Store::changes`](super::Store::changes).
    fn follow(&self) -> Option<Box<dyn Changes>> {
        None
    }

    /// See [`Store::close`](super::Store::close).
    fn shut(&self) -> impl Future<Output = ()> + Send;

    /// See [`Store::metrics`](super::Store::metrics).
    fn counted(&self) -> &Metrics;
}

/// A connection within a transaction. Statements are prepared once for each text.
pub(crate) trait Db {
    /// Reads the first row of a query, if there is one.
    fn first(&self, sql: &str, params: &[Value<'_>], read: &mut Read<'_>) -> Result<()>;

    /// Reads all rows of a query.
    fn each(&self, sql: &str, params: &[Value<'_>], read: &mut Read<'_>) -> Result<()>;

    /// Runs a statement that changes rows; answers how many.
    fn change(&self, sql: &str, params: &[Value<'_>]) -> Result<usize>;

    /// Lets other processes know of what the transaction does, where there may be others.
    fn note(&self, _change: &Change) -> Result<()> {
        Ok(())
    }
}

/// What is done with a row.
pub(crate) type Read<'a> = dyn FnMut(&dyn Row) -> Result<()> + 'a;

/// What a parameter may be. In a log it says what it is, and not which: some are keys, and who logs them is
/// the database's library.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// A whole number.
    Integer(Option<i64>),
    /// A text.
    Text(Option<Cow<'a, str>>),
    /// Bytes.
    Blob(Option<&'a [u8]>),
    /// Yes or no.
    Flag(bool),
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer(_) => "number",
            Self::Text(_) => "text",
            Self::Blob(_) => "bytes",
            Self::Flag(_) => "flag",
        })
    }
}

/// A statement's parameters.
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::storage::sql::Value::from($value)),*]
    };
}
use params;

macro_rules! value_from {
    ($($of:ty: $given:pat => $value:expr;)*) => {$(
        impl<'a> From<$of> for Value<'a> {
            fn from($given: $of) -> Self {
                $value
            }
        }
    )*};
}

value_from! {
    i64: n => Self::Integer(Some(n));
    Option<i64>: n => Self::Integer(n);
    u32: n => Self::Integer(Some(n.into()));
    bool: flag => Self::Flag(flag);
    &'a str: text => Self::Text(Some(text.into()));
    Option<&'a str>: text => Self::Text(text.map(Cow::from));
    &'a String: text => Self::Text(Some(text.into()));
    Option<&'a String>: text => Self::Text(text.map(Cow::from));
    &'a Option<String>: text => Self::Text(text.as_ref().map(Cow::from));
    String: text => Self::Text(Some(text.into()));
    Option<String>: text => Self::Text(text.map(Cow::from));
    &'a [u8; 32]: bytes => Self::Blob(Some(bytes));
    Option<&'a [u8; 32]>: bytes => Self::Blob(bytes.map(<[u8; 32]>::as_slice));
    &'a Vec<u8>: bytes => Self::Blob(Some(bytes));
}

/// A row of what a query found.
pub(crate) trait Row {
    /// A column's value, where it lies.
    fn column(&self, at: usize) -> Result<Column<'_>>;
}

/// What a column may hold. Yes and no are 1 and 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column<'a> {
    /// Nothing.
    Null,
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl dyn Row + '_ {
    /// A column's value as what it is meant to be.
    fn get<'r, T: FromColumn<'r>>(&'r self, at: usize) -> Result<T> {
        let column = self.column(at)?;
        T::from_column(column).ok_or_else(|| {
            // what it holds may be secret
            let holds = match column {
                Column::Null => "nothing",
                Column::Integer(_) => "a number",
                Column::Text(_) => "a text",
                Column::Blob(_) => "bytes",
            };
            StoreError::Corrupt(format!("{holds} in column {at}"))
        })
    }
}

/// What can stand in a column.
trait FromColumn<'a>: Sized {
    /// `None`, where it is something else.
    fn from_column(column: Column<'a>) -> Option<Self>;
}

impl<'a, T: FromColumn<'a>> FromColumn<'a> for Option<T> {
    fn from_column(column: Column<'a>) -> Option<Self> {
        match column {
            Column::Null => Some(None),
            column => T::from_column(column).map(Some),
        }
    }
}

macro_rules! from_column {
    ($($column:pat => $to:ty: $value:expr;)*) => {$(
        impl<'a> FromColumn<'a> for $to {
            fn from_column(column: Column<'a>) -> Option<Self> {
                match column {
                    $column => $value,
                    _ => None,
                }
            }
        }
    )*};
}

from_column! {
    Column::Integer(n) => i64: Some(n);
    Column::Integer(n) => u32: n.try_into().ok();
    Column::Integer(n) => bool: Some(n != 0);
    Column::Text(text) => &'a str: Some(text);
    Column::Text(text) => String: Some(text.to_owned());
    Column::Blob(bytes) => Vec<u8>: Some(bytes.to_owned());
    Column::Blob(bytes) => [u8; 32]: bytes.try_into().ok();
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn a_parameter_in_a_log_does_not_say_which_it_is() {
        for value in [
            Value::from("a secret"),
            Value::Blob(Some(b"a secret")),
            Value::from(1_234_567_i64),
        ] {
            let logged = format!("{value:?}");
            let is_hidden = ["secret", "97, 32", "1234567"].map(|part| !logged.contains(part));
            assert_eq!(is_hidden, [true; 3], "{logged}");
        }
    }
}
