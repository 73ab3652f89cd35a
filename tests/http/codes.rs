//! Authorization codes (RFC 6749 §4.1.2, §4.1.3): once, soon, and by their own client.

use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::flows::App;
use crate::world::World;

async fn world() -> (World, App) {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    (world, app)
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

#[tokio::test]
async fn a_code_shown_twice_takes_back_what_it_gave() {
    let (world, app) = world().await;
    let code = world.code(&app, &[]).await;
    let tokens = world.redeem(&app, &code).await.json();
    let grant = world.only_grant().await;
    let access = text(&tokens, "access_token");
    assert_eq!(world.userinfo(access).await.status, 200, "now it is cached");

    let answer = world.redeem(&app, &code).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(world.userinfo(access).await.status, 401);
    assert_eq!(
        world.introspect(&app, access).await,
        json!({ "active": false })
    );
    let refresh = world.refresh(&app, text(&tokens, "refresh_token")).await;
    assert_error(&refresh, 400, "invalid_grant");
    assert_eq!(world.server.ended(1).await, std::slice::from_ref(&grant.id));
    assert_eq!(world.end_of(&grant.id).await, Some("code_replayed"));
}

#[tokio::test]
async fn a_replay_takes_back_what_a_refresh_has_given_since() {
    let (world, app) = world().await;
    let code = world.code(&app, &[]).await;
    let first = world.redeem(&app, &code).await.json();
    let second = world.refresh(&app, text(&first, "refresh_token")).await;
    let second = second.json();
    let access = text(&second, "access_token");
    assert_eq!(world.userinfo(access).await.status, 200);
    assert_error(&world.redeem(&app, &code).await, 400, "invalid_grant");
    assert_eq!(world.userinfo(access).await.status, 401);
}

#[tokio::test]
async fn a_code_of_another_client_is_refused_and_stays_good_for_its_own() {
    let (world, app) = world().await;
    let thief = world.register(json!({ "client_name": "Thief" })).await;
    let code = world.code(&app, &[]).await;
    assert_error(&world.redeem(&thief, &code).await, 400, "invalid_grant");
    assert_eq!(world.redeem(&app, &code).await.status, 200);
    // nor can another client end a grant by replaying its code
    assert_error(&world.redeem(&thief, &code).await, 400, "invalid_grant");
    assert_eq!(world.grants().await.len(), 1);
}

#[tokio::test]
async fn a_code_expires() {
    let (world, app) = world().await;
    let (one, two) = (world.code(&app, &[]).await, world.code(&app, &[]).await);
    world.wait(299);
    assert_eq!(world.redeem(&app, &one).await.status, 200);
    world.wait(1);
    assert_error(&world.redeem(&app, &two).await, 400, "invalid_grant");
}

#[tokio::test]
async fn what_is_no_code_is_an_invalid_grant() {
    let (world, app) = world().await;
    let tokens = world.tokens(&app, &[]).await;
    for code in [
        "x",
        "xoc_",
        "xoc_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        text(&tokens, "access_token"),
        text(&tokens, "refresh_token"),
    ] {
        assert_error(&world.redeem(&app, code).await, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn of_many_who_redeem_one_code_at_once_at_most_one_gets_tokens_and_they_do_not_last() {
    let (world, app) = world().await;
    let code = world.code(&app, &[]).await;
    let tries = (0..16).map(|_| world.redeem(&app, &code));
    let answers = futures::future::join_all(tries).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        assert_error(answer, 400, "invalid_grant");
    }
    let access = won[0].json();
    let status = world.userinfo(text(&access, "access_token")).await.status;
    assert_eq!(status, 401, "fifteen replays have taken it back");
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn a_consent_that_was_not_used_is_no_grant() {
    let (world, app) = world().await;
    world.code(&app, &[]).await;
    assert!(world.grants().await.is_empty());
    assert!(world.provider.clients().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_answer_with_tokens_is_kept_by_nobody() {
    let (world, app) = world().await;
    let code = world.code(&app, &[]).await;
    let answer = world.redeem(&app, &code).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = answer.json();
    assert!(text(&tokens, "access_token").starts_with("xoa_"));
    assert!(text(&tokens, "refresh_token").starts_with("xor_"));
}
