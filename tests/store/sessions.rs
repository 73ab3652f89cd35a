//! Browser sessions.

use crate::fixture::{HOUR, MINUTE, NOW, Shared, hash, jid, session};

pub(crate) async fn a_session_reads_as_it_was_saved(store: Shared) {
    let mut other = session();
    other.account = jid("example.com");
    other.generation = None;
    for (name, session) in [("1", session()), ("2", other)] {
        store.save_session(&hash(name), &session).await.unwrap();
        assert_eq!(store.session(&hash(name)).await.unwrap(), Some(session));
    }
}

pub(crate) async fn an_ended_session_is_gone(store: Shared) {
    store.save_session(&hash("1"), &session()).await.unwrap();
    for _ in 0..2 {
        store.end_session(&hash("1")).await.unwrap();
        assert_eq!(store.session(&hash("1")).await.unwrap(), None);
    }
}

pub(crate) async fn sessions_are_listed_by_account_newest_first(store: Shared) {
    let mut bobs = session();
    bobs.account = jid("bob@example.com");
    let mut newer = session();
    newer.auth_time = NOW + MINUTE;
    newer.from = Some("192.0.2.1".parse().unwrap());
    newer.user_agent = Some("A browser".to_owned());
    for (name, session) in [("old", session()), ("bob", bobs), ("new", newer.clone())] {
        store.save_session(&hash(name), &session).await.unwrap();
    }
    store.touch_session(&hash("new"), NOW + HOUR).await.unwrap();
    store.touch_session(&hash("new"), NOW).await.unwrap();
    newer.last_seen_at = NOW + HOUR;
    let listed = store.sessions(&jid("alice@example.com")).await.unwrap();
    assert_eq!(listed, [(hash("new"), newer), (hash("old"), session())]);
}

pub(crate) async fn all_sessions_of_an_account_end_but_one(store: Shared) {
    let mut bobs = session();
    bobs.account = jid("bob@example.com");
    let given = [
        ("1", session()),
        ("2", session()),
        ("3", session()),
        ("bob", bobs),
    ];
    for (name, session) in &given {
        store.save_session(&hash(name), session).await.unwrap();
    }
    let alice = jid("alice@example.com");
    let kept = hash("2");
    assert_eq!(store.end_sessions(&alice, Some(&kept)).await.unwrap(), 2);
    assert_eq!(store.sessions(&alice).await.unwrap(), [(kept, session())]);
    assert_eq!(store.end_sessions(&alice, None).await.unwrap(), 1);
    assert!(store.session(&hash("bob")).await.unwrap().is_some());
}
