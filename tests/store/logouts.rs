//! Whom browser sessions signed in where, and who has still to be told of their ends.

use tokio::task::JoinSet;
use xmpp_oauth::clock::Timestamp;
use xmpp_oauth::model::{
    BrowserSession, ClientId, EndReason, Generation, Grant, GrantId, PendingLogout, SignIn,
};
use xmpp_oauth::storage::{MOST_PENDING_LOGOUTS, Redeemed};

use crate::fixture::{
    DAY, HOUR, MINUTE, NOW, Shared, client, code, grant, hash, jid, pair, session,
};

/// What alice's session `session` gave `client` by the grant `g-NAME`.
fn sign_in(name: &str, client: &str, session: &str) -> SignIn {
    SignIn {
        grant_id: GrantId::new(format!("g-{name}")),
        client_id: ClientId::new(client),
        account: jid("alice@example.com"),
        sid: format!("{session} at {client}"),
    }
}

async fn save(store: &Shared, name: &str, client: &str, session: &str) -> bool {
    let sign_in = sign_in(name, client, session);
    store
        .save_sign_in(&sign_in, &hash(session), NOW)
        .await
        .unwrap()
}

async fn begin(store: &Shared, name: &str, session: &BrowserSession) {
    store.save_session(&hash(name), session).await.unwrap();
}

async fn due(store: &Shared, now: Timestamp) -> Vec<PendingLogout> {
    store.due_logouts(now, 100).await.unwrap()
}

/// The sids that are to be told to their clients, one after the other.
async fn told(store: &Shared) -> Vec<String> {
    let mut sids = Vec::new();
    while let Some(logout) = due(store, NOW).await.into_iter().next() {
        store.finish_logout(&logout).await.unwrap();
        sids.push(logout.sid);
    }
    sids.sort_unstable();
    sids
}

async fn redeem(store: &Shared, grant: &Grant) -> Redeemed {
    let name = hash(grant.id.as_str());
    let pair = pair(grant.id.as_str());
    let client = client("Gajim");
    let redeemed = store.redeem_code(&name, &client, grant, &pair, NOW);
    redeemed.await.unwrap()
}

pub(crate) async fn a_sign_in_is_known_by_its_grant_while_its_session_lives(store: Shared) {
    assert!(!save(&store, "1", "a", "s").await, "there is no session");
    let mut bobs = session();
    bobs.account = jid("bob@example.com");
    begin(&store, "bobs", &bobs).await;
    assert!(!save(&store, "1", "a", "bobs").await, "it is another's");
    begin(&store, "s", &session()).await;
    assert!(save(&store, "1", "a", "s").await);
    let id = GrantId::new("g-1");
    assert_eq!(store.sid(&id).await.unwrap().as_deref(), Some("s at a"));
    store.end_session(&hash("s")).await.unwrap();
    assert_eq!(store.sid(&id).await.unwrap(), None);
    assert!(!save(&store, "2", "a", "s").await, "it has ended");
}

pub(crate) async fn the_end_of_a_session_is_told_to_the_clients_that_it_signed_in_to(
    store: Shared,
) {
    for name in ["s", "t", "u"] {
        begin(&store, name, &session()).await;
    }
    for (name, client, session) in [
        ("1", "a", "s"),
        ("2", "a", "s"),
        ("3", "b", "s"),
        ("4", "a", "t"),
        ("5", "a", "u"),
    ] {
        assert!(save(&store, name, client, session).await);
    }
    assert_eq!(told(&store).await, [""; 0]);
    store.end_session(&hash("s")).await.unwrap();
    assert_eq!(told(&store).await, ["s at a", "s at b"]);
    let alice = jid("alice@example.com");
    store.end_sessions(&alice, Some(&hash("u"))).await.unwrap();
    assert_eq!(told(&store).await, ["t at a"]);
    store.end_sessions(&alice, None).await.unwrap();
    assert_eq!(told(&store).await, ["u at a"]);
}

pub(crate) async fn a_code_does_not_outlive_the_session_that_its_client_hears_of(store: Shared) {
    for name in ["s", "t"] {
        begin(&store, name, &session()).await;
    }
    let mut grants = Vec::new();
    for (name, session) in [("1", "s"), ("2", "s"), ("3", "t")] {
        let grant = grant(name);
        let code = code(&grant);
        save(&store, name, "a", session).await;
        let (name, session) = (hash(grant.id.as_str()), hash(session));
        let saved = store.save_code(&name, &code, &session);
        assert!(saved.await.unwrap());
        grants.push(grant);
    }
    assert_eq!(redeem(&store, &grants[0]).await, Redeemed::Done);
    store.end_session(&hash("s")).await.unwrap();
    assert_eq!(redeem(&store, &grants[1]).await, Redeemed::Unknown);
    assert_eq!(redeem(&store, &grants[2]).await, Redeemed::Done);
    let stays = store.grant(&grants[0].id).await.unwrap().unwrap();
    assert!(stays.is_live(), "a grant outlives the session");
}

pub(crate) async fn what_takes_access_back_is_told_to_the_clients_that_had_it(store: Shared) {
    let alice = jid("alice@example.com");
    let newer = BrowserSession {
        generation: Some(Generation::new("2")),
        ..session()
    };
    let gajim = client("Gajim").id;
    let set_up = async || {
        begin(&store, "s", &session()).await;
        begin(&store, "new", &newer).await;
        crate::fixture::with_grant(&store).await;
        save(&store, "1", gajim.as_str(), "s").await;
        save(&store, "2", "b", "s").await;
        save(&store, "3", "b", "new").await;
    };
    set_up().await;
    let gone = (EndReason::OwnerRevoked, GrantId::new("g-1"));
    store.end_grant(&gone.1, gone.0, NOW).await.unwrap();
    assert_eq!(told(&store).await, ["s at client-Gajim"]);
    store
        .end_client(&ClientId::new("b"), EndReason::OperatorRevoked, NOW)
        .await
        .unwrap();
    assert_eq!(told(&store).await, ["new at b", "s at b"]);

    for (name, session) in [("4", "s"), ("5", "new")] {
        save(&store, name, "b", session).await;
    }
    let unless = newer.generation.as_ref();
    let reason = EndReason::PasswordChanged;
    store
        .end_account(&alice, unless, reason, NOW)
        .await
        .unwrap();
    assert_eq!(told(&store).await, ["s at b"]);
    store
        .end_grants(&alice, EndReason::OwnerRevoked, NOW)
        .await
        .unwrap();
    assert_eq!(told(&store).await, ["new at b"]);
    save(&store, "6", "b", "new").await;
    store
        .end_account(&alice, None, EndReason::AccountDeleted, NOW)
        .await
        .unwrap();
    assert_eq!(told(&store).await, ["new at b"]);
}

pub(crate) async fn what_a_client_lets_go_of_itself_is_not_told_to_it(store: Shared) {
    begin(&store, "s", &session()).await;
    let grant = crate::fixture::with_grant(&store).await;
    save(&store, "1", grant.client_id.as_str(), "s").await;
    let reason = EndReason::ClientRevoked;
    store.end_grant(&grant.id, reason, NOW).await.unwrap();
    assert_eq!(told(&store).await, [""; 0]);
}

pub(crate) async fn a_session_of_the_same_account_takes_the_place_of_one_without_an_end(
    store: Shared,
) {
    for name in ["s", "t"] {
        begin(&store, name, &session()).await;
    }
    save(&store, "1", "a", "s").await;
    store.succeed_session(&hash("s"), &hash("t")).await.unwrap();
    assert_eq!(store.session(&hash("s")).await.unwrap(), None);
    assert_eq!(told(&store).await, [""; 0]);
    store.end_session(&hash("t")).await.unwrap();
    assert_eq!(told(&store).await, ["s at a"]);

    let mut bobs = session();
    bobs.account = jid("bob@example.com");
    begin(&store, "s", &session()).await;
    begin(&store, "bobs", &bobs).await;
    save(&store, "2", "a", "s").await;
    store
        .succeed_session(&hash("s"), &hash("bobs"))
        .await
        .unwrap();
    assert_eq!(store.session(&hash("s")).await.unwrap(), None);
    assert_eq!(told(&store).await, ["s at a"]);
}

pub(crate) async fn a_client_that_cannot_be_told_waits_and_holds_up_no_other(store: Shared) {
    begin(&store, "s", &session()).await;
    begin(&store, "t", &session()).await;
    for (name, client, session) in [("1", "a", "s"), ("2", "a", "t"), ("3", "b", "s")] {
        save(&store, name, client, session).await;
    }
    for name in ["s", "t"] {
        store.end_session(&hash(name)).await.unwrap();
    }
    let clients = async |now| {
        let due = due(&store, now).await.into_iter();
        due.map(|logout| (logout.sid, logout.tries))
            .collect::<Vec<_>>()
    };
    let first = due(&store, NOW).await;
    assert_eq!(
        clients(NOW).await,
        [("s at a".to_owned(), 0), ("s at b".to_owned(), 0)],
        "one of each client"
    );
    store.postpone_logout(&first[0], NOW + HOUR).await.unwrap();
    assert_eq!(
        clients(NOW).await,
        [("s at b".to_owned(), 0), ("t at a".to_owned(), 0)]
    );
    store.finish_logout(&first[1]).await.unwrap();
    let last = due(&store, NOW).await;
    store.finish_logout(&last[0]).await.unwrap();
    assert_eq!(clients(NOW + MINUTE).await, []);
    assert_eq!(clients(NOW + HOUR).await, [("s at a".to_owned(), 1)]);
}

pub(crate) async fn what_was_delivered_of_one_end_delivers_no_later_one(store: Shared) {
    begin(&store, "s", &session()).await;
    let alice = jid("alice@example.com");
    let reason = EndReason::OwnerRevoked;
    save(&store, "1", "a", "s").await;
    store.end_grants(&alice, reason, NOW).await.unwrap();
    let first = due(&store, NOW).await.remove(0);
    // signed in again, and ended again, while the client answers to the first
    save(&store, "2", "a", "s").await;
    store.end_grants(&alice, reason, NOW).await.unwrap();
    store.finish_logout(&first).await.unwrap();
    store.postpone_logout(&first, NOW + HOUR).await.unwrap();
    assert_eq!(told(&store).await, ["s at a"]);
}

pub(crate) async fn sign_ins_are_purged_with_the_expiry_of_their_session(store: Shared) {
    begin(&store, "s", &session()).await;
    save(&store, "1", "a", "s").await;
    let end = NOW + DAY;
    store.purge(end - MINUTE, NOW, 100).await.unwrap();
    let id = GrantId::new("g-1");
    assert!(store.sid(&id).await.unwrap().is_some());
    store.purge(end, NOW, 100).await.unwrap();
    assert!(store.sid(&id).await.unwrap().is_none());
    assert_eq!(told(&store).await, [""; 0], "it was not logged out");
}

pub(crate) async fn what_is_remembered_of_sessions_and_their_ends_is_bounded(store: Shared) {
    let most = u32::try_from(MOST_PENDING_LOGOUTS).unwrap();
    // one session with one client, however often
    begin(&store, "s", &session()).await;
    for name in 0..10 {
        save(&store, &name.to_string(), "a", "s").await;
    }
    let mut known = 0;
    for name in 0..10 {
        let id = GrantId::new(format!("g-{name}"));
        known += usize::from(store.sid(&id).await.unwrap().is_some());
    }
    assert_eq!(known, 3);
    // many clients in many sessions
    store.end_session(&hash("s")).await.unwrap();
    let tried = due(&store, NOW).await.remove(0);
    store.postpone_logout(&tried, NOW).await.unwrap();
    let (mut name, mut queued) = (100, 1);
    while queued <= most {
        begin(&store, "t", &session()).await;
        let mut saving = JoinSet::new();
        for _ in 0..250 {
            let store = store.clone();
            saving.spawn(
                async move { save(&store, &name.to_string(), &format!("c{name}"), "t").await },
            );
            name += 1;
        }
        assert!(saving.join_all().await.into_iter().all(|saved| saved));
        store.end_session(&hash("t")).await.unwrap();
        queued += 200;
    }
    let waiting = store.due_logouts(NOW, usize::MAX).await.unwrap();
    assert_eq!(waiting.len(), MOST_PENDING_LOGOUTS);
    assert!(
        !waiting.iter().any(|logout| logout.sid == tried.sid),
        "what was tried in vain gives way first"
    );
}
