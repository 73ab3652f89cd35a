//! What only the inside can bring about: a full disk, a file that cannot be written, a bug.

use rusqlite::Connection;
use tempfile::TempDir;

use super::{SqliteStore, rows};
use crate::clock::Timestamp;
use crate::model::BrowserSession;
use crate::secrets::TokenHash;
use crate::storage::{Result, Store, StoreError};

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
        super::sessions::save(db, &TokenHash::of("1"), &session())?;
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
        super::sessions::save(db, &TokenHash::of("1"), &session())?;
        rows::change(
            db,
            "INSERT INTO refresh_tokens VALUES (x'00', 7, 0, NULL, NULL, NULL)",
            [],
        )
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
        .run(move |db| {
            rows::change(
                db,
                "INSERT INTO browser_sessions (hash, host, localpart, auth_time, expires_at)
                 VALUES (?, 'no domain!', '', 0, 0)",
                [hash.as_bytes()],
            )
        })
        .await
        .unwrap();
    let error = store.session(&hash).await;
    assert!(matches!(error, Err(StoreError::Corrupt(_))), "{error:?}");
}
