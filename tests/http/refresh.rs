//! Refresh tokens (RFC 6749 §6), rotated so that a lost answer costs nothing and a stolen token shows
//! (RFC 9700 §4.14.2).

use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::flows::App;
use crate::world::World;

async fn world() -> (World, App, Value) {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    (world, app, tokens)
}

fn access(tokens: &Value) -> &str {
    tokens["access_token"].as_str().unwrap()
}

fn refresh(tokens: &Value) -> &str {
    tokens["refresh_token"].as_str().unwrap()
}

async fn rotated(world: &World, app: &App, tokens: &Value) -> Value {
    let answer = world.refresh(app, refresh(tokens)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer.json()
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair_and_the_old_access_token_dies() {
    let (world, app, old) = world().await;
    assert_eq!(world.userinfo(access(&old)).await.status, 200, "cached");
    let new = rotated(&world, &app, &old).await;
    assert_ne!(access(&new), access(&old));
    assert_ne!(refresh(&new), refresh(&old));
    assert_eq!(new["scope"], old["scope"]);
    assert_eq!(world.userinfo(access(&old)).await.status, 401);
    assert_eq!(world.userinfo(access(&new)).await.status, 200);
}

#[tokio::test]
async fn a_lost_answer_can_be_had_again_for_ten_minutes() {
    let (world, app, old) = world().await;
    let lost = rotated(&world, &app, &old).await;
    world.wait(600);
    let new = rotated(&world, &app, &old).await;
    assert_eq!(world.userinfo(access(&lost)).await.status, 401);
    assert_eq!(world.userinfo(access(&new)).await.status, 200);
    assert_eq!(world.grants().await.len(), 1);
    // whoever holds the lost one after all has stolen it
    let answer = world.refresh(&app, refresh(&lost)).await;
    assert_error(&answer, 400, "invalid_grant");
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn later_showing_the_old_token_ends_the_grant() {
    let (world, app, old) = world().await;
    let grant = world.only_grant().await;
    let new = rotated(&world, &app, &old).await;
    world.wait(601);
    let answer = world.refresh(&app, refresh(&old)).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(world.userinfo(access(&new)).await.status, 401);
    let answer = world.refresh(&app, refresh(&new)).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(world.end_of(&grant.id).await, Some("refresh_token_reused"));
    assert_eq!(world.server.ended(1).await, [grant.id]);
}

#[tokio::test]
async fn after_the_new_access_token_was_used_the_old_refresh_token_is_stolen() {
    let (world, app, old) = world().await;
    let new = rotated(&world, &app, &old).await;
    assert_eq!(world.userinfo(access(&new)).await.status, 200);
    let answer = world.refresh(&app, refresh(&old)).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(world.userinfo(access(&new)).await.status, 401);
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn after_the_new_refresh_token_was_used_the_old_one_is_stolen() {
    let (world, app, old) = world().await;
    let new = rotated(&world, &app, &old).await;
    let newest = rotated(&world, &app, &new).await;
    let answer = world.refresh(&app, refresh(&old)).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(world.userinfo(access(&newest)).await.status, 401);
}

#[tokio::test]
async fn a_use_counts_also_after_a_restart() {
    let (world, app, old) = world().await;
    let new = rotated(&world, &app, &old).await;
    assert_eq!(world.userinfo(access(&new)).await.status, 200);
    let world = world.restarted().await;
    let answer = world.refresh(&app, refresh(&old)).await;
    assert_error(&answer, 400, "invalid_grant");
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn a_refresh_token_of_another_client_is_refused_and_stays_good() {
    let (world, app, tokens) = world().await;
    let thief = world.register(json!({})).await;
    let answer = world.refresh(&thief, refresh(&tokens)).await;
    assert_error(&answer, 400, "invalid_grant");
    rotated(&world, &app, &tokens).await;
}

#[tokio::test]
async fn an_access_token_refreshes_nothing() {
    let (world, app, tokens) = world().await;
    let answer = world.refresh(&app, access(&tokens)).await;
    assert_error(&answer, 400, "invalid_grant");
    assert_eq!(world.grants().await.len(), 1);
}

#[tokio::test]
async fn a_refresh_can_narrow_the_scope_but_not_widen_it() {
    let (world, app, tokens) = world().await;
    let with_scope = async |token: &str, scope: &str| {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("scope", scope),
        ];
        world.token(&app, &fields).await
    };
    for wider in ["openid xmpp", "xmpp", "nonsense", "a\"b", " "] {
        let answer = with_scope(refresh(&tokens), wider).await;
        assert_error(&answer, 400, "invalid_scope");
    }
    let narrow = with_scope(refresh(&tokens), "openid").await.json();
    assert_eq!(narrow["scope"], "openid");
    let answer = world.introspect(&app, access(&narrow)).await;
    assert_eq!(
        answer["scope"], "openid",
        "the token says what it is good for"
    );
    // the grant is as wide as it was
    let wide = rotated(&world, &app, &narrow).await;
    assert_eq!(wide["scope"], "openid xmpp:client:normal");
    let narrow = with_scope(refresh(&wide), "xmpp:client:normal")
        .await
        .json();
    assert_eq!(narrow["id_token"], Value::Null);
    assert_eq!(world.userinfo(access(&narrow)).await.status, 403);
}

#[tokio::test]
async fn an_access_token_expires_and_a_refresh_token_does_not() {
    let (world, app, tokens) = world().await;
    world.wait(3599);
    assert_eq!(world.userinfo(access(&tokens)).await.status, 200);
    world.wait(1);
    assert_eq!(world.userinfo(access(&tokens)).await.status, 401);
    world.wait(365 * 86_400);
    rotated(&world, &app, &tokens).await;
}

#[tokio::test]
async fn a_refresh_token_expires_where_the_operator_says_so() {
    let world = World::with("tokens.refresh_token_ttl = '7d'").await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    world.wait(7 * 86_400 - 1);
    let tokens = rotated(&world, &app, &tokens).await;
    world.wait(7 * 86_400);
    let answer = world.refresh(&app, refresh(&tokens)).await;
    assert_error(&answer, 400, "invalid_grant");
}

#[tokio::test]
async fn of_many_refreshes_at_once_at_most_one_access_token_is_left() {
    let (world, app, tokens) = world().await;
    let tries = (0..16).map(|_| world.refresh(&app, refresh(&tokens)));
    let answers = futures::future::join_all(tries).await;
    let mut alive = 0;
    for answer in &answers {
        assert_eq!(answer.status, 200, "each could be after a lost answer");
        let answer = answer.json();
        alive += usize::from(world.userinfo(access(&answer)).await.status == 200);
    }
    assert_eq!(alive, 1);
}
