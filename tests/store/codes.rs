//! Authorization codes.

use futures::future::join_all;
use xmpp_oauth::model::EndReason;
use xmpp_oauth::storage::{Ended, REDEEMED_CODE_KEPT, Redeemed, StoredClient};

use crate::fixture::{
    HOUR, MINUTE, NOW, Shared, client, code, grant, has_access, hash, is_live, pair, save_code,
    session, with_grant,
};

pub(crate) async fn a_code_reads_as_it_was_saved(store: Shared) {
    let full = code(&grant("1"));
    let mut bare = full.clone();
    bare.redirect_uri = None;
    bare.code_challenge = None;
    bare.dpop_jkt = None;
    bare.nonce = None;
    bare.generation = None;
    for (name, code) in [("full", full), ("bare", bare)] {
        save_code(&store, &hash(name), &code).await;
        assert_eq!(store.code(&hash(name)).await.unwrap(), Some(code));
    }
    assert_eq!(store.code(&hash("other")).await.unwrap(), None);
}

pub(crate) async fn a_redeemed_code_gives_its_grant_and_tokens(store: Shared) {
    let grant = with_grant(&store).await;
    assert_eq!(store.grant(&grant.id).await.unwrap(), Some(grant.clone()));
    let access = store.access_token(&hash("a-0")).await.unwrap().unwrap();
    assert_eq!(access.grant, grant);
    assert_eq!(access.scopes, grant.scopes);
    assert_eq!(access.issued_at, NOW);
    assert_eq!(access.expires_at, NOW + HOUR);
    let refresh = store.refresh_token(&hash("r-0")).await.unwrap().unwrap();
    assert_eq!(refresh.grant, grant);
    assert_eq!(refresh.issued_at, NOW);
    assert_eq!(refresh.expires_at, None);
    assert_eq!(refresh.rotated_at, None);
    let known = store.client(&grant.client_id).await.unwrap();
    assert_eq!(known, Some(StoredClient::Known(client("Gajim"))));
}

pub(crate) async fn redeeming_keeps_what_was_stored_of_the_client(store: Shared) {
    let mut updated = client("Gajim");
    updated.metadata.client_name = "Gajim, updated".to_owned();
    store.put_client(&updated).await.unwrap();
    let grant = with_grant(&store).await;
    let known = store.client(&grant.client_id).await.unwrap();
    assert_eq!(known, Some(StoredClient::Known(updated)));
}

pub(crate) async fn an_unknown_or_expired_code_gives_nothing(store: Shared) {
    let (client, grant, pair) = (client("Gajim"), grant("1"), pair("0"));
    save_code(&store, &hash("c"), &code(&grant)).await;
    for (name, at) in [("c", NOW + MINUTE), ("other", NOW)] {
        let redeemed = store
            .redeem_code(&hash(name), &client, &grant, &pair, at)
            .await;
        assert_eq!(redeemed.unwrap(), Redeemed::Unknown, "{name}");
    }
    assert_eq!(store.grant(&grant.id).await.unwrap(), None);
    assert!(!has_access(&store, "0").await);
}

pub(crate) async fn a_replayed_code_ends_what_it_gave(store: Shared) {
    let grant = with_grant(&store).await;
    let replayed = replay(&store, NOW + MINUTE / 2).await;
    let ended = Ended {
        grants: vec![(grant.account.clone(), grant.id.clone())],
        access_tokens: vec![hash("a-0")],
    };
    assert_eq!(replayed, Redeemed::Replayed(ended));
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    let end = (NOW + MINUTE / 2, EndReason::CodeReplayed);
    assert_eq!(stored.ended, Some(end));
    assert!(!has_access(&store, "0").await && !has_access(&store, "again").await);
    assert_eq!(store.refresh_token(&hash("r-0")).await.unwrap(), None);
}

pub(crate) async fn a_code_that_was_redeemed_is_recognised_after_it_has_expired(store: Shared) {
    let grant = with_grant(&store).await;
    let late = NOW + REDEEMED_CODE_KEPT - MINUTE;
    store.purge(late, NOW, 100).await.unwrap();
    assert!(matches!(replay(&store, late).await, Redeemed::Replayed(_)));
    assert!(!is_live(&store, &grant).await);
}

pub(crate) async fn a_code_of_a_grant_that_has_ended_is_a_replay_that_ends_nothing(store: Shared) {
    let grant = with_grant(&store).await;
    let reason = EndReason::OwnerRevoked;
    store.end_grant(&grant.id, reason, NOW).await.unwrap();
    let replayed = replay(&store, NOW).await;
    assert_eq!(replayed, Redeemed::Replayed(Ended::default()));
}

pub(crate) async fn a_code_of_a_removed_client_gives_nothing(store: Shared) {
    let (client, grant, pair) = (client("Gajim"), grant("1"), pair("0"));
    save_code(&store, &hash("c"), &code(&grant)).await;
    let reason = EndReason::ClientRemoved;
    store
        .remove_client(&client.id, None, reason, NOW)
        .await
        .unwrap();
    let redeemed = store
        .redeem_code(&hash("c"), &client, &grant, &pair, NOW)
        .await;
    assert_eq!(redeemed.unwrap(), Redeemed::Unknown);
    assert_eq!(store.grant(&grant.id).await.unwrap(), None);
    assert!(!has_access(&store, "0").await);
}

pub(crate) async fn of_many_who_redeem_one_code_one_wins_and_then_all_lose(store: Shared) {
    let (client, grant) = (client("Gajim"), grant("1"));
    save_code(&store, &hash("c"), &code(&grant)).await;
    let tries = (0..64).map(|i| {
        let (store, client, grant) = (store.clone(), client.clone(), grant.clone());
        tokio::spawn(async move {
            let pair = pair(&i.to_string());
            store
                .redeem_code(&hash("c"), &client, &grant, &pair, NOW)
                .await
                .unwrap()
        })
    });
    let answers: Vec<_> = join_all(tries)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let of = |wanted: fn(&Redeemed) -> bool| answers.iter().filter(|a| wanted(a)).count();
    assert_eq!(of(|a| *a == Redeemed::Done), 1);
    assert_eq!(of(|a| matches!(a, Redeemed::Replayed(_))), 63);
    let ending =
        |a: &Redeemed| matches!(a, Redeemed::Replayed(ended) if ended.access_tokens.len() == 1);
    assert_eq!(
        of(ending),
        1,
        "one replay ends it, the others find it ended"
    );
    assert!(!is_live(&store, &grant).await);
    for i in 0..64 {
        assert!(!has_access(&store, &i.to_string()).await);
    }
}

/// Shows the code of `with_grant` once more.
async fn replay(store: &Shared, at: xmpp_oauth::clock::Timestamp) -> Redeemed {
    let grant = grant("1");
    let name = hash(&format!("c-{}", grant.id));
    store
        .redeem_code(&name, &client("Gajim"), &grant, &pair("again"), at)
        .await
        .unwrap()
}

pub(crate) async fn a_code_is_stored_only_while_the_session_that_it_comes_from_lives(
    store: Shared,
) {
    let code = code(&grant("1"));
    let (alices, bobs) = (hash("alice's cookie"), hash("bob's cookie"));
    let mut session = session();
    store.save_session(&alices, &session).await.unwrap();
    session.account = "bob@example.com".parse().unwrap();
    store.save_session(&bobs, &session).await.unwrap();
    for cookie in [&bobs, &hash("no cookie")] {
        assert!(!store.save_code(&hash("c"), &code, cookie).await.unwrap());
    }
    store
        .end_account(&code.account, None, EndReason::PasswordChanged, NOW)
        .await
        .unwrap();
    assert!(!store.save_code(&hash("c"), &code, &alices).await.unwrap());
    assert_eq!(store.code(&hash("c")).await.unwrap(), None);
}
