//! Consent that was given before: who is not asked again, and who always is.

use serde_json::{Value, json};
use xmpp_oauth::model::EndReason;

use crate::answers::{parameter, redirect};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, World};

fn asks(page: &Answer) -> bool {
    page.status == 200 && page.text().contains(r#"value="allow""#)
}

fn website() -> Value {
    json!({
        "application_type": "web",
        "redirect_uris": ["https://app.example/cb"],
        "token_endpoint_auth_method": "none",
    })
}

/// A browser in which alice has logged in, and let this app in with these scopes before.
async fn let_in(world: &World, about: Value, scope: &str) -> (App, Http) {
    let app = world.register(about).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("scope", scope)]);
    let to = world.consent(&mut browser, &url).await;
    let code = parameter(&to, "code").unwrap();
    assert_eq!(world.redeem(&app, &code).await.status, 200);
    (app, browser)
}

#[tokio::test]
async fn an_app_that_proves_itself_is_not_asked_about_again() {
    let confidential = json!({});
    for about in [confidential, website()] {
        let world = World::new().await;
        let (app, mut browser) = let_in(&world, about, "openid xmpp:client:normal").await;
        for scope in ["openid xmpp:client:normal", "openid"] {
            let url = world.authorize_url(&app, &[("scope", scope)]);
            let to = redirect(&browser.get(&url).await);
            let code = parameter(&to, "code").expect("a code");
            assert_eq!(
                parameter(&to, "iss").as_deref(),
                Some(world.issuer.as_str())
            );
            let tokens = world.redeem(&app, &code).await.json();
            assert_eq!(tokens["scope"], scope, "no more than is asked for");
        }
        // and so is a request that may ask nobody
        let quiet = world.authorize_url(&app, &[("prompt", "none")]);
        let to = redirect(&browser.get(&quiet).await);
        assert!(parameter(&to, "code").is_some(), "{to}");
    }
}

#[tokio::test]
async fn a_public_app_on_a_device_is_asked_about_every_time() {
    for redirect_uri in [
        "http://127.0.0.1/cb",
        "com.example.app:/cb",
        "urn:ietf:wg:oauth:2.0:oob",
    ] {
        let world = World::new().await;
        let app = world
            .register(json!({
                "token_endpoint_auth_method": "none",
                "redirect_uris": [redirect_uri],
            }))
            .await;
        let mut browser = Http::new();
        let url = world.authorize_url(&app, &[]);
        let page = world.log_in(&mut browser, &url).await;
        let allowed = world.decide(&mut browser, &page, "allow").await;
        let code = match allowed.status {
            303 => parameter(&redirect(&allowed), "code").unwrap(),
            _ => crate::answers::code_shown(&allowed),
        };
        assert_eq!(world.redeem(&app, &code).await.status, 200);
        assert!(asks(&browser.get(&url).await), "{redirect_uri}");
        let quiet = world.authorize_url(&app, &[("prompt", "none")]);
        let answer = browser.get(&quiet).await;
        if answer.status == 303 {
            assert_eq!(world.error_told(&answer), "consent_required");
        }
        assert!(!answer.text().contains("xoc_"));
    }
}

#[tokio::test]
async fn more_scopes_or_a_wish_to_be_asked_are_asked_about() {
    let world = World::new().await;
    let (app, mut browser) = let_in(&world, website(), "openid").await;
    let more = world.authorize_url(&app, &[("scope", "openid xmpp:client:normal")]);
    assert!(asks(&browser.get(&more).await));
    let quiet = format!("{more}&prompt=none");
    let answer = browser.get(&quiet).await;
    assert_eq!(world.error_told(&answer), "consent_required");
    let wished = world.authorize_url(&app, &[("scope", "openid"), ("prompt", "consent")]);
    assert!(asks(&browser.get(&wished).await));
}

#[tokio::test]
async fn what_two_grants_cover_only_together_is_asked_about() {
    let world = World::new().await;
    world.server.enforce("xmpp:client:normal xmpp:account:read");
    let (app, mut browser) = let_in(&world, website(), "openid xmpp:client:normal").await;
    let one = world.authorize_url(&app, &[("scope", "openid xmpp:account:read")]);
    let to = world.consent(&mut browser, &one).await;
    let code = parameter(&to, "code").unwrap();
    assert_eq!(world.redeem(&app, &code).await.status, 200);
    let both = "openid xmpp:account:read xmpp:client:normal";
    let both = world.authorize_url(&app, &[("scope", both)]);
    assert!(asks(&browser.get(&both).await));
}

#[tokio::test]
async fn what_was_taken_back_is_asked_about_again() {
    let world = World::new().await;
    let (app, mut browser) = let_in(&world, website(), "openid").await;
    let grant = world.only_grant().await.id;
    let reason = EndReason::OwnerRevoked;
    world.provider.end_grant(&grant, reason).await.unwrap();
    let url = world.authorize_url(&app, &[("scope", "openid")]);
    assert!(asks(&browser.get(&url).await));
}

#[tokio::test]
async fn what_one_account_or_app_was_allowed_counts_for_no_other() {
    let world = World::new().await;
    let (app, mut alices) = let_in(&world, website(), "openid").await;
    let url = world.authorize_url(&app, &[("scope", "openid")]);
    let mut bobs = Http::new();
    let login = bobs.get(&url).await;
    let answer = world
        .give_password(&mut bobs, &login, "bob@example.com", "builder")
        .await;
    assert!(asks(&bobs.get(&world.url(answer.location())).await));
    let same_name = world.register(website()).await;
    let other = world.authorize_url(&same_name, &[("scope", "openid")]);
    assert!(asks(&alices.get(&other).await));
    // the app means somebody else than who is logged in here
    let hinted = |who| world.authorize_url(&app, &[("scope", "openid"), ("login_hint", who)]);
    assert!(asks(&alices.get(&hinted("bob@example.com")).await));
    assert_eq!(alices.get(&hinted(ALICE)).await.status, 303);
}

#[tokio::test]
async fn what_was_allowed_under_another_password_is_asked_about() {
    let world = World::new().await;
    let (app, _) = let_in(&world, website(), "openid").await;
    world.server.set_password(ALICE, "looking glass");
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("scope", "openid")]);
    let login = browser.get(&url).await;
    let answer = world
        .give_password(&mut browser, &login, ALICE, "looking glass")
        .await;
    assert!(asks(&browser.get(&world.url(answer.location())).await));
}

#[tokio::test]
async fn nobody_who_is_logged_out_is_remembered() {
    let world = World::new().await;
    let (app, mut browser) = let_in(&world, website(), "openid").await;
    let alice = ALICE.parse().unwrap();
    world.provider.log_out_browsers(&alice, None).await.unwrap();
    let url = world.authorize_url(&app, &[("scope", "openid")]);
    let page = browser.get(&url).await;
    assert!(page.text().contains(r#"name="password""#));
    let quiet = format!("{url}&prompt=none");
    let answer = browser.get(&quiet).await;
    assert_eq!(world.error_told(&answer), "login_required");
}

#[tokio::test]
async fn an_app_that_is_let_in_again_and_again_does_not_lock_its_owner_out() {
    let world = World::new().await;
    let (app, mut browser) = let_in(&world, website(), "openid").await;
    let quiet = world.authorize_url(&app, &[("scope", "openid"), ("prompt", "none")]);
    let mut given = 0;
    loop {
        let to = redirect(&browser.get(&quiet).await);
        if parameter(&to, "code").is_none() {
            break;
        }
        given += 1;
    }
    assert_eq!(given, 60);
    assert_eq!(world.refused_at("unasked_per_account"), 1);
    // the owner logs in and allows as ever
    let other = world.register(json!({})).await;
    let url = world.authorize_url(&other, &[]);
    let to = world.consent(&mut Http::new(), &url).await;
    assert!(parameter(&to, "code").is_some(), "{to}");
}
