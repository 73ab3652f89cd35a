//! Housekeeping.

use xmpp_oauth::model::EndReason;
use xmpp_oauth::storage::{REDEEMED_CODE_KEPT, Rotation, SPENT_TOKEN_KEPT, StoredClient};

use crate::fixture::{
    DAY, HOUR, MINUTE, NOW, Shared, client, code, give, grant, hash, host, is_live, pair, rotate,
    save_code, session, with_grant,
};

pub(crate) async fn what_has_expired_is_purged_and_the_rest_stays(store: Shared) {
    let mut short = pair("short");
    short.refresh_expires_at = Some(NOW + 2 * HOUR);
    let grant_short = grant("short");
    give(&store, &grant_short, &short).await;
    let lasting = with_grant(&store).await;
    save_code(&store, &hash("c"), &code(&lasting)).await;
    store.save_session(&hash("s"), &session()).await.unwrap();
    assert_eq!(store.purge(NOW, NOW, 100).await.unwrap(), 0);

    assert_eq!(store.purge(NOW + MINUTE, NOW, 100).await.unwrap(), 1);
    assert_eq!(store.code(&hash("c")).await.unwrap(), None);
    assert!(is_known(&store, "short").await);

    assert_eq!(store.purge(NOW + 2 * HOUR, NOW, 100).await.unwrap(), 1);
    assert!(!is_known(&store, "short").await && is_known(&store, "0").await);

    // The session, and the two codes that had been redeemed.
    let day = NOW + REDEEMED_CODE_KEPT.max(DAY);
    assert_eq!(store.purge(day, NOW, 100).await.unwrap(), 3);
    assert_eq!(store.session(&hash("s")).await.unwrap(), None);

    // Sessions on the server hang on both grants.
    assert!(is_live(&store, &lasting).await && is_live(&store, &grant_short).await);
    assert_eq!(store.purge(day, NOW, 100).await.unwrap(), 0);
}

pub(crate) async fn a_grant_without_xmpp_scope_goes_with_its_last_token(store: Shared) {
    let mut grant = grant("1");
    grant.scopes = "openid".parse().unwrap();
    let mut short = pair("0");
    short.scopes = grant.scopes.clone();
    give(&store, &grant, &short).await;
    let mut next = pair("1");
    next.scopes = grant.scopes.clone();
    next.refresh_expires_at = Some(NOW + DAY);
    store
        .rotate_refresh_token(&hash("r-0"), &next, NOW)
        .await
        .unwrap();
    store.purge(NOW + HOUR, NOW, 100).await.unwrap();
    assert!(is_live(&store, &grant).await);
    store.purge(NOW + DAY, NOW, 100).await.unwrap();
    assert_eq!(store.grant(&grant.id).await.unwrap(), None);
    assert!(!is_known(&store, "0").await && !is_known(&store, "1").await);
}

pub(crate) async fn an_ended_grant_goes_when_told_and_its_pending_end_stays(store: Shared) {
    let grant = with_grant(&store).await;
    let reason = EndReason::OwnerRevoked;
    store.end_grant(&grant.id, reason, NOW).await.unwrap();
    store.purge(NOW, NOW, 100).await.unwrap();
    assert!(!is_live(&store, &grant).await);
    store.purge(NOW, NOW + MINUTE, 100).await.unwrap();
    assert_eq!(store.grant(&grant.id).await.unwrap(), None);
    let pending = store.pending_ends(&host("example.com")).await.unwrap();
    assert_eq!(pending.len(), 1);
}

pub(crate) async fn a_tombstone_goes_when_its_registration_would_have_expired(store: Shared) {
    let grant = with_grant(&store).await;
    let for_ever = client("ever").id;
    let reason = EndReason::ClientRemoved;
    for (id, expires_at) in [(&grant.client_id, Some(NOW + DAY)), (&for_ever, None)] {
        store
            .remove_client(id, expires_at, reason, NOW)
            .await
            .unwrap();
    }
    store.purge(NOW + DAY - MINUTE, NOW, 100).await.unwrap();
    let removed = Some(StoredClient::Removed);
    assert_eq!(store.client(&grant.client_id).await.unwrap(), removed);
    // Its grant is still kept, and names it.
    store.purge(NOW + DAY, NOW, 100).await.unwrap();
    assert_eq!(store.client(&grant.client_id).await.unwrap(), removed);
    store.purge(NOW + DAY, NOW + DAY, 100).await.unwrap();
    assert_eq!(store.client(&grant.client_id).await.unwrap(), None);
    assert_eq!(store.client(&for_ever).await.unwrap(), removed);
}

pub(crate) async fn a_spent_refresh_token_is_kept_for_a_while(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    rotate(&store, "1", "2", NOW + DAY).await;
    store.purge(NOW + SPENT_TOKEN_KEPT, NOW, 100).await.unwrap();
    assert!(!is_known(&store, "0").await && is_known(&store, "1").await);
    let late = NOW + SPENT_TOKEN_KEPT;
    assert_eq!(rotate(&store, "0", "3", late).await, Rotation::Unknown);
    assert!(is_live(&store, &grant).await);
    let reused = rotate(&store, "1", "3", late).await;
    assert!(matches!(reused, Rotation::Reused(_)));
}

pub(crate) async fn no_more_than_the_limit_goes_at_once(store: Shared) {
    for i in 0..5 {
        let name = hash(&i.to_string());
        store.save_session(&name, &session()).await.unwrap();
    }
    for gone in [2, 2, 1, 0] {
        assert_eq!(store.purge(NOW + DAY, NOW, 2).await.unwrap(), gone);
    }
}

async fn is_known(store: &Shared, name: &str) -> bool {
    let token = store.refresh_token(&hash(&format!("r-{name}"))).await;
    token.unwrap().is_some()
}

pub(crate) async fn an_expired_client_goes_when_no_grant_needs_it(store: Shared) {
    let used = with_grant(&store).await;
    let idle = client("idle");
    store.put_client(&idle).await.unwrap();
    let mut lasting = client("lasting");
    lasting.expires_at = None;
    store.put_client(&lasting).await.unwrap();

    let expiry = idle.expires_at.unwrap();
    store.purge(expiry - MINUTE, NOW, 100).await.unwrap();
    assert!(store.client(&idle.id).await.unwrap().is_some());
    store.purge(expiry, NOW, 100).await.unwrap();
    assert_eq!(store.client(&idle.id).await.unwrap(), None);
    assert!(store.client(&used.client_id).await.unwrap().is_some());
    assert!(store.client(&lasting.id).await.unwrap().is_some());

    let reason = EndReason::OwnerRevoked;
    store.end_grant(&used.id, reason, expiry).await.unwrap();
    store.purge(expiry + DAY, expiry + DAY, 100).await.unwrap();
    assert_eq!(store.client(&used.client_id).await.unwrap(), None);
}
