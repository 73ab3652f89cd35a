//! What is tried too often has to wait: registrations and wrong passwords.

use serde_json::json;

use crate::answers::{parameter, redirect};
use crate::client::{Answer, Http};
use crate::login::{WRONG, try_from};
use crate::world::{ALICE, PASSWORD, World};

async fn register_from(world: &World, forwarded: &str) -> Answer {
    let mut http = Http::new().with("x-forwarded-for", forwarded);
    world.try_register(&mut http, json!({})).await
}

#[tokio::test]
async fn one_address_can_register_only_so_many_clients() {
    let world = World::with("limits.registrations_per_address = 3").await;
    for _ in 0..3 {
        world.register(json!({})).await;
    }
    let answer = world.try_register(&mut Http::new(), json!({})).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!(wait > 0);
    world.wait(wait);
    world.register(json!({})).await;
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_address_has_a_brake_of_its_own() {
    let world = World::with("limits.registrations_per_address = 1").await;
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 201);
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 429);
    assert_eq!(register_from(&world, "203.0.113.2").await.status, 201);
}

#[tokio::test]
async fn what_the_sender_wrote_before_the_proxy_does_not_count() {
    let world = World::with("limits.registrations_per_address = 1").await;
    let first = register_from(&world, "198.51.100.1, 203.0.113.1").await;
    let second = register_from(&world, "198.51.100.2, 203.0.113.1").await;
    assert_eq!((first.status, second.status), (201, 429));
}

#[tokio::test]
async fn what_is_no_text_does_not_hide_what_the_proxy_wrote_behind_it() {
    let world = World::with("limits.registrations_per_address = 1").await;
    let register = async |forwarded: &[u8]| {
        let mut http = Http::new();
        let value = http::HeaderValue::from_bytes(forwarded).unwrap();
        http.headers.insert("x-forwarded-for", value);
        world.try_register(&mut http, json!({})).await.status
    };
    assert_eq!(register(b"\xff, 203.0.113.7").await, 201);
    assert_eq!(register(b"\xff, 203.0.113.7").await, 429);
    assert_eq!(
        register(b"203.0.113.7:4711").await,
        429,
        "with the port it is the same address"
    );
    assert_eq!(register(b"\xff, 203.0.113.8").await, 201);
}

#[tokio::test]
async fn a_stranger_is_not_believed_about_its_address() {
    let settings = "http.trusted_proxies = []\nlimits.registrations_per_address = 1";
    let world = World::with(settings).await;
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 201);
    assert_eq!(register_from(&world, "203.0.113.2").await.status, 429);
}

#[tokio::test]
async fn a_network_of_proxies_is_believed_and_its_neighbours_are_not() {
    let networks = r#"http.trusted_proxies = ["127.0.0.0/24", "::ffff:10.1.2.3"]"#;
    let world = World::with(&format!("{networks}\nlimits.registrations_per_address = 1")).await;
    // through two proxies, the first of which stands in no network
    assert_eq!(
        register_from(&world, "203.0.113.1, 127.0.1.1").await.status,
        201
    );
    assert_eq!(
        register_from(&world, "203.0.113.2, 127.0.1.1").await.status,
        429
    );
    assert_eq!(
        register_from(&world, "203.0.113.1, 127.0.0.9").await.status,
        201
    );
    assert_eq!(
        register_from(&world, "203.0.113.2, 10.1.2.3").await.status,
        201
    );
}

#[tokio::test]
async fn one_ipv6_network_is_one_address() {
    let world = World::with("limits.registrations_per_address = 1").await;
    assert_eq!(register_from(&world, "2001:db8::1").await.status, 201);
    assert_eq!(register_from(&world, "2001:db8::2").await.status, 429);
    assert_eq!(register_from(&world, "2001:db8:1::1").await.status, 201);
}

#[tokio::test]
async fn an_ipv4_address_written_as_ipv6_is_the_same_address() {
    let world = World::with("limits.registrations_per_address = 1").await;
    assert_eq!(register_from(&world, "203.0.113.1").await.status, 201);
    assert_eq!(
        register_from(&world, "::ffff:203.0.113.1").await.status,
        429
    );
}

#[tokio::test]
async fn wrong_passwords_for_one_account_have_to_wait_wherever_they_come_from() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for n in 0..5 {
        let address = format!("203.0.113.{n}");
        let answer = try_from(&world, &app, &address, ALICE, "wrong").await;
        assert!(answer.text().contains(WRONG), "{n}");
    }
    let answer = try_from(&world, &app, "203.0.113.99", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 429, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), Some("30"));
    assert_eq!(world.server.asked(), 5, "the server is not even asked");
    // others are not held up, and it passes
    let answer = try_from(&world, &app, "203.0.113.1", "bob@example.com", "builder").await;
    assert_eq!(answer.status, 303);
    world.wait(30);
    let answer = try_from(&world, &app, "203.0.113.99", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn whoever_guesses_elsewhere_does_not_lock_a_browser_out_that_has_logged_in_before() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let url = world.authorize_url(&app, &[]);
    let mut alices = Http::new().with("x-forwarded-for", "198.51.100.1");
    world.log_in(&mut alices, &url).await;
    alices.cookies.remove("xmpp-oauth-session");
    for n in 0..6 {
        try_from(&world, &app, &format!("203.0.113.{n}"), ALICE, "wrong").await;
    }
    let page = alices.get(&url).await;
    let answer = world
        .give_password(&mut alices, &page, ALICE, PASSWORD)
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());

    // its own wrong passwords count all the same, and its mark is good for no other account
    for who in [ALICE, "bob@example.com"] {
        let mut browser = alices.clone();
        browser.cookies.remove("xmpp-oauth-session");
        for n in 0..6 {
            let page = browser.get(&url).await;
            let answer = world.give_password(&mut browser, &page, who, "wrong").await;
            let expected = if n < 5 { 200 } else { 429 };
            assert_eq!(answer.status, expected, "{who}, {n}");
        }
    }
    let answer = try_from(&world, &app, "203.0.113.9", "bob@example.com", "builder").await;
    assert_eq!(
        answer.status, 429,
        "bob's account is braked from everywhere"
    );
}

#[tokio::test]
async fn another_spelling_of_the_address_is_the_same_account() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for who in [
        "alice",
        "ALICE",
        "alice@EXAMPLE.com",
        " alice ",
        "Alice@example.com",
    ] {
        try_from(&world, &app, "203.0.113.1", who, "wrong").await;
    }
    let answer = try_from(&world, &app, "203.0.113.1", ALICE, "wrong").await;
    assert_eq!(answer.status, 429);
}

#[tokio::test]
async fn wrong_passwords_from_one_address_have_to_wait_whoever_they_are_for() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for n in 0..20 {
        let who = format!("user{n}@example.com");
        let answer = try_from(&world, &app, "203.0.113.1", &who, "wrong").await;
        assert!(answer.text().contains(WRONG), "{n}");
    }
    let answer = try_from(&world, &app, "203.0.113.1", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 429);
    assert_eq!(world.refused_at("password_tries_per_address"), 1);
    let answer = try_from(&world, &app, "203.0.113.2", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn a_right_password_is_no_try() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for n in 0..30 {
        let answer = try_from(&world, &app, "203.0.113.1", ALICE, PASSWORD).await;
        assert_eq!(answer.status, 303, "{n}: {}", answer.text());
    }
}

#[tokio::test]
async fn wrong_passwords_at_once_cannot_outrun_the_brake() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let addresses: Vec<_> = (0..30).map(|n| format!("203.0.113.{n}")).collect();
    let tries = addresses
        .iter()
        .map(|address| try_from(&world, &app, address, ALICE, "wrong"));
    let answers = futures::future::join_all(tries).await;
    let braked = answers.iter().filter(|answer| answer.status == 429);
    assert_eq!(braked.count(), 25);
    assert_eq!(world.server.asked(), 5);
}

#[tokio::test]
async fn many_browsers_that_have_logged_in_before_have_no_more_tries_than_one() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let url = world.authorize_url(&app, &[]);
    let mut browsers = Vec::new();
    for n in 0..6 {
        let mut browser = Http::new().with("x-forwarded-for", &format!("203.0.113.{n}"));
        world.log_in(&mut browser, &url).await;
        browser.cookies.remove("xmpp-oauth-session");
        browsers.push(browser);
    }
    for (n, browser) in browsers.iter_mut().enumerate() {
        let page = browser.get(&url).await;
        let answer = world.give_password(browser, &page, ALICE, "wrong").await;
        let expected = if n < 5 { 200 } else { 429 };
        assert_eq!(answer.status, expected, "{n}");
    }
}

#[tokio::test]
async fn an_account_cannot_fill_the_database_with_consents() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let mut allowed = 0;
    let refused = loop {
        let answer = world.decide(&mut browser, &page, "allow").await;
        if parameter(&redirect(&answer), "code").is_none() {
            break answer;
        }
        allowed += 1;
    };
    // the login is one, too
    assert_eq!(allowed, 59);
    assert_eq!(world.error_told(&refused), "temporarily_unavailable");
    assert_eq!(world.refused_at("logins_and_consents_per_account"), 1);
    world.wait(10);
    let answer = world.decide(&mut browser, &page, "allow").await;
    assert!(parameter(&redirect(&answer), "code").is_some());
}

#[tokio::test]
async fn the_oldest_of_too_many_grants_ends() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let mut oldest = None;
    for n in 0..201 {
        if n > 50 {
            world.wait(10);
        }
        let answer = world.decide(&mut browser, &page, "allow").await;
        let code = parameter(&redirect(&answer), "code").unwrap();
        assert_eq!(world.redeem(&app, &code).await.status, 200, "{n}");
        if n == 0 {
            oldest = Some(world.only_grant().await);
        }
    }
    assert_eq!(world.grants().await.len(), 200);
    assert_eq!(world.end_of(&oldest.unwrap().id).await, Some("too_many"));
    assert_eq!(world.refused_at("grants_per_account"), 1);
}
