//! `storage copy`: what it takes along, what it leaves alone, and what becomes of half a copy.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use tempfile::TempDir;
use tokio_postgres::NoTls;
use xmpp_oauth::config::Database;
use xmpp_oauth::storage::copy::{self, Copied, CopyError, Progress, Step};
use xmpp_oauth::storage::{self, StoreError};

use crate::fixture::{Shared, give, grant, has_access, hash, pair, rotate, session};
use crate::server::{Server, settings};

/// Databases that are not there yet.
struct Databases {
    files: TempDir,
    count: u32,
}

impl Databases {
    fn new() -> Self {
        let files = tempfile::tempdir().unwrap();
        Self { files, count: 0 }
    }

    fn sqlite(&mut self) -> Database {
        self.count += 1;
        let name = format!("{}.db", self.count);
        Database::Sqlite(self.files.path().join(name))
    }

    async fn postgres(&mut self) -> Database {
        let server = Server::shared();
        Database::Postgres(settings(&server.url(&server.empty().await)))
    }

    async fn both(&mut self) -> [Database; 2] {
        [self.sqlite(), self.postgres().await]
    }
}

/// The file of one that is SQLite's.
fn path(database: &Database) -> &Path {
    let Database::Sqlite(path) = database else {
        unreachable!("{database} is no file");
    };
    path
}

/// Has a store do something there, and closes it.
async fn at<T>(database: &Database, work: impl AsyncFnOnce(&Shared) -> T) -> T {
    let store = storage::open(database).await.unwrap();
    let done = work(&store).await;
    store.close().await;
    done
}

async fn sql(database: &Database, statements: &str) {
    match database {
        Database::Sqlite(path) => {
            let db = rusqlite::Connection::open(path).unwrap();
            db.execute_batch(statements).unwrap();
        }
        Database::Postgres(settings) => Server::shared().sql(&settings.name, statements).await,
    }
}

/// Copies; panics out of it at the report that `stop` says yes to.
async fn copy_until(
    from: &Database,
    to: &Database,
    mut stop: impl FnMut(&Progress) -> bool + Send + 'static,
) -> Option<Result<Copied, CopyError>> {
    struct Stopped;
    let (from, to) = (from.clone(), to.clone());
    let copying = tokio::task::spawn_blocking(move || {
        let copied = catch_unwind(AssertUnwindSafe(|| {
            copy::copy(&from, &to, &mut |progress| {
                if stop(&progress) {
                    // without a word about it
                    resume_unwind(Box::new(Stopped));
                }
            })
        }));
        match copied {
            Ok(copied) => Some(copied),
            Err(panic) if panic.is::<Stopped>() => None,
            Err(panic) => resume_unwind(panic),
        }
    });
    copying.await.unwrap()
}

async fn copy(from: &Database, to: &Database) -> Result<Copied, CopyError> {
    copy_until(from, to, |_| false).await.unwrap()
}

/// A copy that has come as far as this table.
async fn half(from: &Database, to: &Database, table: &'static str) {
    let stopped = copy_until(from, to, move |progress| {
        (progress.step, progress.table) == (Step::Copying, table)
    });
    assert!(stopped.await.is_none(), "it came to its end");
}

async fn opened(database: &Database) -> Result<(), StoreError> {
    let store = storage::open(database).await?;
    store.close().await;
    Ok(())
}

/// Every row of every table, as texts.
type Dump = BTreeMap<String, Vec<String>>;

async fn dump(database: &Database) -> Dump {
    let mut dump = Dump::new();
    for table in tables(database).await {
        let mut columns: Vec<_> = columns(database, &table).await.into_keys().collect();
        columns.sort_unstable();
        let select = format!("SELECT {} FROM {table}", columns.join(", "));
        let mut rows = match database {
            Database::Sqlite(path) => rows_of_file(path, &select),
            Database::Postgres(settings) => rows_of_server(&settings.name, &select).await,
        };
        rows.sort_unstable();
        dump.insert(table, rows);
    }
    for (left_out, _) in copy::LEFT_OUT {
        dump.remove(*left_out);
    }
    dump
}

fn rows_of_file(path: &Path, select: &str) -> Vec<String> {
    let db = rusqlite::Connection::open(path).unwrap();
    let mut statement = db.prepare(select).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells = (0..width).map(|at| {
            Ok(match row.get(at)? {
                Value::Null => "NULL".to_owned(),
                Value::Integer(n) => n.to_string(),
                Value::Text(text) => format!("{text:?}"),
                Value::Blob(bytes) => format!("{bytes:?}"),
                Value::Real(fraction) => fraction.to_string(),
            })
        });
        Ok(cells.collect::<rusqlite::Result<Vec<_>>>()?.join("|"))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

async fn rows_of_server(database: &str, select: &str) -> Vec<String> {
    let text = Server::shared().connection(database);
    let (client, connection) = tokio_postgres::connect(&text, NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    let rows = client.query(select, &[]).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
    let cell = |row: &tokio_postgres::Row, at: usize| {
        let null = || "NULL".to_owned();
        match row.columns()[at].type_().name() {
            "int8" => row.get::<_, Option<i64>>(at).map(|n| n.to_string()),
            "text" => row.get::<_, Option<String>>(at).map(|t| format!("{t:?}")),
            "bytea" => row.get::<_, Option<Vec<u8>>>(at).map(|b| format!("{b:?}")),
            other => Some(format!("{other}, which nothing here can read")),
        }
        .unwrap_or_else(null)
    };
    let rows = rows.iter().map(|row| {
        let cells: Vec<_> = (0..row.len()).map(|at| cell(row, at)).collect();
        cells.join("|")
    });
    rows.collect()
}

async fn names(database: &Database, of_file: &str, of_server: &str) -> Vec<String> {
    let rows = match database {
        Database::Sqlite(path) => rows_of_file(path, of_file),
        Database::Postgres(settings) => rows_of_server(&settings.name, of_server).await,
    };
    rows.iter().map(|name| name.replace('"', "")).collect()
}

async fn tables(database: &Database) -> Vec<String> {
    names(
        database,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()",
    )
    .await
}

/// What is known of a column: its type, whether it must hold something, its place in the key.
type Column = (String, bool, i64);

async fn columns(database: &Database, table: &str) -> BTreeMap<String, Column> {
    let of_file =
        format!("SELECT name, type, \"notnull\" OR pk > 0, pk FROM pragma_table_info('{table}')");
    let of_server = format!(
        "SELECT column_name::text,
             CASE data_type WHEN 'bigint' THEN 'INTEGER' WHEN 'bytea' THEN 'BLOB' ELSE upper(data_type) END,
             (is_nullable = 'NO')::int::bigint,
             coalesce((SELECT k.ordinal_position::bigint FROM information_schema.key_column_usage k
                 JOIN information_schema.table_constraints t USING (constraint_schema, constraint_name)
                 WHERE t.constraint_type = 'PRIMARY KEY' AND k.table_schema = c.table_schema
                     AND k.table_name = c.table_name AND k.column_name = c.column_name), 0)
         FROM information_schema.columns c
         WHERE table_schema = current_schema() AND table_name = '{table}'"
    );
    let lines = names(database, &of_file, &of_server).await;
    let columns = lines.iter().map(|line| {
        let parts: Vec<_> = line.split('|').collect();
        let column = (
            parts[1].to_owned(),
            parts[2] == "1",
            parts[3].parse().unwrap(),
        );
        (parts[0].to_owned(), column)
    });
    columns.collect()
}

/// Puts something into each column of each table, and into those that may be empty nothing, too. More
/// clients and grants than are read at once.
async fn fill(database: &Database) {
    at(database, async |_| {}).await;
    let db = rusqlite::Connection::open(path(database)).unwrap();
    for table in copy::TABLES {
        let rows = match table.name {
            // one batch to the row
            "clients" => 1000,
            "grants" => 2350,
            _ => 150,
        };
        let columns = columns(database, table.name).await;
        let places = vec!["?"; columns.len()].join(", ");
        let names: Vec<_> = columns.keys().cloned().collect();
        let names = names.join(", ");
        let insert = format!("INSERT INTO {} ({names}) VALUES ({places})", table.name);
        let transaction = db.unchecked_transaction().unwrap();
        let mut statement = db.prepare(&insert).unwrap();
        for row in 1..=rows {
            let cells = columns.iter().map(|(name, (of, must, _))| {
                match (name.as_str(), of.as_str(), row % 3) {
                    ("no", ..) => Value::Integer(row * 7),
                    ("client_no" | "grant_no", ..) => Value::Integer((row % 1000 + 1) * 7),
                    (_, _, 0) if !must => Value::Null,
                    (_, "INTEGER", 1) if !must => Value::Integer(i64::MIN + row),
                    (_, "INTEGER", _) => Value::Integer(row),
                    (_, "TEXT", 1) if !must => Value::Text(String::new()),
                    // in the order of their bytes, not of any language
                    (_, "TEXT", 1) => Value::Text(format!("Ä'\\ \u{10ffff} {name} {row}")),
                    (_, "TEXT", _) => Value::Text(format!("ä\t😀 {name} {row}")),
                    _ => Value::Blob(hash(&format!("{name} {row}")).as_bytes().to_vec()),
                }
            });
            statement
                .execute(rusqlite::params_from_iter(cells))
                .unwrap();
        }
        drop(statement);
        transaction.commit().unwrap();
    }
}

/// Little, but what a store makes.
async fn fill_a_little(database: &Database) {
    at(database, async |store| {
        for no in 1..=3 {
            let name = no.to_string();
            give(store, &grant(&name), &pair(&name)).await;
            store.save_session(&hash(&name), &session()).await.unwrap();
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_table_is_copied_by_its_key_or_named_among_those_that_are_not() {
    let mut databases = Databases::new();
    for database in databases.both().await {
        opened(&database).await.unwrap();
        for name in tables(&database).await {
            let copied = copy::TABLES.iter().find(|table| table.name == name);
            let is_left_out = copy::LEFT_OUT.iter().any(|(table, _)| *table == name);
            let Some(copied) = copied else {
                assert!(is_left_out, "what becomes of {name}? {database}");
                continue;
            };
            assert!(!is_left_out, "{name} stands in both lists");
            let columns = columns(&database, &name).await;
            let mut key: Vec<_> = columns
                .iter()
                .filter(|(_, (.., place))| *place > 0)
                .collect();
            key.sort_by_key(|(_, (.., place))| *place);
            let key: Vec<_> = key.into_iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(key, copied.key, "{name} of {database}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_copied_has_the_same_columns_in_all_databases() {
    let mut databases = Databases::new();
    let [sqlite, postgres] = databases.both().await;
    for database in [&sqlite, &postgres] {
        opened(database).await.unwrap();
    }
    for table in copy::TABLES {
        let of_file = columns(&sqlite, table.name).await;
        assert!(!of_file.is_empty(), "{}", table.name);
        assert_eq!(
            of_file,
            columns(&postgres, table.name).await,
            "{}",
            table.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_database_holds_goes_from_each_kind_to_each_kind() {
    let mut databases = Databases::new();
    let first = databases.sqlite();
    fill(&first).await;
    let original = dump(&first).await;
    for table in copy::TABLES {
        assert!(!original[table.name].is_empty(), "{} is tried", table.name);
    }
    let rows: usize = original.values().map(Vec::len).sum();
    let expected = Copied {
        rows: rows as u64,
        was_there: false,
    };
    let mut from = first;
    for to in [
        databases.postgres().await,
        databases.postgres().await,
        databases.sqlite(),
        databases.sqlite(),
    ] {
        assert_eq!(copy(&from, &to).await.unwrap(), expected, "{from} {to}");
        assert!(dump(&to).await == original, "{from} {to}");
        opened(&to).await.unwrap();
        from = to;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_afterwards_does_not_collide_with_what_was_copied() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill_a_little(&from).await;
    for to in databases.both().await {
        copy(&from, &to).await.unwrap();
        at(&to, async |store| {
            assert!(has_access(store, "1").await);
            give(store, &grant("new"), &pair("new")).await;
            assert!(has_access(store, "new").await);
            rotate(store, "2", "2-again", crate::fixture::NOW).await;
            assert!(has_access(store, "2-again").await);
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_broken_off_anywhere_is_not_opened_and_goes_on() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill(&from).await;
    let original = dump(&from).await;
    for to in databases.both().await {
        // Each run comes three batches further, so each of them goes on with what the one before left.
        let mut runs = 0;
        loop {
            let mut left = 3;
            let stopped = copy_until(&from, &to, move |progress| {
                left -= i32::from(progress.step == Step::Copying);
                left == 0
            });
            let Some(copied) = stopped.await else {
                runs += 1;
                let error = opened(&to).await.unwrap_err();
                let of = from.to_string();
                assert!(
                    matches!(&error, StoreError::Unfinished(it) if *it == of),
                    "{error}"
                );
                assert!(error.to_string().contains("storage copy"), "{error}");
                continue;
            };
            assert!(!copied.unwrap().was_there);
            break;
        }
        assert!(runs > 4, "{runs}");
        assert!(dump(&to).await == original, "{to}");
        opened(&to).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_not_opened_before_it_was_compared() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill_a_little(&from).await;
    for to in databases.both().await {
        let comparing = |progress: &Progress| progress.step == Step::Comparing;
        assert!(copy_until(&from, &to, comparing).await.is_none());
        let error = opened(&to).await.unwrap_err();
        assert!(matches!(error, StoreError::Unfinished(_)), "{error}");
        copy(&from, &to).await.unwrap();
        opened(&to).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_copy_is_no_source() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill_a_little(&from).await;
    for to in databases.both().await {
        half(&from, &to, "grants").await;
        let third = databases.sqlite();
        let error = copy(&to, &third).await.unwrap_err();
        let cause = matches!(
            &error,
            CopyError::Failed {
                error: StoreError::Unfinished(_),
                ..
            }
        );
        assert!(cause, "{error}");
        assert!(!path(&third).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_changed_between_two_runs_is_found_by_the_comparison() {
    for change in [
        // behind what was copied, and before
        "UPDATE grants SET last_used_at = last_used_at + 1 WHERE grant_id = 'g-2'",
        "UPDATE signing_keys SET retired_at = 1",
        "DELETE FROM refresh_tokens; DELETE FROM grants WHERE grant_id = 'g-3'",
        "INSERT INTO signing_keys SELECT 'a' || kid, algorithm, private_key, created_at, retired_at
         FROM signing_keys",
        "UPDATE grants SET access_hash = NULL WHERE access_hash IS NOT NULL",
        // the same grants under other numbers: the destination refuses them
        "DELETE FROM refresh_tokens; UPDATE grants SET no = no + 100",
    ] {
        let mut databases = Databases::new();
        for from in databases.both().await {
            fill_a_little(&from).await;
            let key = "INSERT INTO signing_keys VALUES ('kid', 'ES256', '', 0, NULL)";
            let key = match &from {
                Database::Sqlite(_) => key.replace("''", "x''"),
                Database::Postgres(_) => key.to_owned(),
            };
            sql(&from, &key).await;
            let to = databases.sqlite();
            half(&from, &to, "grants").await;
            sql(&from, change).await;
            let error = copy(&from, &to).await.unwrap_err();
            let is_named = match &error {
                CopyError::Differs { table, .. } => change.contains(table),
                CopyError::Refused { error, .. } => error.to_string().contains("grants"),
                _ => false,
            };
            assert!(is_named, "{change}: {error}");
            assert!(error.to_string().contains("copy anew"), "{error}");
            let error = opened(&to).await.unwrap_err();
            assert!(matches!(error, StoreError::Unfinished(_)), "{error}");
            // what it says is to be done helps
            std::fs::remove_file(path(&to)).unwrap();
            copy(&from, &to).await.unwrap();
            assert!(dump(&from).await == dump(&to).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_changed_in_the_copy_is_found_by_the_comparison() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill_a_little(&from).await;
    for to in databases.both().await {
        half(&from, &to, "refresh_tokens").await;
        sql(
            &to,
            "UPDATE grants SET scopes = 'xmpp' WHERE grant_id = 'g-2'",
        )
        .await;
        let error = copy(&from, &to).await.unwrap_err();
        assert!(
            matches!(
                error,
                CopyError::Differs {
                    table: "grants",
                    ..
                }
            ),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_holds_anything_else_is_left_alone() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill_a_little(&from).await;
    for to in databases.both().await {
        let session = session();
        at(&to, async |store| {
            store.save_session(&hash("s"), &session).await.unwrap();
        })
        .await;
        let before = dump(&to).await;
        let error = copy(&from, &to).await.unwrap_err();
        assert!(matches!(error, CopyError::NotEmpty(_)), "{error}");
        assert!(dump(&to).await == before);
        opened(&to).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_something_elses_is_left_alone_to_the_byte() {
    let mut databases = Databases::new();
    let (from, to) = (databases.sqlite(), databases.sqlite());
    fill_a_little(&from).await;
    sql(&to, "CREATE TABLE accounts (name TEXT)").await;
    let before = std::fs::read(path(&to)).unwrap();
    let error = copy(&from, &to).await.unwrap_err();
    assert!(matches!(error, CopyError::NotEmpty(_)), "{error}");
    assert!(std::fs::read(path(&to)).unwrap() == before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_is_whole_already_is_compared_again_and_stays() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill_a_little(&from).await;
    for to in databases.both().await {
        assert!(!copy(&from, &to).await.unwrap().was_there);
        assert!(copy(&from, &to).await.unwrap().was_there);
        opened(&to).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_copied_while_somebody_uses_either_database() {
    let mut databases = Databases::new();
    for (from, to) in [
        (databases.sqlite(), databases.postgres().await),
        (databases.postgres().await, databases.sqlite()),
    ] {
        fill_a_little(&from).await;
        opened(&to).await.unwrap();
        for used in [&from, &to] {
            let store = storage::open(used).await.unwrap();
            let error = copy(&from, &to).await.unwrap_err();
            let name = used.to_string();
            assert!(
                matches!(&error, CopyError::InUse(it) if *it == name),
                "{error}"
            );
            store.check().await.unwrap();
            store.close().await;
        }
        copy(&from, &to).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_opened_by_nobody_while_it_is_copied() {
    let mut databases = Databases::new();
    let (from, to) = (databases.sqlite(), databases.sqlite());
    fill_a_little(&from).await;
    let files: Vec<PathBuf> = [&from, &to].map(|one| path(one).to_owned()).into();
    let tried = copy_until(&from, &to, move |progress| {
        if progress.table == "grants" {
            for file in &files {
                let db = rusqlite::Connection::open(file).unwrap();
                db.busy_timeout(std::time::Duration::ZERO).unwrap();
                let read = db.query_row("SELECT count(*) FROM grants", [], |row| {
                    row.get::<_, i64>(0)
                });
                let code = read.unwrap_err().sqlite_error_code();
                assert_eq!(code, Some(rusqlite::ErrorCode::DatabaseBusy));
            }
        }
        false
    });
    tried.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_stays_as_it_is_to_the_byte() {
    let mut databases = Databases::new();
    let (from, to) = (databases.sqlite(), databases.sqlite());
    fill(&from).await;
    // a backup is a file without a log
    let backup = databases.sqlite();
    storage::sqlite::SqliteStore::back_up(path(&from), path(&backup)).unwrap();
    for (from, to) in [(&from, &to), (&backup, &databases.sqlite())] {
        let before = std::fs::read(path(from)).unwrap();
        copy(from, to).await.unwrap();
        assert!(std::fs::read(path(from)).unwrap() == before, "{from}");
        assert!(!path(from).with_extension("db-wal").exists());
        assert!(dump(to).await == dump(from).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_in_the_log_is_copied_too() {
    let mut databases = Databases::new();
    let (from, killed, to) = (databases.sqlite(), databases.sqlite(), databases.sqlite());
    at(&from, async |store| {
        give(store, &grant("1"), &pair("1")).await;
        // as it lies there after a kill -9: with a log that was not worked in
        for end in ["db", "db-wal"] {
            let file = |database| path(database).with_extension(end);
            std::fs::copy(file(&from), file(&killed)).unwrap();
        }
    })
    .await;
    copy(&killed, &to).await.unwrap();
    at(&to, async |store| assert!(has_access(store, "1").await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_another_version_is_refused_and_nothing_is_made_of_it() {
    let mut databases = Databases::new();
    for from in databases.both().await {
        opened(&from).await.unwrap();
        let (older, newer) = match &from {
            Database::Sqlite(_) => ("PRAGMA user_version = 7", "PRAGMA user_version = 1000"),
            Database::Postgres(_) => (
                "UPDATE schema_version SET version = 7",
                "UPDATE schema_version SET version = 1000",
            ),
        };
        let to = databases.sqlite();
        sql(&from, older).await;
        let error = copy(&from, &to).await.unwrap_err();
        assert!(
            matches!(error, CopyError::TooOld { found: 7, .. }),
            "{error}"
        );
        sql(&from, newer).await;
        let error = copy(&from, &to).await.unwrap_err();
        let cause = matches!(
            &error,
            CopyError::Failed {
                error: StoreError::TooNew { found: 1000, .. },
                ..
            }
        );
        assert!(cause, "{error}");
        assert!(!path(&to).exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_database_there_is_nothing_to_copy() {
    let mut databases = Databases::new();
    for from in databases.both().await {
        let to = databases.sqlite();
        let error = copy(&from, &to).await.unwrap_err();
        assert!(matches!(error, CopyError::NotThere(_)), "{error}");
        assert!(!path(&to).exists());
    }
    let no_file = Database::Sqlite(databases.files.path().join("1.db"));
    assert!(!path(&no_file).exists(), "a copy made its source");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_not_copied_to_itself() {
    let mut databases = Databases::new();
    let from = databases.sqlite();
    fill_a_little(&from).await;
    let link = databases.sqlite();
    std::os::unix::fs::symlink(path(&from), path(&link)).unwrap();
    for to in [&from, &link] {
        let error = copy(&from, to).await.unwrap_err();
        assert!(matches!(error, CopyError::Itself(_)), "{error}");
    }
    opened(&from).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_is_readable_by_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut databases = Databases::new();
    let (from, to) = (databases.sqlite(), databases.sqlite());
    fill_a_little(&from).await;
    copy(&from, &to).await.unwrap();
    let mode = std::fs::metadata(path(&to)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
