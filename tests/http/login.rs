//! The login page and its cookies. Its brakes are in `brakes`.

use serde_json::json;

use crate::answers::{hidden, redirect};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, PASSWORD, World};

const SESSION: &str = "xmpp-oauth-session";
pub(crate) const WRONG: &str = "The address or the password is not right";

async fn world() -> (World, App) {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    (world, app)
}

/// Tries a password in a browser of its own, from this address.
pub(crate) async fn try_from(
    world: &World,
    app: &App,
    address: &str,
    who: &str,
    password: &str,
) -> Answer {
    let mut browser = Http::new().with("x-forwarded-for", address);
    let page = browser.get(&world.authorize_url(app, &[])).await;
    world
        .give_password(&mut browser, &page, who, password)
        .await
}

#[tokio::test]
async fn a_login_form_is_good_only_in_the_browser_it_was_shown_in() {
    let (world, app) = world().await;
    let url = world.authorize_url(&app, &[]);
    let (mut attacker, mut victim) = (Http::new(), Http::new());
    let attackers_page = attacker.get(&url).await;
    victim.get(&url).await;
    let mut no_cookie = Http::new();
    for browser in [&mut victim, &mut no_cookie] {
        let answer = world
            .give_password(browser, &attackers_page, ALICE, PASSWORD)
            .await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains("Please log in again"));
        assert!(!browser.cookies.contains_key(SESSION));
    }
    assert_eq!(world.server.asked(), 0);
}

#[tokio::test]
async fn each_login_begins_a_new_session_and_ends_the_one_before() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let first = browser.cookies[SESSION].clone();
    let again = world.authorize_url(&app, &[("prompt", "login")]);
    world.log_in(&mut browser, &again).await;
    assert_ne!(browser.cookies[SESSION], first);
    assert!(
        world
            .provider
            .current_session(&first)
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_session_that_was_put_into_the_browser_is_not_taken_over() {
    let (world, app) = world().await;
    let mut attacker = Http::new();
    let url = world.authorize_url(&app, &[]);
    world.log_in(&mut attacker, &url).await;
    let planted = attacker.cookies[SESSION].clone();
    let mut victim = Http::new();
    let page = victim.get(&url).await;
    victim.cookies.insert(SESSION.to_owned(), planted.clone());
    world
        .give_password(&mut victim, &page, "bob@example.com", "builder")
        .await;
    assert_ne!(victim.cookies[SESSION], planted);
    let page = attacker.get(&url).await;
    assert!(!page.text().contains("bob@example.com"));
}

#[tokio::test]
async fn cookies_are_out_of_reach_of_scripts_and_other_sites() {
    let (world, app) = world().await;
    let page = world.ask(&app, &[]).await;
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("xmpp-oauth-form="), "{cookie}");
    assert!(cookie.contains("; Path=/;"), "{cookie}");
    assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Secure") && !cookie.contains("Domain"));

    let answer = try_from(&world, &app, "203.0.113.1", ALICE, PASSWORD).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("xmpp-oauth-session=xos_"), "{cookie}");
    assert!(
        cookie.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax"),
        "{cookie}"
    );
}

#[tokio::test]
async fn on_https_cookies_are_bound_to_this_host() {
    let world = World::with("http.public_url = 'https://auth.example.com'").await;
    let app = world.register(json!({})).await;
    let answer = try_from(&world, &app, "203.0.113.1", ALICE, PASSWORD).await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-xmpp-oauth-session="), "{cookie}");
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Lax; Secure"),
        "{cookie}"
    );
    let page = world.ask(&app, &[]).await;
    let cookie = page.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-xmpp-oauth-form="), "{cookie}");
    // an unprefixed one could come from a neighbour
    let mut browser = Http::new();
    let session = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    assert!(session.text().contains("allow"));
    let cookie = browser.cookies["__Host-xmpp-oauth-session"].clone();
    let mut other = Http::new();
    other.cookies.insert(SESSION.to_owned(), cookie);
    let page = other.get(&world.authorize_url(&app, &[])).await;
    assert!(page.text().contains(r#"name="password""#));
}

#[tokio::test]
async fn a_session_ends_after_its_time() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    world.log_in(&mut browser, &url).await;
    world.wait(12 * 3600);
    assert!(
        browser
            .get(&url)
            .await
            .text()
            .contains(r#"name="password""#)
    );
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_account_look_the_same() {
    let (world, app) = world().await;
    for (who, password) in [
        (ALICE, "wrong"),
        ("nobody@example.com", "x"),
        ("alice@other.example", PASSWORD),
        ("not a jid@@", "x"),
    ] {
        let answer = try_from(&world, &app, "203.0.113.1", who, password).await;
        assert_eq!(answer.status, 200);
        assert!(answer.text().contains(WRONG), "{who}: {}", answer.text());
        assert_eq!(answer.header("set-cookie"), None);
    }
}

#[tokio::test]
async fn a_server_that_is_away_says_nothing_about_the_password() {
    let (world, app) = world().await;
    world.server.go_away();
    for _ in 0..10 {
        let answer = try_from(&world, &app, "203.0.113.1", ALICE, PASSWORD).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("retry-after"), Some("5"));
        assert!(answer.text().contains("please try again"));
        assert!(!answer.text().contains(WRONG));
    }
    // nor does it count as a try
    world.server.come_back();
    let answer = try_from(&world, &app, "203.0.113.1", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}

#[tokio::test]
async fn a_second_app_needs_no_password() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    world
        .consent(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let other = world.register(json!({ "client_name": "Other" })).await;
    let url = world.authorize_url(&other, &[]);
    let page = browser.get(&url).await;
    redirect(&world.decide(&mut browser, &page, "allow").await);
    assert_eq!(world.server.asked(), 1);
}

#[tokio::test]
async fn a_person_can_use_another_account() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    let page = world.log_in(&mut browser, &url).await;
    let before = browser.cookies[SESSION].clone();
    let (csrf, request) = (hidden(&page, "csrf"), hidden(&page, "continue"));
    let switch = world.url("/login/switch");

    let fields = [("csrf", "forged"), ("continue", request.as_str())];
    browser.post_form(&switch, &fields).await;
    assert!(browser.cookies.contains_key(SESSION), "not our form");

    let fields = [("csrf", csrf.as_str()), ("continue", request.as_str())];
    let page = browser.post_form(&switch, &fields).await;
    assert!(!browser.cookies.contains_key(SESSION));
    assert!(
        world
            .provider
            .current_session(&before)
            .await
            .unwrap()
            .is_none()
    );
    let answer = world
        .give_password(&mut browser, &page, "bob", "builder")
        .await;
    let page = browser.get(&world.url(answer.location())).await;
    assert!(page.text().contains("bob@example.com"));
}

#[tokio::test]
async fn a_cookie_of_others_that_is_no_text_does_not_hide_ours() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let url = world.authorize_url(&app, &[]);
    let mut browser = Http::new();
    world.log_in(&mut browser, &url).await;
    let session = &browser.cookies["xmpp-oauth-session"];
    let mut cookies = b"theirs=\xff; xmpp-oauth-session=".to_vec();
    cookies.extend_from_slice(session.as_bytes());
    let mut other = Http::new();
    let cookies = http::HeaderValue::from_bytes(&cookies).unwrap();
    other.headers.insert("cookie", cookies);
    let page = other.get(&url).await;
    assert!(page.text().contains(r#"value="allow""#), "{}", page.text());
}
