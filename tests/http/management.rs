//! A client reads, changes and removes its own registration (RFC 7592).

use bytes::Bytes;
use http::Request;
use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::client_keys::ClientKey;
use crate::flows::App;
use crate::world::World;

/// A registration as it was answered, and the app that it is for.
pub(crate) async fn registered(world: &World, more: Value) -> (Value, App) {
    let answer = world.try_register(&mut Http::new(), more).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let said = answer.json();
    let app = App {
        id: said["client_id"].as_str().unwrap().to_owned(),
        secret: said["client_secret"].as_str().map(str::to_owned),
        redirect_uri: said["redirect_uris"][0].as_str().unwrap().to_owned(),
    };
    (said, app)
}

pub(crate) async fn manage(
    method: &str,
    said: &Value,
    token: Option<&str>,
    body: &Value,
) -> Answer {
    let mut request = Request::builder()
        .method(method)
        .uri(said["registration_client_uri"].as_str().unwrap())
        .header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let request = request.body(Bytes::from(body.to_string())).unwrap();
    Http::new().send(request).await.unwrap()
}

pub(crate) fn token(said: &Value) -> Option<&str> {
    said["registration_access_token"].as_str()
}

/// What a client sends to change `name`: all the rest as it was.
pub(crate) fn changed(said: &Value, name: &str, value: Value) -> Value {
    let mut body = said.clone();
    let fields = body.as_object_mut().unwrap();
    for ours in [
        "registration_access_token",
        "registration_client_uri",
        "client_secret_expires_at",
        "client_id_issued_at",
    ] {
        fields.remove(ours);
    }
    body[name] = value;
    body
}

#[tokio::test]
async fn a_client_reads_what_it_registered() {
    let world = World::new().await;
    let (said, _) = registered(&world, json!({})).await;
    let answer = manage("GET", &said, token(&said), &json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json(), said);
}

#[tokio::test]
async fn only_its_own_token_opens_a_registration() {
    let world = World::new().await;
    let (said, app) = registered(&world, json!({})).await;
    let (other, _) = registered(&world, json!({})).await;
    let secret = app.secret.as_deref();
    for wrong in [None, Some("xog_x"), token(&other), secret] {
        for method in ["GET", "PUT", "DELETE"] {
            let body = changed(&said, "client_name", "Mine".into());
            let answer = manage(method, &said, wrong, &body).await;
            assert_error(&answer, 401, "invalid_token");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.starts_with("Bearer "), "{challenge}");
        }
    }
    let answer = manage("GET", &said, token(&said), &json!({})).await;
    assert_eq!(answer.json(), said);
}

#[tokio::test]
async fn an_update_keeps_the_client_id_and_goes_before_what_the_client_id_says() {
    let world = World::new().await;
    let (said, app) = registered(&world, json!({})).await;
    let new = json!(["http://127.0.0.1/new"]);
    let body = changed(&said, "redirect_uris", new.clone());
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let mut expected = said.clone();
    expected["redirect_uris"] = new;
    assert_eq!(answer.json(), expected);

    let world = world.restarted().await;
    assert_eq!(
        world.ask(&app, &[]).await.status,
        400,
        "the old one is gone"
    );
    let app = App {
        redirect_uri: "http://127.0.0.1/new".to_owned(),
        ..app
    };
    world.tokens(&app, &[]).await;
}

#[tokio::test]
async fn an_update_is_checked_like_a_registration_and_says_who_it_is_from() {
    let world = World::new().await;
    let (said, _) = registered(&world, json!({})).await;
    for (field, value, error) in [
        (
            "redirect_uris",
            json!(["javascript:x"]),
            "invalid_redirect_uri",
        ),
        ("client_uri", json!("http://x"), "invalid_client_metadata"),
        ("client_id", json!("another"), "invalid_client_metadata"),
        ("client_id", Value::Null, "invalid_client_metadata"),
        ("client_secret", json!("another"), "invalid_client_metadata"),
        (
            "registration_access_token",
            json!("x"),
            "invalid_client_metadata",
        ),
        (
            "registration_client_uri",
            json!("x"),
            "invalid_client_metadata",
        ),
        (
            "client_secret_expires_at",
            json!(0),
            "invalid_client_metadata",
        ),
        ("client_id_issued_at", json!(0), "invalid_client_metadata"),
    ] {
        let answer = manage("PUT", &said, token(&said), &changed(&said, field, value)).await;
        assert_error(&answer, 400, error);
        let sentence = answer.json()["error_description"].to_string();
        assert!(sentence.contains(field), "{field}: {sentence}");
    }
    let answer = manage("GET", &said, token(&said), &json!({})).await;
    assert_eq!(answer.json(), said);
}

#[tokio::test]
async fn a_removed_client_is_gone_with_its_grants_and_does_not_come_back() {
    let world = World::new().await;
    let (said, app) = registered(&world, json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let answer = manage("DELETE", &said, token(&said), &json!({})).await;
    assert_eq!(answer.status, 204, "{}", answer.text());
    assert_eq!(world.grants().await, []);
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(access).await.status, 401);

    let world = world.restarted().await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_error(&world.refresh(&app, refresh).await, 401, "invalid_client");
    assert_eq!(world.ask(&app, &[]).await.status, 400);
    for method in ["GET", "PUT", "DELETE"] {
        let uri = format!("/oauth2/register/{}", app.id);
        let said = json!({ "registration_client_uri": world.url(&uri) });
        let answer = manage(method, &said, token(&said), &json!({})).await;
        assert_error(&answer, 401, "invalid_token");
    }
}

#[tokio::test]
async fn changes_are_slowed_down_like_registrations() {
    let world = World::with("limits.registrations_per_address = 3").await;
    let (said, _) = registered(&world, json!({})).await;
    let body = changed(&said, "client_name", "Another".into());
    for expected in [200, 200, 429] {
        let answer = manage("PUT", &said, token(&said), &body).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
    assert_eq!(world.refused_at("registrations_per_address"), 1);
}

#[tokio::test]
async fn an_initial_access_token_is_needed_where_the_operator_says_so() {
    let token = "0123456789abcdef0123456789abcdef";
    let world = World::with(&format!(
        "registration.open_to = 'token'\nregistration.initial_access_token = \"\"\"{token}\n{}\"\"\"",
        "z".repeat(40)
    ))
    .await;
    let answer = world.try_register(&mut Http::new(), json!({})).await;
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(
        answer.header("www-authenticate"),
        Some("Bearer realm=\"xmpp-oauth\"")
    );
    for (shown, expected) in [
        ("another".to_owned(), 401),
        (format!("{token}\n{}", "z".repeat(40)), 401),
        (token.to_owned(), 201),
        ("z".repeat(40), 201),
    ] {
        let shown = format!("Bearer {}", shown.replace('\n', " "));
        let mut http = Http::new().with("authorization", &shown);
        let answer = world.try_register(&mut http, json!({})).await;
        assert_eq!(answer.status, expected, "{}", answer.text());
    }
}

#[tokio::test]
async fn where_nobody_may_register_those_who_have_stay() {
    let world = World::new().await;
    let (said, app) = registered(&world, json!({})).await;
    let world = world.reconfigured("registration.open_to = 'nobody'").await;
    let answer = world.try_register(&mut Http::new(), json!({})).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let metadata = world.url("/.well-known/oauth-authorization-server");
    let metadata = Http::new().get(&metadata).await.json();
    assert_eq!(metadata["registration_endpoint"], Value::Null);
    world.tokens(&app, &[]).await;
    let uri = world.url(&format!("/oauth2/register/{}", app.id));
    let answer = manage(
        "GET",
        &json!({ "registration_client_uri": uri }),
        token(&said),
        &json!({}),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn the_endpoint_tells_its_schema() {
    let world = World::new().await;
    let answer = Http::new().get(&world.url("/oauth2/register")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/schema+json")
    );
    let schema = answer.json();
    assert_eq!(schema["type"], "object");
    assert_eq!(
        schema["properties"]["response_types"]["default"],
        json!(["code"])
    );
    // it is of what is on here
    let devices = World::with("flows.allowed_grant_types = ['device_code']").await;
    let other = Http::new()
        .get(&devices.url("/oauth2/register"))
        .await
        .json();
    assert_eq!(
        other["properties"]["response_types"]["default"],
        Value::Null
    );
    // every field that a registration answers stands in it
    let (said, _) = registered(&world, json!({ "scope": "openid" })).await;
    for field in said.as_object().unwrap().keys() {
        let is_ours = field.starts_with("client_id")
            || field.starts_with("client_secret")
            || field.starts_with("registration_");
        assert!(
            is_ours || schema["properties"][field].is_object(),
            "{field}"
        );
    }
}

#[tokio::test]
async fn a_client_that_changes_under_an_open_page_is_asked_about_again() {
    let world = World::new().await;
    let (said, app) = registered(&world, json!({})).await;
    let url = world.authorize_url(&app, &[("redirect_uri", "")]);
    let mut browser = Http::new();
    let page = world.log_in(&mut browser, &url).await;
    let body = changed(&said, "client_name", json!("Another"));
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let again = world.decide(&mut browser, &page, "allow").await;
    assert_eq!(again.status, 200, "{again:?}");
    assert!(again.text().contains("Another"));
    let answer = world.decide(&mut browser, &again, "allow").await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_website_does_not_move_to_another_host_with_the_consent_that_it_had() {
    let world = World::new().await;
    let about = json!({
        "application_type": "web",
        "client_uri": null,
        "redirect_uris": ["https://app.example/cb"],
    });
    let (said, _) = registered(&world, about).await;
    let elsewhere = json!(["https://app.example/cb", "https://evil.example/cb"]);
    let body = changed(&said, "redirect_uris", elsewhere);
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_error(&answer, 400, "invalid_client_metadata");
    let beside = json!(["https://app.example/other"]);
    let body = changed(&said, "redirect_uris", beside);
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let body = changed(&said, "subject_type", json!("pairwise"));
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_error(&answer, 400, "invalid_client_metadata");
}

#[tokio::test]
async fn a_client_cannot_make_its_registration_longer_than_it_could_register() {
    let world = World::new().await;
    let (said, _) = registered(&world, json!({})).await;
    let uris = |length: usize| {
        let uri = |n| format!("http://127.0.0.1/{n}/{}", "x".repeat(length));
        (0..20).map(uri).collect::<Vec<_>>()
    };
    let body = changed(&said, "redirect_uris", json!(uris(200)));
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_error(&answer, 400, "invalid_client_metadata");
    let body = changed(&said, "redirect_uris", json!(uris(80)));
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn of_a_clients_keys_only_what_a_signature_is_checked_by_is_kept() {
    let world = World::new().await;
    let key = ClientKey::new();
    let mut padded = key.jwks();
    padded["more"] = "x".repeat(500).into();
    padded["keys"][0]["x5c"] = json!(["x".repeat(500)]);
    padded["keys"][0]["kid"] = "1".into();
    let (said, _) = registered(&world, json!({ "jwks": padded })).await;
    let mut kept = key.jwks();
    kept["keys"][0]["kid"] = "1".into();
    assert_eq!(said["jwks"], kept);
}
