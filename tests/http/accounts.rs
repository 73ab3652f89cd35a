//! What happens on the server ends what hangs on the account.

use std::sync::Arc;

use jid::{BareJid, DomainPart};
use serde_json::{Value, json};
use xmpp_oauth::accounts::AccountStatus;
use xmpp_oauth::model::Generation;
use xmpp_oauth::oauth::revoke::AccountChange;

use crate::answers::assert_error;
use crate::client::Http;
use crate::flows::App;
use crate::world::{ALICE, PASSWORD, World};

async fn world() -> (World, App, Value) {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    (world, app, tokens)
}

async fn changed(world: &World, account: &str, change: AccountChange) {
    let account = BareJid::new(account).unwrap();
    world
        .provider
        .account_changed(&account, change)
        .await
        .unwrap();
}

async fn linked(world: &World) {
    let host = DomainPart::new("example.com").unwrap().into_owned();
    world.provider.host_linked(&host).await;
}

async fn access_status(world: &World, tokens: &Value) -> u16 {
    let token = tokens["access_token"].as_str().unwrap();
    world.userinfo(token).await.status
}

async fn refresh_with(world: &World, app: &App, tokens: &Value) -> crate::client::Answer {
    world
        .refresh(app, tokens["refresh_token"].as_str().unwrap())
        .await
}

#[tokio::test]
async fn a_change_of_the_account_ends_its_grants_codes_and_browser_sessions() {
    for (change, reason) in [
        (AccountChange::Password, "password_changed"),
        (AccountChange::Deleted, "account_deleted"),
        (AccountChange::Disabled, "account_disabled"),
    ] {
        let (world, app, tokens) = world().await;
        let grant = world.only_grant().await;
        let code = world.code(&app, &[]).await;
        let mut browser = Http::new();
        let url = world.authorize_url(&app, &[("prompt", "consent")]);
        let page = world.log_in(&mut browser, &url).await;
        assert_eq!(access_status(&world, &tokens).await, 200);

        changed(&world, ALICE, change).await;
        assert_eq!(access_status(&world, &tokens).await, 401);
        let answer = refresh_with(&world, &app, &tokens).await;
        assert_error(&answer, 400, "invalid_grant");
        assert_error(&world.redeem(&app, &code).await, 400, "invalid_grant");
        let page = world.decide(&mut browser, &page, "allow").await;
        assert!(page.text().contains(r#"name="password""#), "{page:?}");
        assert_eq!(world.end_of(&grant.id).await, Some(reason));
        assert_eq!(world.server.ended(1).await, [grant.id]);
    }
}

#[tokio::test]
async fn others_keep_what_they_have() {
    let (world, app, tokens) = world().await;
    changed(&world, "bob@example.com", AccountChange::Deleted).await;
    assert_eq!(access_status(&world, &tokens).await, 200);
    assert_eq!(refresh_with(&world, &app, &tokens).await.status, 200);
}

#[tokio::test]
async fn a_password_that_changed_unseen_shows_at_the_next_refresh() {
    let (world, app, tokens) = world().await;
    let grant = world.only_grant().await;
    world.server.set_password(ALICE, "looking glass");
    let answer = refresh_with(&world, &app, &tokens).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(access_status(&world, &tokens).await, 401);
    assert_eq!(world.end_of(&grant.id).await, Some("password_changed"));
}

#[tokio::test]
async fn an_account_that_is_gone_or_disabled_refreshes_nothing() {
    for (status, reason) in [
        (AccountStatus::Missing, "account_deleted"),
        (AccountStatus::Disabled, "account_disabled"),
    ] {
        let (world, app, tokens) = world().await;
        let grant = world.only_grant().await;
        world.server.set_status(ALICE, status);
        let answer = refresh_with(&world, &app, &tokens).await;
        assert_error(&answer, 400, "invalid_grant");
        assert_eq!(world.end_of(&grant.id).await, Some(reason));
        assert_eq!(world.server.ended(1).await, [grant.id]);
    }
}

#[tokio::test]
async fn a_server_that_cannot_know_generations_ends_nothing() {
    let (world, app, tokens) = world().await;
    let unknown = AccountStatus::Enabled { generation: None };
    world.server.set_status(ALICE, unknown);
    linked(&world).await;
    assert_eq!(refresh_with(&world, &app, &tokens).await.status, 200);
}

#[tokio::test]
async fn a_server_that_is_away_stops_no_refresh() {
    let (world, app, tokens) = world().await;
    world.server.go_away();
    assert_eq!(refresh_with(&world, &app, &tokens).await.status, 200);
}

#[tokio::test]
async fn a_linked_host_is_compared_and_what_changed_unseen_ends() {
    let (world, app, tokens) = world().await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    world.log_in(&mut browser, &url).await;
    linked(&world).await;
    assert_eq!(access_status(&world, &tokens).await, 200, "nothing changed");

    world.server.set_password(ALICE, "looking glass");
    linked(&world).await;
    assert_eq!(access_status(&world, &tokens).await, 401);
    let page = browser.get(&url).await;
    assert!(page.text().contains(r#"name="password""#));
}

#[tokio::test]
async fn what_was_granted_since_the_change_stays() {
    let (world, app, old) = world().await;
    world.server.set_password(ALICE, "looking glass");
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    let page = browser.get(&url).await;
    let answer = world
        .give_password(&mut browser, &page, ALICE, "looking glass")
        .await;
    let page = browser.get(&world.url(answer.location())).await;
    let to = crate::answers::redirect(&world.decide(&mut browser, &page, "allow").await);
    let code = crate::answers::parameter(&to, "code").unwrap();
    let new = world.redeem(&app, &code).await.json();
    linked(&world).await;
    assert_eq!(access_status(&world, &old).await, 401);
    assert_eq!(access_status(&world, &new).await, 200);
}

#[tokio::test]
async fn what_could_not_be_told_while_the_server_was_away_is_told_when_it_is_back() {
    let (world, app, tokens) = world().await;
    let grant = world.only_grant().await;
    world.server.go_away();
    let token = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.revoke(&app, token).await.status, 200);
    let world = world.restarted().await;
    world.server.come_back();
    linked(&world).await;
    assert_eq!(world.server.ended(1).await, [grant.id]);
    linked(&world).await;
    assert_eq!(world.server.ended(1).await.len(), 1, "and told once");
}

#[tokio::test]
async fn a_login_that_was_begun_before_the_password_changed_is_not_finished_after() {
    let world = Arc::new(World::new().await);
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let page = browser.get(&world.authorize_url(&app, &[])).await;
    let gate = world.server.hold();
    let login = {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let answer = world
                .give_password(&mut browser, &page, ALICE, PASSWORD)
                .await;
            (answer, browser)
        })
    };
    while world.server.asked() == 0 {
        tokio::task::yield_now().await;
    }
    let alice = ALICE.parse().unwrap();
    world
        .provider
        .account_changed(&alice, AccountChange::Password)
        .await
        .unwrap();
    gate.notify_one();
    let (answer, browser) = login.await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(!browser.cookies.contains_key("xmpp-oauth-session"));
}

#[tokio::test]
async fn a_code_of_an_account_that_changed_unseen_gives_nothing() {
    for (status, reason) in [
        (AccountStatus::Missing, "account_deleted"),
        (AccountStatus::Disabled, "account_disabled"),
        (
            AccountStatus::Enabled {
                generation: Some(Generation::new("another")),
            },
            "password_changed",
        ),
    ] {
        let (world, app, tokens) = world().await;
        let grant = world.only_grant().await;
        let code = world.code(&app, &[]).await;
        world.server.set_status(ALICE, status);
        assert_error(&world.redeem(&app, &code).await, 400, "invalid_grant");
        // and what the account had granted before has ended with it
        assert_eq!(access_status(&world, &tokens).await, 401);
        assert_eq!(world.end_of(&grant.id).await, Some(reason));
    }
}

#[tokio::test]
async fn what_the_operator_takes_back_from_an_account_is_everything() {
    let (world, app, tokens) = world().await;
    let grant = world.only_grant().await;
    let code = world.code(&app, &[]).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    world.log_in(&mut browser, &url).await;

    let alice = ALICE.parse().unwrap();
    let ended = world.provider.revoke_account(&alice).await.unwrap();
    assert_eq!(ended, [grant.id]);
    assert_eq!(access_status(&world, &tokens).await, 401);
    assert_error(&world.redeem(&app, &code).await, 400, "invalid_grant");
    let page = browser.get(&url).await;
    assert!(page.text().contains(r#"name="password""#), "{page:?}");
}
