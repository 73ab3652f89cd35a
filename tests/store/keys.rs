//! Signing keys, secrets, health.

use std::sync::Arc;

use xmpp_oauth::clock::{ManualClock, Timestamp};
use xmpp_oauth::keys::{KeyError, KeySettings, Keyring};
use xmpp_oauth::model::SigningAlgorithm;
use xmpp_oauth::storage::StoredKey;
use xmpp_oauth::storage::sqlite::SqliteStore;

use crate::fixture::{DAY, NOW, Shared};

pub(crate) async fn a_new_signing_key_retires_those_of_its_algorithm(store: Shared) {
    for (kid, algorithm, at) in [
        ("b", "ES256", NOW),
        ("r", "RS256", NOW + DAY),
        ("a", "ES256", NOW + 2 * DAY),
        ("c", "ES256", NOW + 3 * DAY),
    ] {
        let key = key(kid, algorithm, at, None);
        store.add_signing_key(&key, at).await.unwrap();
    }
    let keys = [
        key("b", "ES256", NOW, Some(NOW + 2 * DAY)),
        key("r", "RS256", NOW + DAY, None),
        key("a", "ES256", NOW + 2 * DAY, Some(NOW + 3 * DAY)),
        key("c", "ES256", NOW + 3 * DAY, None),
    ];
    assert_eq!(store.signing_keys().await.unwrap(), keys);
    store.remove_signing_key("b").await.unwrap();
    assert_eq!(store.signing_keys().await.unwrap(), keys[1..]);
}

pub(crate) async fn a_secret_is_made_once(store: Shared) {
    assert_eq!(store.secret("forms", &[1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("forms", &[2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("other", &[3; 32]).await.unwrap(), [3; 32]);
}

pub(crate) async fn a_store_that_works_says_so(store: Shared) {
    for _ in 0..2 {
        store.check().await.unwrap();
    }
}

fn key(
    kid: &str,
    algorithm: &str,
    created_at: Timestamp,
    retired_at: Option<Timestamp>,
) -> StoredKey {
    StoredKey {
        kid: kid.to_owned(),
        algorithm: algorithm.to_owned(),
        private_key: kid.as_bytes().to_vec(),
        created_at,
        retired_at,
    }
}

#[tokio::test(start_paused = true)]
async fn a_first_key_that_cannot_be_stored_keeps_nobody_waiting_and_is_made_later() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("keys.db");
    let store = Arc::new(SqliteStore::open(&file).unwrap());
    let database = rusqlite::Connection::open(&file).unwrap();
    let refuse = "CREATE TRIGGER full BEFORE INSERT ON signing_keys
                  BEGIN SELECT RAISE(ABORT, 'full'); END";
    database.execute_batch(refuse).unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_unix(1_800_000_000)));
    let settings = KeySettings {
        algorithms: vec![SigningAlgorithm::ES256],
        ttl: None,
    };
    let keys = Keyring::open(store, clock, settings).await.unwrap();
    let signed = keys
        .sign(SigningAlgorithm::ES256, &serde_json::json!({}))
        .await;
    assert!(matches!(signed, Err(KeyError::NotYet)), "{signed:?}");
    database.execute_batch("DROP TRIGGER full").unwrap();
    while keys.ready().await.is_err() {}
    keys.sign(SigningAlgorithm::ES256, &serde_json::json!({}))
        .await
        .unwrap();
}
