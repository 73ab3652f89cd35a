//! Browser sessions.

use crate::fixture::{Shared, hash, jid, session};

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
