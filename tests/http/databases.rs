//! Whole flows on a database of PostgreSQL. All other tests here are on SQLite, unless
//! `XMPP_OAUTH_STORAGE=postgres` is set.

#[path = "processes.rs"]
mod processes;
#[path = "shared.rs"]
mod shared;

use serde_json::{Value, json};

use crate::answers::assert_error;
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
