//! Each process reads what any of them changes: all of it, once, in whatever order it was committed.

use std::time::Duration;

use futures::future::join_all;
use xmpp_oauth::model::{ClientId, EndReason};
use xmpp_oauth::storage::postgres::PostgresStore;
use xmpp_oauth::storage::{Change, Changes, Store, StoreError};

use super::open;
use crate::fixture::{NOW, client, give, grant, hash, jid, pair, rotate, with_grant};
use crate::server::Server;

async fn reader(store: &dyn Store) -> Box<dyn Changes> {
    let mut changes = store.changes().unwrap();
    let news = changes.read().await.unwrap();
    assert!(news.missed, "it does not know what was before");
    assert_eq!(news.changes, []);
    changes
}

async fn read(changes: &mut Box<dyn Changes>) -> Vec<Change> {
    let news = changes.read().await.unwrap();
    assert!(!news.missed);
    news.changes
}

fn token(name: &str) -> Change {
    Change::Token(hash(name))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_ends_or_changes_is_read_by_all_once() {
    let settings = Server::shared().database().await;
    let (here, there) = (open(&settings).await, open(&settings).await);
    let mut readers = [reader(&*here).await, reader(&*there).await];
    let first = with_grant(&here).await;
    rotate(&here, "0", "1", NOW).await;
    here.end_grant(&first.id, EndReason::OwnerRevoked, NOW)
        .await
        .unwrap();
    here.put_client(&client("Gajim")).await.unwrap();
    here.announce(&jid("alice@example.com")).await.unwrap();
    here.remove_signing_key("none").await.unwrap();
    let expected = [
        token("a-0"),
        token("a-1"),
        Change::Client(client("Gajim").id),
        Change::Account(jid("alice@example.com")),
        Change::Keys,
    ];
    for reader in &mut readers {
        let mut read_once = read(reader).await;
        read_once.sort_by_key(|change| expected.iter().position(|one| one == change));
        assert_eq!(read_once, expected);
        assert_eq!(read(reader).await, []);
    }
    let removed = ClientId::new("client-Gajim");
    let reason = EndReason::ClientRemoved;
    let removed_too = there.remove_client(&removed, None, reason, NOW).await;
    removed_too.unwrap();
    assert_eq!(
        read(&mut readers[0]).await,
        [Change::Client(removed.clone())]
    );
}

/// Two transactions: the one that was numbered first commits last.
#[tokio::test(flavor = "multi_thread")]
async fn what_commits_late_is_not_skipped_and_what_was_read_is_not_read_again() {
    let server = Server::shared();
    let settings = server.database().await;
    let store = open(&settings).await;
    let mut changes = reader(&*store).await;
    let write = "INSERT INTO changes (kind, key) VALUES ('client', 'late')";
    let late = server.hold(&settings.name, write).await;
    assert_eq!(read(&mut changes).await, []);
    let mut rounds = 0;
    while rounds < 3 {
        store.put_client(&client("Gajim")).await.unwrap();
        let early = [Change::Client(client("Gajim").id)];
        assert_eq!(read(&mut changes).await, early);
        assert_eq!(read(&mut changes).await, []);
        rounds += 1;
    }
    // begun while the other was under way, and undone
    let undone = server.hold(&settings.name, write).await;
    undone.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(read(&mut changes).await, []);
    late.batch_execute("COMMIT").await.unwrap();
    let late = [Change::Client(ClientId::new("late"))];
    assert_eq!(read(&mut changes).await, late);
    assert_eq!(read(&mut changes).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_at_once_none_is_skipped_or_read_twice() {
    const WRITERS: usize = 8;
    const EACH: usize = 25;
    let settings = Server::shared().database().await;
    let stores = [open(&settings).await, open(&settings).await];
    let mut changes = reader(&*stores[0]).await;
    let mut given = Vec::new();
    for no in 0..WRITERS * EACH {
        let (grant, pair) = (grant(&no.to_string()), pair(&no.to_string()));
        give(&stores[0], &grant, &pair).await;
        given.push(grant.id);
    }
    let writers = given.chunks(EACH).zip(0..).map(|(ids, no)| {
        let (store, ids) = (stores[no % 2].clone(), ids.to_vec());
        tokio::spawn(async move {
            for id in ids {
                let ended = store.end_grant(&id, EndReason::OwnerRevoked, NOW).await;
                assert_eq!(ended.unwrap().access_tokens.len(), 1);
            }
        })
    });
    let mut writing = tokio::spawn(join_all(writers.collect::<Vec<_>>()));
    let (mut seen, mut is_over) = (Vec::new(), false);
    while !is_over {
        is_over = tokio::select! {
            done = &mut writing => {
                done.unwrap().into_iter().for_each(|one| one.unwrap());
                true
            }
            () = tokio::time::sleep(Duration::from_millis(1)) => false,
        };
        seen.extend(read(&mut changes).await);
    }
    assert_eq!(seen.len(), WRITERS * EACH);
    for no in 0..WRITERS * EACH {
        assert!(
            seen.contains(&token(&format!("a-{no}"))),
            "{no} was skipped"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_hears_of_another_process_at_once_and_begins_anew_where_it_was_cut_off() {
    let server = Server::shared();
    let settings = server.database().await;
    let (here, there) = (open(&settings).await, open(&settings).await);
    let (mut changes, mut others) = (reader(&*here).await, reader(&*there).await);
    there.put_client(&client("Gajim")).await.unwrap();
    // its own process passes it on
    others.told().await;
    assert_eq!(read(&mut others).await.len(), 1);
    let told = tokio::time::timeout(Duration::from_secs(10), changes.told());
    told.await.unwrap();
    assert_eq!(read(&mut changes).await.len(), 1);

    let database = &settings.name;
    let cut = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '{database}' AND query LIKE '%changes%' AND pid <> pg_backend_pid()"
    );
    server.sql(database, &cut).await;
    there.put_client(&client("Gajim")).await.unwrap();
    assert!(changes.read().await.is_err());
    let news = changes.read().await.unwrap();
    assert!(news.missed);
    assert_eq!(read(&mut changes).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_changes_are_deleted_and_later_ones_stay() {
    let server = Server::shared();
    let settings = server.database().await;
    let database = &settings.name;
    let store = open(&settings).await;
    let add = "INSERT INTO changes (kind, key, at)
        SELECT 'client', convert_to(age::text, 'UTF8'), now() - age * interval '1 second'
        FROM unnest(ARRAY[0, 500, 700, 9000]) AS age";
    server.sql(database, add).await;
    let mut changes = reader(&*store).await;
    assert_eq!(read(&mut changes).await, []);
    let left = "SELECT count(*) FROM changes";
    assert_eq!(server.number(database, left).await, 2);
    let old = "SELECT count(*) FROM changes WHERE at < now() - interval '600 seconds'";
    assert_eq!(server.number(database, old).await, 0);
}

/// By the database's clock, which goes ahead by as much as a table says: a function of ours is found before
/// its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_was_away_too_long_begins_anew() {
    let server = Server::shared();
    let settings = server.database().await;
    let database = &settings.name;
    let clock = format!(
        "CREATE TABLE ahead (seconds BIGINT); INSERT INTO ahead VALUES (0);
         CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
             AS 'SELECT pg_catalog.clock_timestamp() + seconds * interval ''1 second'' FROM public.ahead';
         ALTER DATABASE {database} SET search_path = public, pg_catalog"
    );
    server.sql(database, &clock).await;
    let store = open(&settings).await;
    let mut changes = reader(&*store).await;
    let pass = async |seconds: u32| {
        let sql = format!("UPDATE ahead SET seconds = seconds + {seconds}");
        server.sql(database, &sql).await;
        store.put_client(&client("Gajim")).await.unwrap();
    };
    pass(100).await;
    assert_eq!(read(&mut changes).await.len(), 1);
    pass(130).await;
    let news = changes.read().await.unwrap();
    assert!(news.missed, "what it did not read may have been deleted");
    assert_eq!(news.changes, []);
    pass(100).await;
    assert_eq!(read(&mut changes).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_works_with_a_newer_schema_that_lets_it_and_with_no_other() {
    let server = Server::shared();
    let settings = server.database().await;
    let running = open(&settings).await;
    let known = server
        .number(&settings.name, "SELECT version FROM schema_version")
        .await;
    let newer = async |compatible_since: &str| {
        let sql = format!(
            "UPDATE schema_version SET version = {known} + 2, compatible_since = {compatible_since}"
        );
        server.sql(&settings.name, &sql).await;
        PostgresStore::open(&settings).await
    };
    for since in [known - 1, known] {
        let beside = newer(&since.to_string()).await.unwrap();
        beside.check().await.unwrap();
    }
    running.check().await.unwrap();
    for since in [(known + 1).to_string(), "NULL".to_owned()] {
        let error = newer(&since).await.err().unwrap();
        assert!(
            matches!(error, StoreError::TooNew { found, known: k } if found == known + 2 && k == known),
            "{error}"
        );
    }
}
