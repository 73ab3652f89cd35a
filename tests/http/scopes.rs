//! What is granted of what is asked for (RFC 6749 §3.3, XEP-0493 §4.4).

use serde_json::{Value, json};

use crate::client::Http;
use crate::world::World;

#[tokio::test]
async fn an_xmpp_scope_is_granted_only_where_the_server_enforces_it() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    world.server.enforce("xmpp");
    let tokens = world
        .tokens(&app, &[("scope", "openid xmpp xmpp:client:normal")])
        .await;
    assert_eq!(tokens["scope"], "openid xmpp");
}

#[tokio::test]
async fn where_nothing_is_left_of_what_was_asked_for_the_client_is_told() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for (enforced, error) in [("xmpp", "invalid_scope"), ("", "temporarily_unavailable")] {
        world.server.enforce(enforced);
        let url = world.authorize_url(&app, &[("scope", "xmpp:client:normal")]);
        let answer = world.log_in(&mut Http::new(), &url).await;
        assert_eq!(world.error_told(&answer), error, "{enforced:?}");
    }
}

#[tokio::test]
async fn a_scope_that_is_enforced_no_more_is_not_granted_by_an_open_page() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("scope", "openid xmpp")]);
    let page = world.log_in(&mut browser, &url).await;
    world.server.enforce("");
    let page = world.decide(&mut browser, &page, "allow").await;
    // asked again, for what is left
    assert_eq!(page.status, 200);
    let to = crate::answers::redirect(&world.decide(&mut browser, &page, "allow").await);
    let code = crate::answers::parameter(&to, "code").unwrap();
    assert_eq!(world.redeem(&app, &code).await.json()["scope"], "openid");
}

#[tokio::test]
async fn scopes_that_nobody_knows_are_passed_over() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world
        .tokens(&app, &[("scope", "openid email xmpp:future")])
        .await;
    assert_eq!(tokens["scope"], "openid");
}

#[tokio::test]
async fn a_request_without_a_scope_is_a_chat_clients() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "")]).await;
    assert_eq!(tokens["scope"], "openid xmpp:client:normal");
    let app = world.register(json!({ "scope": "openid xmpp" })).await;
    let tokens = world.tokens(&app, &[("scope", "")]).await;
    assert_eq!(tokens["scope"], "openid xmpp");
}

#[tokio::test]
async fn a_refresh_token_comes_with_offline_access_and_with_any_xmpp_scope() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let only_code = json!({ "grant_types": ["authorization_code"] });
    let no_refresh = world.register(only_code).await;
    for (app, scope, granted, has_refresh) in [
        (&app, "openid", "openid", false),
        (&app, "openid offline_access", "offline_access openid", true),
        (&app, "xmpp", "xmpp", true),
        (&no_refresh, "openid offline_access", "openid", false),
        (&no_refresh, "xmpp", "xmpp", false),
    ] {
        let tokens = world.tokens(app, &[("scope", scope)]).await;
        assert_eq!(tokens["scope"], granted);
        assert_eq!(
            tokens["refresh_token"] != Value::Null,
            has_refresh,
            "{scope}"
        );
    }
}

#[tokio::test]
async fn where_the_operator_has_switched_refreshing_off_nobody_gets_a_refresh_token() {
    let world = World::with("flows.allowed_grant_types = ['authorization_code']").await;
    let app = world.register(json!({})).await;
    let tokens = world
        .tokens(&app, &[("scope", "openid offline_access xmpp")])
        .await;
    assert_eq!(tokens["scope"], "openid xmpp");
    assert_eq!(tokens["refresh_token"], Value::Null);
    let answer = world.refresh(&app, "xor_x").await;
    crate::answers::assert_error(&answer, 400, "unsupported_grant_type");
}

#[tokio::test]
async fn the_metadata_names_only_scopes_that_are_enforced() {
    let world = World::new().await;
    let url = world.url("/.well-known/openid-configuration");
    let supported = async || Http::new().get(&url).await.json()["scopes_supported"].clone();
    let all = json!([
        "openid",
        "profile",
        "offline_access",
        "xmpp",
        "xmpp:client:normal"
    ]);
    assert_eq!(supported().await, all);
    world.server.enforce("");
    assert_eq!(
        supported().await,
        json!(["openid", "profile", "offline_access"])
    );
}
