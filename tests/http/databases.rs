//! Whole flows on a database of PostgreSQL. All other tests here are on SQLite, unless
//! `XMPP_OAUTH_STORAGE=postgres` is set.

#[path = "processes.rs"]
mod processes;
#[path = "shared.rs"]
mod shared;

use serde_json::{Value, json};

use crate::answers::{assert_error, parameter, redirect};
use crate::client::Http;
use crate::flows::App;
use crate::world::World;

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

async fn world() -> (World, App, Value) {
    let world = World::on_postgres().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    (world, app, tokens)
}

#[tokio::test]
async fn an_app_logs_in_refreshes_and_is_let_go_of() {
    let (world, app, tokens) = world().await;
    let access = text(&tokens, "access_token");
    assert_eq!(world.userinfo(access).await.status, 200);
    let answer = world.refresh(&app, text(&tokens, "refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let new = answer.json();
    assert_eq!(world.userinfo(access).await.status, 401);
    let access = text(&new, "access_token");
    assert_eq!(world.introspect(&app, access).await["active"], true);
    // what was shown once and is confirmed since is a replay
    let answer = world.refresh(&app, text(&tokens, "refresh_token")).await;
    assert_error(&answer, 400, "invalid_grant");
    assert!(world.grants().await.is_empty());

    let tokens = world.tokens(&app, &[]).await;
    let revoked = world.revoke(&app, text(&tokens, "refresh_token")).await;
    assert_eq!(revoked.status, 200);
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn a_code_shown_twice_ends_what_it_gave() {
    let (world, app, _) = world().await;
    let code = world.code(&app, &[]).await;
    let tokens = world.redeem(&app, &code).await.json();
    assert_error(&world.redeem(&app, &code).await, 400, "invalid_grant");
    let access = text(&tokens, "access_token");
    assert_eq!(world.userinfo(access).await.status, 401);
}

#[tokio::test]
async fn all_is_there_after_a_restart_of_the_program() {
    let (world, app, tokens) = world().await;
    let world = world.restarted().await;
    assert_eq!(world.grants().await.len(), 1);
    let answer = world.refresh(&app, text(&tokens, "refresh_token")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn apps_and_browsers_go_on_where_the_database_is_copied_to() {
    let mut world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[]);
    let to = world.consent(&mut browser, &url).await;
    let code = parameter(&to, "code").unwrap();
    let mut tokens = world.redeem(&app, &code).await.json();
    let revoked = world.tokens(&app, &[]).await;
    world.revoke(&app, text(&revoked, "refresh_token")).await;
    let keys = Http::new().get(&world.url("/oauth2/jwks")).await.text();

    for file in [None, Some("moved.db")] {
        let code = world.code(&app, &[]).await;
        world = world.moved(file).await;
        // what was signed is verified
        let published = Http::new().get(&world.url("/oauth2/jwks")).await.text();
        assert_eq!(published, keys);
        // what was given opens
        let access = text(&tokens, "access_token");
        assert_eq!(world.userinfo(access).await.status, 200);
        assert_eq!(world.redeem(&app, &code).await.status, 200);
        let answer = world.refresh(&app, text(&tokens, "refresh_token")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        tokens = answer.json();
        // what was taken back does not
        let answer = world.refresh(&app, text(&revoked, "refresh_token")).await;
        assert_error(&answer, 400, "invalid_grant");
        // whoever is logged in is asked nothing
        let quiet = world.authorize_url(&app, &[("prompt", "none")]);
        let to = redirect(&browser.get(&quiet).await);
        assert!(parameter(&to, "code").is_some(), "{to}");
    }
}
