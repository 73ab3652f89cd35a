//! The exchange of refresh tokens (RFC 9700 §4.14.2, and the lost answer).

use std::time::Duration;

use futures::future::join_all;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::{EndReason, Grant, Thumbprint};
use xmpp_oauth::storage::{Ended, LOST_ANSWER_WINDOW, Rotation};

use crate::fixture::{
    DAY, MINUTE, NOW, Shared, give, grant, has_access, hash, is_live, pair, rotate, with_grant,
};

pub(crate) async fn the_first_pair_needs_no_confirmation(store: Shared) {
    with_grant(&store).await;
    let access = store.access_token(&hash("a-0")).await.unwrap().unwrap();
    assert_eq!(access.unconfirmed_pair, None);
    assert!(store.confirm_pair(&hash("r-0"), NOW).await.unwrap());
}

pub(crate) async fn a_narrowed_access_token_keeps_its_own_scopes(store: Shared) {
    let grant = with_grant(&store).await;
    let mut narrow = pair("1");
    narrow.scopes = "openid".parse().unwrap();
    store
        .rotate_refresh_token(&hash("r-0"), &narrow, NOW)
        .await
        .unwrap();
    let access = store.access_token(&hash("a-1")).await.unwrap().unwrap();
    assert_eq!(access.scopes, narrow.scopes);
    assert_eq!(access.grant.scopes, grant.scopes);
}

pub(crate) async fn each_token_of_a_pair_keeps_the_key_that_it_is_bound_to(store: Shared) {
    with_grant(&store).await;
    let keys = async |name: &str| {
        let access = store.access_token(&hash(&format!("a-{name}"))).await;
        let refresh = store.refresh_token(&hash(&format!("r-{name}"))).await;
        let (access, refresh) = (access.unwrap().unwrap(), refresh.unwrap().unwrap());
        (access.jkt, refresh.jkt)
    };
    assert_eq!(keys("0").await, (None, None));
    let key = |name: &str| Some(Thumbprint::new(name));
    for (old, new, access, refresh) in [
        ("0", "1", key("x"), key("y")),
        ("1", "2", key("z"), None),
        ("2", "3", None, key("y")),
    ] {
        let mut bound = pair(new);
        (bound.access_jkt, bound.refresh_jkt) = (access.clone(), refresh.clone());
        let old = hash(&format!("r-{old}"));
        let rotation = store.rotate_refresh_token(&old, &bound, NOW).await;
        assert!(is_rotated(&rotation.unwrap()));
        assert_eq!(keys(new).await, (access, refresh));
    }
}

pub(crate) async fn a_refresh_token_gives_a_new_pair_and_the_old_access_token_dies(store: Shared) {
    let grant = with_grant(&store).await;
    let superseded = vec![hash("a-0")];
    assert_eq!(
        rotate(&store, "0", "1", NOW + MINUTE).await,
        Rotation::Rotated { superseded }
    );
    assert!(!has_access(&store, "0").await);
    let access = store.access_token(&hash("a-1")).await.unwrap().unwrap();
    assert_eq!(access.unconfirmed_pair, Some(hash("r-1")));
    assert_eq!(access.grant, grant);
    let spent = store.refresh_token(&hash("r-0")).await.unwrap().unwrap();
    assert_eq!(spent.rotated_at, Some(NOW + MINUTE));
    let fresh = store.refresh_token(&hash("r-1")).await.unwrap().unwrap();
    assert_eq!(fresh.rotated_at, None);
}

pub(crate) async fn a_lost_answer_may_be_asked_for_again(store: Shared) {
    with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    let superseded = vec![hash("a-1")];
    assert_eq!(
        rotate(&store, "0", "2", NOW + MINUTE).await,
        Rotation::Rotated { superseded }
    );
    // And the new pair goes on as if nothing had been.
    assert!(store.confirm_pair(&hash("r-2"), NOW).await.unwrap());
    assert!(is_rotated(&rotate(&store, "2", "3", NOW + MINUTE).await));
}

pub(crate) async fn a_lost_answer_may_be_asked_for_until_the_window_closes(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    let last = NOW + LOST_ANSWER_WINDOW;
    assert!(is_rotated(&rotate(&store, "0", "2", last).await));
    let late = last + Duration::from_secs(1);
    assert_reused(&store, &grant, "0", late, "2").await;
}

pub(crate) async fn the_window_is_counted_from_the_first_exchange(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    rotate(&store, "0", "2", NOW + 9 * MINUTE).await;
    assert_reused(&store, &grant, "0", NOW + 11 * MINUTE, "2").await;
}

pub(crate) async fn a_confirmed_pair_closes_the_window(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    assert!(store.confirm_pair(&hash("r-1"), NOW).await.unwrap());
    let access = store.access_token(&hash("a-1")).await.unwrap().unwrap();
    assert_eq!(access.unconfirmed_pair, None);
    assert_reused(&store, &grant, "0", NOW, "1").await;
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    assert_eq!(stored.ended, Some((NOW, EndReason::RefreshTokenReused)));
}

pub(crate) async fn exchanging_a_token_confirms_its_pair(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    rotate(&store, "1", "2", NOW).await;
    assert_reused(&store, &grant, "0", NOW, "2").await;
}

pub(crate) async fn a_grandparent_is_always_reuse(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    rotate(&store, "1", "2", NOW).await;
    rotate(&store, "1", "3", NOW).await;
    assert_reused(&store, &grant, "0", NOW, "3").await;
}

pub(crate) async fn the_refresh_token_of_a_replaced_pair_is_reuse(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    rotate(&store, "0", "2", NOW).await;
    assert_reused(&store, &grant, "1", NOW, "2").await;
}

pub(crate) async fn the_access_token_of_a_replaced_pair_is_unknown(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    rotate(&store, "0", "2", NOW).await;
    assert!(!has_access(&store, "1").await);
    assert!(has_access(&store, "2").await && is_live(&store, &grant).await);
}

pub(crate) async fn a_replaced_pair_cannot_be_confirmed(store: Shared) {
    with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    rotate(&store, "0", "2", NOW).await;
    assert!(!store.confirm_pair(&hash("r-1"), NOW).await.unwrap());
    assert!(!store.confirm_pair(&hash("r-0"), NOW).await.unwrap());
    assert!(!store.confirm_pair(&hash("other"), NOW).await.unwrap());
    let access = store.access_token(&hash("a-2")).await.unwrap().unwrap();
    assert_eq!(access.unconfirmed_pair, Some(hash("r-2")));
}

pub(crate) async fn confirming_twice_is_no_harm(store: Shared) {
    with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    for _ in 0..2 {
        assert!(store.confirm_pair(&hash("r-1"), NOW).await.unwrap());
    }
    assert!(has_access(&store, "1").await);
}

pub(crate) async fn an_expired_refresh_token_is_unknown(store: Shared) {
    let grant = grant("1");
    let mut short = pair("0");
    short.refresh_expires_at = Some(NOW + DAY);
    give(&store, &grant, &short).await;
    assert_eq!(rotate(&store, "0", "1", NOW + DAY).await, Rotation::Unknown);
    assert!(!has_access(&store, "1").await && is_live(&store, &grant).await);
    assert_eq!(rotate(&store, "x", "1", NOW).await, Rotation::Unknown);
}

pub(crate) async fn a_refresh_token_of_an_ended_grant_is_unknown(store: Shared) {
    let grant = with_grant(&store).await;
    rotate(&store, "0", "1", NOW).await;
    let reason = EndReason::OwnerRevoked;
    store.end_grant(&grant.id, reason, NOW).await.unwrap();
    for old in ["0", "1"] {
        assert_eq!(rotate(&store, old, "2", NOW).await, Rotation::Unknown);
    }
    assert!(!store.confirm_pair(&hash("r-1"), NOW).await.unwrap());
}

pub(crate) async fn a_pair_without_a_refresh_token_leaves_no_way_back(store: Shared) {
    let grant = with_grant(&store).await;
    let mut last = pair("1");
    last.refresh = None;
    store
        .rotate_refresh_token(&hash("r-0"), &last, NOW)
        .await
        .unwrap();
    let access = store.access_token(&hash("a-1")).await.unwrap().unwrap();
    assert_eq!(access.unconfirmed_pair, None);
    assert_reused(&store, &grant, "0", NOW, "1").await;
}

pub(crate) async fn of_many_who_rotate_one_token_one_pair_is_left(store: Shared) {
    let grant = with_grant(&store).await;
    let tries = (1..=64).map(|i| {
        let store = store.clone();
        tokio::spawn(async move { rotate(&store, "0", &i.to_string(), NOW).await })
    });
    for answer in join_all(tries).await {
        assert!(is_rotated(&answer.unwrap()));
    }
    let mut left = 0;
    for i in 1..=64 {
        let name = i.to_string();
        let refresh = store.refresh_token(&hash(&format!("r-{name}"))).await;
        let usable = refresh.unwrap().unwrap().rotated_at.is_none();
        assert_eq!(has_access(&store, &name).await, usable, "both or none");
        left += usize::from(usable);
    }
    assert_eq!(left, 1);
    assert!(is_live(&store, &grant).await);
}

pub(crate) async fn confirming_and_rotating_at_once_leave_one_pair_or_none(store: Shared) {
    for round in 0..20 {
        let name = |n: u32| format!("{round}-{n}");
        let grant = grant(&name(0));
        give(&store, &grant, &pair(&name(0))).await;
        rotate(&store, &name(0), &name(1), NOW).await;
        let refresh = hash(&format!("r-{}", name(1)));
        let (old, new) = (name(0), name(2));
        let (confirmed, rotation) = tokio::join!(
            store.confirm_pair(&refresh, NOW),
            rotate(&store, &old, &new, NOW)
        );
        if confirmed.unwrap() {
            // First used, then the predecessor shown: reuse.
            assert!(matches!(rotation, Rotation::Reused(_)));
            assert!(!is_live(&store, &grant).await);
        } else {
            assert!(is_rotated(&rotation));
            assert!(!has_access(&store, &name(1)).await && has_access(&store, &name(2)).await);
        }
    }
}

fn is_rotated(rotation: &Rotation) -> bool {
    matches!(rotation, Rotation::Rotated { .. })
}

/// Showing `r-OLD` ends the grant, whose access token is `a-CURRENT`.
async fn assert_reused(store: &Shared, grant: &Grant, old: &str, at: Timestamp, current: &str) {
    let ended = Ended {
        grants: vec![(grant.account.clone(), grant.id.clone())],
        access_tokens: vec![hash(&format!("a-{current}"))],
    };
    assert_eq!(
        rotate(store, old, "thief", at).await,
        Rotation::Reused(ended)
    );
    assert!(!is_live(store, grant).await);
    for name in [old, current, "thief"] {
        assert!(!has_access(store, name).await);
        assert_eq!(rotate(store, name, "again", at).await, Rotation::Unknown);
    }
}
