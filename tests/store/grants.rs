//! Grants, their end, and who holds them.

use std::net::IpAddr;

use jid::BareJid;
use xmpp_oauth::model::{ClientId, EndReason, Generation, Grant, GrantId};
use xmpp_oauth::storage::{Ended, GrantFilter, Holder, Redeemed};

use crate::fixture::{
    MINUTE, NOW, Shared, client, code, give, grant, has_access, hash, host, is_live, jid, pair,
    save_code, session, with_grant,
};

pub(crate) async fn an_ended_grant_opens_nothing_and_is_ended_once(store: Shared) {
    let grant = with_grant(&store).await;
    let first = store
        .end_grant(&grant.id, EndReason::OwnerRevoked, NOW + MINUTE)
        .await
        .unwrap();
    let ended = Ended {
        grants: vec![(grant.account.clone(), grant.id.clone())],
        access_tokens: vec![hash("a-0")],
    };
    assert_eq!(first, ended);
    let reason = EndReason::OperatorRevoked;
    let second = store.end_grant(&grant.id, reason, NOW + 2 * MINUTE).await;
    assert_eq!(second.unwrap(), Ended::default());
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    let end = (NOW + MINUTE, EndReason::OwnerRevoked);
    assert_eq!(stored.ended, Some(end));
    assert!(!has_access(&store, "0").await);
    assert_eq!(store.refresh_token(&hash("r-0")).await.unwrap(), None);
    let unknown = GrantId::new("none");
    let nothing = store.end_grant(&unknown, reason, NOW).await;
    assert_eq!(nothing.unwrap(), Ended::default());
}

pub(crate) async fn only_grants_with_an_xmpp_scope_are_told_to_the_server(store: Shared) {
    let mut reader = grant("openid");
    reader.scopes = "openid".parse().unwrap();
    give(&store, &reader, &pair("openid")).await;
    let chatter = with_grant(&store).await;
    for grant in [&reader, &chatter] {
        let reason = EndReason::ClientRevoked;
        let ended = store.end_grant(&grant.id, reason, NOW).await.unwrap();
        assert_eq!(ended.grants.len(), 1);
    }
    let pending = store.pending_ends(&host("example.com")).await.unwrap();
    assert_eq!(pending, [(chatter.account, chatter.id)]);
}

pub(crate) async fn pending_ends_wait_per_host_in_order_until_finished(store: Shared) {
    let given = [
        ("3", "carol@example.com"),
        ("1", "alice@example.com"),
        ("2", "bob@example.org"),
    ];
    for (name, account) in given {
        give(&store, &grant_of(name, account), &pair(name)).await;
        let id = GrantId::new(format!("g-{name}"));
        store
            .end_grant(&id, EndReason::OwnerRevoked, NOW)
            .await
            .unwrap();
    }
    let host = host("example.com");
    let waiting = [
        (jid("carol@example.com"), GrantId::new("g-3")),
        (jid("alice@example.com"), GrantId::new("g-1")),
    ];
    assert_eq!(store.pending_ends(&host).await.unwrap(), waiting);
    store.finish_end(&waiting[0].1).await.unwrap();
    store.finish_end(&waiting[0].1).await.unwrap();
    assert_eq!(store.pending_ends(&host).await.unwrap(), waiting[1..]);
}

pub(crate) async fn grants_are_listed_newest_first_by_account_and_client(store: Shared) {
    let mut other = grant_of("2", "bob@example.com");
    other.client_id = ClientId::new("other");
    other.created_at = NOW + MINUTE;
    let given = [grant("1"), other, grant_of("3", "bob@example.com")];
    for grant in &given {
        give(&store, grant, &pair(grant.id.as_str())).await;
    }
    let ended = GrantId::new("g-1");
    store
        .end_grant(&ended, EndReason::OwnerRevoked, NOW)
        .await
        .unwrap();
    let all = GrantFilter {
        with_ended: true,
        ..GrantFilter::default()
    };
    let bobs = GrantFilter {
        account: Some(jid("bob@example.com")),
        ..GrantFilter::default()
    };
    let bobs_other = GrantFilter {
        client_id: Some(ClientId::new("other")),
        ..bobs.clone()
    };
    for (filter, wanted) in [
        (all, &["g-2", "g-3", "g-1"][..]),
        (GrantFilter::default(), &["g-2", "g-3"]),
        (bobs, &["g-2", "g-3"]),
        (bobs_other, &["g-2"]),
    ] {
        let found = store.grants(&filter).await.unwrap();
        let found: Vec<_> = found.iter().map(|grant| grant.id.as_str()).collect();
        assert_eq!(found, wanted, "{filter:?}");
    }
}

pub(crate) async fn a_changed_account_loses_all_but_its_new_generation(store: Shared) {
    let alice = jid("alice@example.com");
    let mut new = grant("new");
    new.generation = Some(Generation::new("2"));
    let mut unknown = grant("unknown");
    unknown.generation = None;
    let old = grant("old");
    let bobs = grant_of("bob", "bob@example.com");
    for grant in [&old, &new, &unknown, &bobs] {
        give(&store, grant, &pair(grant.id.as_str())).await;
    }
    for (name, generation) in [("old", Some("1")), ("new", Some("2")), ("unknown", None)] {
        let mut session = session();
        session.generation = generation.map(Generation::new);
        store.save_session(&hash(name), &session).await.unwrap();
    }
    let now = Generation::new("2");
    let reason = EndReason::PasswordChanged;
    let ended = store.end_account(&alice, Some(&now), reason, NOW).await;
    assert_eq!(ended.unwrap().grants, [(alice, old.id.clone())]);
    assert!(!is_live(&store, &old).await);
    for grant in [&new, &unknown, &bobs] {
        assert!(is_live(&store, grant).await, "{}", grant.id);
    }
    for (name, stays) in [("old", false), ("new", true), ("unknown", true)] {
        let session = store.session(&hash(name)).await.unwrap();
        assert_eq!(session.is_some(), stays, "{name}");
    }
}

pub(crate) async fn a_deleted_account_loses_everything(store: Shared) {
    let mut unknown = grant("unknown");
    unknown.generation = None;
    give(&store, &unknown, &pair("u")).await;
    let known = with_grant(&store).await;
    store.save_session(&hash("s"), &session()).await.unwrap();
    let reason = EndReason::AccountDeleted;
    let ended = store
        .end_account(&known.account, None, reason, NOW)
        .await
        .unwrap();
    assert_eq!(ended.grants.len(), 2);
    assert_eq!(ended.access_tokens.len(), 2);
    assert!(!is_live(&store, &known).await && !is_live(&store, &unknown).await);
    assert_eq!(store.session(&hash("s")).await.unwrap(), None);
    let again = store.end_account(&known.account, None, reason, NOW).await;
    assert_eq!(again.unwrap(), Ended::default());
}

pub(crate) async fn an_account_of_a_changed_generation_loses_its_codes_too(store: Shared) {
    let old = grant("old");
    save_code(&store, &hash("c"), &code(&old)).await;
    let now = Generation::new("2");
    let reason = EndReason::PasswordChanged;
    store
        .end_account(&old.account, Some(&now), reason, NOW)
        .await
        .unwrap();
    let redeemed = store
        .redeem_code(&hash("c"), &client("Gajim"), &old, &pair("0"), NOW)
        .await;
    assert_eq!(redeemed.unwrap(), Redeemed::Unknown);
}

pub(crate) async fn holders_are_listed_by_host_page_by_page(store: Shared) {
    let given = [
        ("1", "dave@example.com"),
        ("2", "alice@example.com"),
        ("3", "alice@example.com"),
        ("4", "alice@example.org"),
        ("5", "ended@example.com"),
    ];
    for (name, account) in given {
        let mut grant = grant_of(name, account);
        grant.generation = Some(Generation::new(name));
        give(&store, &grant, &pair(name)).await;
    }
    let ended = GrantId::new("g-5");
    store
        .end_grant(&ended, EndReason::OwnerRevoked, NOW)
        .await
        .unwrap();
    for (account, generation) in [("bob@example.com", None), ("alice@example.com", Some("3"))] {
        let mut session = session();
        session.account = jid(account);
        session.generation = generation.map(Generation::new);
        store.save_session(&hash(account), &session).await.unwrap();
    }
    let host = host("example.com");
    let first = store.holders(&host, None, 2).await.unwrap();
    let holder = |account: &str, generations: &[&str]| Holder {
        account: jid(account),
        generations: generations.iter().copied().map(Generation::new).collect(),
    };
    let pages = [
        holder("alice@example.com", &["2", "3"]),
        holder("bob@example.com", &[]),
        holder("dave@example.com", &["1"]),
    ];
    assert_eq!(first, pages[..2]);
    let after: &BareJid = &first[1].account;
    let second = store.holders(&host, Some(after), 2).await.unwrap();
    assert_eq!(second, pages[2..]);
    let after = &second[0].account;
    assert_eq!(store.holders(&host, Some(after), 2).await.unwrap(), []);
}

pub(crate) async fn an_account_can_lose_its_grants_and_codes_alone(store: Shared) {
    let alices = with_grant(&store).await;
    let bobs = grant_of("bob", "bob@example.com");
    give(&store, &bobs, &pair("bob")).await;
    save_code(&store, &hash("waiting"), &code(&grant("waiting"))).await;
    store.save_session(&hash("s"), &session()).await.unwrap();
    let reason = EndReason::OwnerRevoked;
    let ended = store.end_grants(&alices.account, reason, NOW).await;
    assert_eq!(
        ended.unwrap().grants,
        [(alices.account.clone(), alices.id.clone())]
    );
    assert!(!is_live(&store, &alices).await);
    assert_eq!(store.code(&hash("waiting")).await.unwrap(), None);
    assert!(is_live(&store, &bobs).await);
    assert!(store.session(&hash("s")).await.unwrap().is_some());
}

pub(crate) async fn a_use_is_recorded_and_never_an_earlier_one(store: Shared) {
    let grant = with_grant(&store).await;
    let home: IpAddr = "2001:db8::1".parse().unwrap();
    let later = NOW + 2 * MINUTE;
    for (at, from) in [
        (later, Some(home)),
        (NOW + MINUTE, None),
        (later + MINUTE, None),
    ] {
        store.touch_grant(&grant.id, from, at).await.unwrap();
    }
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    assert_eq!(stored.last_used_at, later + MINUTE);
    assert_eq!(stored.last_used_from, Some(home));
    let reason = EndReason::OwnerRevoked;
    store.end_grant(&grant.id, reason, later).await.unwrap();
    store
        .touch_grant(&grant.id, None, later + 2 * MINUTE)
        .await
        .unwrap();
    let ended = store.grant(&grant.id).await.unwrap().unwrap();
    assert_eq!(ended.last_used_at, later + MINUTE);
}

pub(crate) async fn tokens_that_are_handed_out_are_a_use_from_there(store: Shared) {
    let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    let mut grant = grant("1");
    grant.granted_from = Some("192.0.2.9".parse().unwrap());
    let mut first = pair("0");
    first.issued_to = Some(here);
    give(&store, &grant, &first).await;
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    assert_eq!(stored.granted_from, grant.granted_from);
    assert_eq!(
        (stored.last_used_at, stored.last_used_from),
        (NOW, Some(here))
    );
    let mut second = pair("1");
    (second.issued_to, second.issued_at) = (Some(there), NOW + MINUTE);
    store
        .rotate_refresh_token(&hash("r-0"), &second, NOW + MINUTE)
        .await
        .unwrap();
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    assert_eq!(
        (stored.last_used_at, stored.last_used_from),
        (NOW + MINUTE, Some(there))
    );
}

pub(crate) async fn where_things_came_from_can_be_forgotten(store: Shared) {
    let from = Some("192.0.2.1".parse().unwrap());
    let mut grant = grant("1");
    grant.granted_from = from;
    let mut first = pair("0");
    first.issued_to = from;
    give(&store, &grant, &first).await;
    let mut waiting = code(&grant);
    waiting.granted_from = from;
    save_code(&store, &hash("waiting"), &waiting).await;
    let mut browser = session();
    browser.from = from;
    store.save_session(&hash("s"), &browser).await.unwrap();
    store.forget_addresses().await.unwrap();
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    assert_eq!((stored.granted_from, stored.last_used_from), (None, None));
    let code = store.code(&hash("waiting")).await.unwrap().unwrap();
    assert_eq!(code.granted_from, None);
    assert_eq!(store.session(&hash("s")).await.unwrap().unwrap().from, None);
}

fn grant_of(name: &str, account: &str) -> Grant {
    Grant {
        account: jid(account),
        ..grant(name)
    }
}
