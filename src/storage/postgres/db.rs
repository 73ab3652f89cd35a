//! Operations on a connection to PostgreSQL.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::pin::pin;

use bytes::BytesMut;
use futures::StreamExt as _;
use futures::future::join;
use tokio::runtime::Runtime;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{RowStream, Statement};

use super::changes;
use super::failure::Failure;
use super::session::{Session, in_time};
use crate::storage::sql::{Column, Db, Read, Row, Value};
use crate::storage::{Change, Result, StoreError};

/// An operation's transaction, which begins with its first statement.
pub(super) struct Transaction<'s> {
    runtime: &'s Runtime,
    session: &'s Session,
    /// How it begins; `None` for an operation that is one statement, and its own transaction.
    begin: Option<&'static str>,
    begun: Cell<bool>,
    failure: RefCell<Option<Failure>>,
    noted: Cell<bool>,
}

impl<'s> Transaction<'s> {
    pub(super) fn new(
        runtime: &'s Runtime,
        session: &'s Session,
        begin: Option<&'static str>,
    ) -> Self {
        Self {
            runtime,
            session,
            begin,
            begun: Cell::new(false),
            failure: RefCell::default(),
            noted: Cell::default(),
        }
    }

    /// Whether other processes are to hear of it.
    pub(super) fn has_noted(&self) -> bool {
        self.noted.get()
    }

    /// The failure of one of its statements. Nothing can come of it after that.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.failure.borrow().clone()
    }

    /// Makes what it wrote durable.
    pub(super) fn commit(&self) -> std::result::Result<(), Failure> {
        if !self.begun.get() {
            return Ok(());
        }
        self.runtime.block_on(async {
            let commit = async {
                let done = self.session.client.batch_execute("COMMIT").await;
                Ok(done.map_err(|error| Failure::of_commit(&error)))
            };
            in_time(commit)
                .await
                .unwrap_or_else(|late| Err(Failure::Unknown(late.text())))
        })
    }

    /// Undoes it. `false`, if the connection is of no use any more.
    pub(super) fn undo(&self) -> bool {
        if !self.begun.get() {
            return !self.session.client.is_closed();
        }
        let undone = in_time(self.session.client.batch_execute("ROLLBACK"));
        self.runtime.block_on(undone).is_ok()
    }

    fn run<T>(
        &self,
        sql: &str,
        params: &[Value<'_>],
        take: impl AsyncFnOnce(RowStream) -> std::result::Result<T, Taken>,
    ) -> Result<T> {
        let done = self.runtime.block_on(async {
            let rows = self.start(sql, params).await.map_err(Taken::Failed)?;
            take(rows).await
        });
        done.map_err(|taken| match taken {
            Taken::Failed(failure) => {
                let error = StoreError::Database(failure.text());
                *self.failure.borrow_mut() = Some(failure);
                error
            }
            Taken::Unread(error) => error,
        })
    }

    async fn start(
        &self,
        sql: &str,
        params: &[Value<'_>],
    ) -> std::result::Result<RowStream, Failure> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let ask = async |statement: Statement| {
            in_time(self.session.client.query_raw(&statement, params)).await
        };
        let begin = self.begin.filter(|_| !self.begun.get());
        let Some(begin) = begin else {
            return ask(self.session.prepared(sql, params).await?).await;
        };
        let begun = in_time(self.session.client.batch_execute(begin));
        self.begun.set(true);
        match self.session.known(sql) {
            // Sent together. If it should not have begun, no harm was done.
            Some(statement) if sql.starts_with("SELECT") => {
                let (begun, rows) = join(begun, ask(statement)).await;
                begun?;
                rows
            }
            _ => {
                begun.await?;
                ask(self.session.prepared(sql, params).await?).await
            }
        }
    }
}

/// Why rows were not taken.
enum Taken {
    Failed(Failure),
    /// What a row holds could not be read; the connection is well.
    Unread(StoreError),
}

impl Db for Transaction<'_> {
    fn first(&self, sql: &str, params: &[Value<'_>], read: &mut Read<'_>) -> Result<()> {
        let mut is_first = true;
        self.each(
            sql,
            params,
            &mut |row| match std::mem::replace(&mut is_first, false) {
                true => read(row),
                false => Ok(()),
            },
        )
    }

    fn each(&self, sql: &str, params: &[Value<'_>], read: &mut Read<'_>) -> Result<()> {
        self.run(sql, params, async |rows| {
            let mut rows = pin!(rows);
            while let Some(row) = next(rows.next()).await? {
                read(&row).map_err(Taken::Unread)?;
            }
            Ok(())
        })
    }

    fn change(&self, sql: &str, params: &[Value<'_>]) -> Result<usize> {
        self.run(sql, params, async |rows| {
            let mut rows = pin!(rows);
            while next(rows.next()).await?.is_some() {}
            let changed = rows.rows_affected().unwrap_or(0);
            Ok(usize::try_from(changed).unwrap_or(usize::MAX))
        })
    }

    fn note(&self, change: &Change) -> Result<()> {
        let (kind, key) = changes::written(change);
        self.noted.set(true);
        let sql = "INSERT INTO changes (kind, key) VALUES (?, ?)";
        self.change(sql, &[kind.into(), Value::Blob(key)]).map(drop)
    }
}

async fn next(
    row: impl Future<Output = Option<std::result::Result<tokio_postgres::Row, tokio_postgres::Error>>>,
) -> std::result::Result<Option<tokio_postgres::Row>, Taken> {
    let row = in_time(async { row.await.transpose() });
    row.await.map_err(Taken::Failed)
}

impl Row for tokio_postgres::Row {
    fn column(&self, at: usize) -> Result<Column<'_>> {
        let unread =
            |error: tokio_postgres::Error| StoreError::Corrupt(format!("column {at}: {error}"));
        let column = self.columns().get(at);
        let column = column.ok_or_else(|| StoreError::Corrupt(format!("no column {at}")))?;
        let column = match *column.type_() {
            Type::INT8 => self
                .try_get::<_, Option<i64>>(at)
                .map_err(unread)?
                .map(Column::Integer),
            Type::BOOL => {
                let flag = self.try_get::<_, Option<bool>>(at).map_err(unread)?;
                flag.map(|flag| Column::Integer(flag.into()))
            }
            Type::BYTEA => self
                .try_get::<_, Option<&[u8]>>(at)
                .map_err(unread)?
                .map(Column::Blob),
            _ => self
                .try_get::<_, Option<&str>>(at)
                .map_err(unread)?
                .map(Column::Text),
        };
        Ok(column.unwrap_or(Column::Null))
    }
}

/// A parameter's type.
pub(super) fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Integer(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Blob(_) => Type::BYTEA,
        Value::Flag(_) => Type::BOOL,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Integer(n) => n.to_sql(of, out),
            Self::Text(text) => text.as_deref().to_sql(of, out),
            Self::Blob(bytes) => bytes.to_sql(of, out),
            Self::Flag(flag) => flag.to_sql(of, out),
        }
    }

    fn accepts(of: &Type) -> bool {
        [Type::INT8, Type::TEXT, Type::BYTEA, Type::BOOL].contains(of)
    }

    to_sql_checked!();
}

/// A statement as PostgreSQL writes it: `$1` for `?1`, and for `?` the number after the highest before it.
pub(super) fn numbered(sql: &str) -> String {
    let mut numbered = String::with_capacity(sql.len() + 16);
    let mut highest = 0;
    let mut is_quoted = false;
    let mut rest = sql.chars().peekable();
    while let Some(c) = rest.next() {
        is_quoted ^= c == '\'';
        if c != '?' || is_quoted {
            numbered.push(c);
            continue;
        }
        let mut number = 0;
        while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)) {
            number = number * 10 + digit;
            rest.next();
        }
        if number == 0 {
            number = highest + 1;
        }
        highest = highest.max(number);
        numbered.push('$');
        numbered.push_str(&number.to_string());
    }
    numbered
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_are_numbered_as_sqlite_numbers_them() {
        for (sql, expected) in [
            ("SELECT 1", "SELECT 1"),
            ("a = ? AND b = ?", "a = $1 AND b = $2"),
            ("a = ?2 AND b = ?1 OR ?10", "a = $2 AND b = $1 OR $10"),
            ("a = ?2 AND b = ?", "a = $2 AND b = $3"),
            ("a = '?' AND b = ?", "a = '?' AND b = $1"),
        ] {
            assert_eq!(numbered(sql), expected);
        }
    }
}
