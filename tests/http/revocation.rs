//! Taking tokens back (RFC 7009).

use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::client::Http;
use crate::flows::App;
use crate::world::World;

async fn world() -> (World, App, Value) {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    (world, app, tokens)
}

#[tokio::test]
async fn whichever_token_is_revoked_the_grant_and_its_sessions_end() {
    for shown in ["access_token", "refresh_token"] {
        let (world, app, tokens) = world().await;
        let grant = world.only_grant().await;
        let access = tokens["access_token"].as_str().unwrap();
        assert_eq!(world.userinfo(access).await.status, 200, "cached");
        let answer = world.revoke(&app, tokens[shown].as_str().unwrap()).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));

        assert_eq!(world.userinfo(access).await.status, 401, "{shown}");
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let answer = world.refresh(&app, refresh).await;
        assert_error(&answer, 400, "invalid_grant");
        assert_eq!(world.end_of(&grant.id).await, Some("client_revoked"));
        assert_eq!(world.server.ended(1).await, [grant.id]);
    }
}

#[tokio::test]
async fn a_token_that_nobody_knows_is_revoked_already() {
    let (world, app, tokens) = world().await;
    let access = tokens["access_token"].as_str().unwrap();
    for unknown in [
        "x",
        "xoa_",
        "xor_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "\u{e9}",
    ] {
        assert_eq!(world.revoke(&app, unknown).await.status, 200, "{unknown}");
    }
    for _ in 0..2 {
        assert_eq!(world.revoke(&app, access).await.status, 200);
    }
}

#[tokio::test]
async fn a_hint_is_only_a_hint() {
    let (world, app, tokens) = world().await;
    let fields = [
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_deref().unwrap()),
        ("token", tokens["access_token"].as_str().unwrap()),
        ("token_type_hint", "refresh_token"),
    ];
    let url = world.url("/oauth2/revoke");
    assert_eq!(Http::new().post_form(&url, &fields).await.status, 200);
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn another_clients_token_is_not_ones_own_to_revoke() {
    let (world, _, tokens) = world().await;
    let other = world.register(json!({})).await;
    for shown in ["access_token", "refresh_token"] {
        let answer = world.revoke(&other, tokens[shown].as_str().unwrap()).await;
        assert_error(&answer, 400, "invalid_grant");
    }
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(access).await.status, 200);
}

#[tokio::test]
async fn nothing_to_revoke_is_refused() {
    let (world, app, _) = world().await;
    let fields = [
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_deref().unwrap()),
    ];
    let url = world.url("/oauth2/revoke");
    let answer = Http::new().post_form(&url, &fields).await;
    assert_error(&answer, 400, "invalid_request");
}

#[tokio::test]
async fn one_grant_ends_and_another_of_the_same_client_goes_on() {
    let (world, app, one) = world().await;
    let two = world.tokens(&app, &[]).await;
    world
        .revoke(&app, one["access_token"].as_str().unwrap())
        .await;
    let access = two["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(access).await.status, 200);
}
