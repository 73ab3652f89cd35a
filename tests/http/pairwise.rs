//! Clients that know people by subjects of their own (OIDC Core §8.1).

use serde_json::{Value, json};

use crate::answers::{hidden, parameter, redirect};
use crate::client::Http;
use crate::flows::App;
use crate::world::World;

async fn pairwise(world: &World, redirect_uri: &str, more: Value) -> App {
    let mut metadata = json!({
        "subject_type": "pairwise",
        "client_uri": null,
        "redirect_uris": [redirect_uri],
    });
    for (name, value) in more.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    world.register(metadata).await
}

fn claims_in(tokens: &Value) -> Value {
    let token = tokens["id_token"].as_str().unwrap();
    jsonwebtoken::dangerous::insecure_decode::<Value>(token)
        .unwrap()
        .claims
}

/// The subject that an app gets to know by the scope `openid` alone.
async fn subject(world: &World, app: &App) -> String {
    let tokens = world.tokens(app, &[("scope", "openid")]).await;
    claims_in(&tokens)["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn two_sectors_cannot_tell_that_it_is_the_same_person_and_one_always_can() {
    let world = World::new().await;
    let one = pairwise(&world, "https://one.example/cb", json!({})).await;
    let other = pairwise(&world, "https://other.example/cb", json!({})).await;
    let same_sector = pairwise(&world, "https://one.example:8443/app", json!({})).await;
    let sub = subject(&world, &one).await;
    assert!(!sub.contains("alice"), "{sub}");
    assert_ne!(sub, subject(&world, &other).await);
    assert_eq!(sub, subject(&world, &same_sector).await);
    let world = world.restarted().await;
    assert_eq!(sub, subject(&world, &one).await);
}

#[tokio::test]
async fn nothing_else_gives_away_who_a_pairwise_subject_is() {
    let world = World::new().await;
    let app = pairwise(&world, "https://one.example/cb", json!({})).await;
    let claims = json!({ "id_token": { "preferred_username": null } }).to_string();
    let asked = [("scope", "openid offline_access"), ("claims", &claims)];
    let tokens = world.tokens(&app, &asked).await;
    let told = claims_in(&tokens);
    let access = tokens["access_token"].as_str().unwrap();
    let userinfo = world.userinfo(access).await.json();
    assert_eq!(userinfo, json!({ "sub": told["sub"] }));
    for token in [access, tokens["refresh_token"].as_str().unwrap()] {
        let answer = world
            .call(&app, "/oauth2/introspect", &[("token", token)])
            .await
            .json();
        assert_eq!(
            (&answer["active"], &answer["sub"]),
            (&json!(true), &told["sub"])
        );
        for answer in [&answer, &told] {
            assert!(!answer.to_string().contains("alice"), "{answer}");
        }
    }
}

#[tokio::test]
async fn a_resource_server_still_learns_whose_account_it_is() {
    let world = World::new().await;
    let app = pairwise(&world, "https://one.example/cb", json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "openid xmpp")]).await;
    let host = jid::DomainPart::new("example.com").unwrap();
    let asker = xmpp_oauth::oauth::introspection::Asker::Host(&host);
    let token = tokens["access_token"].as_str().unwrap();
    let answer = world.provider.introspect(asker, token).await.unwrap();
    assert_eq!(answer.username.as_deref(), Some("alice@example.com"));
    assert_eq!(answer.sub.as_deref(), Some("xmpp:alice@example.com"));
}

#[tokio::test]
async fn a_pairwise_client_that_may_know_the_name_is_told_it() {
    let world = World::new().await;
    let app = pairwise(&world, "https://one.example/cb", json!({})).await;
    for scope in ["openid profile", "openid xmpp"] {
        let tokens = world.tokens(&app, &[("scope", scope)]).await;
        let access = tokens["access_token"].as_str().unwrap();
        let userinfo = world.userinfo(access).await.json();
        assert_eq!(userinfo["preferred_username"], "alice", "{scope}");
        assert_eq!(userinfo["sub"], claims_in(&tokens)["sub"]);
    }
}

#[tokio::test]
async fn a_hint_with_a_pairwise_subject_means_its_person() {
    let world = World::new().await;
    let app = pairwise(&world, "https://one.example/cb", json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "openid")]).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let asked = [
        ("id_token_hint", hint),
        ("prompt", "none"),
        ("scope", "openid"),
    ];
    let url = world.authorize_url(&app, &asked);
    for (account, password, is_meant) in [("alice", "wonderland", true), ("bob", "builder", false)]
    {
        let mut browser = Http::new();
        let page = browser.get(&world.authorize_url(&app, &[])).await;
        assert!(hidden(&page, "continue").contains("client_id"));
        world
            .give_password(&mut browser, &page, account, password)
            .await;
        let answer = browser.get(&url).await;
        match is_meant {
            true => assert!(parameter(&redirect(&answer), "code").is_some()),
            false => assert_eq!(world.error_told(&answer), "login_required"),
        }
    }
}
