//! SASL OAUTHBEARER (RFC 7628) with tokens of the whole flow.

use jid::DomainPart;
use serde_json::{Value, json};
use xmpp_oauth::oauth::bearer::BearerAnswer;

use crate::flows::App;
use crate::world::World;

async fn world() -> (World, App) {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    (world, app)
}

async fn check(world: &World, host: &str, message: &str) -> BearerAnswer {
    let host = DomainPart::new(host).unwrap().into_owned();
    world
        .provider
        .check_bearer(&host, message.as_bytes(), None)
        .await
}

fn message(authzid: &str, token: &str) -> String {
    format!("n,{authzid},\x01auth=Bearer {token}\x01\x01")
}

fn challenge(answer: BearerAnswer) -> Value {
    match answer {
        BearerAnswer::Challenge(json) => serde_json::from_str(&json).unwrap(),
        other => panic!("no challenge: {other:?}"),
    }
}

async fn access_token(world: &World, app: &App, scope: &str) -> String {
    let tokens = world.tokens(app, &[("scope", scope)]).await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_with_an_xmpp_scope_logs_its_own_user_in() {
    let (world, app) = world().await;
    let token = access_token(&world, &app, "openid xmpp:client:normal").await;
    for authzid in ["", "a=alice@example.com", "a=Alice@EXAMPLE.com"] {
        match check(&world, "example.com", &message(authzid, &token)).await {
            BearerAnswer::Success(success) => {
                assert_eq!(success.account.as_str(), "alice@example.com");
                assert_eq!(success.grant_id, world.only_grant().await.id);
                assert_eq!(success.client_id.as_str(), app.id);
                assert_eq!(success.client_name, "Test");
                assert_eq!(success.scopes.to_string(), "openid xmpp:client:normal");
                assert_eq!(success.expires_at.as_unix(), 1_800_003_600);
            }
            other => panic!("{authzid}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_token_with_openid_alone_logs_nobody_in() {
    let (world, app) = world().await;
    let token = access_token(&world, &app, "openid").await;
    let answer = challenge(check(&world, "example.com", &message("", &token)).await);
    assert_eq!(answer["status"], "insufficient_scope");
}

#[tokio::test]
async fn a_token_that_was_narrowed_logs_nobody_in() {
    let (world, app) = world().await;
    let tokens = world.tokens(&app, &[]).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("scope", "openid"),
    ];
    let narrow = world.token(&app, &fields).await.json();
    let token = narrow["access_token"].as_str().unwrap();
    let answer = challenge(check(&world, "example.com", &message("", token)).await);
    assert_eq!(answer["status"], "insufficient_scope");
}

#[tokio::test]
async fn an_authzid_that_is_not_the_tokens_user_is_refused() {
    let (world, app) = world().await;
    let token = access_token(&world, &app, "xmpp").await;
    for authzid in [
        "a=bob@example.com",
        "a=alice",
        "a=alice@other.example",
        "a=alice@example.com/phone",
        "a=@",
    ] {
        let answer = check(&world, "example.com", &message(authzid, &token)).await;
        assert_eq!(challenge(answer)["status"], "invalid_token", "{authzid}");
    }
}

#[tokio::test]
async fn another_hosts_user_is_refused() {
    let (world, app) = world().await;
    let token = access_token(&world, &app, "xmpp").await;
    for host in ["other.example", "sub.example.com"] {
        let answer = check(&world, host, &message("", &token)).await;
        assert_eq!(challenge(answer)["status"], "invalid_token", "{host}");
    }
}

#[tokio::test]
async fn a_token_that_is_expired_revoked_or_of_another_kind_is_refused() {
    let (world, app) = world().await;
    let tokens = world.tokens(&app, &[]).await;
    let access = tokens["access_token"].as_str().unwrap();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let status = async |token: &str| {
        challenge(check(&world, "example.com", &message("", token)).await)["status"].clone()
    };
    assert_eq!(status(refresh).await, "invalid_token");
    assert_eq!(status("xoa_nonsense").await, "invalid_token");
    assert_eq!(status("e30.e30.e30").await, "invalid_token");
    world.wait(3600);
    assert_eq!(status(access).await, "invalid_token");

    let token = access_token(&world, &app, "xmpp").await;
    let first = check(&world, "example.com", &message("", &token)).await;
    assert!(
        matches!(first, BearerAnswer::Success(_)),
        "cached: {first:?}"
    );
    world.revoke(&app, &token).await;
    assert_eq!(status(&token).await, "invalid_token");
}

#[tokio::test]
async fn an_empty_token_is_told_where_one_can_be_had() {
    let (world, _) = world().await;
    for message in ["n,,\x01auth=Bearer \x01\x01", "n,,\x01auth=\x01\x01", ""] {
        let answer = challenge(check(&world, "example.com", message).await);
        assert_eq!(answer["status"], "invalid_token");
        let url = answer["openid-configuration"].as_str().unwrap();
        let metadata = crate::client::Http::new().get(url).await.json();
        assert_eq!(metadata["issuer"], world.issuer.as_str());
        assert!(metadata["registration_endpoint"].is_string());
    }
}

#[tokio::test]
async fn a_login_is_a_use_of_the_new_pair() {
    let (world, app) = world().await;
    let old = world.tokens(&app, &[]).await;
    let refresh = old["refresh_token"].as_str().unwrap();
    let new = world.refresh(&app, refresh).await.json();
    let token = new["access_token"].as_str().unwrap();
    let answer = check(&world, "example.com", &message("", token)).await;
    assert!(matches!(answer, BearerAnswer::Success(_)), "{answer:?}");
    world.refresh(&app, refresh).await;
    assert!(world.grants().await.is_empty(), "that was reuse");
}

#[tokio::test]
async fn a_token_that_was_seen_before_is_checked_without_the_storage() {
    let (world, app) = world().await;
    let token = access_token(&world, &app, "openid xmpp:client:normal").await;
    let message = message("", &token);
    for is_warm in [false, true] {
        let answer = check(&world, "example.com", &message).await;
        assert!(matches!(answer, BearerAnswer::Success(_)), "{answer:?}");
        assert_eq!(world.introspect(&app, &token).await["active"], true);
        assert_eq!(world.userinfo(&token).await.status, 200);
        if !is_warm {
            world.store.close().await;
        }
    }
}
