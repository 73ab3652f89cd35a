//! A clock that jumps: set back, set ahead, set right again.

use std::time::Duration;

use serde_json::json;
use xmpp_oauth::clock::Timestamp;

use crate::client::Http;
use crate::login::try_from;
use crate::world::{ALICE, PASSWORD, World};

const HOUR: i64 = 3600;
const MONTH: i64 = 30 * 24 * HOUR;
const YEAR: i64 = 12 * MONTH;

/// Sets the clock ahead or back, as seen from when the test began.
fn jump(world: &World, begun: Timestamp, seconds: i64) {
    let to = Timestamp::from_unix(begun.as_unix() + seconds);
    world.clock.set(to);
}

#[tokio::test]
async fn a_clock_that_jumps_loses_no_grant_and_brings_no_revoked_one_back() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let kept = world.tokens(&app, &[]).await;
    let revoked = world.tokens(&app, &[]).await;
    let token = |tokens: &serde_json::Value, name: &str| tokens[name].as_str().unwrap().to_owned();
    assert_eq!(
        world
            .revoke(&app, &token(&revoked, "refresh_token"))
            .await
            .status,
        200
    );
    let begun = world.provider.now();
    let mut refresh = token(&kept, "refresh_token");
    for seconds in [-YEAR, 0, 50 * YEAR, -60, HOUR, -10 * YEAR, 0] {
        jump(&world, begun, seconds);
        let long_ago = Timestamp::from_unix(0);
        world
            .store
            .purge(world.provider.now(), long_ago, 1000)
            .await
            .unwrap();
        let answer = world.refresh(&app, &refresh).await;
        assert_eq!(answer.status, 200, "{seconds}: {}", answer.text());
        refresh = token(&answer.json(), "refresh_token");
        let access = token(&answer.json(), "access_token");
        assert_eq!(world.userinfo(&access).await.status, 200, "{seconds}");
        for name in ["access_token", "refresh_token"] {
            let dead = token(&revoked, name);
            assert_eq!(world.userinfo(&dead).await.status, 401, "{seconds}");
            assert_eq!(world.refresh(&app, &dead).await.status, 400, "{seconds}");
        }
        // and somebody new can come, once the brakes have let go of the time before
        world.try_register(&mut Http::new(), json!({})).await;
        world.wait(30);
        let other = world.register(json!({})).await;
        try_from(&world, &other, "198.51.100.9", ALICE, PASSWORD).await;
        world.wait(30);
        let tokens = world.tokens(&other, &[]).await;
        let access = token(&tokens, "access_token");
        assert_eq!(world.userinfo(&access).await.status, 200, "{seconds}");
    }
}

#[tokio::test]
async fn what_has_expired_while_the_clock_was_ahead_was_not_good_then() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let url = world.authorize_url(&app, &[]);
    let mut browser = Http::new();
    world.log_in(&mut browser, &url).await;
    let code = world.code(&app, &[]).await;
    let tokens = world.tokens(&app, &[]).await;
    let access = tokens["access_token"].as_str().unwrap();
    let begun = world.provider.now();
    jump(&world, begun, MONTH);
    assert_eq!(world.redeem(&app, &code).await.status, 400);
    assert_eq!(world.userinfo(access).await.status, 401);
    let page = browser.get(&url).await;
    assert!(
        page.text().contains(r#"name="password""#),
        "the session was taken"
    );
}

#[tokio::test]
async fn a_clock_that_is_set_back_locks_nobody_out_for_longer_than_a_burst_takes() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let begun = world.provider.now();
    jump(&world, begun, MONTH);
    for _ in 0..5 {
        try_from(&world, &app, "203.0.113.1", ALICE, "wrong").await;
    }
    let answer = try_from(&world, &app, "203.0.113.2", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 429);
    jump(&world, begun, 0);
    let answer = try_from(&world, &app, "203.0.113.2", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 429, "a jump must not free a guesser either");
    world.clock.advance(Duration::from_secs(30));
    let answer = try_from(&world, &app, "203.0.113.2", ALICE, PASSWORD).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
}
