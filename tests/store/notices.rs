//! Notices: how many an account is sent, and whether it wants any.

use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::{EndReason, NoticeKind};

use crate::fixture::{DAY, HOUR, NOW, Shared, hash, jid, session, with_grant};

async fn take(store: &Shared, kind: NoticeKind, now: Timestamp) -> bool {
    let alice = jid("alice@example.com");
    store.take_notice(&alice, kind, 2, now).await.unwrap()
}

pub(crate) async fn an_account_is_sent_so_many_notices_of_a_kind_on_a_day(store: Shared) {
    with_grant(&store).await;
    for left in [true, true, false, false] {
        assert_eq!(take(&store, NoticeKind::NewApp, NOW).await, left);
    }
    assert!(take(&store, NoticeKind::Replay, NOW).await);
    let tomorrow = NOW + DAY;
    for left in [true, true, false] {
        assert_eq!(take(&store, NoticeKind::NewApp, tomorrow).await, left);
    }
    // what is purged counts for nothing any more
    store.purge(tomorrow, NOW, 100).await.unwrap();
    assert!(!take(&store, NoticeKind::NewApp, tomorrow).await);
}

pub(crate) async fn an_account_that_nothing_is_kept_of_is_sent_none(store: Shared) {
    assert!(!take(&store, NoticeKind::WrongPasswords, NOW).await);
    store.save_session(&hash("s"), &session()).await.unwrap();
    assert!(take(&store, NoticeKind::WrongPasswords, NOW + HOUR).await);
}

pub(crate) async fn whoever_wants_no_notices_is_sent_none_until_they_want_them_again(
    store: Shared,
) {
    let alice = with_grant(&store).await.account;
    for wanted in [true, false, false, true, true] {
        store.want_notices(&alice, wanted).await.unwrap();
        assert_eq!(store.wants_notices(&alice).await.unwrap(), wanted);
        let tomorrow = NOW + DAY;
        if !wanted {
            assert!(!take(&store, NoticeKind::NewApp, tomorrow).await);
        }
    }
    assert!(take(&store, NoticeKind::NewApp, NOW).await);
    let bob = jid("bob@example.com");
    assert!(store.wants_notices(&bob).await.unwrap());
}

pub(crate) async fn a_deleted_account_leaves_no_wish_to_the_next_of_its_name(store: Shared) {
    let alice = with_grant(&store).await.account;
    store.want_notices(&alice, false).await.unwrap();
    for (reason, wanted) in [
        (EndReason::PasswordChanged, false),
        (EndReason::AccountDeleted, true),
    ] {
        let ended = store.end_account(&alice, None, reason, NOW).await;
        ended.unwrap();
        assert_eq!(store.wants_notices(&alice).await.unwrap(), wanted);
    }
}
