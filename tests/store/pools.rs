//! What PostgreSQL's own store owes: several pools on one database are as one, and the database may go away
//! and come back.

#[path = "changes.rs"]
mod changes;
#[path = "tally.rs"]
mod tally;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use xmpp_oauth::config::{Postgres, PostgresTls};
use xmpp_oauth::metrics;
use xmpp_oauth::model::{EndReason, GrantId};
use xmpp_oauth::secrets::Secret;
use xmpp_oauth::storage::postgres::PostgresStore;
use xmpp_oauth::storage::{GrantFilter, Redeemed, Rotation, Store, StoreError};

use crate::fixture::{
    DAY, NOW, Shared, client, code, grant, has_access, hash, jid, pair, save_code, session,
    with_grant,
};
use crate::server::{Server, settings};

async fn open(settings: &Postgres) -> Shared {
    Arc::new(PostgresStore::open(settings).await.unwrap())
}

/// Two processes' pools on one new database.
async fn two() -> [Shared; 2] {
    let settings = Server::shared().database().await;
    [open(&settings).await, open(&settings).await]
}

fn own_server() -> (Server, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    (Server::own(port), port)
}

async fn refused(settings: &Postgres) -> String {
    let error = PostgresStore::open(settings).await.err().unwrap();
    assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    error.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_redeem_one_code_on_two_pools_one_wins() {
    let stores = two().await;
    for round in 0..5 {
        let grants = [grant(&format!("{round}a")), grant(&format!("{round}b"))];
        let name = hash(&format!("code {round}"));
        save_code(&stores[0], &name, &code(&grants[0])).await;
        let tries = (0..16).map(|no| {
            let (store, mut grant) = (Arc::clone(&stores[no % 2]), grants[no % 2].clone());
            grant.id = GrantId::new(format!("{}-{no}", grant.id));
            let pair = pair(&format!("{round}-{no}"));
            tokio::spawn(async move {
                let client = client("Gajim");
                store.redeem_code(&name, &client, &grant, &pair, NOW).await
            })
        });
        let mut done = 0;
        for outcome in join_all(tries).await {
            match outcome.unwrap().unwrap() {
                Redeemed::Done => done += 1,
                Redeemed::Replayed(_) => {}
                Redeemed::Unknown => panic!("the code is there"),
            }
        }
        assert_eq!(done, 1);
        // The second to come has ended what the first one was given.
        let live = stores[1].grants(&GrantFilter::default()).await.unwrap();
        assert_eq!(live, []);
    }
    let counted = metrics::text(stores.iter().map(|store| store.metrics()));
    let conflicts = "xmpp_oauth_storage_conflicts_total ";
    let conflicts = counted
        .lines()
        .filter_map(|line| line.strip_prefix(conflicts));
    let conflicts: f64 = conflicts.map(|count| count.parse::<f64>().unwrap()).sum();
    assert!(conflicts > 0.0, "they never met");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_rotate_one_token_on_two_pools_one_pair_is_left_or_none() {
    let stores = two().await;
    let grant = with_grant(&stores[0]).await;
    let tries = (0..16).map(|no| {
        let store = Arc::clone(&stores[no % 2]);
        tokio::spawn(async move {
            let pair = pair(&format!("new {no}"));
            store.rotate_refresh_token(&hash("r-0"), &pair, NOW).await
        })
    });
    for outcome in join_all(tries).await {
        // A lost answer, as often as it is asked for: nothing of the pairs is used.
        let outcome = outcome.unwrap().unwrap();
        assert!(matches!(outcome, Rotation::Rotated { .. }), "{outcome:?}");
    }
    let mut usable = 0;
    for no in 0..16 {
        usable += u32::from(has_access(&stores[no % 2], &format!("new {no}")).await);
    }
    assert_eq!(usable, 1);
    // Both know it once it is over.
    let ended = stores[0]
        .end_grant(&grant.id, EndReason::OwnerRevoked, NOW)
        .await;
    assert_eq!(ended.unwrap().grants.len(), 1);
    let again = stores[1]
        .end_grant(&grant.id, EndReason::OwnerRevoked, NOW)
        .await;
    assert_eq!(again.unwrap().grants, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_on_a_session_is_not_granted_while_another_pool_ends_it() {
    let stores = two().await;
    let alice = jid("alice@example.com");
    let mut granted = 0;
    for round in 0..40 {
        let cookie = hash(&format!("cookie {round}"));
        stores[0].save_session(&cookie, &session()).await.unwrap();
        let new = grant(&round.to_string());
        let (client, pair) = (client("Gajim"), pair(&round.to_string()));
        let (saved, ended) = tokio::join!(
            stores[0].save_grant(&client, &new, &pair, Some(&cookie)),
            stores[1].end_account(&alice, None, EndReason::PasswordChanged, NOW),
        );
        ended.unwrap();
        granted += u32::from(saved.unwrap());
        let live = stores[1].grants(&GrantFilter::default()).await.unwrap();
        assert_eq!(
            live,
            [],
            "round {round}: it came after the end, or goes with it"
        );
    }
    assert!((1..40).contains(&granted), "they never met: {granted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_redeemed_or_exchanged_while_another_pool_takes_it_back_is_taken_back() {
    let stores = two().await;
    let alice = jid("alice@example.com");
    let mut came_first = [0; 4];
    for round in 0..60 {
        let new = grant(&format!("{round}"));
        let name = hash(&format!("code {round}"));
        save_code(&stores[0], &name, &code(&new)).await;
        let client = client("Gajim");
        let (first, second) = (pair(&format!("{round} 1")), pair(&format!("{round} 2")));
        let way = round % 4;
        let redeem = || stores[0].redeem_code(&name, &client, &new, &first, NOW);
        let gave = if way < 2 {
            assert_eq!(redeem().await.unwrap(), Redeemed::Done);
            let old = first.refresh.unwrap();
            let rotated = stores[0].rotate_refresh_token(&old, &second, NOW);
            let (rotated, ended) = if way == 0 {
                let end = stores[1].end_account(&alice, None, EndReason::PasswordChanged, NOW);
                tokio::join!(rotated, end)
            } else {
                let end = stores[1].end_grant(&new.id, EndReason::OwnerRevoked, NOW);
                tokio::join!(rotated, end)
            };
            // Whoever keeps tokens in memory is told which of them are worthless.
            let taken = match rotated.unwrap() {
                Rotation::Rotated { .. } => &second,
                Rotation::Unknown => &first,
                Rotation::Reused(_) => panic!("it was shown once"),
            };
            assert_eq!(ended.unwrap().access_tokens, [taken.access]);
            taken.access == second.access
        } else {
            let (redeemed, ended) = if way == 2 {
                let end = stores[1].end_client(&new.client_id, EndReason::OperatorRevoked, NOW);
                let client_of =
                    stores[1].end_account(&alice, None, EndReason::AccountDisabled, NOW);
                let (redeemed, _, ended) = tokio::join!(redeem(), end, client_of);
                (redeemed, ended)
            } else {
                let end = stores[1].end_grants(&alice, EndReason::OwnerRevoked, NOW);
                tokio::join!(redeem(), end)
            };
            ended.unwrap();
            redeemed.unwrap() == Redeemed::Done
        };
        came_first[way] += u32::from(gave);
        let live = stores[1].grants(&GrantFilter::default()).await.unwrap();
        assert_eq!(live, [], "round {round}");
        for pair in [&first, &second] {
            assert_eq!(stores[0].access_token(&pair.access).await.unwrap(), None);
        }
    }
    assert!(
        came_first.iter().any(|count| *count > 0),
        "they never met: {came_first:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_open_a_new_database_at_once_make_its_tables_once() {
    let server = Server::shared();
    let settings = settings(&server.url(&server.empty().await));
    let stores = join_all((0..4).map(|_| PostgresStore::open(&settings))).await;
    for store in stores {
        store.unwrap().check().await.unwrap();
    }
    let rows = server.number(&settings.name, "SELECT count(*) FROM schema_version");
    assert_eq!(rows.await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused_and_left_alone() {
    let server = Server::shared();
    let settings = server.database().await;
    let newer = "UPDATE schema_version SET version = 1000, compatible_since = 1000";
    server.sql(&settings.name, newer).await;
    let error = PostgresStore::open(&settings).await.err().unwrap();
    assert!(
        matches!(error, StoreError::TooNew { found: 1000, .. }),
        "{error:?}"
    );
    let version = server.number(&settings.name, "SELECT version FROM schema_version");
    assert_eq!(version.await, 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_database_loses_nothing_that_was_answered_and_nobody_has_to_ask_again() {
    let (server, _) = own_server();
    let store = open(&server.database().await).await;
    for mode in ["fast", "immediate"] {
        // Idle connections are of no use afterwards.
        server.tell(mode);
        server.tell("start");
        let cookie = hash(mode);
        store.save_session(&cookie, &session()).await.unwrap();
        assert!(store.session(&cookie).await.unwrap().is_some());

        // Whoever asks meanwhile waits.
        server.tell(mode);
        let cookie = hash(&format!("{mode} meanwhile"));
        let asking = {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.save_session(&cookie, &session()).await })
        };
        server.tell("start");
        asking.await.unwrap().unwrap();
        assert!(store.session(&cookie).await.unwrap().is_some());
    }

    // Under load: what was answered is there.
    let writers = (0..8).map(|writer| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let (mut stored, mut failed) = (Vec::new(), 0);
            let until = Instant::now() + Duration::from_secs(4);
            for no in 0.. {
                let cookie = hash(&format!("{writer} {no}"));
                match store.save_session(&cookie, &session()).await {
                    Ok(()) => stored.push(cookie),
                    Err(error) => {
                        let error = error.to_string();
                        assert!(error.contains("during a commit"), "{error}");
                        failed += 1;
                    }
                }
                if Instant::now() > until {
                    break;
                }
            }
            (stored, failed)
        })
    });
    let writers: Vec<_> = writers.collect();
    for mode in ["immediate", "fast"] {
        server.tell(mode);
        server.tell("start");
    }
    for writer in join_all(writers).await {
        let (stored, failed) = writer.unwrap();
        assert!(stored.len() > 10, "{} were stored", stored.len());
        assert!(
            failed <= 2,
            "no more than one commit breaks at a time: {failed}"
        );
        for cookie in stored {
            assert!(store.session(&cookie).await.unwrap().is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stays_away_is_told_in_time() {
    let (server, _) = own_server();
    let store = open(&server.database().await).await;
    server.tell("fast");
    let since = Instant::now();
    let asked = (0..32).map(|no| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.session(&hash(&no.to_string())).await })
    });
    for answer in join_all(asked).await {
        let error = answer.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Database(_)), "{error:?}");
    }
    assert!(
        since.elapsed() < Duration::from_secs(20),
        "{:?}",
        since.elapsed()
    );
    assert!(store.check().await.is_err());
    server.tell("start");
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_told_why_and_no_password() {
    let (server, port) = own_server();
    server
        .sql("postgres", "CREATE ROLE oauth LOGIN PASSWORD 'right'")
        .await;
    server
        .sql("postgres", "CREATE DATABASE oauth OWNER oauth")
        .await;
    let url = format!("postgres://oauth@127.0.0.1:{port}/oauth");
    let with = |url: &str, password: &str| Postgres {
        password: Some(Secret::new(password)),
        ..settings(url)
    };
    let error = refused(&with(&url, "hunter2")).await;
    assert!(
        error.contains("password authentication failed for user"),
        "{error}"
    );
    assert!(
        error.contains(&url) && !error.contains("hunter2"),
        "{error}"
    );
    let error = refused(&settings(&url)).await;
    assert!(error.contains("password missing"), "{error}");
    let missing = format!("postgres://oauth@127.0.0.1:{port}/nothing");
    let error = refused(&with(&missing, "right")).await;
    assert!(
        error.contains("database \"nothing\" does not exist"),
        "{error}"
    );
    let [nowhere, _] = [1, 2].map(|no| settings(&format!("postgres://oauth@127.0.0.1:{no}/oauth")));
    let error = refused(&nowhere).await;
    assert!(
        error.contains("127.0.0.1:1") && error.contains("refused"),
        "{error}"
    );
    let store = PostgresStore::open(&with(&url, "right")).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_only_with_a_server_whose_certificate_is_trusted_and_for_its_name() {
    let (server, port) = own_server();
    server
        .sql("postgres", "CREATE ROLE oauth LOGIN PASSWORD 'right'")
        .await;
    server
        .sql("postgres", "CREATE DATABASE oauth OWNER oauth")
        .await;
    // Its certificate is nobody's but its own, and readable for its owner and for root alone.
    let certificate = std::fs::read(server.certificate()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.crt");
    std::fs::write(&ca_file, certificate).unwrap();
    let with = |host: &str, ca_file: Option<_>| Postgres {
        password: Some(Secret::new("right")),
        tls: Some(PostgresTls { ca_file }),
        ..settings(&format!("postgres://oauth@{host}:{port}/oauth"))
    };
    let error = refused(&with("localhost", None)).await;
    assert!(error.contains("certificate"), "{error}");
    let error = refused(&with("127.0.0.1", Some(ca_file.clone()))).await;
    assert!(
        error.contains("certificate") && error.contains("name"),
        "{error}"
    );
    let store = PostgresStore::open(&with("localhost", Some(ca_file)))
        .await
        .unwrap();
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
         WHERE ssl AND usename = 'oauth'";
    assert!(server.number("oauth", encrypted).await > 0);
    store.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_store_finishes_what_it_was_given() {
    let settings = Server::shared().database().await;
    let store = PostgresStore::open(&settings).await.unwrap();
    {
        // Handed over, and the answer not waited for.
        let (key, session) = (hash("s"), session());
        let mut save = store.save_session(&key, &session);
        assert!(futures::poll!(&mut save).is_pending());
    }
    drop(store);
    let store = PostgresStore::open(&settings).await.unwrap();
    assert!(store.session(&hash("s")).await.unwrap().is_some());
    store.close().await;
    let closed = store.session(&hash("s")).await;
    assert!(matches!(closed, Err(StoreError::Closed)), "{closed:?}");
    store.close().await;
}

/// An operation that nobody could carry out alone within reason: a lock that stays.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_lock_is_told_in_the_end_and_reads_go_on() {
    let server = Server::shared();
    let settings = server.database().await;
    let store = open(&settings).await;
    let cookie = hash("s");
    store.save_session(&cookie, &session()).await.unwrap();
    let held = server
        .hold(&settings.name, "LOCK TABLE browser_sessions IN SHARE MODE")
        .await;
    let since = Instant::now();
    let ended = store.end_session(&cookie);
    let (ended, found) = tokio::join!(ended, store.session(&cookie));
    assert!(found.unwrap().is_some());
    let error = ended.unwrap_err().to_string();
    assert!(error.contains("lock timeout"), "{error}");
    assert!(since.elapsed() < Duration::from_secs(20));
    drop(held);
    store.end_session(&cookie).await.unwrap();
    assert!(store.purge(NOW + 2 * DAY, NOW, 10).await.is_ok());
}
