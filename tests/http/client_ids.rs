//! A `client_id` carries its own registration: only genuine ones count, and only as long as they last.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::answers::{assert_error, assert_error_page};
use crate::flows::App;
use crate::world::World;

fn claims(id: &str) -> Value {
    let payload = id.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn signed(algorithm: Algorithm, key: &str, claims: &Value) -> String {
    let key = EncodingKey::from_secret(key.as_bytes());
    jsonwebtoken::encode(&Header::new(algorithm), claims, &key).unwrap()
}

#[tokio::test]
async fn a_client_id_that_was_not_signed_here_is_nobodys() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let genuine = claims(&app.id);
    let mut evil = genuine.clone();
    evil["redirect_uris"] = json!(["https://evil.example/cb"]);
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let parts: Vec<&str> = app.id.split('.').collect();
    let key = "a key that is only used in these tests";
    let none = json!({ "alg": "none" });
    for id in [
        // other claims under the genuine signature, and under none
        format!("{}.{}.{}", parts[0], encode(&evil), parts[2]),
        format!("{}.{}.", parts[0], encode(&evil)),
        format!("{}.{}.", encode(&none), encode(&evil)),
        // another key, another algorithm, and something else that was signed with the key
        signed(Algorithm::HS256, "x", &evil),
        signed(Algorithm::HS512, key, &genuine),
        signed(Algorithm::HS256, key, &json!({})),
        "gajim".to_owned(),
        format!("{}{}", app.id, "A".repeat(4096)),
    ] {
        let forged = App {
            id,
            redirect_uri: "https://evil.example/cb".to_owned(),
            ..app.clone()
        };
        let answer = world.ask(&forged, &[]).await;
        assert_error_page(&answer, "no app with this client_id is registered here");
        let answer = world.refresh(&forged, "xor_x").await;
        assert_error(&answer, 401, "invalid_client");
    }
}

#[tokio::test]
async fn an_expired_registration_goes_on_refreshing_but_starts_nothing_new() {
    let world = World::with("registration.default_ttl = '1d'").await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    world.wait(86_400);

    assert_error_page(
        &world.ask(&app, &[]).await,
        "the app&#x27;s registration has expired",
    );
    let token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(&app, token).await.status, 200);
}

#[tokio::test]
async fn an_expired_registration_does_nothing_more_where_the_operator_says_so() {
    let settings = "registration.default_ttl = '1d'\nregistration.accept_expired = false";
    let world = World::with(settings).await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    world.wait(86_399);
    let tokens = world.refresh(&app, token).await.json();
    world.wait(1);
    let token = tokens["refresh_token"].as_str().unwrap();
    assert_error(&world.refresh(&app, token).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_removed_client_is_unknown_at_once_and_its_grants_are_gone() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let grant = world.only_grant().await;
    let id = xmpp_oauth::model::ClientId::new(&app.id);
    assert!(world.provider.remove_client(&id).await.unwrap());

    assert_error_page(&world.ask(&app, &[]).await, "no app with this client_id");
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).await.status, 401);
    assert_eq!(world.server.ended(1).await, [grant.id]);
    // the id itself is still a genuine one
    let world = world.restarted().await;
    assert_error_page(&world.ask(&app, &[]).await, "no app with this client_id");
}

#[tokio::test]
async fn clients_that_make_room_for_others_in_memory_are_counted_and_still_known() {
    let world = World::with("limits.cached_tokens = 10").await;
    let mut apps = Vec::new();
    for _ in 0..3 {
        let app = world.register(json!({})).await;
        assert_eq!(world.ask(&app, &[]).await.status, 200);
        apps.push(app);
    }
    assert!(world.refused_at("cached_clients") > 0);
    for app in &apps {
        world.tokens(app, &[]).await;
    }
}
