//! Security events, and how few of them are kept.

use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::{EndReason, Event, EventKind, GrantId};
use xmpp_oauth::storage::EVENTS_KEPT;

use crate::fixture::{DAY, HOUR, MINUTE, NOW, Shared, hash, jid, session, with_grant};

fn event(kind: EventKind, grant: Option<&GrantId>, at: Timestamp) -> Event {
    Event {
        account: jid("alice@example.com"),
        kind,
        grant_id: grant.cloned(),
        at,
        from: None,
    }
}

pub(crate) async fn what_happens_again_on_a_day_is_counted(store: Shared) {
    let grant = with_grant(&store).await;
    let mut last = event(EventKind::Refreshed, Some(&grant.id), NOW + HOUR);
    last.from = Some("192.0.2.1".parse().unwrap());
    let ended = EventKind::Ended(EndReason::OwnerRevoked);
    let events = [
        event(EventKind::Refreshed, Some(&grant.id), NOW),
        event(EventKind::LoggedIn, None, NOW),
        last.clone(),
        event(ended, Some(&grant.id), NOW + 2 * HOUR),
        event(EventKind::Refreshed, Some(&grant.id), NOW + DAY),
    ];
    store.record_events(&events).await.unwrap();
    let kept = store.events(&grant.account).await.unwrap();
    assert_eq!(kept.len(), 4, "{kept:?}");
    let (next_day, end, refreshed, login) = (&kept[0], &kept[1], &kept[2], &kept[3]);
    assert_eq!(refreshed.event, last);
    assert_eq!(refreshed.count, 2);
    assert_eq!(refreshed.client_name.as_deref(), Some("Gajim"));
    assert_eq!((end.event.kind, end.count), (ended, 1));
    assert_eq!((login.count, &login.client_name), (1, &None));
    assert_eq!((next_day.event.at, next_day.count), (NOW + DAY, 1));
    let others = store.events(&jid("bob@example.com")).await.unwrap();
    assert_eq!(others, []);
}

pub(crate) async fn an_account_keeps_its_last_events_and_no_more(store: Shared) {
    let events: Vec<_> = (0..u32::try_from(EVENTS_KEPT).unwrap() + 20)
        .map(|day| event(EventKind::LoggedIn, None, NOW + day * DAY))
        .collect();
    store.record_events(&events).await.unwrap();
    let kept = store.events(&jid("alice@example.com")).await.unwrap();
    assert_eq!(kept.len(), EVENTS_KEPT);
    assert_eq!(kept[0].event, events[EVENTS_KEPT + 19]);
}

pub(crate) async fn a_wrong_password_for_an_account_that_nobody_uses_leaves_nothing(store: Shared) {
    let alice = jid("alice@example.com");
    let failed = [event(EventKind::LoginFailed, None, NOW)];
    store.record_events(&failed).await.unwrap();
    assert_eq!(store.events(&alice).await.unwrap(), []);
    store.save_session(&hash("s"), &session()).await.unwrap();
    store.record_events(&failed).await.unwrap();
    assert_eq!(store.events(&alice).await.unwrap().len(), 1);
}

pub(crate) async fn what_has_ended_keeps_no_wrong_password_for_the_names_next_owner(store: Shared) {
    let grant = with_grant(&store).await;
    store.save_session(&hash("s"), &session()).await.unwrap();
    let failed = |at| [event(EventKind::LoginFailed, None, at)];
    let kept = async || store.events(&grant.account).await.unwrap().len();
    let deleted = EndReason::AccountDeleted;
    let ended = store.end_account(&grant.account, None, deleted, NOW).await;
    ended.unwrap();
    store.record_events(&failed(NOW)).await.unwrap();
    assert_eq!(kept().await, 0);
    // nor does a session that has run out
    let session = session();
    store.save_session(&hash("s"), &session).await.unwrap();
    let late = failed(session.expires_at);
    store.record_events(&late).await.unwrap();
    assert_eq!(kept().await, 0);
    store.record_events(&failed(NOW)).await.unwrap();
    assert_eq!(kept().await, 1);
}

pub(crate) async fn nothing_is_left_of_an_account_that_is_deleted(store: Shared) {
    let grant = with_grant(&store).await;
    let mut bobs = event(EventKind::LoggedIn, None, NOW);
    bobs.account = jid("bob@example.com");
    let events = [event(EventKind::Granted, Some(&grant.id), NOW), bobs];
    store.record_events(&events).await.unwrap();
    for (reason, left) in [
        (EndReason::PasswordChanged, 1),
        (EndReason::AccountDeleted, 0),
    ] {
        store
            .end_account(&grant.account, None, reason, NOW)
            .await
            .unwrap();
        let kept = store.events(&grant.account).await.unwrap();
        assert_eq!(kept.len(), left, "{reason:?}");
    }
    let bobs = store.events(&jid("bob@example.com")).await.unwrap();
    assert_eq!(bobs.len(), 1);
}

pub(crate) async fn old_events_are_purged_step_by_step(store: Shared) {
    let events: Vec<_> = (0..5)
        .map(|day| event(EventKind::LoggedIn, None, NOW + day * DAY))
        .collect();
    store.record_events(&events).await.unwrap();
    let before = NOW + 3 * DAY;
    assert_eq!(store.purge_events(before, 2).await.unwrap(), 2);
    assert_eq!(store.purge_events(before, 2).await.unwrap(), 1);
    assert_eq!(store.purge_events(before, 2).await.unwrap(), 0);
    let kept = store.events(&jid("alice@example.com")).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().all(|kept| kept.event.at + MINUTE > before));
}
