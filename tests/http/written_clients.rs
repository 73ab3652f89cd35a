//! Clients that the operator wrote down (`[[clients]]`) or added by a command.

use serde_json::json;
use xmpp_oauth::model::ClientId;

use crate::answers::assert_error;
use crate::client_keys::ClientKey;
use crate::flows::App;
use crate::private_key_jwt::knock;
use crate::world::World;

const SECRET: &str = "a secret of 32 characters or more";

fn written(more: &str) -> String {
    format!(
        r#"
        [[clients]]
        client_id = "written"
        client_secret = "{SECRET}"
        client_name = "Written Down"
        application_type = "native"
        redirect_uris = ["http://127.0.0.1/cb"]
        {more}
        "#
    )
}

fn app() -> App {
    App {
        id: "written".to_owned(),
        secret: Some(SECRET.to_owned()),
        redirect_uri: "http://127.0.0.1/cb".to_owned(),
    }
}

#[tokio::test]
async fn a_client_of_the_configuration_needs_no_registration() {
    let text = format!("registration.registration_key = ''\n{}", written(""));
    let world = World::with(&text).await;
    let tokens = world.tokens(&app(), &[]).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(&app(), refresh).await.status, 200);
    let wrong = App {
        secret: Some("another secret of that very length".to_owned()),
        ..app()
    };
    assert_error(&world.refresh(&wrong, "x").await, 401, "invalid_client");
    let known = world.provider.clients().await.unwrap();
    assert_eq!(known.len(), 1);
}

#[tokio::test]
async fn a_client_that_is_taken_out_of_the_configuration_is_gone_with_its_grants() {
    let world = World::with(&written("")).await;
    let tokens = world.tokens(&app(), &[]).await;
    let world = world.reconfigured("").await;
    world
        .provider
        .end_clients_no_longer_configured()
        .await
        .unwrap();
    assert_eq!(world.grants().await, []);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_error(&world.refresh(&app(), refresh).await, 401, "invalid_client");
    assert_eq!(world.ask(&app(), &[]).await.status, 400);
    assert_eq!(world.provider.clients().await.unwrap(), []);

    // and comes back as it was
    let world = world.reconfigured(&written("")).await;
    world.tokens(&app(), &[]).await;
}

#[tokio::test]
async fn a_client_that_the_operator_adds_is_good_at_once_and_for_ever() {
    let world = World::with("registration.registration_key = ''").await;
    let metadata = json!({
        "client_name": "Added",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/cb"],
    });
    let metadata = metadata.to_string();
    let added = world.provider.add_client(metadata.as_bytes());
    let added = added.await.unwrap();
    assert!(added.registration_access_token.is_none());
    let app = App {
        id: added.client_id.to_string(),
        secret: added.client_secret.map(|secret| secret.expose().to_owned()),
        redirect_uri: "http://127.0.0.1/cb".to_owned(),
    };
    world.wait(10 * 365 * 86_400);
    let world = world.restarted().await;
    world.tokens(&app, &[]).await;
}

/// An app that a command adds, and the same as it is written down afterwards.
async fn added_then_written(world: &World) -> (App, App, String) {
    let metadata = json!({
        "client_name": "Added",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/cb"],
    });
    let metadata = metadata.to_string();
    let added = world.provider.add_client(metadata.as_bytes());
    let added = added.await.unwrap();
    let before = App {
        id: added.client_id.to_string(),
        secret: added.client_secret.map(|it| it.expose().to_owned()),
        ..app()
    };
    let after = App {
        id: before.id.clone(),
        ..app()
    };
    let text = written("").replace("\"written\"", &format!("\"{}\"", before.id));
    (before, after, text)
}

#[tokio::test]
async fn a_removed_client_that_is_written_down_with_its_id_works_again() {
    let world = World::new().await;
    let (before, after, text) = added_then_written(&world).await;
    let old = world.tokens(&before, &[]).await;
    let id = ClientId::new(before.id.as_str());
    world.provider.remove_client(&id).await.unwrap();
    let world = world.reconfigured(&text).await;
    let provider = &world.provider;
    provider.take_over_configured_clients().await.unwrap();
    world.tokens(&after, &[]).await;
    let old = old["refresh_token"].as_str().unwrap();
    assert_error(&world.refresh(&after, old).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_client_that_was_added_and_then_written_down_ends_with_its_line() {
    let world = World::new().await;
    let (before, after, text) = added_then_written(&world).await;
    let tokens = world.tokens(&before, &[]).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let world = world.reconfigured(&text).await;
    let provider = &world.provider;
    provider.take_over_configured_clients().await.unwrap();
    let tokens = world.refresh(&after, refresh).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    let tokens = tokens.json();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let world = world.reconfigured("").await;
    let provider = &world.provider;
    provider.end_clients_no_longer_configured().await.unwrap();
    assert_eq!(world.grants().await, []);
    assert_error(
        &world.refresh(&before, refresh).await,
        401,
        "invalid_client",
    );
}

#[tokio::test]
async fn a_client_of_the_configuration_may_prove_itself_with_its_key() {
    let key = ClientKey::new();
    let public = serde_json::to_value(&key.public).unwrap();
    let member = |name: &str| public[name].as_str().unwrap();
    let text = format!(
        r#"
        [[clients]]
        client_id = "written"
        client_name = "Written Down"
        redirect_uris = ["https://app.example/cb"]
        token_endpoint_auth_method = "private_key_jwt"
        token_endpoint_auth_signing_alg = "ES256"
        jwks = {{ keys = [{{ kty = "EC", crv = "P-256", x = "{}", y = "{}" }}] }}
        dpop_bound_access_tokens = true
        "#,
        member("x"),
        member("y")
    );
    let world = World::with(&text).await;
    let client = world.provider.client("written").await.unwrap().unwrap();
    assert!(client.metadata.dpop_bound_access_tokens);
    for (key, status, error) in [
        // known by its key, it must bind its tokens
        (key, 400, "invalid_dpop_proof"),
        (ClientKey::new(), 401, "invalid_client"),
    ] {
        let claims = json!({
            "iss": "written", "sub": "written", "aud": world.issuer, "jti": error,
            "iat": 1_800_000_000, "exp": 1_800_000_060,
        });
        let assertion = key.sign(&claims);
        let answer = knock(&world, &assertion, &[]).await;
        assert_error(&answer, status, error);
    }
}
