//! What is wrong with an authorization request, and who is told (RFC 6749 §4.1.2.1, RFC 9700 §4.11).

use serde_json::json;

use crate::answers::{assert_error_page, hidden, parameter, redirect, told_at};
use crate::client::Http;
use crate::flows::App;
use crate::world::World;

#[tokio::test]
async fn an_unknown_client_is_shown_to_the_person_and_sent_nowhere() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let unknown = App {
        id: "nobody".to_owned(),
        ..app.clone()
    };
    assert_error_page(&world.ask(&unknown, &[]).await, "client_id");
    let missing = world.ask(&app, &[("client_id", "")]).await;
    assert_error_page(&missing, "client_id is missing");
}

#[tokio::test]
async fn a_redirect_uri_that_is_not_the_clients_is_sent_nothing() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for uri in [
        "https://evil.example/cb",
        "http://127.0.0.1/cb/",
        "http://127.0.0.1/cb?x=1",
        "http://127.0.0.1/cb#x",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://localhost/cb",
        "javascript:alert(1)",
        "/cb",
    ] {
        let answer = world.ask(&app, &[("redirect_uri", uri)]).await;
        assert_error_page(&answer, "redirect_uri is none of those");
        // an error that would be the client's to know changes nothing
        let both = [("redirect_uri", uri), ("response_type", "token")];
        assert_error_page(&world.ask(&app, &both).await, "redirect_uri");
    }
}

#[tokio::test]
async fn a_repeated_parameter_is_shown_to_the_person() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for twice in [
        "&redirect_uri=https://evil.example/cb",
        "&state=x",
        "&scope=xmpp",
    ] {
        let url = format!("{}{twice}", world.authorize_url(&app, &[]));
        assert_error_page(&Http::new().get(&url).await, "stands more than once");
    }
}

#[tokio::test]
async fn whatever_else_is_wrong_is_told_to_the_client_with_iss_and_state() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for (field, value, error) in [
        ("response_type", "", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        (
            "response_type",
            "code id_token",
            "unsupported_response_type",
        ),
        ("response_mode", "web_message", "invalid_request"),
        ("scope", "nonsense", "invalid_scope"),
        ("scope", "offline_access", "invalid_scope"),
        ("scope", "a\"b", "invalid_scope"),
        ("prompt", "none", "login_required"),
        ("prompt", "none login", "invalid_request"),
        ("max_age", "soon", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
    ] {
        let answer = world.ask(&app, &[(field, value)]).await;
        assert_eq!(world.error_told(&answer), error, "{field}={value}");
        let to = told_at(&answer);
        // RFC 6749 §4.2.2.1: whoever asks for a token looks into the fragment
        let separator = if value == "token" { '#' } else { '?' };
        let at = format!("http://127.0.0.1/cb{separator}");
        assert!(to.as_str().starts_with(&at), "{to}");
    }
}

#[tokio::test]
async fn a_link_alone_sends_nobody_to_an_address_that_anyone_can_register() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let bad = [("scope", "nonsense")];
    let stranger = world.ask(&app, &bad).await;
    assert_error_page(&stranger, "none of the scopes");
    let mut browser = Http::new();
    world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let answer = browser.get(&world.authorize_url(&app, &bad)).await;
    assert_eq!(redirect(&answer), told_at(&stranger));
}

#[tokio::test]
async fn a_request_may_also_be_posted() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let query = world.authorize_url(&app, &[]);
    let (_, body) = query.split_once('?').unwrap();
    let form = "application/x-www-form-urlencoded";
    let url = world.url("/oauth2/authorize");
    let page = Http::new().post(&url, form, body.to_owned()).await;
    assert_eq!(page.status, 200);
    assert!(hidden(&page, "continue").contains("client_id="));
}

#[tokio::test]
async fn a_state_comes_back_as_it_went_whatever_is_in_it() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let state = "a&b=c#d\r\nSet-Cookie: x=\"é<script>%00+ ";
    let fields = [("state", state), ("prompt", "none")];
    let to = told_at(&world.ask(&app, &fields).await);
    assert_eq!(parameter(&to, "state").as_deref(), Some(state));
    let none = [("state", ""), ("prompt", "none")];
    let to = told_at(&world.ask(&app, &none).await);
    assert_eq!(parameter(&to, "state"), None);
}

#[tokio::test]
async fn a_client_that_did_not_register_for_a_scope_cannot_ask_for_it() {
    let world = World::new().await;
    let app = world.register(json!({ "scope": "openid" })).await;
    let answer = world.ask(&app, &[("scope", "xmpp")]).await;
    assert_eq!(world.error_told(&answer), "invalid_scope");
    let tokens = world.tokens(&app, &[("scope", "openid xmpp")]).await;
    assert_eq!(tokens["scope"], "openid");
}

#[tokio::test]
async fn a_request_that_would_not_fit_into_an_address_is_refused_before_anybody_logs_in() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let state = "s".repeat(16 * 1024);
    let url = world.authorize_url(&app, &[("state", &state)]);
    let (endpoint, fields) = url.split_once('?').unwrap();
    let kind = "application/x-www-form-urlencoded";
    let answer = Http::new().post(endpoint, kind, fields.to_owned()).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert!(!answer.text().contains(r#"name="password""#));
}

#[tokio::test]
async fn a_nonce_is_short_enough_to_be_kept() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let long = "n".repeat(513);
    let answer = world.ask(&app, &[("nonce", &long)]).await;
    assert_eq!(world.error_told(&answer), "invalid_request");
    let answer = world.ask(&app, &[("nonce", &long[1..])]).await;
    assert!(answer.text().contains(r#"name="password""#), "{answer:?}");
}

#[tokio::test]
async fn a_request_that_is_somewhere_else_is_fetched_by_nobody() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for (name, value) in [
        ("request_uri", "urn:ietf:params:oauth:request_uri:x"),
        ("request", "x.y.z"),
    ] {
        // nothing else of the request can be believed, so nobody is sent anywhere
        let answer = world.ask(&app, &[(name, value)]).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(!answer.text().contains(&app.redirect_uri));
    }
    // OIDC Core §3.1.2.6
    for (name, value, error) in [
        (
            "request_uri",
            "https://app.example/r",
            "request_uri_not_supported",
        ),
        ("registration", "{}", "registration_not_supported"),
    ] {
        let answer = world.ask(&app, &[(name, value)]).await;
        assert_eq!(world.error_told(&answer), error);
    }
}
