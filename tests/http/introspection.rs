//! What a token stands for, told to those who may know (RFC 7662).

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

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

#[tokio::test]
async fn a_client_is_told_all_about_its_own_access_token() {
    let (world, app, tokens) = world().await;
    let now = 1_800_000_000;
    let expected = json!({
        "active": true,
        "scope": "openid xmpp:client:normal",
        "client_id": app.id,
        "username": "alice@example.com",
        "sub": "xmpp:alice@example.com",
        "aud": "example.com",
        "iss": world.issuer,
        "iat": now,
        "nbf": now,
        "exp": now + 3600,
        "token_type": "Bearer",
    });
    let said = world.introspect(&app, text(&tokens, "access_token")).await;
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_refresh_token_is_told_of_to_its_own_client_only() {
    let (world, app, tokens) = world().await;
    let token = text(&tokens, "refresh_token");
    let said = world.introspect(&app, token).await;
    assert_eq!(said["active"], true);
    assert_eq!(said["exp"], Value::Null, "it lasts until it is revoked");
    assert_eq!(said["token_type"], Value::Null);
    let other = world.register(json!({})).await;
    assert_eq!(
        world.introspect(&other, token).await,
        json!({ "active": false })
    );
    // it was only looked at: it can still be used
    assert_eq!(world.refresh(&app, token).await.status, 200);
    assert_eq!(
        world.introspect(&app, token).await,
        json!({ "active": false })
    );
}

#[tokio::test]
async fn whatever_is_not_active_or_not_ones_own_says_just_that() {
    let (world, app, tokens) = world().await;
    let inactive = json!({ "active": false });
    let other = world.register(json!({})).await;
    let token = text(&tokens, "access_token");
    assert_eq!(world.introspect(&other, token).await, inactive);
    let code = world.code(&app, &[]).await;
    for nothing in ["x", "xoa_", "xor_", code.as_str(), &"x".repeat(5000)] {
        assert_eq!(world.introspect(&app, nothing).await, inactive);
    }
    world.wait(3600);
    assert_eq!(world.introspect(&app, token).await, inactive);
}

#[tokio::test]
async fn a_revoked_token_is_inactive_at_once_also_when_it_was_seen_before() {
    let (world, app, tokens) = world().await;
    let token = text(&tokens, "access_token");
    assert_eq!(world.introspect(&app, token).await["active"], true);
    assert_eq!(world.revoke(&app, token).await.status, 200);
    assert_eq!(
        world.introspect(&app, token).await,
        json!({ "active": false })
    );
}

#[tokio::test]
async fn a_resource_server_that_is_allowed_may_ask_about_any_access_token() {
    // which client_id to allow is known only once it has registered: two worlds with the same keys
    let issuer = "http.public_url = 'https://auth.example.com'";
    let first = World::with(issuer).await;
    let resource = first.register(json!({ "client_name": "Files" })).await;
    let public = json!({ "client_name": "Public", "token_endpoint_auth_method": "none" });
    let public = first.register(public).await;
    let allowed = format!(
        "{issuer}\nintrospection.allowed = ['{}', '{}']",
        resource.id, public.id
    );
    let world = World::with(&allowed).await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let token = text(&tokens, "access_token");
    let said = world.introspect(&resource, token).await;
    assert_eq!(said["active"], true);
    assert_eq!(said["username"], "alice@example.com");
    let inactive = json!({ "active": false });
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(world.introspect(&resource, refresh).await, inactive);
    // whoever knows a public client's id could ask in its name
    let fields = [("token", token), ("client_id", public.id.as_str())];
    let url = world.url("/oauth2/introspect");
    let answer = Http::new().post_form(&url, &fields).await;
    assert_error(&answer, 401, "invalid_client");
}

#[tokio::test]
async fn a_question_without_a_token_is_refused() {
    let (world, app, _) = world().await;
    let fields = [
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_deref().unwrap()),
    ];
    let url = world.url("/oauth2/introspect");
    let answer = Http::new().post_form(&url, &fields).await;
    assert_error(&answer, 400, "invalid_request");
    assert_eq!(Http::new().get(&url).await.status, 405);
}

#[tokio::test]
async fn an_answer_is_kept_by_nobody() {
    let (world, app, tokens) = world().await;
    let fields = [
        ("client_id", app.id.as_str()),
        ("client_secret", app.secret.as_deref().unwrap()),
        ("token", text(&tokens, "access_token")),
        ("token_type_hint", "refresh_token"),
    ];
    let url = world.url("/oauth2/introspect");
    let answer = Http::new().post_form(&url, &fields).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["active"], true, "a hint is only a hint");
}
