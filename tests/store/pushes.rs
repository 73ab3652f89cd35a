//! Pushed authorization requests: taken once, by their client, in time.

use std::sync::Arc;

use futures::future::join_all;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::{ClientId, PushedRequest};

use crate::fixture::{MINUTE, NOW, Shared, hash};

fn app() -> ClientId {
    ClientId::new("app")
}

fn pushed(client_id: ClientId) -> PushedRequest {
    PushedRequest {
        client_id,
        request: "scope=openid&state=%C3%A4+%00".to_owned(),
        expires_at: NOW + MINUTE,
    }
}

async fn save(store: &Shared, name: &str, at: Timestamp, most: Option<usize>) -> bool {
    let mut pushed = pushed(app());
    pushed.expires_at = at + MINUTE;
    let saved = store.save_push(&hash(name), &pushed, most, at).await;
    saved.unwrap()
}

async fn take(store: &Shared, name: &str, client_id: &ClientId, at: Timestamp) -> Option<String> {
    let taken = store.take_push(&hash(name), client_id, at).await;
    taken.unwrap()
}

pub(crate) async fn a_pushed_request_is_taken_once_by_its_client_and_in_time(store: Shared) {
    let late = NOW + MINUTE;
    let in_time = Timestamp::from_unix(late.as_unix() - 1);
    assert!(save(&store, "1", NOW, None).await);
    assert!(save(&store, "2", NOW, Some(9)).await);
    let other = ClientId::new("another");
    assert_eq!(take(&store, "1", &other, NOW).await, None);
    assert_eq!(take(&store, "3", &app(), NOW).await, None);
    let request = Some(pushed(app()).request);
    assert_eq!(take(&store, "1", &app(), in_time).await, request);
    assert_eq!(take(&store, "1", &app(), in_time).await, None);
    assert_eq!(take(&store, "2", &app(), late).await, None);
}

pub(crate) async fn of_many_who_take_one_pushed_request_one_gets_it(store: Shared) {
    assert!(save(&store, "1", NOW, None).await);
    let takers = (0..16).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { take(&store, "1", &app(), NOW).await })
    });
    let taken = join_all(takers.collect::<Vec<_>>()).await;
    let taken = taken.into_iter().filter_map(Result::unwrap);
    assert_eq!(taken.count(), 1);
}

pub(crate) async fn a_client_has_no_more_pushed_requests_open_than_it_may(store: Shared) {
    assert!(save(&store, "1", NOW, Some(2)).await);
    assert!(save(&store, "2", NOW, Some(2)).await);
    assert!(!save(&store, "3", NOW, Some(2)).await);
    assert_eq!(take(&store, "3", &app(), NOW).await, None);
    // another client's are no matter, nor is what was taken or is too old
    let other = pushed(ClientId::new("another"));
    let saved = store.save_push(&hash("4"), &other, Some(2), NOW).await;
    assert!(saved.unwrap());
    assert!(take(&store, "1", &app(), NOW).await.is_some());
    assert!(save(&store, "3", NOW, Some(2)).await);
    assert!(!save(&store, "5", NOW, Some(2)).await);
    assert!(save(&store, "5", NOW + MINUTE, Some(2)).await);
    // and where nobody counts, there may be any number
    for name in ["6", "7", "8"] {
        assert!(save(&store, name, NOW + MINUTE, None).await);
    }
}

pub(crate) async fn pushed_requests_that_nobody_brought_are_purged_in_small_steps(store: Shared) {
    for name in ["1", "2", "3"] {
        assert!(save(&store, name, NOW, None).await);
    }
    assert!(save(&store, "4", NOW + MINUTE, None).await);
    assert_eq!(store.purge(NOW, NOW, 2).await.unwrap(), 0);
    for gone in [2, 1, 0] {
        assert_eq!(store.purge(NOW + MINUTE, NOW, 2).await.unwrap(), gone);
    }
    assert!(take(&store, "4", &app(), NOW + MINUTE).await.is_some());
}
