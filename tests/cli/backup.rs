//! `storage backup`, with `serve` and without.

use std::path::Path;

use xmpp_oauth::storage::Store as _;
use xmpp_oauth::storage::sqlite::SqliteStore;

use crate::{column, database, done, mode, refused, serve, text, with_grants};

const BACKUP: [&str; 3] = ["storage", "backup", "copy.db"];

#[tokio::test]
async fn a_backup_holds_all_that_was_answered_and_only_its_owner_reads_it() {
    for is_running in [false, true] {
        let mut program = with_grants().await;
        if is_running {
            serve(&mut program).await;
        }
        // waits for the first key to be made
        let mut in_use = column(&program, &["keys", "list", "--json"], "kid").await;
        done(&program, &["grants", "revoke", "g-1"]).await;
        let said = done(&program, &BACKUP).await;
        assert!(said.contains("registration_key"), "{said}");
        // nothing of what comes later
        done(&program, &["grants", "revoke", "g-2"]).await;

        let copy = program.dir().join("copy.db");
        assert_eq!(mode(&copy), 0o600);
        let left = files_beside(&copy);
        assert_eq!(left, ["copy.db"], "{left:?}");
        let store = SqliteStore::open(&copy).unwrap();
        let grants = store.grants(&Default::default()).await.unwrap();
        let mut grants: Vec<_> = grants.iter().map(|grant| grant.id.as_str()).collect();
        grants.sort_unstable();
        assert_eq!(grants, ["g-2", "g-3"]);
        assert_eq!(store.clients().await.unwrap().len(), 2);
        let keys = store.signing_keys().await.unwrap();
        let mut kids: Vec<_> = keys.iter().map(|key| key.kid.clone()).collect();
        kids.sort_unstable();
        in_use.sort_unstable();
        assert_eq!(kids, in_use);
    }
}

/// Names in the folder of a backup that are not the program's own.
fn files_beside(copy: &Path) -> Vec<String> {
    let names = copy.parent().unwrap().read_dir().unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others = ["component.toml", "serve.log"];
    names
        .filter(|name| !name.starts_with("xmpp-oauth.") && !others.contains(&name.as_str()))
        .collect()
}

#[tokio::test]
async fn a_backup_never_takes_the_place_of_anything() {
    let program = with_grants().await;
    let copy = program.dir().join("copy.db");
    std::fs::write(&copy, "dear to somebody").unwrap();
    let says = refused(&program, &BACKUP, 1).await;
    assert!(says.contains("copy.db: is there already"), "{says}");
    assert_eq!(text(&std::fs::read(&copy).unwrap()), "dear to somebody");

    // a link is something, too, and is not followed
    std::fs::remove_file(&copy).unwrap();
    std::os::unix::fs::symlink("elsewhere.db", &copy).unwrap();
    refused(&program, &BACKUP, 1).await;
    assert!(!program.dir().join("elsewhere.db").exists());
}

#[tokio::test]
async fn a_backup_that_fails_leaves_nothing_behind() {
    let program = with_grants().await;
    let database = program.dir().join("xmpp-oauth.db");
    std::fs::write(&database, "this is no database, and long enough to tell").unwrap();
    refused(&program, &BACKUP, 1).await;
    std::fs::remove_file(&database).unwrap();
    let says = refused(&program, &BACKUP, 1).await;
    assert!(says.contains("xmpp-oauth.db"), "{says}");
    assert!(!database.exists(), "a backup made a database");
    let copy = program.dir().join("copy.db");
    assert_eq!(files_beside(&copy), Vec::<String>::new());
}

#[tokio::test]
async fn a_backup_can_be_taken_while_the_database_is_being_written() {
    let mut program = with_grants().await;
    serve(&mut program).await;
    let hog = database(&program);
    let writing = tokio::spawn(async move {
        for _ in 0..2000 {
            if hog.check().await.is_err() {
                return false;
            }
        }
        true
    });
    for copy in ["1.db", "2.db", "3.db"] {
        done(&program, &["storage", "backup", copy]).await;
        let store = SqliteStore::open(program.dir().join(copy)).unwrap();
        assert_eq!(store.clients().await.unwrap().len(), 2);
    }
    assert!(!writing.is_finished() || writing.await.unwrap());
}
