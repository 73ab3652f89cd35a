//! `/oauth2/validate/HOST`: what Prosody's stock `mod_auth_oauth_external` asks.

use serde_json::{Value, json};

use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::World;

async fn validate(world: &World, host: &str, token: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut http = Http::new()
        .with("authorization", &bearer)
        .with("accept", "application/json");
    http.get(&world.url(&format!("/oauth2/validate/{host}")))
        .await
}

async fn token(world: &World, app: &App, scope: &str) -> String {
    let tokens = world.tokens(app, &[("scope", scope)]).await;
    tokens["access_token"].as_str().unwrap().to_owned()
}

fn assert_refused(world: &World, answer: &Answer, status: &str) {
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(
        answer
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer ")
    );
    let said = answer.json();
    assert_eq!(said["status"], status, "{said}");
    assert_eq!(said["scope"], "xmpp");
    let discovery = format!("{}/.well-known/openid-configuration", world.issuer);
    assert_eq!(said["oidc_discovery_url"], discovery.as_str());
    for nothing in ["preferred_username", "sub", "username"] {
        assert_eq!(said[nothing], Value::Null);
    }
}

#[tokio::test]
async fn a_token_for_the_whole_account_says_whose_it_is() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let token = token(&world, &app, "openid xmpp").await;
    let answer = validate(&world, "example.com", &token).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let expected = json!({
        "preferred_username": "alice", "sub": "xmpp:alice@example.com", "scope": "openid xmpp",
    });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn whoever_takes_any_good_answer_for_a_login_gets_none_for_less_than_the_account() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for less in ["openid", "openid xmpp:client:normal"] {
        let token = token(&world, &app, less).await;
        let answer = validate(&world, "example.com", &token).await;
        assert_refused(&world, &answer, "insufficient_scope");
    }
}

#[tokio::test]
async fn a_token_of_one_host_is_good_on_no_other() {
    let world = World::with("xmpp.hosts = ['example.com', 'example.org']").await;
    let app = world.register(json!({})).await;
    let token = token(&world, &app, "xmpp").await;
    for host in [
        "example.org",
        "elsewhere.example",
        "EXAMPLE.ORG",
        "alice@example.com",
    ] {
        let answer = validate(&world, host, &token).await;
        assert_refused(&world, &answer, "invalid_token");
    }
    assert_eq!(validate(&world, "example.com", &token).await.status, 200);
}

#[tokio::test]
async fn whatever_is_no_live_access_token_is_refused() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "xmpp")]).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for nothing in ["", "x", refresh] {
        let answer = validate(&world, "example.com", nothing).await;
        assert_refused(&world, &answer, "invalid_token");
    }
    let url = world.url("/oauth2/validate/example.com");
    assert_refused(&world, &Http::new().get(&url).await, "invalid_token");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(validate(&world, "example.com", access).await.status, 200);
    assert_eq!(world.revoke(&app, access).await.status, 200);
    let answer = validate(&world, "example.com", access).await;
    assert_refused(&world, &answer, "invalid_token");
}
