//! Device codes (RFC 8628), and grants that come without a code.

use futures::future::join_all;
use xmpp_oauth::model::{Approval, DeviceCode, DeviceState, EndReason, Grant};
use xmpp_oauth::storage::{
    DeviceAnswered, DeviceSaved, EXPIRED_DEVICE_KEPT, Ended, REDEEMED_CODE_KEPT, Redeemed,
};

use crate::fixture::{
    DAY, HOUR, MINUTE, NOW, Shared, client, grant, has_access, hash, is_live, pair, session,
};

fn device() -> DeviceCode {
    DeviceCode {
        client_id: client("Gajim").id,
        scopes: "openid xmpp".parse().unwrap(),
        asked_from: "203.0.113.5".to_owned(),
        issued_at: NOW,
        expires_at: NOW + MINUTE,
        state: DeviceState::Pending,
    }
}

fn approval(grant: &Grant) -> Approval {
    Approval {
        grant_id: grant.id.clone(),
        account: grant.account.clone(),
        scopes: grant.scopes.clone(),
        granted_from: grant.granted_from,
        auth_time: grant.auth_time,
        generation: grant.generation.clone(),
    }
}

/// A device's request `d` with the user code `u`, and alice's browser session `s`.
async fn asked(store: &Shared) {
    let saved = store
        .save_device(&hash("d"), &hash("u"), &device(), 100)
        .await;
    assert_eq!(saved.unwrap(), DeviceSaved::Done);
    store.save_session(&hash("s"), &session()).await.unwrap();
}

async fn approve(store: &Shared, grant: &Grant) -> DeviceAnswered {
    let answered = store
        .approve_device(&hash("d"), &approval(grant), &hash("s"), NOW)
        .await;
    answered.unwrap()
}

async fn redeem(store: &Shared, grant: &Grant, name: &str) -> Redeemed {
    let (client, pair) = (client("Gajim"), pair(name));
    let redeemed = store
        .redeem_device(&hash("d"), &client, grant, &pair, NOW)
        .await;
    redeemed.unwrap()
}

async fn state(store: &Shared) -> DeviceState {
    store.device(&hash("d")).await.unwrap().unwrap().state
}

pub(crate) async fn a_device_reads_as_it_was_saved_and_then_as_it_was_answered(store: Shared) {
    asked(&store).await;
    assert_eq!(store.device(&hash("d")).await.unwrap(), Some(device()));
    let by_user = store.device_of_user(&hash("u")).await.unwrap();
    assert_eq!(by_user, Some((hash("d"), device())));
    assert_eq!(store.device_of_user(&hash("d")).await.unwrap(), None);
    let grant = grant("1");
    assert_eq!(approve(&store, &grant).await, DeviceAnswered::Done);
    let approved = DeviceState::Approved(approval(&grant));
    assert_eq!(state(&store).await, approved);
    assert_eq!(redeem(&store, &grant, "0").await, Redeemed::Done);
    let redeemed = DeviceState::Redeemed(approval(&grant));
    assert_eq!(state(&store).await, redeemed);
    assert!(has_access(&store, "0").await && is_live(&store, &grant).await);
}

pub(crate) async fn where_a_device_asked_from_is_kept_until_it_is_answered(store: Shared) {
    asked(&store).await;
    let asked_from = async |name: &str| {
        let device = store.device(&hash(name)).await.unwrap();
        device.unwrap().asked_from
    };
    store.forget_addresses().await.unwrap();
    assert_eq!(asked_from("d").await, "203.0.113.5", "its person is to see");
    assert_eq!(approve(&store, &grant("1")).await, DeviceAnswered::Done);
    assert_eq!(asked_from("d").await, "");
    let saved = store
        .save_device(&hash("e"), &hash("v"), &device(), 100)
        .await;
    assert_eq!(saved.unwrap(), DeviceSaved::Done);
    let denied = store.deny_device(&hash("e"), &hash("s"), NOW).await;
    assert_eq!(denied.unwrap(), DeviceAnswered::Done);
    assert_eq!(asked_from("e").await, "");
}

pub(crate) async fn a_user_code_names_one_device(store: Shared) {
    asked(&store).await;
    let again = store
        .save_device(&hash("e"), &hash("u"), &device(), 100)
        .await;
    assert_eq!(again.unwrap(), DeviceSaved::Taken);
    assert_eq!(store.device(&hash("e")).await.unwrap(), None);
}

pub(crate) async fn no_more_devices_wait_than_may(store: Shared) {
    let save = async |name: &str, device: &DeviceCode| {
        let saved = store
            .save_device(&hash(name), &hash(&format!("u{name}")), device, 2)
            .await;
        saved.unwrap()
    };
    assert_eq!(save("1", &device()).await, DeviceSaved::Done);
    assert_eq!(save("2", &device()).await, DeviceSaved::Done);
    assert_eq!(save("3", &device()).await, DeviceSaved::TooMany);
    let mut later = device();
    later.issued_at = NOW + MINUTE;
    assert_eq!(save("3", &later).await, DeviceSaved::TooMany, "still kept");
    later.issued_at = NOW + MINUTE + EXPIRED_DEVICE_KEPT;
    assert_eq!(save("3", &later).await, DeviceSaved::Done);
}

pub(crate) async fn a_device_is_answered_once_and_in_time(store: Shared) {
    asked(&store).await;
    let grant = grant("1");
    let approval = approval(&grant);
    let (code, cookie) = (hash("d"), hash("s"));
    let late = store
        .approve_device(&code, &approval, &cookie, NOW + MINUTE)
        .await;
    assert_eq!(late.unwrap(), DeviceAnswered::TooLate);
    let late = store.deny_device(&code, &cookie, NOW + MINUTE).await;
    assert_eq!(late.unwrap(), DeviceAnswered::TooLate);
    let no = store.deny_device(&code, &cookie, NOW).await;
    assert_eq!(no.unwrap(), DeviceAnswered::Done);
    assert_eq!(approve(&store, &grant).await, DeviceAnswered::TooLate);
    assert_eq!(state(&store).await, DeviceState::Denied);
    assert_eq!(redeem(&store, &grant, "0").await, Redeemed::Unknown);
}

pub(crate) async fn a_device_is_answered_only_while_the_session_lives(store: Shared) {
    asked(&store).await;
    let mut bobs = session();
    bobs.account = "bob@example.com".parse().unwrap();
    store.save_session(&hash("bobs"), &bobs).await.unwrap();
    let approval = approval(&grant("1"));
    for cookie in ["none", "bobs"] {
        let yes = store
            .approve_device(&hash("d"), &approval, &hash(cookie), NOW)
            .await;
        assert_eq!(yes.unwrap(), DeviceAnswered::SessionEnded, "{cookie}");
    }
    let no = store.deny_device(&hash("d"), &hash("none"), NOW).await;
    assert_eq!(no.unwrap(), DeviceAnswered::SessionEnded);
    assert_eq!(state(&store).await, DeviceState::Pending);
}

pub(crate) async fn nothing_is_redeemed_before_it_is_allowed_or_after_its_end(store: Shared) {
    asked(&store).await;
    let grant = grant("1");
    assert_eq!(redeem(&store, &grant, "0").await, Redeemed::Unknown);
    approve(&store, &grant).await;
    let (client, pair) = (client("Gajim"), pair("0"));
    let late = store
        .redeem_device(&hash("d"), &client, &grant, &pair, NOW + MINUTE)
        .await;
    assert_eq!(late.unwrap(), Redeemed::Unknown);
    assert!(!has_access(&store, "0").await);
}

pub(crate) async fn a_device_code_shown_twice_ends_what_it_gave(store: Shared) {
    asked(&store).await;
    let grant = grant("1");
    approve(&store, &grant).await;
    assert_eq!(redeem(&store, &grant, "0").await, Redeemed::Done);
    let ended = Ended {
        grants: vec![(grant.account.clone(), grant.id.clone())],
        access_tokens: vec![hash("a-0")],
    };
    let again = redeem(&store, &grant, "1").await;
    assert_eq!(again, Redeemed::Replayed(ended));
    let stored = store.grant(&grant.id).await.unwrap().unwrap();
    assert_eq!(stored.ended, Some((NOW, EndReason::CodeReplayed)));
}

pub(crate) async fn of_many_who_answer_one_device_one_is_heard(store: Shared) {
    asked(&store).await;
    let tries = (0..64).map(|i| {
        let store = store.clone();
        tokio::spawn(async move {
            let (code, cookie) = (hash("d"), hash("s"));
            let answered = match i % 2 {
                0 => {
                    let approval = approval(&grant(&i.to_string()));
                    store.approve_device(&code, &approval, &cookie, NOW).await
                }
                _ => store.deny_device(&code, &cookie, NOW).await,
            };
            answered.unwrap()
        })
    });
    let answers = join_all(tries).await;
    let heard = answers
        .into_iter()
        .filter(|answer| *answer.as_ref().unwrap() == DeviceAnswered::Done);
    assert_eq!(heard.count(), 1);
}

pub(crate) async fn of_many_who_redeem_one_device_code_one_wins_and_then_all_lose(store: Shared) {
    asked(&store).await;
    let grant = grant("1");
    approve(&store, &grant).await;
    let tries = (0..64).map(|i| {
        let (store, grant) = (store.clone(), grant.clone());
        tokio::spawn(async move { redeem(&store, &grant, &i.to_string()).await })
    });
    let answers = join_all(tries).await;
    let won = answers
        .into_iter()
        .filter(|answer| *answer.as_ref().unwrap() == Redeemed::Done);
    assert_eq!(won.count(), 1);
    assert!(!is_live(&store, &grant).await);
}

pub(crate) async fn a_changed_account_has_allowed_no_device(store: Shared) {
    asked(&store).await;
    let grant = grant("1");
    approve(&store, &grant).await;
    let same = grant.generation.as_ref();
    let reason = EndReason::PasswordChanged;
    let end = async |unless| {
        store
            .end_account(&grant.account, unless, reason, NOW)
            .await
            .unwrap()
    };
    end(same).await;
    let approved = DeviceState::Approved(approval(&grant));
    assert_eq!(state(&store).await, approved, "the same generation");
    end(None).await;
    assert_eq!(state(&store).await, DeviceState::Denied);
    assert_eq!(redeem(&store, &grant, "0").await, Redeemed::Unknown);
}

pub(crate) async fn a_device_code_of_a_removed_client_gives_nothing(store: Shared) {
    asked(&store).await;
    let grant = grant("1");
    approve(&store, &grant).await;
    let removed = store
        .remove_client(&grant.client_id, None, EndReason::ClientRemoved, NOW)
        .await;
    removed.unwrap();
    assert_eq!(redeem(&store, &grant, "0").await, Redeemed::Unknown);
    assert_eq!(store.grant(&grant.id).await.unwrap(), None);
}

pub(crate) async fn a_device_is_kept_a_while_beyond_its_end(store: Shared) {
    asked(&store).await;
    let end = NOW + MINUTE + EXPIRED_DEVICE_KEPT;
    store.purge(end - MINUTE, NOW, 100).await.unwrap();
    assert!(store.device(&hash("d")).await.unwrap().is_some());
    store.purge(end, NOW, 100).await.unwrap();
    assert!(store.device(&hash("d")).await.unwrap().is_none());

    asked(&store).await;
    let grant = grant("1");
    approve(&store, &grant).await;
    redeem(&store, &grant, "0").await;
    let late = NOW + REDEEMED_CODE_KEPT - HOUR;
    store.purge(late, NOW, 100).await.unwrap();
    let again = redeem(&store, &grant, "1").await;
    assert!(matches!(again, Redeemed::Replayed(_)));
    store.purge(late + DAY, NOW, 100).await.unwrap();
    assert!(store.device(&hash("d")).await.unwrap().is_none());
}

pub(crate) async fn a_grant_without_a_code_hangs_on_its_session_where_it_has_one(store: Shared) {
    store.save_session(&hash("s"), &session()).await.unwrap();
    let client = client("Gajim");
    let save = async |name: &str, session: Option<&str>| {
        let session = session.map(hash);
        let saved = store
            .save_grant(&client, &grant(name), &pair(name), session.as_ref())
            .await;
        saved.unwrap()
    };
    assert!(save("1", None).await && save("2", Some("s")).await);
    assert!(has_access(&store, "1").await && has_access(&store, "2").await);
    assert!(!save("3", Some("none")).await);
    assert!(!has_access(&store, "3").await);
    let reason = EndReason::ClientRemoved;
    let removed = store.remove_client(&client.id, None, reason, NOW).await;
    removed.unwrap();
    assert!(!save("4", None).await);
    assert_eq!(store.grant(&grant("4").id).await.unwrap(), None);
}
