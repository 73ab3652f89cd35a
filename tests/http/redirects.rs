//! Where answers go (RFC 6749 §3.1.2, RFC 8252 §7).

use serde_json::json;

use crate::answers::{assert_error, assert_error_page, code_shown, parameter, redirect};
use crate::client::Http;
use crate::flows::VERIFIER;
use crate::world::World;

#[tokio::test]
async fn a_program_on_loopback_may_listen_on_any_port() {
    let world = World::new().await;
    for (registered, asked) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51234/cb"),
        ("http://[::1]/cb", "http://[::1]:51234/cb"),
        ("http://localhost:1/cb", "http://localhost:51234/cb"),
    ] {
        let app = world
            .register(json!({ "redirect_uris": [registered] }))
            .await;
        let url = world.authorize_url(&app, &[("redirect_uri", asked)]);
        let to = world.consent(&mut Http::new(), &url).await;
        assert!(to.as_str().starts_with(asked), "{to}");
    }
}

#[tokio::test]
async fn a_website_may_not() {
    let world = World::new().await;
    let web = json!({ "application_type": "web", "redirect_uris": ["https://app.example/cb"] });
    let app = world.register(web).await;
    let port = [("redirect_uri", "https://app.example:8443/cb")];
    assert_error_page(&world.ask(&app, &port).await, "redirect_uri is none");
}

#[tokio::test]
async fn the_one_redirect_uri_that_is_registered_need_not_be_named() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let url = world.authorize_url(&app, &[("redirect_uri", "")]);
    let to = world.consent(&mut Http::new(), &url).await;
    assert!(to.as_str().starts_with("http://127.0.0.1/cb?"), "{to}");
    // then it need not be named at the token endpoint either
    let code = parameter(&to, "code").unwrap();
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(world.token(&app, &fields).await.status, 200);
}

#[tokio::test]
async fn one_of_several_must_be_named() {
    let world = World::new().await;
    let uris = ["http://127.0.0.1/a", "http://127.0.0.1/b"];
    let app = world.register(json!({ "redirect_uris": uris })).await;
    let answer = world.ask(&app, &[("redirect_uri", "")]).await;
    assert_error_page(&answer, "redirect_uri is missing");
    let url = world.authorize_url(&app, &[("redirect_uri", uris[1])]);
    let to = world.consent(&mut Http::new(), &url).await;
    assert!(to.as_str().starts_with(uris[1]), "{to}");
}

#[tokio::test]
async fn a_program_that_cannot_be_redirected_to_gets_a_page_with_the_code() {
    let world = World::new().await;
    let oob = "urn:ietf:wg:oauth:2.0:oob";
    let app = world.register(json!({ "redirect_uris": [oob] })).await;
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let page = world.decide(&mut browser, &page, "allow").await;
    let code = code_shown(&page);
    assert_eq!(world.redeem(&app, &code).await.status, 200);
}

#[tokio::test]
async fn errors_for_such_a_program_are_shown_too() {
    let world = World::new().await;
    let oob = "urn:ietf:wg:oauth:2.0:oob";
    let app = world.register(json!({ "redirect_uris": [oob] })).await;
    let answer = world.ask(&app, &[("code_challenge", "")]).await;
    assert_error_page(&answer, "code_challenge");
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let denied = world.decide(&mut browser, &page, "deny").await;
    assert_error_page(&denied, "the person said no");
}

#[tokio::test]
async fn an_answer_can_come_in_the_fragment() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let fragment = ("response_mode", "fragment");
    let url = world.authorize_url(&app, &[fragment]);
    let to = world.consent(&mut Http::new(), &url).await;
    assert_eq!(to.query(), None);
    let mut as_query = to.clone();
    as_query.set_query(to.fragment());
    let code = parameter(&as_query, "code").unwrap();
    assert_eq!(world.redeem(&app, &code).await.status, 200);

    let answer = world.ask(&app, &[fragment, ("prompt", "none")]).await;
    let to = redirect(&answer);
    assert!(to.fragment().unwrap().contains("error=login_required"));
}

#[tokio::test]
async fn a_query_of_the_redirect_uri_stays() {
    let world = World::new().await;
    let uri = "http://127.0.0.1/cb?tenant=1";
    let app = world.register(json!({ "redirect_uris": [uri] })).await;
    let url = world.authorize_url(&app, &[]);
    let to = world.consent(&mut Http::new(), &url).await;
    assert_eq!(parameter(&to, "tenant").as_deref(), Some("1"));
    assert!(parameter(&to, "code").is_some());
}

#[tokio::test]
async fn a_code_is_redeemed_only_with_the_redirect_uri_that_it_was_sent_to() {
    let world = World::new().await;
    let uris = ["http://127.0.0.1/a", "http://127.0.0.1/b"];
    let app = world.register(json!({ "redirect_uris": uris })).await;
    let named = world.code(&app, &[]).await;
    let mut single = world.register(json!({})).await;
    for (app, code, uri) in [
        (&app, &named, Some(uris[1])),
        (&app, &named, Some("http://127.0.0.1:8080/a")),
        (&app, &named, None),
    ] {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        fields.extend(uri.map(|uri| ("redirect_uri", uri)));
        assert_error(&world.token(app, &fields).await, 400, "invalid_grant");
    }
    // a mistake does not use the code up
    assert_eq!(world.redeem(&app, &named).await.status, 200);

    let unnamed = world.code(&single, &[("redirect_uri", "")]).await;
    single.redirect_uri = "https://evil.example/cb".to_owned();
    let answer = world.redeem(&single, &unnamed).await;
    assert_error(&answer, 400, "invalid_grant");
}
