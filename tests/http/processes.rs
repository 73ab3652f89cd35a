//! Several processes on one database: what one changes holds for all within a second.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use xmpp_oauth::clock::{ManualClock, Timestamp};
use xmpp_oauth::keys::{KeySettings, Keyring};
use xmpp_oauth::model::{ClientId, SigningAlgorithm};
use xmpp_oauth::oauth::revoke::AccountChange;
use xmpp_oauth::storage::Store;
use xmpp_oauth::storage::postgres::PostgresStore;

use super::text;
use crate::client::Http;
use crate::flows::App;
use crate::postgres::Server;
use crate::wait::until;
use crate::world::{ALICE, PASSWORD, World};

/// Within which all must hold for all.
const SECOND: Duration = Duration::from_secs(1);
/// More than anything else takes.
const LONG: Duration = Duration::from_secs(20);

struct Processes {
    one: World,
    other: World,
    app: App,
    tokens: Value,
}

impl Processes {
    /// Two, the other of which answers for the app's access token from memory.
    async fn two() -> Self {
        let one = World::on_postgres().await;
        let app = one.register(json!({})).await;
        let tokens = one.tokens(&app, &[]).await;
        let other = one.beside().await;
        let these = Self {
            one,
            other,
            app,
            tokens,
        };
        these.is_in_memory().await;
        these
    }

    fn access(&self) -> &str {
        text(&self.tokens, "access_token")
    }

    fn hits(&self) -> u64 {
        self.other.counted("token_cache_total{result=\"hit\"}")
    }

    /// Waits until the other process answers from memory.
    async fn is_in_memory(&self) {
        let before = self.hits();
        until("an answer from memory", LONG, async || {
            assert_eq!(self.other.userinfo(self.access()).await.status, 200);
            (self.hits() > before).then_some(())
        })
        .await;
    }

    async fn is_refused_by_the_other(&self, within: Duration) {
        until("the other process refuses the token", within, async || {
            let answer = self.other.userinfo(self.access()).await;
            (answer.status == 401).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_one_process_revokes_another_refuses_within_a_second() {
    let both = Processes::two().await;
    let refresh = text(&both.tokens, "refresh_token");
    assert_eq!(both.one.revoke(&both.app, refresh).await.status, 200);
    both.is_refused_by_the_other(SECOND).await;
}

#[tokio::test]
async fn what_one_process_exchanges_another_refuses_within_a_second() {
    let both = Processes::two().await;
    let refresh = text(&both.tokens, "refresh_token");
    assert_eq!(both.one.refresh(&both.app, refresh).await.status, 200);
    both.is_refused_by_the_other(SECOND).await;
}

#[tokio::test]
async fn who_does_not_hear_the_others_answers_nothing_from_memory() {
    let both = Processes::two().await;
    both.other.turn_deaf();
    let refresh = text(&both.tokens, "refresh_token");
    assert_eq!(both.one.revoke(&both.app, refresh).await.status, 200);
    // by asking the database: nobody tells it
    both.is_refused_by_the_other(2 * SECOND).await;
}

#[tokio::test]
async fn who_lost_its_connection_believes_nothing_that_it_had_in_memory() {
    let both = Processes::two().await;
    let refresh = text(&both.tokens, "refresh_token");
    assert_eq!(both.one.revoke(&both.app, refresh).await.status, 200);
    // all connections, those that hear among them; and what they could have heard
    let database = both.one.database();
    let cut = format!(
        "DELETE FROM changes; SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = '{database}' AND pid <> pg_backend_pid()"
    );
    Server::shared().sql(database, &cut).await;
    both.is_refused_by_the_other(2 * SECOND).await;
}

#[tokio::test]
async fn a_client_that_one_process_removes_is_unknown_to_another_within_a_second() {
    let both = Processes::two().await;
    let known = async || both.other.provider.client(&both.app.id).await.unwrap();
    assert!(known().await.is_some());
    let id = ClientId::new(both.app.id.as_str());
    assert!(both.one.provider.remove_client(&id).await.unwrap());
    until("the client is unknown", SECOND, async || {
        known().await.is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_keys_that_one_process_makes_another_publishes_within_a_second() {
    let both = Processes::two().await;
    let made = both.one.provider.rotate_keys().await.unwrap();
    until("the new keys are published", SECOND, async || {
        let keys = Http::new().get(&both.other.url("/oauth2/jwks")).await;
        made.iter()
            .all(|kid| keys.text().contains(kid))
            .then_some(())
    })
    .await;
    // and it signs with them
    let keys = both.other.keys.list();
    let mut in_use = keys.iter().filter(|key| key.retired_at.is_none());
    assert!(in_use.clone().count() > 0);
    assert!(in_use.all(|key| made.contains(&key.kid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_together_make_one_key_of_each_kind() {
    let database = Server::shared().database().await;
    let settings = KeySettings {
        algorithms: vec![SigningAlgorithm::ES256, SigningAlgorithm::EdDSA],
        ttl: Some(Duration::from_secs(24 * 3600)),
    };
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
    let mut stores: Vec<Arc<dyn Store>> = Vec::new();
    let mut rings = Vec::new();
    for _ in 0..4 {
        stores.push(Arc::new(PostgresStore::open(&database).await.unwrap()));
    }
    for store in &stores {
        let (store, clock) = (Arc::clone(store), Arc::clone(&clock) as _);
        rings.push(Keyring::open(store, clock, settings.clone()).await.unwrap());
    }
    for ring in &rings {
        ring.ready().await.unwrap();
    }
    // each has tried by now what it tries
    let stored = until("nobody makes one more", LONG, async || {
        let all = rings.iter().map(|ring| ring.list().len());
        all.clone().all(|count| count == 2).then(|| all.count())
    })
    .await;
    assert_eq!(stored, 4);
    assert_eq!(stores[0].signing_keys().await.unwrap().len(), 2);

    // when they become too old, one makes the next ones
    clock.advance(Duration::from_secs(25 * 3600));
    let (a, b) = tokio::join!(rings[0].rotate_old(), rings[1].rotate_old());
    assert_eq!(a.unwrap().len() + b.unwrap().len(), 2);
    assert_eq!(stores[0].signing_keys().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_login_under_way_does_not_outlive_a_change_that_another_process_is_told_of() {
    let both = Processes::two().await;
    let gate = both.one.server.hold();
    let asked = both.one.server.asked();
    let mut browser = Http::new();
    let page = browser.get(&both.one.url("/account")).await;
    let page = match page.status {
        303 => browser.get(&both.one.url(page.location())).await,
        _ => page,
    };
    let login = both.one.give_password(&mut browser, &page, ALICE, PASSWORD);
    let change = async {
        until("the password is asked for", LONG, async || {
            (both.one.server.asked() > asked).then_some(())
        })
        .await;
        let alice = ALICE.parse().unwrap();
        let changed = both
            .other
            .provider
            .account_changed(&alice, AccountChange::Password);
        changed.await.unwrap();
        gate.notify_one();
    };
    let (answer, ()) = tokio::join!(login, change);
    assert_ne!(answer.status, 303, "somebody was logged in");
    let alice = ALICE.parse().unwrap();
    assert_eq!(both.one.store.sessions(&alice).await.unwrap().len(), 0);
}

#[tokio::test]
async fn one_process_leads_and_another_takes_its_place() {
    let both = Processes::two().await;
    let (one, other) = (both.one, both.other);
    until("one leads", LONG, async || {
        one.provider.leads().then_some(())
    })
    .await;
    assert!(!other.provider.leads());
    one.end();
    let within = Duration::from_secs(3);
    until("the other leads", within, async || {
        other.provider.leads().then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_does_not_hear_the_others_leads_no_more() {
    let world = World::on_postgres().await;
    until("it leads", LONG, async || {
        world.provider.leads().then_some(())
    })
    .await;
    world.turn_deaf();
    until("it leads no more", 2 * SECOND, async || {
        (!world.provider.leads()).then_some(())
    })
    .await;
}
