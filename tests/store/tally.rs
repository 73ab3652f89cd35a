//! What the processes on one database count together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tempfile::tempdir;
use tokio::runtime::Runtime;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::limits::{Brake, RetryAfter};
use xmpp_oauth::storage::sqlite::SqliteStore;
use xmpp_oauth::storage::{Store, Try};

use super::{open, two};
use crate::fixture::{MINUTE, NOW, Shared, hash};
use crate::server::Server;

const SECOND: Duration = Duration::from_secs(1);

/// Three at once, and one more each ten seconds.
fn tries(key: &str) -> Try {
    Try {
        brake: "test",
        key: hash(key),
        costs: 10 * SECOND,
        burst: 30 * SECOND,
    }
}

async fn take(store: &Shared, one: Try, now: Timestamp) -> Result<(), Duration> {
    let taken = store.tally().unwrap().take_try(one, now).await;
    taken.unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Take(u32),
    GiveBack,
    Wait(u64),
}

/// The rule is written twice, in Rust for one process and in SQL for several.
#[test]
fn processes_count_together_as_one_counts_in_its_memory() {
    let runtime = Runtime::new().unwrap();
    let stores = runtime.block_on(two());
    let step = prop_oneof![
        4 => (1..4_u32).prop_map(Step::Take),
        1 => Just(Step::GiveBack),
        2 => (0..20_u64).prop_map(Step::Wait),
    ];
    let stories = prop::collection::vec((step, 0..2_usize), 1..40);
    let config = Config {
        cases: 32,
        failure_persistence: None,
        ..Config::default()
    };
    let number = AtomicU32::new(0);
    let mut runner = TestRunner::new(config);
    let came_to = runner.run(&(stories,), |(story,)| {
        let one = tries(&number.fetch_add(1, Ordering::Relaxed).to_string());
        let brake = Brake::new(3, 10 * SECOND);
        let mut now = NOW;
        for (step, at) in story {
            match step {
                Step::Take(many) => {
                    let costs = one.costs * many;
                    let taken = take(&stores[at], Try { costs, ..one }, now);
                    let taken = runtime.block_on(taken).map_err(RetryAfter);
                    prop_assert_eq!(taken, brake.take_many(&(), many, now));
                }
                Step::GiveBack => {
                    let tally = stores[at].tally().unwrap();
                    runtime.block_on(tally.give_try_back(one, now)).unwrap();
                    brake.give_back(&(), now);
                }
                Step::Wait(seconds) => now = now + Duration::from_secs(seconds),
            }
        }
        Ok(())
    });
    came_to.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_at_two_processes_cannot_outrun_the_count() {
    let stores = two().await;
    let takers = (0..40).map(|no| {
        let store = Arc::clone(&stores[no % 2]);
        tokio::spawn(async move { take(&store, tries("a"), NOW).await.is_ok() })
    });
    let taken = join_all(takers.collect::<Vec<_>>()).await;
    let taken = taken.into_iter().filter(|taken| *taken.as_ref().unwrap());
    assert_eq!(taken.count(), 3);
    // another key, and another brake, have their own
    take(&stores[0], tries("b"), NOW).await.unwrap();
    let other = Try {
        brake: "another",
        ..tries("a")
    };
    take(&stores[0], other, NOW).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_holds_nobody_for_longer_than_a_burst() {
    let [store, _] = two().await;
    let one = tries("a");
    for _ in 0..3 {
        take(&store, one, NOW + 9999 * SECOND).await.unwrap();
    }
    assert_eq!(take(&store, one, NOW).await, Err(10 * SECOND));
    take(&store, one, NOW + 10 * SECOND).await.unwrap();
    take(&store, one, NOW + 10 * SECOND).await.unwrap_err();
    for _ in 0..3 {
        take(&store, one, NOW + 40 * SECOND).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_set_back_holds_nobody_who_has_his_tries_back() {
    let [store, _] = two().await;
    let (one, ahead) = (tries("a"), NOW + 9999 * SECOND);
    for _ in 0..2 {
        take(&store, one, ahead).await.unwrap();
    }
    for _ in 0..2 {
        let tally = store.tally().unwrap();
        tally.give_try_back(one, ahead).await.unwrap();
    }
    for _ in 0..3 {
        take(&store, one, NOW).await.unwrap();
    }
    take(&store, one, NOW).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_to_one_process_is_known_to_all_until_it_may_be_forgotten() {
    let stores = two().await;
    let show = async |no: usize, what: &str, at| {
        let tally = stores[no].tally().unwrap();
        let is_first = tally.show_once(hash(what), NOW + MINUTE, at).await;
        is_first.unwrap()
    };
    assert!(show(0, "a", NOW).await);
    assert!(!show(1, "a", NOW).await);
    assert!(show(1, "b", NOW).await);
    // also where nobody has purged it yet
    assert!(show(1, "a", NOW + MINUTE).await);

    let shows = (0..16).map(|no| {
        let store = Arc::clone(&stores[no % 2]);
        tokio::spawn(async move {
            let tally = store.tally().unwrap();
            tally.show_once(hash("c"), NOW + MINUTE, NOW).await.unwrap()
        })
    });
    let firsts = join_all(shows.collect::<Vec<_>>()).await;
    let firsts = firsts.into_iter().filter(|first| *first.as_ref().unwrap());
    assert_eq!(firsts.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tries_that_are_back_and_what_may_be_shown_again_are_purged_in_small_steps() {
    let settings = Server::shared().database().await;
    let store = open(&settings).await;
    let rows = async |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        Server::shared().number(&settings.name, &sql).await
    };
    for no in 0..70 {
        let name = no.to_string();
        take(&store, tries(&name), NOW).await.unwrap();
    }
    for no in 0..5 {
        let (what, until) = (hash(&no.to_string()), NOW + 10 * SECOND);
        let tally = store.tally().unwrap();
        assert!(tally.show_once(what, until, NOW).await.unwrap());
    }
    // one that is still held
    take(&store, tries("0"), NOW).await.unwrap();
    assert_eq!(store.purge(NOW + 9 * SECOND, NOW, 3).await.unwrap(), 0);
    let late = NOW + 10 * SECOND;
    for left in [(10, 2), (1, 0), (1, 0)] {
        let before = rows("tries").await + rows("shown").await;
        let gone = store.purge(late, NOW, 3).await.unwrap();
        assert_eq!((rows("tries").await, rows("shown").await), left);
        let after = left.0 + left.1;
        assert_eq!(i64::try_from(gone).unwrap(), before - after);
    }
}

#[tokio::test]
async fn who_has_the_database_alone_counts_in_memory() {
    let files = tempdir().unwrap();
    let store = SqliteStore::open(files.path().join("store.db")).unwrap();
    assert!(store.tally().is_none());
}
