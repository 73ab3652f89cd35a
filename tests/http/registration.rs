//! Dynamic registration (RFC 7591).

use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::client::Http;
use crate::world::World;

#[tokio::test]
async fn a_hundred_registrations_store_nothing() {
    let world = World::new().await;
    let before = world.bytes_stored();
    for _ in 0..100 {
        world.register(json!({})).await;
    }
    assert_eq!(world.bytes_stored(), before);
    assert_eq!(world.provider.clients().await.unwrap(), []);
}

#[tokio::test]
async fn the_answer_says_what_was_registered_and_until_when() {
    let world = World::with("registration.default_ttl = '30d'").await;
    let asked = json!({ "software_id": "x1", "something": ["else"] });
    let answer = world.try_register(&mut Http::new(), asked).await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let said = answer.json();
    assert_eq!(said["client_id_issued_at"], 1_800_000_000);
    assert_eq!(
        said["client_secret_expires_at"],
        1_800_000_000 + 30 * 86_400
    );
    assert_eq!(said["client_name"], "Test");
    assert_eq!(said["software_id"], "x1");
    assert_eq!(said["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(
        said["grant_types"],
        json!(["authorization_code", "refresh_token"])
    );
    assert_eq!(
        said["something"],
        Value::Null,
        "what is not used is not kept"
    );
}

#[tokio::test]
async fn a_registration_for_ever_says_so_with_a_zero() {
    let world = World::with("registration.default_ttl = 'none'").await;
    let answer = world.try_register(&mut Http::new(), json!({})).await;
    assert_eq!(answer.json()["client_secret_expires_at"], 0);
}

#[tokio::test]
async fn a_registration_and_its_secret_survive_a_restart() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let world = world.restarted().await;
    world.tokens(&app, &[]).await;
}

#[tokio::test]
async fn the_same_metadata_twice_makes_two_clients_with_a_secret_each() {
    let world = World::new().await;
    let (one, two) = (
        world.register(json!({})).await,
        world.register(json!({})).await,
    );
    assert_ne!(one.id, two.id);
    assert_ne!(one.secret, two.secret);
    let crossed = crate::flows::App {
        secret: two.secret,
        ..one
    };
    let answer = world.refresh(&crossed, "xor_x").await;
    assert_error(&answer, 401, "invalid_client");
}

#[tokio::test]
async fn a_public_client_gets_no_secret() {
    let world = World::new().await;
    let asked = json!({ "token_endpoint_auth_method": "none" });
    let said = world.try_register(&mut Http::new(), asked).await.json();
    assert_eq!(said["client_secret"], Value::Null);
    assert_eq!(said["client_secret_expires_at"], Value::Null);
}

#[tokio::test]
async fn redirect_uris_are_taken_only_where_they_are_safe() {
    let world = World::new().await;
    for (kind, uri, is_taken) in [
        ("web", "https://app.example/cb", true),
        ("web", "https://app.example/cb?tenant=1", true),
        ("web", "https://evil.example/cb", false),
        ("web", "http://app.example/cb", false),
        ("web", "http://127.0.0.1/cb", false),
        ("web", "com.example.app:/cb", false),
        ("web", "urn:ietf:wg:oauth:2.0:oob", false),
        ("native", "http://127.0.0.1/cb", true),
        ("native", "http://127.0.0.1:8080/cb", true),
        ("native", "http://[::1]/cb", true),
        ("native", "http://localhost/cb", true),
        ("native", "com.example.app:/cb", true),
        ("native", "urn:ietf:wg:oauth:2.0:oob", true),
        ("native", "https://app.example/cb", true),
        ("native", "https://evil.example/cb", false),
        ("native", "http://192.0.2.1/cb", false),
        ("native", "http://localhost.evil.example/cb", false),
        ("native", "http://127.0.0.1/cb#fragment", false),
        ("native", "https://app.example/cb#", false),
        ("native", "javascript:alert(1)", false),
        ("native", "data:text/html,x", false),
        ("native", "myapp:/cb", false),
        ("native", "https://user@app.example/cb", false),
        ("native", "https://app.example/\r\nx: y", false),
        ("native", "x.y:javascript:alert(1)", false),
        ("native", "http://[::1]:/cb", false),
        ("native", "", false),
    ] {
        let asked = json!({ "application_type": kind, "redirect_uris": [uri] });
        let answer = world.try_register(&mut Http::new(), asked).await;
        match is_taken {
            true => assert_eq!(answer.status, 201, "{kind} {uri}: {}", answer.text()),
            false => assert_error(&answer, 400, "invalid_redirect_uri"),
        }
    }
}

#[tokio::test]
async fn one_bad_redirect_uri_among_good_ones_is_enough_to_refuse() {
    let world = World::new().await;
    let uris = ["http://127.0.0.1/cb", "http://evil.example/cb"];
    let asked = json!({ "redirect_uris": uris });
    let answer = world.try_register(&mut Http::new(), asked).await;
    assert_error(&answer, 400, "invalid_redirect_uri");
}

#[tokio::test]
async fn metadata_that_would_make_too_long_a_client_id_is_refused() {
    let world = World::new().await;
    let uri = format!("https://app.example/{}", "x".repeat(1900));
    let asked = json!({ "redirect_uris": [uri, uri, uri] });
    let answer = world.try_register(&mut Http::new(), asked).await;
    assert_error(&answer, 400, "invalid_client_metadata");
}

#[tokio::test]
async fn what_is_no_metadata_is_refused_with_a_sentence() {
    let world = World::new().await;
    let url = world.url("/oauth2/register");
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"redirect_uris\": \"https://app.example/\"}",
        "{\"client_name\": 1}",
        "{\"client_name\": \"a\", \"client_name\": \"b\"}",
    ] {
        let answer = Http::new().post(&url, "application/json", body).await;
        assert_error(&answer, 400, "invalid_client_metadata");
    }
    let deep = "[".repeat(50_000);
    let answer = Http::new().post(&url, "application/json", deep).await;
    assert_error(&answer, 400, "invalid_client_metadata");
    let answer = Http::new().post(&url, "text/plain", "{}").await;
    assert_error(&answer, 415, "invalid_request");
}

#[tokio::test]
async fn without_a_key_nobody_can_register_and_nobody_is_told_to() {
    let world = World::with("registration.registration_key = ''").await;
    let answer = world.try_register(&mut Http::new(), json!({})).await;
    assert_eq!(answer.status, 403, "{}", answer.text());
    let metadata = Http::new()
        .get(&world.url("/.well-known/oauth-authorization-server"))
        .await
        .json();
    assert_eq!(metadata["registration_endpoint"], Value::Null);
}

#[tokio::test]
async fn a_promise_that_would_not_be_kept_is_refused_by_name() {
    let world = World::new().await;
    for (field, value) in [
        ("require_signed_request_object", json!(true)),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
    ] {
        let register = async |value: &Value| {
            let more = json!({ field: value });
            world.try_register(&mut Http::new(), more).await
        };
        let refused = register(&value).await;
        assert_error(&refused, 400, "invalid_client_metadata");
        assert!(refused.text().contains(field), "{}", refused.text());
        let taken = register(&json!(false)).await;
        assert_eq!(taken.status, 201, "{}", taken.text());
    }
}
