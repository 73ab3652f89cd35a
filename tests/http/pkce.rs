//! Proof Key for Code Exchange (RFC 7636, RFC 9700 §2.1.1).

use serde_json::json;

use crate::answers::assert_error;
use crate::flows::{App, VERIFIER};
use crate::world::World;

const PLAIN: &str = "flows.allowed_code_challenge_methods = ['S256', 'plain']";

async fn redeem_with(world: &World, app: &App, code: &str, verifier: Option<&str>) -> u16 {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", app.redirect_uri.as_str()),
    ];
    fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
    let answer = world.token(app, &fields).await;
    if answer.status != 200 {
        assert_error(&answer, 400, "invalid_grant");
    }
    answer.status
}

#[tokio::test]
async fn a_request_without_a_challenge_is_refused() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let answer = world.ask(&app, &none).await;
    assert_eq!(world.error_told(&answer), "invalid_request");
    let answer = world.ask(&app, &[("code_challenge", "")]).await;
    assert_eq!(world.error_told(&answer), "invalid_request");
}

#[tokio::test]
async fn a_plain_challenge_is_refused_and_so_is_one_without_a_method() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for method in ["plain", "", "S512", "s256"] {
        let answer = world.ask(&app, &[("code_challenge_method", method)]).await;
        assert_eq!(world.error_told(&answer), "invalid_request", "{method:?}");
    }
}

#[tokio::test]
async fn where_plain_is_allowed_a_challenge_without_a_method_is_plain() {
    let world = World::with(PLAIN).await;
    let app = world.register(json!({})).await;
    let plain = [("code_challenge", VERIFIER), ("code_challenge_method", "")];
    let code = world.code(&app, &plain).await;
    let wrong = "x".repeat(43);
    assert_eq!(redeem_with(&world, &app, &code, Some(&wrong)).await, 400);
    assert_eq!(redeem_with(&world, &app, &code, Some(VERIFIER)).await, 200);
}

#[tokio::test]
async fn a_challenge_that_is_none_is_refused() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for challenge in ["short", &"x".repeat(129), &format!("{}!", "x".repeat(43))] {
        let answer = world.ask(&app, &[("code_challenge", challenge)]).await;
        assert_eq!(world.error_told(&answer), "invalid_request", "{challenge}");
    }
}

#[tokio::test]
async fn a_code_is_redeemed_only_with_its_verifier() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let code = world.code(&app, &[]).await;
    let challenge = xmpp_oauth::secrets::sha256_text(VERIFIER);
    let wrong = "x".repeat(43);
    for verifier in [None, Some(&*wrong), Some(&*challenge), Some("short")] {
        let status = redeem_with(&world, &app, &code, verifier).await;
        assert_eq!(status, 400, "{verifier:?}");
    }
    // a wrong guess does not use the code up: whoever has it could do that anyway
    assert_eq!(redeem_with(&world, &app, &code, Some(VERIFIER)).await, 200);
}

#[tokio::test]
async fn a_verifier_without_a_challenge_is_a_downgrade() {
    let world = World::with("flows.require_code_challenge = false").await;
    let app = world.register(json!({})).await;
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = world.code(&app, &none).await;
    assert_eq!(redeem_with(&world, &app, &code, Some(VERIFIER)).await, 400);
    assert_eq!(redeem_with(&world, &app, &code, None).await, 200);
}

#[tokio::test]
async fn a_public_client_needs_a_challenge_whatever_the_operator_says() {
    let world = World::with("flows.require_code_challenge = false").await;
    let public = json!({ "token_endpoint_auth_method": "none" });
    let app = world.register(public).await;
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let answer = world.ask(&app, &none).await;
    assert_eq!(world.error_told(&answer), "invalid_request");
    let app = world.register(json!({})).await;
    world.code(&app, &none).await;
}
