//! Whom a client means, and what it wants to be told (OIDC Core §3.1.2.1, §5.5).

use serde_json::{Value, json};

use crate::answers::{hidden, parameter, redirect};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, World};

const BOB: (&str, &str) = ("bob@example.com", "builder");

fn asks_for_a_password(page: &Answer) -> bool {
    page.status == 200 && page.text().contains(r#"name="password""#)
}

fn asks_for_consent(page: &Answer) -> bool {
    page.status == 200 && page.text().contains(r#"value="allow""#)
}

/// A browser in which this account is logged in.
async fn browser_of(world: &World, app: &App, (account, password): (&str, &str)) -> Http {
    let mut browser = Http::new();
    let page = browser.get(&world.authorize_url(app, &[])).await;
    let answer = world
        .give_password(&mut browser, &page, account, password)
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    browser
}

async fn id_token_of_alice(world: &World, app: &App) -> String {
    let tokens = world.tokens(app, &[]).await;
    tokens["id_token"].as_str().unwrap().to_owned()
}

/// What stands in an id_token; `id_tokens` tests that it is signed.
fn claims_in(tokens: &Value) -> Value {
    let token = tokens["id_token"].as_str().unwrap();
    jsonwebtoken::dangerous::insecure_decode::<Value>(token)
        .unwrap()
        .claims
}

#[tokio::test]
async fn a_silent_request_about_somebody_else_says_that_a_login_is_required() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let hint = id_token_of_alice(&world, &app).await;
    let mut bobs = browser_of(&world, &app, BOB).await;
    let mut alices = Http::new();
    world
        .log_in(&mut alices, &world.authorize_url(&app, &[]))
        .await;
    let sub = json!({ "id_token": { "sub": { "value": "xmpp:alice@example.com" } } }).to_string();
    for hint in [
        ("id_token_hint", hint.as_str()),
        ("login_hint", "alice@example.com"),
        ("login_hint", "alice"),
        ("claims", &sub),
    ] {
        let url = world.authorize_url(&app, &[("prompt", "none"), hint]);
        let answer = bobs.get(&url).await;
        assert_eq!(world.error_told(&answer), "login_required", "{hint:?}");
        let to = redirect(&alices.get(&url).await);
        assert!(parameter(&to, "code").is_some(), "{hint:?}: {to}");
    }
}

#[tokio::test]
async fn a_client_that_nobody_let_in_cannot_guess_who_is_logged_in() {
    let world = World::new().await;
    let known = world.register(json!({})).await;
    let mut alices = Http::new();
    world
        .log_in(&mut alices, &world.authorize_url(&known, &[]))
        .await;
    let stranger = world.register(json!({})).await;
    for hint in [ALICE, "alice", "bob@example.com", "+49 30 123"] {
        let url = world.authorize_url(&stranger, &[("prompt", "none"), ("login_hint", hint)]);
        let answer = alices.get(&url).await;
        assert_eq!(world.error_told(&answer), "login_required", "{hint}");
    }
    let quiet = world.authorize_url(&stranger, &[("prompt", "none")]);
    let answer = alices.get(&quiet).await;
    assert_eq!(world.error_told(&answer), "consent_required");
}

#[tokio::test]
async fn nothing_is_granted_for_another_account_than_the_one_that_is_meant() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let hint = id_token_of_alice(&world, &app).await;
    let mut browser = browser_of(&world, &app, BOB).await;
    let asked = [("id_token_hint", hint.as_str()), ("prompt", "consent")];
    let url = world.authorize_url(&app, &asked);
    let page = browser.get(&url).await;
    assert!(asks_for_a_password(&page), "{}", page.text());
    assert!(page.text().contains("asks for another account"));
    assert!(page.text().contains(r#"value="alice""#), "{}", page.text());

    let (_, request) = url.split_once('?').unwrap();
    let fields = [("decision", "allow"), ("request", request), ("ticket", "x")];
    let answer = browser.post_form(&world.url("/consent"), &fields).await;
    assert!(asks_for_a_password(&answer), "{}", answer.text());

    let answer = world.give_password(&mut browser, &page, BOB.0, BOB.1).await;
    let page = browser.get(&world.url(answer.location())).await;
    assert!(asks_for_a_password(&page), "{}", page.text());

    let answer = world
        .give_password(&mut browser, &page, "alice", "wonderland")
        .await;
    let page = browser.get(&world.url(answer.location())).await;
    assert!(asks_for_consent(&page), "{}", page.text());
    assert!(!page.text().contains("Use another"), "there is no other");
}

#[tokio::test]
async fn a_login_hint_is_a_guess_that_the_person_may_correct() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = browser_of(&world, &app, BOB).await;
    let url = world.authorize_url(&app, &[("login_hint", "alice")]);
    let page = browser.get(&url).await;
    assert!(asks_for_consent(&page), "{}", page.text());
    assert!(page.text().contains("bob@example.com"));
}

#[tokio::test]
async fn a_hint_that_has_expired_still_says_whom_it_means() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let hint = id_token_of_alice(&world, &app).await;
    world.wait(2 * 3600);
    let page = world.ask(&app, &[("id_token_hint", &hint)]).await;
    assert!(page.text().contains(r#"value="alice""#), "{}", page.text());
    assert!(hidden(&page, "continue").contains("id_token_hint"));
}

#[tokio::test]
async fn a_hint_that_we_did_not_make_for_this_client_is_refused() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let other = world.register(json!({})).await;
    let of_another = id_token_of_alice(&world, &other).await;
    let own = id_token_of_alice(&world, &app).await;
    let unsigned = own.rsplit_once('.').unwrap().0;
    for hint in ["x", &of_another, &format!("{unsigned}."), &app.id] {
        let answer = world.ask(&app, &[("id_token_hint", hint)]).await;
        assert_eq!(world.error_told(&answer), "invalid_request");
    }
    let sub = json!({ "id_token": { "sub": { "value": "xmpp:bob@example.com" } } }).to_string();
    let both = [("id_token_hint", own.as_str()), ("claims", &sub)];
    let answer = world.ask(&app, &both).await;
    assert_eq!(world.error_told(&answer), "invalid_request");
}

#[tokio::test]
async fn an_acr_that_is_essential_and_not_ours_fails_and_a_voluntary_one_does_not() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let acr = |member: Value| json!({ "id_token": { "acr": member } }).to_string();
    let essential = acr(json!({ "essential": true, "values": ["phr"] }));
    let answer = world.ask(&app, &[("claims", &essential)]).await;
    let error = world.error_told(&answer);
    assert_eq!(error, "unmet_authentication_requirements");

    let voluntary = acr(json!({ "values": ["phr"] }));
    let asked = [
        ("claims", voluntary.as_str()),
        ("acr_values", "phr phrh"),
        ("display", "touch"),
        ("claims_locales", "de"),
        ("ui_locales", "de en"),
    ];
    let claims = claims_in(&world.tokens(&app, &asked).await);
    let url = world.url("/.well-known/openid-configuration");
    let metadata = Http::new().get(&url).await.json();
    assert_eq!(metadata["acr_values_supported"], json!([claims["acr"]]));
}

#[tokio::test]
async fn a_claims_parameter_that_makes_no_sense_is_told_so() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for claims in ["x", "[]", r#"{"id_token":{"name":1}}"#] {
        let answer = world.ask(&app, &[("claims", claims)]).await;
        assert_eq!(world.error_told(&answer), "invalid_request", "{claims}");
    }
}

#[tokio::test]
async fn what_is_asked_for_by_name_is_consented_to_and_stands_in_the_id_token() {
    let world = World::new().await;
    world.server.set_profile("alice@example.com", card());
    let app = world.register(json!({})).await;
    let claims = json!({ "id_token": { "name": null, "picture": null, "email": null } });
    let claims = claims.to_string();
    let asked = [
        ("claims", claims.as_str()),
        ("scope", "openid offline_access"),
    ];

    let page = world
        .log_in(&mut Http::new(), &world.authorize_url(&app, &asked))
        .await;
    assert!(page.text().contains("See your profile"), "{}", page.text());
    let tokens = world.tokens(&app, &asked).await;
    assert_eq!(tokens["scope"], "offline_access openid profile");
    let told = claims_in(&tokens);
    assert_eq!(told["name"], "Alice Liddell");
    assert_eq!(told["picture"], "https://example.com/alice.png");
    assert_eq!(
        (&told["nickname"], &told["email"]),
        (&Value::Null, &Value::Null)
    );
    let again = world
        .refresh(&app, tokens["refresh_token"].as_str().unwrap())
        .await;
    assert_eq!(claims_in(&again.json())["name"], "Alice Liddell");
}

#[tokio::test]
async fn a_client_that_may_not_see_the_profile_does_not_get_it_by_asking_for_claims() {
    let world = World::new().await;
    world.server.set_profile("alice@example.com", card());
    let app = world.register(json!({ "scope": "openid" })).await;
    let claims = json!({ "id_token": { "name": null }, "userinfo": { "name": null } });
    let claims = claims.to_string();
    let asked = [("claims", claims.as_str()), ("scope", "openid profile")];
    let tokens = world.tokens(&app, &asked).await;
    assert_eq!(tokens["scope"], "openid");
    assert_eq!(claims_in(&tokens)["name"], Value::Null);
    let userinfo = world.userinfo(tokens["access_token"].as_str().unwrap());
    assert_eq!(userinfo.await.json()["name"], Value::Null);
    assert_eq!(world.server.profiles_asked(), 0);
}

#[tokio::test]
async fn the_profile_is_what_the_vcard_says() {
    let world = World::new().await;
    world.server.set_profile("alice@example.com", card());
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "openid profile")]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let expected = json!({
        "sub": "xmpp:alice@example.com",
        "preferred_username": "alice",
        "name": "Alice Liddell",
        "nickname": "al ice",
        "picture": "https://example.com/alice.png",
    });
    assert_eq!(world.userinfo(token).await.json(), expected);
}

#[tokio::test]
async fn the_answer_does_not_wait_for_a_server_that_does_not_show_its_vcards() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "openid profile")]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let expected = json!({ "sub": "xmpp:alice@example.com", "preferred_username": "alice" });
    assert_eq!(world.userinfo(token).await.json(), expected, "no vCard");
    world.server.hide_profiles();
    assert_eq!(world.userinfo(token).await.json(), expected, "no answer");
    world.server.go_away();
    assert_eq!(world.userinfo(token).await.json(), expected, "no link");
}

/// A vCard as somebody may have written it.
fn card() -> xmpp_oauth::model::Profile {
    xmpp_oauth::model::Profile {
        name: Some(" Alice\nLiddell\u{202E}".to_owned()),
        nickname: Some("al\u{0}\tice".to_owned()),
        picture: Some("https://example.com/alice.png".to_owned()),
    }
}

#[tokio::test]
async fn a_code_is_not_given_when_the_account_that_is_meant_changes_under_an_open_page() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let hint = id_token_of_alice(&world, &app).await;
    let asked = [("id_token_hint", hint.as_str()), ("prompt", "consent")];
    let url = world.authorize_url(&app, &asked);
    let mut browser = Http::new();
    let page = world.log_in(&mut browser, &url).await;
    assert!(asks_for_consent(&page));
    let mut bobs = browser_of(&world, &app, BOB).await;
    let answer = world.decide(&mut bobs, &page, "allow").await;
    assert!(asks_for_a_password(&answer), "{}", answer.text());
    let answer = world.decide(&mut browser, &page, "allow").await;
    let to = redirect(&answer);
    assert!(parameter(&to, "code").is_some());
}
