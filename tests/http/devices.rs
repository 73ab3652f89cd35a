//! The device flow (RFC 8628): a device asks, a person answers, the device gets its tokens.

use futures::StreamExt as _;
use futures::future::join_all;
use serde_json::{Value, json};
use xmpp_oauth::oauth::revoke::AccountChange;
use xmpp_oauth::secrets::TokenHash;
use xmpp_oauth::storage::DeviceSaved;

use crate::answers::{assert_error, hidden};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, PASSWORD, World};

pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub(crate) async fn world() -> (World, App) {
    let world = World::new().await;
    let app = tv(&world).await;
    (world, app)
}

/// A public app that is only on devices.
async fn tv(world: &World) -> App {
    tv_with(world, json!({})).await
}

/// One that registers this, too.
pub(crate) async fn tv_with(world: &World, rest: Value) -> App {
    let mut more = json!({
        "client_name": "TV",
        "grant_types": [DEVICE_CODE, "refresh_token"],
        "token_endpoint_auth_method": "none",
        "redirect_uris": null,
    });
    for (name, value) in rest.as_object().unwrap() {
        more[name] = value.clone();
    }
    let answer = world.try_register(&mut Http::new(), more).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    App {
        id: answer.json()["client_id"].as_str().unwrap().to_owned(),
        secret: None,
        redirect_uri: String::new(),
    }
}

pub(crate) struct Device {
    pub(crate) code: String,
    pub(crate) user_code: String,
    link: String,
}

async fn try_ask(world: &World, app: &App, address: &str) -> Answer {
    let fields = [
        ("client_id", app.id.as_str()),
        ("scope", "openid xmpp:client:normal"),
    ];
    let mut http = Http::new().with("x-forwarded-for", address);
    http.post_form(&world.url("/oauth2/device"), &fields).await
}

pub(crate) async fn ask(world: &World, app: &App) -> Device {
    let answer = try_ask(world, app, "203.0.113.5").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let codes = answer.json();
    let text = |name: &str| codes[name].as_str().unwrap().to_owned();
    Device {
        code: text("device_code"),
        user_code: text("user_code"),
        link: text("verification_uri_complete").replace(&world.issuer, &world.url("")),
    }
}

pub(crate) async fn poll(world: &World, app: &App, device: &Device) -> Answer {
    let fields = [("grant_type", DEVICE_CODE), ("device_code", &device.code)];
    world.token(app, &fields).await
}

/// What a person sees who types this code, logged in where that is asked for.
pub(crate) async fn type_code(world: &World, browser: &mut Http, code: &str) -> Answer {
    let url = format!("/device?user_code={code}");
    world.log_in(browser, &world.url(&url)).await
}

async fn decide(world: &World, browser: &mut Http, page: &Answer, decision: &str) -> Answer {
    let (request, ticket) = (hidden(page, "request"), hidden(page, "ticket"));
    answer(world, browser, &request, &ticket, decision).await
}

async fn answer(
    world: &World,
    browser: &mut Http,
    code: &str,
    ticket: &str,
    decision: &str,
) -> Answer {
    let fields = [
        ("decision", decision),
        ("request", code),
        ("ticket", ticket),
    ];
    browser.post_form(&world.url("/device"), &fields).await
}

/// Alice allows it in a browser of her own.
async fn allow(world: &World, device: &Device) {
    let mut browser = Http::new();
    let page = type_code(world, &mut browser, &device.user_code).await;
    let page = decide(world, &mut browser, &page, "allow").await;
    assert!(
        page.text().contains("Your device is connected"),
        "{}",
        page.text()
    );
}

fn is_the_question(page: &Answer) -> bool {
    page.text().contains(r#"name="ticket""#)
}

pub(crate) const UNKNOWN: &str = "No device waits with this code";

#[tokio::test]
async fn a_device_asks_a_person_allows_and_the_device_gets_tokens() {
    let (world, app) = world().await;
    let answer = try_ask(&world, &app, "203.0.113.5").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let codes = answer.json();
    assert_eq!(codes["expires_in"], 600);
    assert_eq!(codes["interval"], 5);
    let page = format!("{}/device", world.issuer);
    assert_eq!(codes["verification_uri"], page.as_str());
    let complete = format!("{page}?user_code={}", codes["user_code"].as_str().unwrap());
    assert_eq!(codes["verification_uri_complete"], complete.as_str());

    let device = ask(&world, &app).await;
    assert_error(
        &poll(&world, &app, &device).await,
        400,
        "authorization_pending",
    );
    allow(&world, &device).await;
    world.wait(5);
    let answer = poll(&world, &app, &device).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert_eq!(tokens["scope"], "openid xmpp:client:normal");
    assert!(tokens["id_token"].is_string());
    let who = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    assert_eq!(who.json()["sub"], "xmpp:alice@example.com");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(&app, refresh).await.status, 200);
}

#[tokio::test]
async fn the_page_shows_what_is_being_allowed_before_it_is() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    world.wait(120);
    let mut browser = Http::new();
    let page = world.log_in(&mut browser, &device.link).await;
    for shown in [
        "TV",
        "app.example",
        ALICE,
        "Chat as you",
        device.user_code.as_str(),
        "203.0.113.5",
        "2\u{2069} minutes ago",
        "If somebody sent you the code",
    ] {
        assert!(page.text().contains(shown), "no {shown} in {}", page.text());
    }
    assert_error(
        &poll(&world, &app, &device).await,
        400,
        "authorization_pending",
    );
}

#[tokio::test]
async fn the_page_asks_for_the_code_and_takes_it_however_it_is_typed() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let mut browser = Http::new();
    let page = browser.get(&world.url("/device")).await;
    assert!(page.text().contains(r#"name="user_code""#) && page.text().contains("Eight letters"));
    let typed = device.user_code.to_lowercase().replace('-', "+");
    let page = type_code(&world, &mut browser, &typed).await;
    assert!(is_the_question(&page), "{}", page.text());
    for wrong in ["BCDFGHJ", "AAAA-AAAA", "%3Cscript%3E", "BCDF-GHJK"] {
        let page = type_code(&world, &mut browser, wrong).await;
        assert!(page.text().contains(UNKNOWN), "{wrong}: {}", page.text());
        assert!(!page.text().contains("<script"));
    }
}

#[tokio::test]
async fn a_device_that_asks_too_soon_is_told_to_slow_down() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let poll_after = async |seconds| {
        world.wait(seconds);
        let answer = poll(&world, &app, &device).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        answer.json()["error"].as_str().unwrap().to_owned()
    };
    assert_eq!(poll_after(0).await, "authorization_pending");
    assert_eq!(poll_after(5).await, "authorization_pending");
    assert_eq!(poll_after(1).await, "slow_down");
    assert_eq!(poll_after(5).await, "slow_down", "it is ten seconds now");
    assert_eq!(poll_after(15).await, "authorization_pending");
}

#[tokio::test]
async fn a_device_code_expires_for_the_person_and_for_the_device() {
    let (world, app) = world().await;
    let (one, two) = (ask(&world, &app).await, ask(&world, &app).await);
    let mut browser = Http::new();
    let page = type_code(&world, &mut browser, &one.user_code).await;
    allow(&world, &two).await;
    world.wait(600);
    let late = decide(&world, &mut browser, &page, "allow").await;
    assert!(late.text().contains(UNKNOWN), "{}", late.text());
    for device in [&one, &two] {
        assert_error(&poll(&world, &app, device).await, 400, "expired_token");
    }
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn a_person_says_no_and_the_device_is_told() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let mut browser = Http::new();
    let page = type_code(&world, &mut browser, &device.user_code).await;
    let done = decide(&world, &mut browser, &page, "deny").await;
    assert!(done.text().contains("You said no"), "{}", done.text());
    assert_error(&poll(&world, &app, &device).await, 400, "access_denied");
    let again = decide(&world, &mut browser, &page, "allow").await;
    assert!(again.text().contains(UNKNOWN), "{}", again.text());
    assert_error(&poll(&world, &app, &device).await, 400, "access_denied");
}

#[tokio::test]
async fn a_device_code_shown_twice_takes_back_what_it_gave() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    allow(&world, &device).await;
    let tokens = poll(&world, &app, &device).await.json();
    let grant = world.only_grant().await;
    assert_error(&poll(&world, &app, &device).await, 400, "invalid_grant");
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(access).await.status, 401);
    assert_eq!(world.end_of(&grant.id).await, Some("code_replayed"));
    assert_eq!(world.server.ended(1).await, [grant.id]);
}

#[tokio::test]
async fn of_many_polls_at_once_one_gets_tokens_and_they_do_not_last() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    allow(&world, &device).await;
    let polls = (0..16).map(|_| poll(&world, &app, &device));
    let answers = join_all(polls).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(won, 1);
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn another_client_gets_nothing_by_a_device_code() {
    let (world, app) = world().await;
    let thief = tv(&world).await;
    let device = ask(&world, &app).await;
    allow(&world, &device).await;
    assert_error(&poll(&world, &thief, &device).await, 400, "invalid_grant");
    assert_eq!(poll(&world, &app, &device).await.status, 200);
    assert_error(&poll(&world, &thief, &device).await, 400, "invalid_grant");
    assert_eq!(world.grants().await.len(), 1, "nor does it end anything");
}

#[tokio::test]
async fn a_device_is_answered_only_by_the_form_that_was_shown_in_this_browser() {
    let (world, app) = world().await;
    let (one, two) = (ask(&world, &app).await, ask(&world, &app).await);
    let (mut alices, mut others, mut nobodys) = (Http::new(), Http::new(), Http::new());
    let page = type_code(&world, &mut alices, &one.user_code).await;
    let ticket = hidden(&page, "ticket");
    type_code(&world, &mut others, &one.user_code).await;
    // another browser, nobody's, another device, and a ticket that was made up
    let mut again = alices.clone();
    for (browser, device, ticket) in [
        (&mut others, &one, ticket.as_str()),
        (&mut nobodys, &one, &ticket),
        (&mut alices, &two, &ticket),
        (&mut again, &one, "9999999999|xmpp|x"),
    ] {
        let page = answer(&world, browser, &device.user_code, ticket, "allow").await;
        assert!(!page.text().contains("connected"), "{}", page.text());
        let polled = poll(&world, &app, device).await;
        assert_error(&polled, 400, "authorization_pending");
        world.wait(5);
    }
    let done = answer(&world, &mut alices, &one.user_code, &ticket, "allow").await;
    assert!(done.text().contains("connected"), "{}", done.text());
}

#[tokio::test]
async fn a_ticket_of_a_device_is_good_for_no_authorization_request() {
    let (world, app) = world().await;
    let web = world.register(json!({})).await;
    let device = ask(&world, &app).await;
    let mut browser = Http::new();
    let page = type_code(&world, &mut browser, &device.user_code).await;
    let ticket = hidden(&page, "ticket");
    let url = world.authorize_url(&web, &[]);
    let request = url.split_once('?').unwrap().1;
    let fields = [
        ("decision", "allow"),
        ("request", request),
        ("ticket", &ticket),
    ];
    let page = browser.post_form(&world.url("/consent"), &fields).await;
    assert_eq!(page.status, 200, "asked again: {}", page.text());
    assert!(is_the_question(&page));
}

#[tokio::test]
async fn a_session_that_has_ended_meanwhile_allows_no_device() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let mut browser = Http::new();
    let page = type_code(&world, &mut browser, &device.user_code).await;
    let account = ALICE.parse().unwrap();
    let changed = world
        .provider
        .account_changed(&account, AccountChange::Password);
    changed.await.unwrap();
    let page = decide(&world, &mut browser, &page, "allow").await;
    assert!(
        page.text().contains(r#"name="password""#),
        "{}",
        page.text()
    );
    assert_error(
        &poll(&world, &app, &device).await,
        400,
        "authorization_pending",
    );
    // and the login leads back to the question
    let on = world
        .give_password(&mut browser, &page, "alice", PASSWORD)
        .await;
    let page = browser.get(&world.url(on.location())).await;
    assert!(is_the_question(&page), "{}", page.text());
}

#[tokio::test]
async fn an_account_that_has_changed_since_gives_the_device_nothing() {
    let (world, app) = world().await;
    let (told, found) = (ask(&world, &app).await, ask(&world, &app).await);
    allow(&world, &told).await;
    let account = ALICE.parse().unwrap();
    let changed = world
        .provider
        .account_changed(&account, AccountChange::Password);
    changed.await.unwrap();
    assert_error(&poll(&world, &app, &told).await, 400, "access_denied");
    allow(&world, &found).await;
    world.server.set_password(ALICE, "another");
    assert_error(&poll(&world, &app, &found).await, 400, "invalid_grant");
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn a_client_that_is_gone_gets_nothing_and_nobody_is_asked_for_it() {
    let (world, app) = world().await;
    let (one, two) = (ask(&world, &app).await, ask(&world, &app).await);
    allow(&world, &one).await;
    let id = xmpp_oauth::model::ClientId::new(&*app.id);
    assert!(world.provider.remove_client(&id).await.unwrap());
    assert_error(&poll(&world, &app, &one).await, 401, "invalid_client");
    let page = type_code(&world, &mut Http::new(), &two.user_code).await;
    assert!(
        page.text().contains("must register again"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_client_whose_registration_has_expired_begins_nothing() {
    let (world, app) = world().await;
    world.wait(90 * 24 * 3600);
    let answer = try_ask(&world, &app, "203.0.113.5").await;
    assert_error(&answer, 401, "invalid_client");
}

#[tokio::test]
async fn only_clients_that_registered_for_it_use_the_flow() {
    let world = World::new().await;
    let web = world
        .register(json!({ "token_endpoint_auth_method": "none" }))
        .await;
    let answer = try_ask(&world, &web, "203.0.113.5").await;
    assert_error(&answer, 400, "unauthorized_client");
    let confidential = json!({ "grant_types": [DEVICE_CODE], "redirect_uris": null });
    let answer = world.try_register(&mut Http::new(), confidential).await;
    let id = answer.json()["client_id"].as_str().unwrap().to_owned();
    let nothing = [("client_id", id.as_str())];
    let url = world.url("/oauth2/device");
    let answer = Http::new().post_form(&url, &nothing).await;
    assert_error(&answer, 401, "invalid_client");
}

#[tokio::test]
async fn where_the_flow_is_off_there_is_nothing() {
    let world = World::with("flows.allowed_grant_types = ['authorization_code']").await;
    let only = json!({ "grant_types": [DEVICE_CODE], "redirect_uris": null });
    let refused = world.try_register(&mut Http::new(), only).await;
    assert_error(&refused, 400, "invalid_client_metadata");
    let both = json!({
        "grant_types": [DEVICE_CODE, "authorization_code"], "token_endpoint_auth_method": "none",
    });
    let app = world.register(both).await;
    let answer = try_ask(&world, &app, "203.0.113.5").await;
    assert_error(&answer, 400, "unsupported_grant_type");
    assert_eq!(Http::new().get(&world.url("/device")).await.status, 404);
    let url = world.url("/.well-known/oauth-authorization-server");
    let metadata = Http::new().get(&url).await.json();
    assert_eq!(metadata["device_authorization_endpoint"], Value::Null);
}

#[tokio::test]
async fn one_address_asks_for_so_many_codes_and_then_waits() {
    let (world, app) = world().await;
    for _ in 0..20 {
        assert_eq!(try_ask(&world, &app, "203.0.113.5").await.status, 200);
    }
    let answer = try_ask(&world, &app, "203.0.113.5").await;
    assert_error(&answer, 429, "temporarily_unavailable");
    assert_eq!(world.refused_at("devices_per_address"), 1);
    let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(try_ask(&world, &app, "203.0.113.6").await.status, 200);
    world.wait(wait);
    assert_eq!(try_ask(&world, &app, "203.0.113.5").await.status, 200);
}

#[tokio::test]
async fn one_client_asks_for_so_many_codes_from_wherever_and_then_waits() {
    let (world, app) = world().await;
    for n in 0..100 {
        let address = format!("203.0.113.{n}");
        assert_eq!(try_ask(&world, &app, &address).await.status, 200);
    }
    let answer = try_ask(&world, &app, "198.51.100.1").await;
    assert_error(&answer, 429, "temporarily_unavailable");
    assert_eq!(world.refused_at("devices_per_client"), 1);
    let other = tv(&world).await;
    assert_eq!(try_ask(&world, &other, "198.51.100.1").await.status, 200);
}

#[tokio::test]
async fn whoever_guesses_codes_has_to_wait() {
    let (world, app) = world().await;
    let mut browser = Http::new();
    for _ in 0..10 {
        let page = type_code(&world, &mut browser, "BCDF-GHJK").await;
        assert!(page.text().contains(UNKNOWN), "{}", page.text());
    }
    let device = ask(&world, &app).await;
    let page = type_code(&world, &mut browser, &device.user_code).await;
    assert_eq!(page.status, 429, "{}", page.text());
    // another session of the account does not help
    let page = type_code(&world, &mut Http::new(), &device.user_code).await;
    assert_eq!(page.status, 429);
    assert_eq!(world.refused_at("user_codes_per_account"), 2);
    world.wait(60);
    let page = type_code(&world, &mut browser, &device.user_code).await;
    assert!(is_the_question(&page), "{}", page.text());
}

#[tokio::test]
async fn whoever_guesses_codes_with_several_accounts_has_to_wait_too() {
    let world = World::new().await;
    let url = world.url("/device?user_code=BCDF-GHJK");
    for (guesses, name) in [(10, "bob"), (10, "carol"), (0, "dave")] {
        let account = format!("{name}@example.com");
        world.server.set_password(&account, PASSWORD);
        let mut browser = Http::new();
        let page = browser.get(&url).await;
        let on = world.give_password(&mut browser, &page, &account, PASSWORD);
        assert_eq!(on.await.status, 303);
        for _ in 0..guesses {
            let page = browser.get(&url).await;
            assert!(page.text().contains(UNKNOWN), "{}", page.text());
        }
        if guesses == 0 {
            assert_eq!(browser.get(&url).await.status, 429);
        }
    }
    assert_eq!(world.refused_at("user_codes_per_address"), 1);
    assert_eq!(world.refused_at("user_codes_per_account"), 0);
}

#[tokio::test]
async fn where_very_many_devices_wait_another_is_told_to_come_back() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    // as many others as there may be
    let hash = TokenHash::of(&device.code);
    let first = world.store.device(&hash).await.unwrap().unwrap();
    let others = (1..5_000).map(|no| {
        let (hash, user_code) = (format!("d{no}"), format!("u{no}"));
        let (hash, user_code) = (TokenHash::of(&hash), TokenHash::of(&user_code));
        let (store, first) = (&world.store, &first);
        async move { store.save_device(&hash, &user_code, first, 5_000).await }
    });
    // no more at once than a database on a busy machine gets through in its time
    let mut others = futures::stream::iter(others).buffer_unordered(64);
    while let Some(saved) = others.next().await {
        assert_eq!(saved.unwrap(), DeviceSaved::Done);
    }
    let answer = try_ask(&world, &app, "203.0.113.5").await;
    assert_error(&answer, 503, "temporarily_unavailable");
    assert_eq!(world.refused_at("devices_waiting"), 1);
    // those who wait are served
    allow(&world, &device).await;
    assert_eq!(poll(&world, &app, &device).await.status, 200);
    assert_eq!(try_ask(&world, &app, "203.0.113.5").await.status, 200);
}

#[tokio::test]
async fn a_waiting_device_and_an_open_page_outlive_a_restart() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    let mut browser = Http::new();
    let page = type_code(&world, &mut browser, &device.user_code).await;
    let world = world.restarted().await;
    let done = decide(&world, &mut browser, &page, "allow").await;
    assert!(done.text().contains("connected"), "{}", done.text());
    assert_eq!(poll(&world, &app, &device).await.status, 200);
}

#[tokio::test]
async fn what_is_no_device_code_is_an_invalid_grant() {
    let (world, app) = world().await;
    let device = ask(&world, &app).await;
    for code in ["x", "xod_", device.user_code.as_str()] {
        let fields = [("grant_type", DEVICE_CODE), ("device_code", code)];
        assert_error(&world.token(&app, &fields).await, 400, "invalid_grant");
    }
    let fields = [("grant_type", DEVICE_CODE)];
    assert_error(&world.token(&app, &fields).await, 400, "invalid_request");
}

#[tokio::test]
async fn what_was_allowed_to_a_device_goes_with_what_its_app_had() {
    let (world, app) = world().await;
    for by_operator in [false, true] {
        let first = ask(&world, &app).await;
        allow(&world, &first).await;
        assert_eq!(poll(&world, &app, &first).await.status, 200);
        let under_way = ask(&world, &app).await;
        allow(&world, &under_way).await;
        let grant = world.only_grant().await;
        match by_operator {
            false => {
                let ended = world.provider.revoke_granted(&grant.account, &grant.id);
                assert!(ended.await.unwrap());
            }
            true => {
                let ended = world.provider.revoke_client(&grant.client_id).await;
                assert_eq!(ended.unwrap(), [grant.id]);
            }
        }
        let answer = poll(&world, &app, &under_way).await;
        assert_error(&answer, 400, "access_denied");
        assert!(world.grants().await.is_empty());
    }
}

#[tokio::test]
async fn a_device_waits_for_a_login_that_is_as_fresh_as_its_app_registered_for() {
    let world = World::new().await;
    let app = tv_with(&world, json!({ "default_max_age": 0 })).await;
    let mut browser = Http::new();
    let device = ask(&world, &app).await;
    let page = type_code(&world, &mut browser, &device.user_code).await;
    assert!(is_the_question(&page), "{}", page.text());
    // the login since it asked is the one that it asks for
    world.wait(60);
    let url = world.url(&format!("/device?user_code={}", device.user_code));
    assert!(is_the_question(&browser.get(&url).await));

    world.wait(1);
    let device = ask(&world, &app).await;
    let url = world.url(&format!("/device?user_code={}", device.user_code));
    let page = browser.get(&url).await;
    assert!(!is_the_question(&page), "{}", page.text());
    let page = type_code(&world, &mut browser, &device.user_code).await;
    let done = decide(&world, &mut browser, &page, "allow").await;
    assert!(done.text().contains("Your device is connected"));
}
