//! Clients whose keys are fetched (RFC 7591 §2 `jwks_uri`), from a website that is played here.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::client_keys::ClientKey;
use crate::flows::App;
use crate::website::Website;
use crate::world::World;

const NOW: i64 = 1_800_000_000;

impl Website {
    fn has(&self, keys: &[&ClientKey]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.public).collect();
        self.says("200 OK", &json!({ "keys": keys }).to_string());
    }

    /// A provider that trusts it, and a client whose keys are here.
    async fn with_client(&self, more: &str) -> (World, App) {
        let world = self.world(more).await;
        let app = registered(&world, &self.url("/keys")).await;
        (world, app)
    }
}

const ALLOWED: &str = "fetch.allow_private = true";

async fn registered(world: &World, url: &str) -> App {
    let asked = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks_uri": url });
    world.register(asked).await
}

/// A refresh with a token that nobody has: `invalid_grant` once the client has proved itself.
async fn knock(world: &World, app: &App, key: &ClientKey) -> Answer {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let jti = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
    let now = world.provider.now().as_unix();
    let claims = json!({
        "iss": app.id, "sub": app.id, "aud": world.issuer, "jti": jti, "exp": now + 60,
    });
    let assertion = key.sign(&claims);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "xor_x"),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &assertion),
    ];
    Http::new()
        .post_form(&world.url("/oauth2/token"), &fields)
        .await
}

async fn is_known(world: &World, app: &App, key: &ClientKey) -> bool {
    let answer = knock(world, app, key).await;
    match answer.status {
        400 => assert_error(&answer, 400, "invalid_grant"),
        _ => assert_error(&answer, 401, "invalid_client"),
    }
    answer.status == 400
}

#[tokio::test]
async fn a_clients_keys_are_fetched_once_and_kept_for_a_while() {
    let (website, key) = (Website::new().await, ClientKey::new());
    website.has(&[&key]);
    let (world, app) = website.with_client(ALLOWED).await;
    for _ in 0..3 {
        assert!(is_known(&world, &app, &key).await);
    }
    assert_eq!(website.times_asked(), 1);
    world.wait(15 * 60);
    website.has(&[]);
    assert!(!is_known(&world, &app, &key).await, "it was withdrawn");
    assert_eq!(website.times_asked(), 2);
}

#[tokio::test]
async fn a_new_key_is_found_and_strangers_do_not_make_us_ask_again_and_again() {
    let (website, key, new) = (Website::new().await, ClientKey::new(), ClientKey::new());
    website.has(&[&key]);
    let (world, app) = website.with_client(ALLOWED).await;
    assert!(is_known(&world, &app, &key).await);
    website.has(&[&new]);
    for _ in 0..3 {
        assert!(!is_known(&world, &app, &new).await);
    }
    assert_eq!(website.times_asked(), 1);
    world.wait(60);
    assert!(is_known(&world, &app, &new).await);
    assert!(!is_known(&world, &app, &key).await, "it was withdrawn");
    assert_eq!(website.times_asked(), 2);
}

#[tokio::test]
async fn a_stranger_does_not_hold_up_the_client_while_its_keys_are_fetched_anew() {
    let (website, key) = (Website::new().await, ClientKey::new());
    website.has(&[&key]);
    let (world, app) = website.with_client(ALLOWED).await;
    assert!(is_known(&world, &app, &key).await);
    world.wait(60);
    let held = website.slow.lock().await;
    let strange = ClientKey::new();
    let stranger = is_known(&world, &app, &strange);
    let client = async {
        while website.times_asked() < 2 {
            tokio::task::yield_now().await;
        }
        is_known(&world, &app, &key).await
    };
    tokio::pin!(stranger);
    tokio::select! {
        biased;
        _ = &mut stranger => panic!("the client waited for the stranger"),
        known = client => assert!(known),
    }
    drop(held);
    assert!(!stranger.await);
}

#[tokio::test]
async fn nothing_is_fetched_from_a_private_address_unless_the_operator_allows_it() {
    let (website, key) = (Website::new().await, ClientKey::new());
    website.has(&[&key]);
    let (world, app) = website.with_client("").await;
    assert!(!is_known(&world, &app, &key).await);
    let port = website.port;
    for host in ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let app = registered(&world, &format!("https://{host}:{port}/keys")).await;
        assert!(!is_known(&world, &app, &key).await, "{host}");
    }
    assert_eq!(website.times_connected(), 0);
}

#[tokio::test]
async fn only_a_trusted_website_with_a_set_of_keys_counts() {
    let (website, key) = (Website::new().await, ClientKey::new());
    let set = json!({ "keys": [key.public] }).to_string();
    let (world, app) = website.with_client(ALLOWED).await;
    let large = format!("{set}{}", " ".repeat(64 * 1024));
    let moved = format!("301 Moved\r\nlocation: {}", website.url("/keys"));
    let mut private = serde_json::to_value(&key.public).unwrap();
    private["d"] = "c2VjcmV0".into();
    let private = json!({ "keys": [private] }).to_string();
    for (status, body) in [
        ("404 Not Found", set.as_str()),
        (&moved, &set),
        ("200 OK", &large),
        ("200 OK", &private),
        ("200 OK", "[]"),
        ("200 OK", ""),
    ] {
        website.says(status, body);
        let before = website.times_asked();
        assert!(!is_known(&world, &app, &key).await, "{status}");
        assert_eq!(website.times_asked(), before + 1, "no redirect is followed");
        world.wait(60);
    }
    website.has(&[&key]);
    assert!(is_known(&world, &app, &key).await);

    // the same without its certificate authority
    let stranger = World::with(ALLOWED).await;
    let app = registered(&stranger, &website.url("/keys")).await;
    let before = website.times_asked();
    assert!(!is_known(&stranger, &app, &key).await);
    assert_eq!(website.times_asked(), before);
}

#[tokio::test]
async fn a_request_object_may_be_signed_with_a_fetched_key() {
    let (website, key) = (Website::new().await, ClientKey::new());
    website.has(&[&key]);
    let (world, app) = website.with_client(ALLOWED).await;
    let request = key.sign(&json!({
        "iss": app.id, "aud": world.issuer, "exp": NOW + 300, "client_id": app.id,
        "response_type": "code", "redirect_uri": app.redirect_uri, "scope": "openid",
        "code_challenge": xmpp_oauth::secrets::sha256_text(crate::flows::VERIFIER),
        "code_challenge_method": "S256",
    }));
    let asked = |request: &str| {
        let base = world.url("/oauth2/authorize");
        let fields = [("client_id", app.id.as_str()), ("request", request)];
        url::Url::parse_with_params(&base, fields).unwrap()
    };
    let answer = Http::new().get(asked(&request).as_str()).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let stranger = ClientKey::new().sign(&Value::Object(serde_json::Map::default()));
    let answer = Http::new().get(asked(&stranger).as_str()).await;
    assert_eq!(answer.status, 400, "{}", answer.text());
}

#[tokio::test]
async fn keys_are_named_in_one_way() {
    let (world, key) = (World::new().await, ClientKey::new());
    for asked in [
        json!({ "jwks_uri": "https://app.example/keys", "jwks": key.jwks() }),
        json!({ "jwks_uri": "http://app.example/keys" }),
        json!({ "token_endpoint_auth_method": "private_key_jwt" }),
    ] {
        let answer = world.try_register(&mut Http::new(), asked).await;
        assert_error(&answer, 400, "invalid_client_metadata");
        assert!(answer.text().contains("jwks"), "{}", answer.text());
    }
}
