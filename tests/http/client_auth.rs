//! How clients prove who they are (RFC 6749 §2.3, §5.2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use serde_json::json;

use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::World;

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
}

/// A refresh with a token that nobody has: `invalid_grant` once the client has proved itself.
async fn knock(world: &World, header: Option<&str>, more: &[(&str, &str)]) -> Answer {
    let mut http = Http::new();
    if let Some(header) = header {
        http = http.with("authorization", header);
    }
    let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", "xor_x")];
    fields.extend(more);
    http.post_form(&world.url("/oauth2/token"), &fields).await
}

async fn confidential() -> (World, String, String) {
    let world = World::new().await;
    let App { id, secret, .. } = world.register(json!({})).await;
    (world, id, secret.unwrap())
}

#[tokio::test]
async fn a_confidential_client_may_use_the_header_or_the_form() {
    let (world, id, secret) = confidential().await;
    let header = basic(&id, &secret);
    assert_error(
        &knock(&world, Some(&header), &[]).await,
        400,
        "invalid_grant",
    );
    let own_id = [("client_id", id.as_str())];
    assert_error(
        &knock(&world, Some(&header), &own_id).await,
        400,
        "invalid_grant",
    );
    let form = [("client_id", id.as_str()), ("client_secret", &secret)];
    assert_error(&knock(&world, None, &form).await, 400, "invalid_grant");
    let lower = header.replace("Basic", "basic");
    assert_error(
        &knock(&world, Some(&lower), &[]).await,
        400,
        "invalid_grant",
    );
}

#[tokio::test]
async fn a_wrong_secret_is_401_and_says_which_scheme_is_wanted() {
    let (world, id, secret) = confidential().await;
    let almost = format!("{secret}x");
    for wrong in ["wrong", "", &almost, &secret[1..]] {
        let answer = knock(&world, Some(&basic(&id, wrong)), &[]).await;
        assert_error(&answer, 401, "invalid_client");
        let scheme = answer.header("www-authenticate").unwrap();
        assert!(scheme.starts_with("Basic "), "{scheme}");
    }
    let form = [("client_id", id.as_str()), ("client_secret", "wrong")];
    assert_error(&knock(&world, None, &form).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_confidential_client_must_show_its_secret() {
    let (world, id, _) = confidential().await;
    let form = [("client_id", id.as_str())];
    assert_error(&knock(&world, None, &form).await, 401, "invalid_client");
    assert_error(&knock(&world, None, &[]).await, 401, "invalid_client");
}

#[tokio::test]
async fn two_ways_at_once_are_refused() {
    let (world, id, secret) = confidential().await;
    let header = basic(&id, &secret);
    let both = [("client_id", id.as_str()), ("client_secret", &secret)];
    assert_error(
        &knock(&world, Some(&header), &both).await,
        400,
        "invalid_request",
    );
    let other = [("client_id", "another")];
    assert_error(
        &knock(&world, Some(&header), &other).await,
        400,
        "invalid_request",
    );
}

#[tokio::test]
async fn a_public_client_has_no_secret_to_show() {
    let world = World::new().await;
    let app = world
        .register(json!({ "token_endpoint_auth_method": "none" }))
        .await;
    let form = [("client_id", app.id.as_str())];
    assert_error(&knock(&world, None, &form).await, 400, "invalid_grant");
    for secret in ["x", "undefined"] {
        let form = [("client_id", app.id.as_str()), ("client_secret", secret)];
        assert_error(&knock(&world, None, &form).await, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_public_client_can_refresh_and_revoke() {
    let world = World::new().await;
    let app = world
        .register(json!({ "token_endpoint_auth_method": "none" }))
        .await;
    let tokens = world.tokens(&app, &[]).await;
    let refreshed = world
        .refresh(&app, tokens["refresh_token"].as_str().unwrap())
        .await;
    assert_eq!(refreshed.status, 200);
    let token = refreshed.json()["access_token"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(world.revoke(&app, &token).await.status, 200);
}

#[tokio::test]
async fn the_same_holds_at_every_endpoint_that_clients_call_themselves() {
    let (world, id, secret) = confidential().await;
    for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
        let url = world.url(path);
        let token = ("token", "x");
        let nobody = Http::new().post_form(&url, &[token]).await;
        assert_error(&nobody, 401, "invalid_client");
        let mut wrong = Http::new().with("authorization", &basic(&id, "wrong"));
        assert_error(
            &wrong.post_form(&url, &[token]).await,
            401,
            "invalid_client",
        );
        let mut both = Http::new().with("authorization", &basic(&id, &secret));
        let fields = [token, ("client_secret", secret.as_str())];
        assert_error(&both.post_form(&url, &fields).await, 400, "invalid_request");
    }
}

#[tokio::test]
async fn a_broken_authorization_header_is_a_failed_authentication() {
    let (world, id, secret) = confidential().await;
    for header in [
        "Basic",
        "Basic !!!",
        "Basic eA==",
        "Basic /w==",
        "Bearer x",
        "x",
    ] {
        let answer = knock(&world, Some(header), &[]).await;
        assert_error(&answer, 401, "invalid_client");
        let scheme = answer.header("www-authenticate").unwrap();
        assert!(scheme.starts_with("Basic "), "{scheme}");
    }
    // RFC 6749 §2.3.1: both parts are form-encoded
    let encode = |text: &str| {
        let every = |byte: u8| format!("%{byte:02X}");
        text.bytes().map(every).collect::<String>()
    };
    let header = basic(&encode(&id), &encode(&secret));
    assert_error(
        &knock(&world, Some(&header), &[]).await,
        400,
        "invalid_grant",
    );
}

#[tokio::test]
async fn an_authorization_header_that_stands_twice_is_a_failed_authentication() {
    let (world, id, secret) = confidential().await;
    let header = basic(&id, &secret);
    let request = Request::post(world.url("/oauth2/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", &header)
        .header("authorization", &header);
    let body = Bytes::from("grant_type=refresh_token&refresh_token=xor_x");
    let answer = Http::new().send(request.body(body).unwrap()).await.unwrap();
    assert_error(&answer, 401, "invalid_client");
}

#[tokio::test]
async fn a_public_client_may_not_introspect_by_its_client_id_alone() {
    let world = World::new().await;
    let asked = json!({ "token_endpoint_auth_method": "none" });
    let app = world.register(asked).await;
    let tokens = world.tokens(&app, &[]).await;
    for token in ["access_token", "refresh_token"] {
        let token = tokens[token].as_str().unwrap();
        let fields = [("token", token), ("client_id", app.id.as_str())];
        let url = world.url("/oauth2/introspect");
        let answer = Http::new().post_form(&url, &fields).await;
        assert_error(&answer, 401, "invalid_client");
    }
}

#[tokio::test]
async fn grant_types_that_are_not_offered_are_refused_by_their_own_error() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for (fields, error) in [
        (&[][..], "invalid_request"),
        (&[("grant_type", "")], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("grant_type", "implicit")], "unsupported_grant_type"),
        (
            &[("grant_type", "client_credentials")],
            "unsupported_grant_type",
        ),
        (&[("grant_type", "authorization_code")], "invalid_request"),
        (&[("grant_type", "refresh_token")], "invalid_request"),
    ] {
        assert_error(&world.token(&app, fields).await, 400, error);
    }
    let only_code = json!({ "grant_types": ["authorization_code"] });
    let app = world.register(only_code).await;
    let answer = world.refresh(&app, "xor_x").await;
    assert_error(&answer, 400, "unauthorized_client");
}

#[tokio::test]
async fn what_stands_in_the_address_proves_nothing() {
    let (world, id, secret) = confidential().await;
    // RFC 6749 §2.3.1
    let query = [
        ("client_id", id.as_str()),
        ("client_secret", secret.as_str()),
    ];
    let url = url::Url::parse_with_params(&world.url("/oauth2/token"), query).unwrap();
    let fields = [("grant_type", "refresh_token"), ("refresh_token", "xor_x")];
    let answer = Http::new().post_form(url.as_str(), &fields).await;
    assert_error(&answer, 401, "invalid_client");
}
