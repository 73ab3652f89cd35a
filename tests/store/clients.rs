//! Clients.

use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::EndReason;
use xmpp_oauth::storage::StoredClient;

use crate::fixture::{DAY, NOW, Shared, client, has_access, is_live, with_grant};

pub(crate) async fn a_client_that_was_never_used_is_not_known(store: Shared) {
    let unused = client("Gajim").id;
    assert_eq!(store.client(&unused).await.unwrap(), None);
}

pub(crate) async fn a_client_is_stored_and_overwritten(store: Shared) {
    let mut client = client("Gajim");
    client.metadata.contacts = vec!["mailto:a@example.com".to_owned()];
    store.put_client(&client).await.unwrap();
    client.metadata.client_name = "Gajim 2".to_owned();
    client.expires_at = None;
    store.put_client(&client).await.unwrap();
    let stored = store.client(&client.id).await.unwrap();
    assert_eq!(stored, Some(StoredClient::Known(client)));
}

pub(crate) async fn a_removed_client_stays_removed(store: Shared) {
    let client = client("Gajim");
    store.put_client(&client).await.unwrap();
    let reason = EndReason::ClientRemoved;
    let ended = store
        .remove_client(&client.id, client.expires_at, reason, NOW)
        .await;
    assert!(ended.unwrap().grants.is_empty());
    store.put_client(&client).await.unwrap();
    let stored = store.client(&client.id).await.unwrap();
    assert_eq!(stored, Some(StoredClient::Removed));
}

pub(crate) async fn removing_a_client_ends_its_grants(store: Shared) {
    let grant = with_grant(&store).await;
    let reason = EndReason::ClientRemoved;
    let ended = store
        .remove_client(&grant.client_id, None, reason, NOW)
        .await
        .unwrap();
    assert_eq!(
        ended.grants,
        [(grant.account.clone(), grant.id.clone())].to_vec()
    );
    assert!(!is_live(&store, &grant).await);
    assert!(!has_access(&store, "0").await);
}

pub(crate) async fn a_client_may_be_removed_that_was_never_stored(store: Shared) {
    let id = client("Gajim").id;
    let reason = EndReason::ClientRemoved;
    store
        .remove_client(&id, Some(NOW + DAY), reason, NOW)
        .await
        .unwrap();
    assert_eq!(
        store.client(&id).await.unwrap(),
        Some(StoredClient::Removed)
    );
}

pub(crate) async fn clients_are_listed_oldest_first_without_removed_ones(store: Shared) {
    for (name, issued_at) in [("b", 3), ("c", 1), ("a", 2)] {
        let mut client = client(name);
        client.issued_at = Timestamp::from_unix(issued_at);
        store.put_client(&client).await.unwrap();
    }
    let reason = EndReason::ClientRemoved;
    store
        .remove_client(&client("a").id, None, reason, NOW)
        .await
        .unwrap();
    let names: Vec<_> = store.clients().await.unwrap();
    let names: Vec<_> = names.iter().map(|c| &*c.metadata.client_name).collect();
    assert_eq!(names, ["c", "b"]);
}

pub(crate) async fn clients_that_nobody_has_used_are_bounded_in_number(store: Shared) {
    let used = with_grant(&store).await;
    let (one, two) = (client("one"), client("two"));
    assert!(store.has_room_for_client(&one.id, 1).await.unwrap());
    store.put_client(&one).await.unwrap();
    // what is there may change; another is one too many
    assert!(store.has_room_for_client(&one.id, 1).await.unwrap());
    assert!(!store.has_room_for_client(&two.id, 1).await.unwrap());
    assert!(store.has_room_for_client(&used.client_id, 1).await.unwrap());
    let reason = EndReason::ClientRemoved;
    store
        .remove_client(&one.id, one.expires_at, reason, NOW)
        .await
        .unwrap();
    assert!(!store.has_room_for_client(&two.id, 1).await.unwrap());
}
