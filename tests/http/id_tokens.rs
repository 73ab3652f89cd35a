//! id_tokens (OIDC Core §2) and the keys that they are verified with (RFC 7517).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};
use xmpp_oauth::secrets::half_sha256_text;

use crate::answers::{parameter, redirect};
use crate::client::Http;
use crate::flows::App;
use crate::world::World;

fn half<D: Digest>(text: &str) -> String {
    let hash = D::digest(text.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}

async fn key_set(world: &World) -> JwkSet {
    let answer = Http::new().get(&world.url("/oauth2/jwks")).await;
    assert_eq!(answer.status, 200);
    serde_json::from_slice(&answer.body).unwrap()
}

/// The claims, verified as a client would.
async fn verified(world: &World, app: &App, tokens: &Value) -> Value {
    let token = tokens["id_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.alg, Algorithm::RS256);
    let keys = key_set(world).await;
    let key = keys.find(&header.kid.unwrap()).expect("a published key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[&app.id]);
    validation.set_issuer(&[&world.issuer]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    jsonwebtoken::decode(token, &key, &validation)
        .unwrap()
        .claims
}

#[tokio::test]
async fn an_id_token_says_who_logged_in_when_and_for_whom() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("nonce", "n-0S6_WzA2Mj")]);
    let page = world.log_in(&mut browser, &url).await;
    world.wait(90);
    let to = redirect(&world.decide(&mut browser, &page, "allow").await);
    let code = parameter(&to, "code").unwrap();
    let tokens = world.redeem(&app, &code).await.json();
    let login = 1_800_000_000;
    let expected = json!({
        "iss": world.issuer,
        "sub": "xmpp:alice@example.com",
        "aud": app.id,
        "iat": login + 90,
        "exp": login + 90 + 3600,
        "auth_time": login,
        "nonce": "n-0S6_WzA2Mj",
        "at_hash": half_sha256_text(tokens["access_token"].as_str().unwrap()),
        "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "amr": ["pwd"],
    });
    assert_eq!(verified(&world, &app, &tokens).await, expected);

    // OIDC Core §12.2: a refresh changes neither who nor when they logged in, and repeats no nonce
    world.wait(600);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let tokens = world.refresh(&app, refresh).await.json();
    let claims = verified(&world, &app, &tokens).await;
    assert_eq!(claims["auth_time"], login);
    assert_eq!(claims["iat"], login + 690);
    assert_eq!(claims["sub"], expected["sub"]);
    assert!(claims.get("nonce").is_none());
}

#[tokio::test]
async fn without_openid_there_is_none() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[("scope", "xmpp")]).await;
    assert_eq!(tokens["id_token"], Value::Null);
}

#[tokio::test]
async fn an_id_token_is_no_access_token() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let id_token = tokens["id_token"].as_str().unwrap();
    assert_eq!(world.userinfo(id_token).await.status, 401);
    let said = world.introspect(&app, id_token).await;
    assert_eq!(said, json!({ "active": false }));
}

#[tokio::test]
async fn a_rotation_shows_at_once_and_the_key_before_goes_when_its_day_is_over() {
    let world = World::new().await;
    let before = key_set(&world).await;
    let kids = world.provider.rotate_keys().await.unwrap();
    let both = key_set(&world).await;
    assert_eq!(before.keys.len(), kids.len());
    assert_eq!(both.keys.len(), 2 * kids.len());
    for kid in &kids {
        assert!(before.find(kid).is_none() && both.find(kid).is_some());
    }
    world.wait(24 * 3600);
    let after = key_set(&world).await;
    assert_eq!(after.keys.len(), kids.len());
    assert!(kids.iter().all(|kid| after.find(kid).is_some()));
}

#[tokio::test]
async fn the_keys_survive_a_restart_and_hold_nothing_private() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let tokens = world.tokens(&app, &[]).await;
    let world = world.restarted().await;
    let token = tokens["id_token"].as_str().unwrap();
    let kid = jsonwebtoken::decode_header(token).unwrap().kid.unwrap();
    assert!(key_set(&world).await.find(&kid).is_some());

    let answer = Http::new().get(&world.url("/oauth2/jwks")).await;
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    for key in answer.json()["keys"].as_array().unwrap() {
        assert_eq!(key["use"], "sig");
        for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert_eq!(key[private], Value::Null, "{private}");
        }
    }
}

#[tokio::test]
async fn an_id_token_is_signed_as_the_client_registered_for() {
    let world = World::new().await;
    for (name, algorithm) in [("ES256", Algorithm::ES256), ("EdDSA", Algorithm::EdDSA)] {
        let asked = json!({ "id_token_signed_response_alg": name });
        let app = world.register(asked).await;
        let tokens = world.tokens(&app, &[]).await;
        let token = tokens["id_token"].as_str().unwrap();
        let header = jsonwebtoken::decode_header(token).unwrap();
        assert_eq!(header.alg, algorithm);
        let keys = key_set(&world).await;
        let key = keys.find(&header.kid.unwrap()).expect("a published key");
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[&app.id]);
        validation.validate_exp = false;
        let key = DecodingKey::from_jwk(key).unwrap();
        let decoded = jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();
        // OIDC Core §3.1.3.6: Ed25519's own hash function is SHA-512
        let access_token = tokens["access_token"].as_str().unwrap();
        let expected = match algorithm {
            Algorithm::EdDSA => half::<Sha512>(access_token),
            _ => half::<Sha256>(access_token),
        };
        assert_eq!(decoded.claims["at_hash"], expected, "{name}");
    }
}

#[tokio::test]
async fn hs256_is_keyed_with_the_clients_own_secret_which_nobody_publishes() {
    let world = World::new().await;
    let asked = json!({ "id_token_signed_response_alg": "HS256" });
    let app = world.register(asked).await;
    let tokens = world.tokens(&app, &[]).await;
    let token = tokens["id_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!((header.alg, header.kid), (Algorithm::HS256, None));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&[&app.id]);
    validation.validate_exp = false;
    let secret = app.secret.clone().unwrap();
    let key = DecodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::decode::<Value>(token, &key, &validation).unwrap();

    let published = Http::new().get(&world.url("/oauth2/jwks")).await;
    assert!(!published.text().contains(&secret));
    for key in published.json()["keys"].as_array().unwrap() {
        assert_ne!(key["kty"], "oct");
    }
}

#[tokio::test]
async fn an_algorithm_that_is_off_is_offered_to_nobody_and_leaves_rs256() {
    let world = World::new().await;
    let asked = json!({ "id_token_signed_response_alg": "HS256" });
    let app = world.register(asked.clone()).await;
    let only = "tokens.id_token_algorithms = ['RS256']";
    let world = world.reconfigured(only).await;
    let answer = world.try_register(&mut Http::new(), asked).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    let metadata = world.url("/.well-known/openid-configuration");
    let metadata = Http::new().get(&metadata).await.json();
    let offered = &metadata["id_token_signing_alg_values_supported"];
    assert_eq!(offered, &json!(["RS256"]));
    let tokens = world.tokens(&app, &[]).await;
    verified(&world, &app, &tokens).await;
}
