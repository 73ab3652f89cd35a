//! How the person is to be asked (OIDC Core §3.1.2.1).

use serde_json::json;

use crate::answers::hidden;
use crate::client::{Answer, Http};
use crate::world::World;

fn asks_for_a_password(page: &Answer) -> bool {
    page.status == 200 && page.text().contains(r#"name="password""#)
}

fn asks_for_consent(page: &Answer) -> bool {
    page.status == 200 && page.text().contains(r#"value="allow""#)
}

#[tokio::test]
async fn a_request_that_may_not_ask_gets_an_error_instead() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let quiet = world.authorize_url(&app, &[("prompt", "none")]);
    let answer = browser.get(&quiet).await;
    assert_eq!(world.error_told(&answer), "login_required");
    world
        .consent(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    for spelt in ["none", "none "] {
        let quiet = world.authorize_url(&app, &[("prompt", spelt)]);
        let answer = browser.get(&quiet).await;
        assert_eq!(answer.status, 303, "nobody is shown anything");
        assert_eq!(world.error_told(&answer), "consent_required");
    }
}

#[tokio::test]
async fn a_request_can_ask_for_a_new_login_which_is_asked_for_once() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    for prompt in ["login", "select_account", "login consent"] {
        let url = world.authorize_url(&app, &[("prompt", prompt)]);
        assert!(asks_for_a_password(&browser.get(&url).await), "{prompt}");
        let page = world.log_in(&mut browser, &url).await;
        assert!(asks_for_consent(&page), "{prompt}: {}", page.text());
    }
}

#[tokio::test]
async fn a_login_that_is_older_than_max_age_does_not_do() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let url = world.authorize_url(&app, &[("max_age", "60")]);
    world.wait(60);
    assert!(asks_for_consent(&browser.get(&url).await));
    world.wait(1);
    assert!(asks_for_a_password(&browser.get(&url).await));
}

#[tokio::test]
async fn a_consent_page_that_was_left_open_past_max_age_asks_for_the_password_too() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let url = world.authorize_url(&app, &[("max_age", "60")]);
    let page = browser.get(&url).await;
    world.wait(61);
    let answer = world.decide(&mut browser, &page, "allow").await;
    assert!(asks_for_a_password(&answer), "{answer:?}");
}

#[tokio::test]
async fn a_max_age_of_zero_asks_for_the_password_once_and_leaves_time_to_consent() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("max_age", "0")]);
    let page = world.log_in(&mut browser, &url).await;
    world.wait(60);
    let answer = world.decide(&mut browser, &page, "allow").await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(asks_for_a_password(&browser.get(&url).await));
}

#[tokio::test]
async fn a_login_that_is_older_than_the_client_registered_for_does_not_do_unless_a_request_says_so()
{
    let world = World::new().await;
    let app = world.register(json!({ "default_max_age": 60 })).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    assert!(asks_for_consent(&world.log_in(&mut browser, &url).await));
    world.wait(61);
    assert!(asks_for_a_password(&browser.get(&url).await));
    let quiet = world.authorize_url(&app, &[("prompt", "none")]);
    let answer = browser.get(&quiet).await;
    assert_eq!(world.error_told(&answer), "login_required");
    let longer = world.authorize_url(&app, &[("max_age", "90")]);
    assert!(asks_for_consent(&browser.get(&longer).await));
}

#[tokio::test]
async fn a_registered_max_age_of_zero_asks_for_the_password_once_and_leaves_time_to_consent() {
    let world = World::new().await;
    let app = world.register(json!({ "default_max_age": 0 })).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    let page = world.log_in(&mut browser, &url).await;
    world.wait(60);
    let answer = world.decide(&mut browser, &page, "allow").await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(asks_for_a_password(&browser.get(&url).await));
}

#[tokio::test]
async fn the_consent_form_is_no_way_around_a_login_that_was_asked_for() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let url = world.authorize_url(&app, &[("prompt", "login")]);
    let (_, request) = url.split_once('?').unwrap();
    let fields = [("decision", "allow"), ("request", request), ("ticket", "x")];
    let page = browser.post_form(&world.url("/consent"), &fields).await;
    assert!(asks_for_a_password(&page), "{}", page.text());
}

#[tokio::test]
async fn the_clients_guess_stands_in_the_form() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let page = world.ask(&app, &[("login_hint", "al\"ice")]).await;
    assert!(
        page.text().contains(r#"value="al&quot;ice""#),
        "{}",
        page.text()
    );
    assert!(hidden(&page, "continue").contains("login_hint"));
}
