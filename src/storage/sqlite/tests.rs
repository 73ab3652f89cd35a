//! What only the inside can bring about: a full disk, a file that cannot be written, a bug.

use rusqlite::Connection;
use tempfile::TempDir;

use super::{SqliteStore, schema};
use crate::clock::Timestamp;
use crate::model::{BrowserSession, ClientId, EndReason};
use crate::secrets::TokenHash;
use crate::storage::sql::list_sql;
use crate::storage::{GrantFilter, Result, Store, StoreError};

fn open() -> (SqliteStore, TempDir) {
    let files = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(files.path().join("store.db")).unwrap();
    (store, files)
}

fn session() -> BrowserSession {
    BrowserSession {
        account: "alice@example.com".parse().unwrap(),
        auth_time: Timestamp::from_unix(0),
        generation: None,
        expires_at: Timestamp::from_unix(1),
        last_seen_at: Timestamp::from_unix(0),
        from: None,
        user_agent: None,
    }
}

/// What is half of a job.
fn insert(db: &Connection, hash: &TokenHash, host: &str) -> Result<()> {
    db.execute(
        "INSERT INTO browser_sessions (hash, host, localpart, auth_time, expires_at)
         VALUES (?, ?, '', 0, 0)",
        (hash.as_bytes(), host),
    )?;
    Ok(())
}

async fn pragma(store: &SqliteStore, name: &'static str, value: i64) {
    let set = move |db: &Connection| {
        db.pragma_update(None, name, value)
            .map_err(StoreError::from)
    };
    store.writer.run(set).await.unwrap();
}

async fn fill(store: &SqliteStore) -> (u32, Result<()>) {
    for i in 0.. {
        let hash = TokenHash::of(&i.to_string());
        if let Err(error) = store.save_session(&hash, &session()).await {
            return (i, Err(error));
        }
        if i > 100_000 {
            return (i, Ok(()));
        }
    }
    unreachable!("it counts until it returns")
}

#[tokio::test]
async fn a_full_disk_fails_the_call_and_is_recovered_from() {
    let (store, _files) = open();
    let pages: i64 = store
        .writer
        .run(|db| Ok(db.pragma_query_value(None, "page_count", |row| row.get(0))?))
        .await
        .unwrap();
    pragma(&store, "max_page_count", pages + 2).await;
    let (stored, error) = fill(&store).await;
    assert!(matches!(error, Err(StoreError::Database(_))), "{error:?}");
    assert!(stored > 0);
    // All that was answered is there, what was refused is not.
    for i in 0..=stored {
        let hash = TokenHash::of(&i.to_string());
        let found = store.session(&hash).await.unwrap();
        assert_eq!(found.is_some(), i < stored);
    }
    pragma(&store, "max_page_count", pages + 1000).await;
    store.check().await.unwrap();
    let hash = TokenHash::of(&stored.to_string());
    store.save_session(&hash, &session()).await.unwrap();
    assert!(store.session(&hash).await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_told_and_still_read() {
    let (store, files) = open();
    let hash = TokenHash::of("1");
    store.save_session(&hash, &session()).await.unwrap();
    pragma(&store, "busy_timeout", 0).await;
    let other = Connection::open(files.path().join("store.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.end_session(&hash).await;
    assert!(matches!(error, Err(StoreError::Database(_))), "{error:?}");
    assert!(store.check().await.is_err());
    assert!(store.session(&hash).await.unwrap().is_some());
    other.execute_batch("ROLLBACK").unwrap();
    store.check().await.unwrap();
    store.end_session(&hash).await.unwrap();
}

#[tokio::test]
async fn a_job_that_panics_undoes_itself_and_nothing_else() {
    let (store, _files) = open();
    let panics = store.writer.run(|db| -> Result<()> {
        insert(db, &TokenHash::of("1"), "example.com")?;
        panic!("as planned");
    });
    let hash = TokenHash::of("2");
    let session = session();
    // Both are waiting together, and share a transaction.
    let (panicked, saved) = tokio::join!(panics, store.save_session(&hash, &session));
    assert!(matches!(panicked, Err(StoreError::Database(_))));
    saved.unwrap();
    let half = store.session(&TokenHash::of("1")).await.unwrap();
    assert_eq!(half, None);
    assert!(store.session(&hash).await.unwrap().is_some());

    let panicked = store
        .lookups
        .run(|_| -> Result<()> { panic!("as planned") });
    assert!(panicked.await.is_err());
    assert!(store.session(&hash).await.unwrap().is_some());
}

#[tokio::test]
async fn a_job_that_fails_undoes_itself_and_nothing_else() {
    let (store, _files) = open();
    let fails = store.writer.run(|db| {
        insert(db, &TokenHash::of("1"), "example.com")?;
        let sql = "INSERT INTO refresh_tokens VALUES (x'00', 7, 0, NULL, NULL, NULL)";
        Ok(db.execute(sql, [])?)
    });
    let hash = TokenHash::of("2");
    let session = session();
    let (failed, saved) = tokio::join!(fails, store.save_session(&hash, &session));
    saved.unwrap();
    assert!(matches!(failed, Err(StoreError::Database(_))), "{failed:?}");
    let half = store.session(&TokenHash::of("1")).await.unwrap();
    assert_eq!(half, None);
}

#[tokio::test]
async fn what_this_version_cannot_read_is_called_corrupt() {
    let (store, _files) = open();
    let hash = TokenHash::of("1");
    store
        .writer
        .run(move |db| insert(db, &hash, "no domain!"))
        .await
        .unwrap();
    let error = store.session(&hash).await;
    assert!(matches!(error, Err(StoreError::Corrupt(_))), "{error:?}");
}

#[tokio::test]
async fn what_the_first_version_wrote_is_there_after_all_later_ones_have_changed_the_file() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    let first = Connection::open(&path).unwrap();
    first.execute_batch(schema::VERSION_1).unwrap();
    first.pragma_update(None, "user_version", 1).unwrap();
    let metadata = r#"{
        "client_name": "Gajim",
        "redirect_uris": ["http://127.0.0.1/cb"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "application_type": "native"
    }"#;
    let rows = "
        INSERT INTO clients VALUES (1, 'client', :metadata, 10, NULL);
        INSERT INTO grants VALUES (1, 'grant', 'example.com', 'alice', 1, 'Gajim', 'xmpp', 20, 19, NULL,
            'g', NULL, NULL, zeroblob(32), NULL, 30, 40, NULL, NULL, NULL);
        INSERT INTO codes VALUES (zeroblob(32), 'other', 'client', 'example.com', 'alice', 'openid', NULL, NULL,
            NULL, NULL, 19, 'g', 20, 500, NULL, 500);";
    for row in rows.split_inclusive(';') {
        let mut statement = first.prepare(row).unwrap();
        if statement.parameter_count() == 1 {
            statement.execute([metadata]).unwrap();
        } else {
            statement.execute([]).unwrap();
        }
    }
    let session = TokenHash::of("session");
    let row = "INSERT INTO browser_sessions VALUES (?, 'example.com', 'alice', 19, 'g', 500)";
    first.execute(row, [session.as_bytes()]).unwrap();
    first.close().unwrap();

    let store = SqliteStore::open(&path).unwrap();
    let client = store.clients().await.unwrap().remove(0);
    assert_eq!(client.metadata.client_name, "Gajim");
    let grants = store.grants(&GrantFilter::default()).await.unwrap();
    let grant = &grants[0];
    assert_eq!(
        (grant.id.as_str(), grant.scopes.to_string()),
        ("grant", "xmpp".to_owned())
    );
    assert_eq!(grant.last_used_at, Timestamp::from_unix(30));
    let found = store.session(&session).await.unwrap().unwrap();
    assert_eq!(found.last_seen_at, Timestamp::from_unix(19));
    let now = Timestamp::from_unix(1_000_000);
    let ended = store
        .end_account(&grant.account, None, EndReason::PasswordChanged, now)
        .await;
    assert_eq!(ended.unwrap().grants.len(), 1);
}

#[test]
fn a_persons_grants_are_not_looked_for_among_all_that_a_popular_client_has() {
    let (_store, files) = open();
    let file = std::fs::read_dir(files.path()).unwrap().next().unwrap();
    let db = Connection::open(file.unwrap().path()).unwrap();
    let filter = GrantFilter {
        account: Some("alice@example.com".parse().unwrap()),
        client_id: Some(ClientId::new("app")),
        with_ended: false,
    };
    let (sql, params) = list_sql(&filter);
    let mut plan = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = plan.query_map(rusqlite::params_from_iter(&params), |row| {
        row.get::<_, String>(3)
    });
    let steps: Vec<_> = steps.unwrap().map(std::result::Result::unwrap).collect();
    let steps = steps.join("; ");
    assert!(steps.contains("grants_by_account"), "{steps}");
    assert!(!steps.contains("grants_by_client"), "{steps}");
}
