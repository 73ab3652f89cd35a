//! Who the person is (OIDC Core §5.3, RFC 6750).

use serde_json::json;

use crate::answers::assert_error;
use crate::client::Http;
use crate::world::World;

#[tokio::test]
async fn a_token_may_be_shown_in_the_header_or_in_a_form() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let expected = json!({ "sub": "xmpp:alice@example.com", "preferred_username": "alice" });
    let url = world.url("/oauth2/userinfo");
    for header in [format!("Bearer {token}"), format!("bearer  {token}")] {
        let mut http = Http::new().with("authorization", &header);
        assert_eq!(http.get(&url).await.json(), expected);
        assert_eq!(http.post_form(&url, &[]).await.json(), expected);
        assert_eq!(http.post(&url, "text/plain", "").await.json(), expected);
    }
    let form = [("access_token", token)];
    let answer = Http::new().post_form(&url, &form).await;
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    // RFC 6750 §2.3: a URL gets into logs
    let answer = Http::new()
        .get(&format!("{url}?access_token={token}"))
        .await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn a_token_shown_in_two_ways_at_once_is_refused() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let token = tokens["access_token"].as_str().unwrap();
    let mut http = Http::new().with("authorization", &format!("Bearer {token}"));
    let form = [("access_token", token)];
    let answer = http.post_form(&world.url("/oauth2/userinfo"), &form).await;
    assert_error(&answer, 400, "invalid_request");
    let bearer = format!("Bearer {token}");
    let request = http::Request::get(world.url("/oauth2/userinfo"))
        .header("authorization", &bearer)
        .header("authorization", &bearer)
        .body(bytes::Bytes::new())
        .unwrap();
    let answer = Http::new().send(request).await.unwrap();
    assert_eq!(answer.status, 401, "two headers are none");
}

#[tokio::test]
async fn without_a_token_the_scheme_is_told_and_no_error() {
    let world = World::new().await;
    let answer = Http::new().get(&world.url("/oauth2/userinfo")).await;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").unwrap();
    assert_eq!(challenge, "Bearer realm=\"xmpp-oauth\"");
}

#[tokio::test]
async fn a_bad_token_is_401_and_the_challenge_says_why() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let code = world.code(&app, &[]).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    for token in ["x", "xoa_x", refresh, &code, &"x".repeat(5000)] {
        let answer = world.userinfo(token).await;
        assert_error(&answer, 401, "invalid_token");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer "), "{challenge}");
        assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
    }
}

#[tokio::test]
async fn a_token_without_openid_says_which_scope_is_missing() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "xmpp")]).await;
    let answer = world
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await;
    assert_error(&answer, 403, "insufficient_scope");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(challenge.contains("scope=\"openid\""), "{challenge}");
}
