//! What accounts are told over XMPP without having asked, and what they are not.

use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::client::Http;
use crate::flows::App;
use crate::login::try_from;
use crate::world::{ALICE, PASSWORD, World};

const DAY: u64 = 24 * 3600;

async fn app(world: &World, name: &str) -> App {
    world.register(json!({ "client_name": name })).await
}

/// A website of its own, which proves itself.
async fn website(world: &World) -> App {
    world
        .register(json!({
            "client_name": "Board",
            "application_type": "web",
            "redirect_uris": ["https://board.example/callback"],
            "client_uri": "https://board.example/",
        }))
        .await
}

async fn refresh(world: &World, app: &App, tokens: &Value) -> crate::client::Answer {
    let token = tokens["refresh_token"].as_str().unwrap();
    world.refresh(app, token).await
}

/// What is told once, with something told afterwards: what would be told too much has its time.
async fn told_before_another(world: &World, count: usize) -> Vec<String> {
    let last = app(world, "The last one").await;
    world.tokens(&last, &[]).await;
    let mut told = world.server.told(count + 1).await;
    assert_eq!(told.len(), count + 1, "{told:?}");
    let (_, text) = told.pop().unwrap();
    assert!(text.contains("The last one"), "{text}");
    assert!(told.iter().all(|(account, _)| account == ALICE), "{told:?}");
    told.into_iter().map(|(_, text)| text).collect()
}

#[tokio::test]
async fn an_account_is_told_which_app_was_given_access_and_where_to_take_it_back() {
    let world = World::new().await;
    let gajim = app(&world, "Gajim").await;
    world.tokens(&gajim, &[]).await;
    let told = world.server.told(1).await;
    let (account, text) = &told[0];
    assert_eq!(account, ALICE);
    assert!(text.contains("Gajim"), "{text}");
    let link = format!("\n{}/account", world.issuer);
    assert!(text.ends_with(&link), "{text}");
}

#[tokio::test]
async fn an_app_that_is_remembered_is_no_new_app_and_one_that_asks_for_more_is() {
    let world = World::new().await;
    let board = website(&world).await;
    world.tokens(&board, &[("scope", "openid")]).await;
    world.server.told(1).await;
    world.tokens(&board, &[("scope", "openid")]).await;
    let told = told_before_another(&world, 1).await;
    assert!(told[0].contains("Board"), "{told:?}");
    world.tokens(&board, &[("scope", "openid xmpp")]).await;
    let told = world.server.told(3).await;
    assert!(told[2].1.contains("Board"), "{told:?}");
}

#[tokio::test]
async fn an_account_is_told_of_a_replay() {
    let world = World::new().await;
    let gajim = app(&world, "Gajim").await;
    let tokens = world.tokens(&gajim, &[]).await;
    let next = refresh(&world, &gajim, &tokens).await.json();
    assert_eq!(refresh(&world, &gajim, &next).await.status, 200);
    let stolen = refresh(&world, &gajim, &tokens).await;
    assert_error(&stolen, 400, "invalid_grant");
    let told = world.server.told(2).await;
    assert!(told[1].1.contains("copied login of"), "{told:?}");
}

#[tokio::test]
async fn an_account_is_told_of_many_wrong_passwords_once_a_day() {
    let world = World::new().await;
    let gajim = app(&world, "Gajim").await;
    world.tokens(&gajim, &[]).await;
    world.server.told(1).await;
    for n in 0..5 {
        let answer = try_from(&world, &gajim, &format!("203.0.113.{n}"), ALICE, "wrong").await;
        assert_eq!(answer.status, 200);
    }
    // five are ordinary, what comes then is not
    for n in 5..9 {
        let answer = try_from(&world, &gajim, &format!("203.0.113.{n}"), ALICE, "wrong").await;
        assert_eq!(answer.status, 429);
    }
    world.wait(600);
    let told = told_before_another(&world, 2).await;
    assert!(told[1].contains("Many wrong passwords"), "{told:?}");

    // not again that day, also when the process has begun anew
    let world = world.restarted().await;
    for n in 0..7 {
        try_from(&world, &gajim, &format!("203.0.113.{n}"), ALICE, "wrong").await;
    }
    world.wait(600);
    assert_eq!(told_before_another(&world, 3).await.len(), 3);
    world.wait(DAY);
    for n in 0..7 {
        try_from(&world, &gajim, &format!("203.0.113.{n}"), ALICE, "wrong").await;
    }
    let told = world.server.told(5).await;
    assert!(told[4].1.contains("Many wrong passwords"), "{told:?}");
}

#[tokio::test]
async fn an_account_that_has_never_been_here_is_told_nothing() {
    let world = World::new().await;
    let gajim = app(&world, "Gajim").await;
    for who in ["bob@example.com", "nobody@example.com"] {
        for n in 0..7 {
            try_from(&world, &gajim, &format!("203.0.113.{n}"), who, "wrong").await;
        }
    }
    assert_eq!(told_before_another(&world, 0).await.len(), 0);
}

#[tokio::test]
async fn an_account_is_told_of_so_many_apps_a_day_and_no_more() {
    let world = World::new().await;
    for n in 0..12 {
        let app = app(&world, &format!("App {n}")).await;
        world.tokens(&app, &[]).await;
        world.server.told(10.min(n + 1)).await;
    }
    world.wait(DAY);
    assert_eq!(told_before_another(&world, 10).await.len(), 10);
}

#[tokio::test]
async fn the_operator_says_what_accounts_are_told() {
    let world = World::with("notices.kinds = [\"replay\"]").await;
    let gajim = app(&world, "Gajim").await;
    let code = world.code(&gajim, &[]).await;
    assert_eq!(world.redeem(&gajim, &code).await.status, 200);
    assert_error(&world.redeem(&gajim, &code).await, 400, "invalid_grant");
    let told = world.server.told(1).await;
    assert!(told[0].1.contains("copied login of"), "{told:?}");
}

#[tokio::test]
async fn what_cannot_be_told_now_is_not_told_later() {
    let world = World::new().await;
    let gajim = app(&world, "Gajim").await;
    let code = world.code(&gajim, &[]).await;
    world.server.go_away();
    assert_eq!(world.redeem(&gajim, &code).await.status, 200);
    world.server.untold().await;
    world.server.come_back();
    let host = jid::DomainPart::new("example.com").unwrap().into_owned();
    world.provider.host_linked(&host).await;
    assert_eq!(told_before_another(&world, 0).await.len(), 0);
}

/// Alice's account page in a browser that she has just logged in with.
async fn account_page(world: &World) -> Http {
    let mut browser = Http::new();
    let login = browser.get(&world.url("/login")).await;
    let answer = world
        .give_password(&mut browser, &login, ALICE, PASSWORD)
        .await;
    assert_eq!(answer.location(), "/account");
    browser
}

async fn switch(world: &World, browser: &mut Http, wanted: &str) -> crate::client::Answer {
    let page = browser.get(&world.url("/account")).await;
    let ticket = crate::account::ticket_for(&page, "/account/notices");
    let fields = [("ticket", ticket.as_str()), ("wanted", wanted)];
    browser
        .post_form(&world.url("/account/notices"), &fields)
        .await
}

#[tokio::test]
async fn a_person_switches_it_off_and_on() {
    let world = World::new().await;
    let mut browser = account_page(&world).await;
    let answer = switch(&world, &mut browser, "no").await;
    assert_eq!(answer.location(), "/account?done=no-notices");
    let page = browser.get(&world.url(answer.location())).await;
    assert!(page.text().contains("You get no more messages"));
    let gajim = app(&world, "Gajim").await;
    world.tokens(&gajim, &[]).await;

    let world = world.restarted().await;
    let answer = switch(&world, &mut browser, "yes").await;
    assert_eq!(answer.location(), "/account?done=notices");
    assert_eq!(told_before_another(&world, 0).await.len(), 0);
}

#[tokio::test]
async fn a_browser_that_was_left_alone_does_not_switch_it_off() {
    let world = World::new().await;
    let mut browser = account_page(&world).await;
    world.wait(3600);
    let answer = switch(&world, &mut browser, "no").await;
    assert_eq!(answer.location(), "/login?continue=/account");
    let forged = [("ticket", "forged"), ("wanted", "no")];
    let url = world.url("/account/notices");
    let mut fresh = account_page(&world).await;
    assert_eq!(fresh.post_form(&url, &forged).await.status, 400);
    assert_eq!(told_before_another(&world, 0).await.len(), 0);
}

#[tokio::test]
async fn where_the_operator_has_nobody_told_there_is_no_switch() {
    let world = World::with("notices.kinds = []").await;
    let mut browser = account_page(&world).await;
    let page = browser.get(&world.url("/account")).await;
    assert!(!page.text().contains("/notices"));
}
