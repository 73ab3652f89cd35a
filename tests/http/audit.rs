//! Security events: what is kept, for whom, and what is not.

use serde_json::json;
use xmpp_oauth::model::KeptEvent;

use crate::client::Http;
use crate::wait::{START, until};
use crate::world::{ALICE, PASSWORD, World};

async fn events(world: &World, account: &str) -> Vec<KeptEvent> {
    let account = account.parse().unwrap();
    world.provider.events(&account).await.unwrap()
}

/// As soon as there are events of this kind so often; most are kept behind whoever caused them.
async fn kept(world: &World, kind: &str, count: u32) -> KeptEvent {
    until(kind, START, async || {
        let events = events(world, ALICE).await;
        events
            .into_iter()
            .find(|kept| kept.event.kind.as_str() == kind && kept.count == count)
    })
    .await
}

async fn wrong_password(world: &World, who: &str) {
    let mut browser = Http::new();
    let login = browser.get(&world.url("/login")).await;
    let answer = world
        .give_password(&mut browser, &login, who, "wrong")
        .await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn grants_refreshes_logins_and_ends_are_kept_with_their_reasons() {
    let world = World::new().await;
    let app = world.register(json!({ "client_name": "Gajim" })).await;
    let tokens = world.tokens(&app, &[]).await;
    kept(&world, "logged_in", 1).await;
    let granted = kept(&world, "granted", 1).await;
    assert_eq!(granted.client_name.as_deref(), Some("Gajim"));
    assert_eq!(granted.event.from, "127.0.0.1".parse().ok());
    let first = tokens["refresh_token"].as_str().unwrap();
    let second = world.refresh(&app, first).await.json();
    kept(&world, "refreshed", 1).await;
    let second = second["refresh_token"].as_str().unwrap();
    world.refresh(&app, second).await;
    kept(&world, "refreshed", 2).await;

    // shown again, it ends the grant
    assert_eq!(world.refresh(&app, first).await.status, 400);
    kept(&world, "refresh_token_replayed", 1).await;
    let ended = kept(&world, "ended", 1).await;
    let reason = ended.event.kind.reason().unwrap();
    assert_eq!(reason.as_str(), "refresh_token_reused");
}

#[tokio::test]
async fn a_replayed_code_is_kept() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let code = world.code(&app, &[]).await;
    assert_eq!(world.redeem(&app, &code).await.status, 200);
    assert_eq!(world.redeem(&app, &code).await.status, 400);
    kept(&world, "code_replayed", 1).await;
}

#[tokio::test]
async fn wrong_passwords_are_counted_for_accounts_that_use_this_and_for_no_others() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    world.tokens(&app, &[]).await;
    // in order, so that bob's and nobody's would be there when alice's is
    wrong_password(&world, "bob").await;
    wrong_password(&world, "nobody").await;
    wrong_password(&world, "alice").await;
    wrong_password(&world, "alice").await;
    kept(&world, "login_failed", 2).await;
    for who in ["bob@example.com", "nobody@example.com"] {
        assert_eq!(events(&world, who).await, [], "{who}");
    }
}

#[tokio::test]
async fn the_accounts_page_tells_its_owner_and_nobody_else() {
    let world = World::new().await;
    let app = world.register(json!({ "client_name": "<i>Gajim" })).await;
    world.tokens(&app, &[]).await;
    wrong_password(&world, "alice").await;
    kept(&world, "login_failed", 1).await;
    let look = async |who: &str, password: &str| {
        let mut browser = Http::new();
        let login = browser.get(&world.url("/login")).await;
        world
            .give_password(&mut browser, &login, who, password)
            .await;
        browser.get(&world.url("/account")).await.text()
    };
    let page = look("alice", PASSWORD).await;
    for said in ["&lt;i&gt;Gajim", "was given access", "A wrong password"] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let page = look("bob", "builder").await;
    assert!(!page.contains("was given access") && !page.contains("A wrong password"));
}

#[tokio::test]
async fn nothing_is_kept_where_the_operator_wants_none() {
    let world = World::with("audit.keep = \"none\"").await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    // that an app was given access is told, and counted, behind the answer
    world.server.told(1).await;
    let commits = world.commits();
    assert_eq!(world.refresh(&app, token).await.status, 200);
    assert_eq!(world.commits(), commits + 1, "the rotation alone");
    let stored = world.store_events(ALICE).await;
    assert_eq!(stored, []);
}
