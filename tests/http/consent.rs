//! The consent form: bound to the browser, the account, the request and the time it was shown for.

use serde_json::json;

use crate::answers::{hidden, parameter, redirect};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::World;

async fn world() -> (World, App) {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    (world, app)
}

/// Answers yes to one request with the ticket of another page.
async fn replay(world: &World, browser: &mut Http, ticket: &str, url: &str) -> Answer {
    let (_, request) = url.split_once('?').unwrap();
    let fields = [
        ("decision", "allow"),
        ("request", request),
        ("ticket", ticket),
    ];
    browser.post_form(&world.url("/consent"), &fields).await
}

/// No code: the question is put again, or the login.
fn assert_not_taken(answer: &Answer) {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("location"), None);
    assert!(!answer.text().contains("xoc_"));
}

#[tokio::test]
async fn a_ticket_is_good_for_no_other_client() {
    let (world, app) = world().await;
    let other = world.register(json!({ "client_name": "Other" })).await;
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let ticket = hidden(&page, "ticket");
    let url = world.authorize_url(&other, &[]);
    assert_not_taken(&replay(&world, &mut browser, &ticket, &url).await);
}

#[tokio::test]
async fn a_ticket_is_good_for_no_other_request_of_the_same_client() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let ticket = hidden(&page, "ticket");
    for changed in [
        ("scope", "openid xmpp xmpp:client:normal"),
        ("state", "another"),
        ("nonce", "n"),
        ("redirect_uri", "http://127.0.0.1:1/cb"),
        ("code_challenge", &"x".repeat(43)),
    ] {
        let url = world.authorize_url(&app, &[changed]);
        assert_not_taken(&replay(&world, &mut browser, &ticket, &url).await);
    }
}

#[tokio::test]
async fn a_ticket_is_good_for_no_wider_scopes() {
    let (world, app) = world().await;
    world.server.enforce("xmpp:client:normal");
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("scope", "xmpp xmpp:client:normal")]);
    let page = world.log_in(&mut browser, &url).await;
    let ticket = hidden(&page, "ticket");
    world.server.enforce("xmpp xmpp:client:normal");
    let wider = ticket.replace("|xmpp:client:normal|", "|xmpp xmpp:client:normal|");
    assert_ne!(wider, ticket);
    assert_not_taken(&replay(&world, &mut browser, &wider, &url).await);
    // what was shown is what is granted, though more would be possible by now
    let to = redirect(&replay(&world, &mut browser, &ticket, &url).await);
    let tokens = world.redeem(&app, &parameter(&to, "code").unwrap()).await;
    assert_eq!(tokens.json()["scope"], "xmpp:client:normal");
}

#[tokio::test]
async fn a_ticket_is_good_in_no_other_browser() {
    let (world, app) = world().await;
    let url = world.authorize_url(&app, &[]);
    let (mut one, mut other, mut nobody) = (Http::new(), Http::new(), Http::new());
    let ticket = hidden(&world.log_in(&mut one, &url).await, "ticket");
    world.log_in(&mut other, &url).await;
    assert_not_taken(&replay(&world, &mut other, &ticket, &url).await);
    assert_not_taken(&replay(&world, &mut nobody, &ticket, &url).await);
}

#[tokio::test]
async fn a_ticket_is_good_for_no_other_account() {
    let (world, app) = world().await;
    let url = world.authorize_url(&app, &[]);
    let mut browser = Http::new();
    let ticket = hidden(&world.log_in(&mut browser, &url).await, "ticket");
    let login = browser
        .get(&world.authorize_url(&app, &[("prompt", "login")]))
        .await;
    world
        .give_password(&mut browser, &login, "bob@example.com", "builder")
        .await;
    let answer = replay(&world, &mut browser, &ticket, &url).await;
    assert_not_taken(&answer);
    assert!(answer.text().contains("bob@example.com"), "bob is asked");
}

#[tokio::test]
async fn a_ticket_does_not_last_for_ever() {
    let (world, app) = world().await;
    let url = world.authorize_url(&app, &[]);
    let mut browser = Http::new();
    let page = world.log_in(&mut browser, &url).await;
    let ticket = hidden(&page, "ticket");
    let (until, rest) = ticket.split_once('|').unwrap();
    world.wait(30 * 60);
    assert_not_taken(&replay(&world, &mut browser, &ticket, &url).await);
    let longer = format!("{}|{rest}", until.parse::<i64>().unwrap() + 3600);
    assert_not_taken(&replay(&world, &mut browser, &longer, &url).await);
}

#[tokio::test]
async fn a_made_up_ticket_is_worth_nothing() {
    let (world, app) = world().await;
    let url = world.authorize_url(&app, &[]);
    let mut browser = Http::new();
    let genuine = hidden(&world.log_in(&mut browser, &url).await, "ticket");
    let truncated = &genuine[..genuine.len() - 1];
    for ticket in ["", "x", "||", "9999999999|xmpp|", "9|\"|x", truncated] {
        assert_not_taken(&replay(&world, &mut browser, ticket, &url).await);
    }
}

#[tokio::test]
async fn a_person_can_say_no() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let answer = world.decide(&mut browser, &page, "deny").await;
    assert_eq!(world.error_told(&answer), "access_denied");
    let neither = world.decide(&mut browser, &page, "maybe").await;
    assert_eq!(neither.status, 400);
}

#[tokio::test]
async fn two_open_consent_pages_both_work() {
    let (world, app) = world().await;
    let other = world.register(json!({ "client_name": "Other" })).await;
    let mut browser = Http::new();
    let one = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let two = browser.get(&world.authorize_url(&other, &[])).await;
    for (app, page) in [(&app, &one), (&other, &two)] {
        let to = redirect(&world.decide(&mut browser, page, "allow").await);
        let code = parameter(&to, "code").unwrap();
        assert_eq!(world.redeem(app, &code).await.status, 200);
    }
}

#[tokio::test]
async fn open_pages_codes_and_tokens_outlive_a_restart() {
    let (world, app) = world().await;
    let url = world.authorize_url(&app, &[]);
    let (mut at_login, mut at_consent) = (Http::new(), Http::new());
    let login = at_login.get(&url).await;
    let consent = world.log_in(&mut at_consent, &url).await;
    let code = world.code(&app, &[]).await;
    let tokens = world.tokens(&app, &[]).await;

    let world = world.restarted().await;
    // the pages' forms name paths only, so they go to the new process
    let answer = world
        .give_password(&mut at_login, &login, "alice", "wonderland")
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let to = redirect(&world.decide(&mut at_consent, &consent, "allow").await);
    assert!(parameter(&to, "code").is_some());
    assert_eq!(world.redeem(&app, &code).await.status, 200);
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).await.status, 200);
    let token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(&app, token).await.status, 200);
}

/// Answers a consent page with these boxes ticked.
async fn choose(world: &World, browser: &mut Http, page: &Answer, ticked: &[&str]) -> Answer {
    let (request, ticket) = (hidden(page, "request"), hidden(page, "ticket"));
    let names: Vec<_> = ticked
        .iter()
        .map(|scope| format!("allow:{scope}"))
        .collect();
    let mut fields = vec![
        ("decision", "allow"),
        ("choose", "1"),
        ("request", request.as_str()),
        ("ticket", ticket.as_str()),
    ];
    fields.extend(names.iter().map(|name| (name.as_str(), "1")));
    browser.post_form(&world.url("/consent"), &fields).await
}

#[tokio::test]
async fn what_is_unticked_is_not_granted() {
    let (world, app) = world().await;
    world.server.enforce("xmpp xmpp:client:normal");
    let mut browser = Http::new();
    let scope = "openid xmpp xmpp:client:normal offline_access";
    let url = world.authorize_url(&app, &[("scope", scope)]);
    let page = world.log_in(&mut browser, &url).await;
    let text = page.text();
    for box_of in ["allow:xmpp\"", "allow:xmpp:client:normal\""] {
        assert!(text.contains(box_of), "{text}");
    }
    // who it is cannot be left out, nor a refresh token that comes all the same
    assert!(!text.contains("allow:openid") && !text.contains("allow:offline_access"));
    let to = redirect(&choose(&world, &mut browser, &page, &["xmpp:client:normal"]).await);
    let tokens = world.redeem(&app, &parameter(&to, "code").unwrap()).await;
    assert_eq!(
        tokens.json()["scope"],
        "offline_access openid xmpp:client:normal"
    );
}

#[tokio::test]
async fn nothing_that_was_not_shown_can_be_ticked() {
    let (world, app) = world().await;
    world.server.enforce("xmpp xmpp:client:normal");
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    let page = world.log_in(&mut browser, &url).await;
    let ticked = ["xmpp:client:normal", "xmpp"];
    assert_not_taken(&choose(&world, &mut browser, &page, &ticked).await);
}

#[tokio::test]
async fn at_least_one_thing_stays_ticked() {
    let (world, app) = world().await;
    world.server.enforce("xmpp:account:read xmpp:account:write");
    let mut browser = Http::new();
    let scope = "xmpp:account:read xmpp:account:write";
    let url = world.authorize_url(&app, &[("scope", scope)]);
    let page = world.log_in(&mut browser, &url).await;
    let again = choose(&world, &mut browser, &page, &[]).await;
    assert_not_taken(&again);
    assert!(again.text().contains("at least one"), "{}", again.text());
    // the only thing that is asked for has no box
    let url = world.authorize_url(&app, &[("scope", "xmpp:account:read")]);
    let page = browser.get(&url).await;
    assert!(!page.text().contains("checkbox"), "{}", page.text());
}
