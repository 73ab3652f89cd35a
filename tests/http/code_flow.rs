//! From the app's request to its tokens.

use serde_json::json;
use url::Url;

use crate::answers::{code_shown, parameter};
use crate::client::Http;
use crate::world::World;

#[tokio::test]
async fn a_person_logs_in_and_consents_and_the_app_gets_tokens_that_work() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let redirect = world
        .consent(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    assert!(redirect.as_str().starts_with("http://127.0.0.1/cb?"));
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("some state"));
    assert_eq!(
        parameter(&redirect, "iss").as_deref(),
        Some(world.issuer.as_str())
    );

    let answer = world
        .redeem(&app, &parameter(&redirect, "code").unwrap())
        .await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["expires_in"], 3600);
    assert_eq!(tokens["scope"], "openid xmpp:client:normal");

    let who = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!(
        who.json(),
        json!({ "sub": "xmpp:alice@example.com", "preferred_username": "alice" })
    );
}

/// mod_rest's rest.sh: names no redirect URI, no state and no challenge method, and posts its secret
/// though it registered for the header.
#[tokio::test]
async fn the_client_of_mod_rest_gets_its_tokens() {
    let world = World::with("flows.allowed_code_challenge_methods = ['S256', 'plain']").await;
    let app = world
        .register(json!({
            "client_name": "rest.sh",
            "client_uri": "https://modules.prosody.im/mod_rest",
            "software_id": "0bdb0eb9-18e8-43af-a7f6-bd26613374c0",
            "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob"],
        }))
        .await;
    let challenge = "SFB1bmNoYXJkIGlzIGEgdmVyaWZpZXIgb2YgMzMgYnl0";
    let query = [
        ("response_type", "code"),
        ("client_id", app.id.as_str()),
        ("code_challenge", challenge),
        ("scope", "openid prosody:user xmpp"),
    ];
    let url = Url::parse_with_params(&world.url("/oauth2/authorize"), query).unwrap();
    let mut browser = Http::new();
    let page = world.log_in(&mut browser, url.as_str()).await;
    let page = world.decide(&mut browser, &page, "allow").await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code_shown(&page)),
        ("code_verifier", challenge),
    ];
    let answer = world.token(&app, &fields).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tokens = answer.json();
    assert_eq!(tokens["scope"], "openid xmpp");
    let refreshed = world.refresh(&app, tokens["refresh_token"].as_str().unwrap());
    assert_eq!(refreshed.await.status, 200);
}
