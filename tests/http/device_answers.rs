//! A device that is answered by a session on the XMPP server: the same rules as on the page.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jid::BareJid;
use serde_json::{Value, json};
use xmpp_oauth::accounts::AccountStatus;
use xmpp_oauth::model::ScopeSet;
use xmpp_oauth::oauth::consent::AskAgain;
use xmpp_oauth::oauth::device::{DeviceDecided, DeviceQuestion, NoDevice};

use crate::answers::assert_error;
use crate::client::Http;
use crate::devices::{DEVICE_CODE, Device, ask, poll, tv_with, type_code, world};
use crate::management::{changed, manage, registered, token};
use crate::world::{ALICE, PASSWORD, World};

fn alice() -> BareJid {
    ALICE.parse().unwrap()
}

async fn question(world: &World, code: &str) -> Result<DeviceQuestion, NoDevice> {
    let provider = &world.provider;
    provider.device_question_by_session(code, &alice()).await
}

async fn shown(world: &World, device: &Device) -> ScopeSet {
    question(world, &device.user_code)
        .await
        .unwrap()
        .question
        .scopes
}

async fn decide(
    world: &World,
    device: &Device,
    shown: &ScopeSet,
    allowed: bool,
) -> Result<DeviceDecided, NoDevice> {
    let provider = &world.provider;
    let code = &device.user_code;
    provider
        .decide_device_by_session(code, &alice(), shown, allowed)
        .await
}

#[tokio::test]
async fn a_device_that_a_session_allowed_does_not_say_when_the_password_was_given() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let scopes = shown(&world, &device).await;
    let decided = decide(&world, &device, &scopes, true).await;
    assert!(matches!(decided, Ok(DeviceDecided::Done(_))), "{decided:?}");
    let tokens = poll(&world, &app, &device).await.json();
    let grant = world.only_grant().await;
    assert_eq!((grant.auth_time, grant.granted_from), (None, None));
    assert_eq!(grant.generation.unwrap().as_str(), PASSWORD);
    let id_token = tokens["id_token"].as_str().unwrap();
    let claims = id_token.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    // nobody has seen a password for it
    for claim in ["auth_time", "acr", "amr"] {
        assert_eq!(claims[claim], Value::Null, "{claims}");
    }
    // and it says whom the app means, like any other
    let hint = ("id_token_hint".to_owned(), id_token.to_owned());
    let asked = world.provider.check_logout(vec![hint]).await.unwrap();
    assert!(asked.fault.is_none(), "{asked:?}");
    assert_eq!(asked.client.unwrap().id.as_str(), app.id);
    let browsers = world.store.sessions(&alice()).await.unwrap();
    assert!(browsers.is_empty(), "{browsers:?}");
}

#[tokio::test]
async fn a_session_says_no_and_the_device_is_told() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let scopes = shown(&world, &device).await;
    let decided = decide(&world, &device, &scopes, false).await;
    assert!(matches!(decided, Ok(DeviceDecided::Done(_))), "{decided:?}");
    assert_error(&poll(&world, &app, &device).await, 400, "access_denied");
    let again = decide(&world, &device, &scopes, true).await;
    assert!(matches!(again, Err(NoDevice::Unknown)), "{again:?}");
}

#[tokio::test]
async fn a_session_allows_no_more_than_it_was_shown() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let less: ScopeSet = "openid".parse().unwrap();
    let decided = decide(&world, &device, &less, true).await;
    let asks_again = matches!(decided, Ok(DeviceDecided::AskAgain(AskAgain::NotThisForm)));
    assert!(asks_again, "{decided:?}");
    let answer = poll(&world, &app, &device).await;
    assert_error(&answer, 400, "authorization_pending");
}

#[tokio::test]
async fn an_account_that_may_not_log_in_or_cannot_be_asked_about_allows_nothing() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let scopes = shown(&world, &device).await;
    for status in [AccountStatus::Missing, AccountStatus::Disabled] {
        world.server.set_status(ALICE, status);
        let decided = decide(&world, &device, &scopes, true).await;
        assert!(matches!(decided, Err(NoDevice::Refused(_))), "{decided:?}");
    }
    world.server.go_away();
    let decided = decide(&world, &device, &scopes, true).await;
    assert!(matches!(decided, Err(NoDevice::Refused(_))), "{decided:?}");
    let answer = poll(&world, &app, &device).await;
    assert_error(&answer, 400, "authorization_pending");
}

#[tokio::test]
async fn a_password_that_changes_unseen_takes_what_a_session_allowed() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let scopes = shown(&world, &device).await;
    decide(&world, &device, &scopes, true).await.unwrap();
    world.server.set_password(ALICE, "another");
    assert_error(&poll(&world, &app, &device).await, 400, "invalid_grant");
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn codes_that_are_typed_here_and_on_the_page_are_counted_together() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    for _ in 0..10 {
        let asked = question(&world, "BBBB-BBBB").await;
        assert!(matches!(asked, Err(NoDevice::Unknown)), "{asked:?}");
    }
    let right = question(&world, &device.user_code).await;
    assert!(matches!(right, Err(NoDevice::TooManyTries(_))), "{right:?}");
    let page = type_code(&world, &mut Http::new(), &device.user_code).await;
    assert_eq!(page.status, 429, "{}", page.text());
}

#[tokio::test]
async fn an_app_that_relies_on_auth_time_is_not_answered_by_a_session_that_does_not_know_it() {
    let world = World::new().await;
    for rest in [
        json!({ "require_auth_time": true }),
        json!({ "default_max_age": 3600 }),
    ] {
        let app = tv_with(&world, rest).await;
        let device = ask(&world, &app).await;
        let Err(NoDevice::Refused(error)) = question(&world, &device.user_code).await else {
            panic!("it was asked")
        };
        assert!(error.description.contains("/device"), "{error}");
        let scopes: ScopeSet = "openid xmpp:client:normal".parse().unwrap();
        let decided = decide(&world, &device, &scopes, true).await;
        assert!(matches!(decided, Err(NoDevice::Refused(_))), "{decided:?}");
    }
}

#[tokio::test]
async fn an_app_that_comes_to_rely_on_auth_time_gets_no_id_token_that_cannot_say_it() {
    let world = World::new().await;
    let more = json!({
        "grant_types": ["authorization_code", "refresh_token", DEVICE_CODE],
        "token_endpoint_auth_method": "none",
    });
    let (said, app) = registered(&world, more).await;
    let device = ask(&world, &app).await;
    let scopes = shown(&world, &device).await;
    decide(&world, &device, &scopes, true).await.unwrap();
    let tokens = poll(&world, &app, &device).await.json();
    assert!(tokens["id_token"].is_string(), "{tokens}");
    let body = changed(&said, "require_auth_time", true.into());
    let updated = manage("PUT", &said, token(&said), &body).await;
    assert_eq!(updated.status, 200, "{}", updated.text());
    assert_eq!(updated.json()["require_auth_time"], true);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let tokens = world.refresh(&app, refresh).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    assert_eq!(tokens.json()["id_token"], Value::Null);
}
