//! From the app's request to its tokens.

use serde_json::json;

use crate::answers::parameter;
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
