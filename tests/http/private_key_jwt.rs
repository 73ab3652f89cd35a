//! Clients that prove themselves with a key of their own (RFC 7523 §2.2, §3).

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::client_keys::ClientKey;
use crate::flows::App;
use crate::management::{changed, manage, registered, token};
use crate::world::World;

const NOW: i64 = 1_800_000_000;
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn world() -> (World, App, ClientKey) {
    let (world, key) = (World::new().await, ClientKey::new());
    let asked = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks() });
    let app = world.register(asked).await;
    (world, app, key)
}

pub(crate) fn claims(world: &World, app: &App, jti: &str) -> Value {
    json!({
        "iss": app.id, "sub": app.id, "aud": world.issuer, "jti": jti,
        "iat": NOW, "exp": NOW + 60,
    })
}

/// A refresh with a token that nobody has: `invalid_grant` once the client has proved itself.
pub(crate) async fn knock(world: &World, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let mut fields = vec![
        ("grant_type", "refresh_token"),
        ("refresh_token", "xor_x"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    fields.extend(more);
    Http::new()
        .post_form(&world.url("/oauth2/token"), &fields)
        .await
}

#[tokio::test]
async fn a_client_may_prove_itself_with_its_key() {
    let (world, app, key) = world().await;
    assert_eq!(app.secret, None);
    let endpoint = world.url("/oauth2/token");
    for (i, aud) in [
        json!(world.issuer),
        json!(endpoint),
        json!(["x", world.issuer]),
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = claims(&world, &app, &i.to_string());
        claims["aud"] = aud;
        let answer = knock(&world, &key.sign(&claims), &[]).await;
        assert_error(&answer, 400, "invalid_grant");
    }
    let assertion = key.sign(&claims(&world, &app, "own id"));
    let own = [("client_id", app.id.as_str())];
    assert_error(&knock(&world, &assertion, &own).await, 400, "invalid_grant");
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let (world, app, key) = world().await;
    let assertion = key.sign(&claims(&world, &app, "once"));
    assert_error(&knock(&world, &assertion, &[]).await, 400, "invalid_grant");
    assert_error(&knock(&world, &assertion, &[]).await, 401, "invalid_client");
}

#[tokio::test]
async fn an_assertion_that_says_anything_else_is_refused() {
    let (world, app, key) = world().await;
    let other = world.register(json!({})).await;
    for (claim, value) in [
        ("iss", json!("another")),
        ("sub", json!(other.id)),
        ("aud", json!("https://another.example")),
        ("aud", Value::Null),
        ("exp", json!(NOW)),
        ("exp", json!(NOW + 601)),
        ("exp", Value::Null),
        ("exp", json!("soon")),
        ("nbf", json!(NOW + 61)),
        ("iat", json!(NOW + 61)),
        ("jti", json!("")),
        ("jti", Value::Null),
    ] {
        let mut claims = claims(&world, &app, "x");
        match value.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove(claim)),
            false => claims[claim] = value.clone(),
        }
        let answer = knock(&world, &key.sign(&claims), &[]).await;
        assert_eq!(answer.status, 401, "{claim} {value}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_client");
    }
}

#[tokio::test]
async fn only_a_registered_key_signs_for_a_client() {
    let (world, app, key) = world().await;
    let claims = claims(&world, &app, "x");
    let stranger = ClientKey::new();
    let mut with_own_key = Header::new(Algorithm::ES256);
    with_own_key.jwk = Some(stranger.public.clone());
    let public = serde_json::to_string(&key.public).unwrap();
    let hmac = EncodingKey::from_secret(public.as_bytes());
    let by_secret = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &hmac).unwrap();
    // RFC 7515 §4.1.11
    let mut critical = Header::new(Algorithm::ES256);
    critical.crit = Some(vec!["exp".to_owned()]);
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims));
    for assertion in [
        stranger.sign(&claims),
        stranger.sign_as(&with_own_key, &claims),
        key.sign_as(&critical, &claims),
        by_secret,
        unsigned,
        "x".to_owned(),
    ] {
        let answer = knock(&world, &assertion, &[]).await;
        assert_error(&answer, 401, "invalid_client");
    }
}

#[tokio::test]
async fn a_client_with_a_key_has_no_other_way() {
    let (world, app, key) = world().await;
    let assertion = key.sign(&claims(&world, &app, "x"));
    for more in [("client_secret", "x"), ("client_id", "another")] {
        let answer = knock(&world, &assertion, &[more]).await;
        assert_error(&answer, 400, "invalid_request");
    }
    for secret in [None, Some("x".to_owned())] {
        let app = App {
            secret,
            ..app.clone()
        };
        assert_error(&world.refresh(&app, "x").await, 401, "invalid_client");
    }
    // nor has a client with a secret this one
    let asked = json!({ "jwks": key.jwks() });
    let secretive = world.register(asked).await;
    let assertion = key.sign(&claims(&world, &secretive, "y"));
    assert_error(&knock(&world, &assertion, &[]).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_client_that_goes_over_to_a_key_leaves_its_secret_behind() {
    let (world, key) = (World::new().await, ClientKey::new());
    let (said, app) = registered(&world, json!({})).await;
    assert_error(&world.refresh(&app, "x").await, 400, "invalid_grant");
    let mut body = changed(&said, "jwks", key.jwks());
    body["token_endpoint_auth_method"] = "private_key_jwt".into();
    let answer = manage("PUT", &said, token(&said), &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["client_secret"], Value::Null);
    assert_error(&world.refresh(&app, "x").await, 401, "invalid_client");
    let assertion = key.sign(&claims(&world, &app, "x"));
    assert_error(&knock(&world, &assertion, &[]).await, 400, "invalid_grant");
}

#[tokio::test]
async fn a_key_for_something_else_signs_for_nobody_and_may_stand_beside_one_that_does() {
    let (world, key, other) = (World::new().await, ClientKey::new(), ClientKey::new());
    let jwk = |key: &ClientKey, more: Value| {
        let mut jwk = serde_json::to_value(&key.public).unwrap();
        for (name, value) in more.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    };
    for more in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["deriveKey"] }),
        json!({ "alg": "ECDH-ES" }),
        json!({ "alg": "ES384" }),
    ] {
        let keys = json!([
            jwk(&other, more.clone()),
            jwk(&key, json!({ "use": "sig", "alg": "ES256" }))
        ]);
        let asked = json!({
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": keys },
        });
        let app = world.register(asked).await;
        let claims = claims(&world, &app, &more.to_string());
        assert_error(
            &knock(&world, &other.sign(&claims), &[]).await,
            401,
            "invalid_client",
        );
        assert_error(
            &knock(&world, &key.sign(&claims), &[]).await,
            400,
            "invalid_grant",
        );
    }
}

#[tokio::test]
async fn an_assertion_is_signed_with_the_algorithm_that_the_client_registered() {
    let (world, key) = (World::new().await, ClientKey::new());
    let asked = json!({
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "PS256",
        "jwks": key.jwks(),
    });
    let app = world.register(asked).await;
    let assertion = key.sign(&claims(&world, &app, "x"));
    assert_error(&knock(&world, &assertion, &[]).await, 401, "invalid_client");
}

#[tokio::test]
async fn a_client_with_an_ed25519_key_may_call_its_algorithm_by_either_name() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key());
    let jwks = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x }] });
    let world = World::new().await;
    let asked = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks });
    let app = world.register(asked).await;
    for alg in ["EdDSA", "Ed25519"] {
        let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let claims = part(claims(&world, &app, alg));
        let signed = format!("{}.{claims}", part(json!({ "alg": alg })));
        let signature = URL_SAFE_NO_PAD.encode(pair.sign(signed.as_bytes()));
        let answer = knock(&world, &format!("{signed}.{signature}"), &[]).await;
        assert_error(&answer, 400, "invalid_grant");
    }
}

#[tokio::test]
async fn one_client_that_shows_very_many_assertions_has_to_wait_and_no_other() {
    let (world, app, key) = world().await;
    let show = async |app: &App, key: &ClientKey, jti: &str| {
        knock(&world, &key.sign(&claims(&world, app, jti)), &[]).await
    };
    for n in 0..2_000 {
        assert_eq!(show(&app, &key, &n.to_string()).await.status, 400, "{n}");
    }
    let full = show(&app, &key, "one more").await;
    assert_error(&full, 503, "temporarily_unavailable");
    assert_eq!(world.refused_at("signed_messages"), 1);
    let other = ClientKey::new();
    let asked = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": other.jwks() });
    let app = world.register(asked).await;
    let answer = show(&app, &other, "one").await;
    assert_error(&answer, 400, "invalid_grant");
}
