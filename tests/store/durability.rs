//! What SQLite's own store owes: acknowledged is durable, and many share a commit.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::future::join_all;
use xmpp_oauth::storage::sqlite::SqliteStore;
use xmpp_oauth::storage::{Rotation, Store, StoreError};

use crate::fixture::{NOW, Shared, hash, host, pair, rotate, session, with_grant};

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let shared: Shared = store.clone();
    let grant = with_grant(&shared).await;
    store.close().await;
    let closed = store.grant(&grant.id).await;
    assert!(matches!(closed, Err(StoreError::Closed)), "{closed:?}");
    store.close().await;
    let left = std::fs::read_dir(files.path()).unwrap().count();
    assert_eq!(left, 1, "a closed store is one file");

    let store: Shared = Arc::new(SqliteStore::open(&path).unwrap());
    assert_eq!(store.grant(&grant.id).await.unwrap(), Some(grant));
    let token = store.access_token(&pair("0").access).await.unwrap();
    assert!(token.is_some());
}

#[tokio::test]
async fn dropping_the_store_finishes_what_it_was_given() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    {
        // Handed over, and the answer not waited for.
        let (key, session) = (hash("s"), session());
        let mut save = store.save_session(&key, &session);
        assert!(futures::poll!(&mut save).is_pending());
    }
    drop(store);
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.session(&hash("s")).await.unwrap().is_some());
}

#[tokio::test]
async fn the_files_are_their_owners_alone() {
    let files = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(files.path().join("store.db")).unwrap();
    store.check().await.unwrap();
    let mut names = Vec::new();
    for entry in std::fs::read_dir(files.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", entry.file_name());
        names.push(entry.file_name());
    }
    assert_eq!(names.len(), 3, "the file, its log and its index: {names:?}");
}

#[tokio::test]
async fn a_file_of_a_newer_version_is_refused_and_left_alone() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    drop(SqliteStore::open(&path).unwrap());
    let version = |to: Option<i64>| {
        let db = rusqlite::Connection::open(&path).unwrap();
        if let Some(to) = to {
            db.pragma_update(None, "user_version", to).unwrap();
        }
        db.pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0))
            .unwrap()
    };
    let known = version(None);
    let newer = version(Some(known + 1));
    let error = SqliteStore::open(&path).err().unwrap();
    assert!(
        matches!(error, StoreError::TooNew { found, known: k } if found == newer && k == known),
        "{error}"
    );
    assert_eq!(version(None), newer);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_in_the_error() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    std::fs::write(&path, "something else entirely, and long enough").unwrap();
    let error = SqliteStore::open(&path).err().unwrap().to_string();
    assert!(error.contains("store.db"), "{error}");
    let error = SqliteStore::open(files.path().join("no/such/folder.db"));
    assert!(error.err().unwrap().to_string().contains("folder.db"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_open_a_new_file_at_once_make_its_tables_once() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    let opened = (0..4).map(|_| {
        let path = path.clone();
        tokio::task::spawn_blocking(move || SqliteStore::open(path).unwrap())
    });
    let stores = join_all(opened).await;
    for store in stores {
        store.unwrap().check().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_a_commit() {
    const CALLERS: usize = 64;
    const EACH: usize = 20;
    let files = tempfile::tempdir().unwrap();
    let store = Arc::new(SqliteStore::open(files.path().join("store.db")).unwrap());
    let before = store.commits();
    let callers = (0..CALLERS).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0..EACH {
                let key = hash(&format!("{caller}/{i}"));
                store.save_session(&key, &session()).await.unwrap();
                // Whoever was answered sees it.
                assert!(store.session(&key).await.unwrap().is_some());
            }
        })
    });
    for caller in join_all(callers).await {
        caller.unwrap();
    }
    let commits = usize::try_from(store.commits() - before).unwrap();
    let writes = CALLERS * EACH;
    assert!(
        commits < writes / 2,
        "{commits} commits for {writes} writes"
    );
}

/// The test starts itself once more, as a writer that names each session when the store has
/// answered, kills it in the middle, and looks for all that were named.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_answered_survives_a_kill() {
    const DATABASE: &str = "STORE_TEST_DATABASE";
    if let Some(path) = std::env::var_os(DATABASE) {
        return write_until_killed(SqliteStore::open(path).unwrap()).await;
    }
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "durability::what_was_answered_survives_a_kill",
            "--nocapture",
        ])
        .env(DATABASE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut answered = Vec::new();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    while answered.len() < 2_000 {
        let line = lines.next().expect("the writer has ended early").unwrap();
        answered.extend(line.strip_prefix("answered ").map(ToOwned::to_owned));
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    // What it had said before it died; the last line may be half of one.
    let mut rest: Vec<_> = lines.map_while(Result::ok).collect();
    rest.pop();
    answered.extend(
        rest.iter()
            .filter_map(|line| line.strip_prefix("answered ").map(ToOwned::to_owned)),
    );

    let store = SqliteStore::open(&path).unwrap();
    for name in &answered {
        let session = store.session(&hash(name)).await.unwrap();
        assert!(session.is_some(), "{name} was answered and is gone");
    }
    store.check().await.unwrap();
}

async fn write_until_killed(store: SqliteStore) {
    let store = Arc::new(store);
    let callers = (0..16).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            for i in 0_u64.. {
                let name = format!("{caller}-{i}");
                store.save_session(&hash(&name), &session()).await.unwrap();
                // One write for the whole line, so that lines do not mix. Nobody reads any more:
                // the parent is gone, and so shall we.
                let line = format!("\nanswered {name}\n");
                if std::io::stdout().write_all(line.as_bytes()).is_err() {
                    return;
                }
            }
        })
    });
    join_all(callers).await;
}

#[tokio::test]
async fn a_rotation_is_told_to_the_reader_at_once() {
    let files = tempfile::tempdir().unwrap();
    let store: Shared = Arc::new(SqliteStore::open(files.path().join("store.db")).unwrap());
    let grant = with_grant(&store).await;
    for i in 0..200 {
        rotate(
            &store,
            &i.to_string(),
            &(i + 1).to_string(),
            grant.created_at,
        )
        .await;
        let access = hash(&format!("a-{}", i + 1));
        assert!(store.access_token(&access).await.unwrap().is_some());
    }
    let pending = store.pending_ends(&host("example.com")).await.unwrap();
    assert_eq!(pending, []);
}

#[tokio::test]
async fn a_refresh_writes_as_much_when_there_have_been_thousands() {
    let files = tempfile::tempdir().unwrap();
    let path = files.path().join("store.db");
    let store: Shared = Arc::new(SqliteStore::open(&path).unwrap());
    with_grant(&store).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    // pages of the log, counted from here on
    let pages = |mode: &str| {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        other
            .query_row(&sql, [], |row| row.get::<_, i64>(1))
            .unwrap()
    };
    let mut done = 0;
    let mut refreshes = async |count: u32| {
        for _ in 0..count {
            let (old, new) = (format!("{done}"), format!("{}", done + 1));
            let rotated = rotate(&store, &old, &new, NOW).await;
            assert!(matches!(rotated, Rotation::Rotated { .. }), "{rotated:?}");
            done += 1;
        }
    };
    let mut written = Vec::new();
    for before in [10, 1000] {
        refreshes(before).await;
        pages("TRUNCATE");
        refreshes(100).await;
        written.push(pages("PASSIVE"));
    }
    let [first, last] = written[..] else {
        unreachable!()
    };
    assert!(first > 100, "{written:?}");
    // a tree grows a little higher
    assert!(last <= first * 2, "{written:?}");
}
