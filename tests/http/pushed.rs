//! Requests that the browser cannot change: pushed (RFC 9126) or signed (RFC 9101).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::StreamExt as _;
use serde_json::{Value, json};
use url::Url;
use xmpp_oauth::secrets::sha256_text;

use crate::answers::{assert_error, parameter, redirect};
use crate::client::{Answer, Http};
use crate::client_keys::ClientKey;
use crate::flows::{App, VERIFIER};
use crate::world::World;

const NOW: i64 = 1_800_000_000;

fn request(app: &App) -> Vec<(String, String)> {
    let challenge = sha256_text(VERIFIER);
    [
        ("response_type", "code"),
        ("client_id", &app.id),
        ("redirect_uri", &app.redirect_uri),
        ("scope", "openid"),
        ("state", "some state"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

pub(crate) async fn push(world: &World, app: &App, more: &[(&str, &str)]) -> Answer {
    push_from(world, app, more, "203.0.113.200").await
}

pub(crate) async fn push_from(
    world: &World,
    app: &App,
    more: &[(&str, &str)],
    address: &str,
) -> Answer {
    let request = request(app);
    let named = |name: &str| more.iter().any(|(other, _)| *other == name);
    let mut fields: Vec<_> = request
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !named(name))
        .collect();
    fields.extend(more);
    if let Some(secret) = &app.secret {
        fields.push(("client_secret", secret));
    }
    let url = world.url("/oauth2/par");
    let mut http = Http::new().with("x-forwarded-for", address);
    http.post_form(&url, &fields).await
}

pub(crate) async fn pushed(world: &World, app: &App) -> String {
    let answer = push(world, app, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["expires_in"], 90);
    answer.json()["request_uri"].as_str().unwrap().to_owned()
}

pub(crate) fn url(world: &World, fields: &[(&str, &str)]) -> String {
    let base = world.url("/oauth2/authorize");
    Url::parse_with_params(&base, fields).unwrap().into()
}

/// The way from a request that holds another to a code.
pub(crate) async fn code(world: &World, fields: &[(&str, &str)]) -> String {
    let mut browser = Http::new();
    let first = browser.get(&url(world, fields)).await;
    assert_eq!(first.status, 303, "{}", first.text());
    let on = world.url(first.location());
    let to = world.consent(&mut browser, &on).await;
    assert_eq!(parameter(&to, "state").as_deref(), Some("some state"));
    parameter(&to, "code").expect("a code")
}

#[tokio::test]
async fn a_pushed_request_leads_to_tokens_and_is_good_once() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let uri = pushed(&world, &app).await;
    let fields = [("client_id", app.id.as_str()), ("request_uri", &uri)];
    let code = code(&world, &fields).await;
    assert_eq!(world.redeem(&app, &code).await.status, 200);
    let again = Http::new().get(&url(&world, &fields)).await;
    assert_eq!(again.status, 400, "{}", again.text());
}

#[tokio::test]
async fn a_pushed_request_is_its_clients_alone_and_short_lived() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let other = world.register(json!({})).await;
    let uri = pushed(&world, &app).await;
    let asked = |id| url(&world, &[("client_id", id), ("request_uri", uri.as_str())]);
    assert_eq!(Http::new().get(&asked(&other.id)).await.status, 400);
    world.wait(89);
    assert_eq!(Http::new().get(&asked(&app.id)).await.status, 303);
    let uri = pushed(&world, &app).await;
    world.wait(90);
    let asked = url(&world, &[("client_id", &app.id), ("request_uri", &uri)]);
    assert_eq!(Http::new().get(&asked).await.status, 400);
}

#[tokio::test]
async fn what_stands_beside_a_pushed_request_counts_for_nothing() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let uri = pushed(&world, &app).await;
    let asked = [
        ("client_id", app.id.as_str()),
        ("request_uri", &uri),
        ("scope", "xmpp"),
        ("state", "another"),
    ];
    let code = code(&world, &asked).await;
    let tokens = world.redeem(&app, &code).await.json();
    assert_eq!(tokens["scope"], "openid");
}

#[tokio::test]
async fn only_the_client_itself_may_push() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for secret in [None, Some("wrong".to_owned())] {
        let stranger = App {
            secret,
            ..app.clone()
        };
        let answer = push(&world, &stranger, &[]).await;
        assert_error(&answer, 401, "invalid_client");
    }
}

#[tokio::test]
async fn what_would_be_refused_later_is_refused_at_once() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for (name, value, error) in [
        ("redirect_uri", "https://evil.example/", "invalid_request"),
        ("response_type", "token", "unsupported_response_type"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("scope", "nonsense", "invalid_scope"),
        ("request_uri", "urn:x", "invalid_request"),
        ("nonce", &"x".repeat(13_000), "invalid_request"),
    ] {
        let answer = push(&world, &app, &[(name, value)]).await;
        assert_error(&answer, 400, error);
    }
}

#[tokio::test]
async fn one_client_cannot_fill_the_place_of_all() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    for n in 0..500 {
        let from = format!("203.0.113.{}", n / 100);
        assert_eq!(push_from(&world, &app, &[], &from).await.status, 201);
    }
    let full = push(&world, &app, &[]).await;
    assert_error(&full, 503, "temporarily_unavailable");
    assert_eq!(world.refused_at("pushes_waiting"), 1);
    let other = world.register(json!({})).await;
    assert_eq!(push(&world, &other, &[]).await.status, 201);
    world.wait(90);
    assert_eq!(push(&world, &app, &[]).await.status, 201);
}

#[tokio::test]
async fn all_together_push_no_more_than_there_is_room_for() {
    let world = World::new().await;
    let public = json!({ "token_endpoint_auth_method": "none" });
    let app = world.register(public).await;
    // each takes 13 KiB: 2520 of them fit into 32 MiB
    let hint = "{".repeat(4100);
    let more = [("login_hint", hint.as_str())];
    let push = async |no: u32| {
        let from = format!("203.0.113.{}", no / 100);
        push_from(&world, &app, &more, &from).await.status
    };
    let pushes = futures::stream::iter(0..2520)
        .map(push)
        .buffer_unordered(64);
    let statuses: Vec<_> = pushes.collect().await;
    assert!(statuses.iter().all(|status| *status == 201));
    let full = push_from(&world, &app, &more, "198.51.100.1").await;
    assert_error(&full, 503, "temporarily_unavailable");
    assert_eq!(full.header("retry-after"), Some("1"));
    assert_eq!(world.refused_at("pushes_waiting"), 1);
    world.wait(1);
    let next = push_from(&world, &app, &more, "198.51.100.1").await;
    assert_eq!(next.status, 201);
}

#[tokio::test]
async fn one_address_can_neither_fill_the_place_of_all_nor_lock_a_public_app_out() {
    let world = World::new().await;
    let public = json!({ "token_endpoint_auth_method": "none" });
    let app = world.register(public).await;
    let push_from = async |address: &str| push_from(&world, &app, &[], address).await;
    for _ in 0..200 {
        assert_eq!(push_from("203.0.113.1").await.status, 201);
    }
    let held = push_from("203.0.113.1").await;
    assert_eq!(held.status, 429, "{}", held.text());
    assert_eq!(held.header("retry-after"), Some("1"));
    let series = "limits_hit_total{limit=\"pushes_per_address\"}";
    assert_eq!(world.counted(series), 1);
    for n in 2..5 {
        for _ in 0..150 {
            let from = format!("203.0.113.{n}");
            assert_eq!(push_from(&from).await.status, 201);
        }
    }
    assert_eq!(push_from("203.0.113.9").await.status, 201);
}

#[tokio::test]
async fn where_requests_must_be_pushed_no_other_is_taken() {
    let asked = json!({ "require_pushed_authorization_requests": true });
    let settings = "flows.require_pushed_authorization_requests = true";
    for (settings, asked) in [("", asked), (settings, json!({}))] {
        let world = World::with(settings).await;
        let app = world.register(asked).await;
        let answer = world.ask(&app, &[]).await;
        assert_eq!(world.error_told(&answer), "invalid_request");
        for forged in ["pushed", "pushed.1900000000.x"] {
            let answer = world.ask(&app, &[("vouched", forged)]).await;
            assert_eq!(world.error_told(&answer), "invalid_request");
        }
        let uri = pushed(&world, &app).await;
        let fields = [("client_id", app.id.as_str()), ("request_uri", &uri)];
        // what the browser was sent on with cannot be changed
        let mut browser = Http::new();
        let first = browser.get(&url(&world, &fields)).await;
        let on = world.url(first.location());
        let changed = on.replace("scope=openid", "scope=xmpp");
        assert_ne!(on, changed);
        let answer = browser.get(&changed).await;
        assert_eq!(world.error_told(&answer), "invalid_request");
        world.consent(&mut browser, &on).await;
    }
}

/// A client with a key, and the claims of a request object of its.
async fn signer(world: &World, key: &ClientKey) -> (App, Value) {
    let app = world.register(json!({ "jwks": key.jwks() })).await;
    let mut claims = json!({ "iss": app.id, "aud": world.issuer, "exp": NOW + 300 });
    for (name, value) in request(&app) {
        claims[name] = value.into();
    }
    (app, claims)
}

#[tokio::test]
async fn a_signed_request_leads_to_tokens_and_nothing_beside_it_counts() {
    let (world, key) = (World::new().await, ClientKey::new());
    let (app, claims) = signer(&world, &key).await;
    let object = key.sign(&claims);
    let fields = [
        ("client_id", app.id.as_str()),
        ("request", &object),
        ("scope", "xmpp"),
    ];
    let code = code(&world, &fields).await;
    let tokens = world.redeem(&app, &code).await.json();
    assert_eq!(tokens["scope"], "openid");
}

#[tokio::test]
async fn a_request_object_must_be_signed_by_its_client_for_us_and_just_now() {
    let (world, key) = (World::new().await, ClientKey::new());
    let (app, claims) = signer(&world, &key).await;
    let other = world.register(json!({})).await;
    let refused = async |object: String| {
        let fields = [("client_id", app.id.as_str()), ("request", &object)];
        let answer = Http::new().get(&url(&world, &fields)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
    };
    for (claim, value) in [
        ("client_id", json!(other.id)),
        ("iss", json!(other.id)),
        ("aud", json!("https://another.example")),
        ("exp", json!(NOW)),
        ("nbf", json!(NOW + 61)),
    ] {
        let mut claims = claims.clone();
        claims[claim] = value;
        refused(key.sign(&claims)).await;
    }
    refused(ClientKey::new().sign(&claims)).await;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = part(&json!({ "alg": "none" }));
    refused(format!("{none}.{}.", part(&claims))).await;
    // RFC 9101 leaves them out at will: here both are a must
    for claim in ["aud", "exp"] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(claim);
        refused(key.sign(&claims)).await;
    }
    // an assertion is no request, nor is what must be understood and is not
    let plain = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::ES256);
    let (mut header, mut critical) = (plain.clone(), plain);
    header.typ = Some("client-authentication+jwt".to_owned());
    refused(key.sign_as(&header, &claims)).await;
    critical.crit = Some(vec!["exp".to_owned()]);
    refused(key.sign_as(&critical, &claims)).await;
}

#[tokio::test]
async fn what_would_make_too_long_an_address_is_refused_when_it_is_pushed() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    // each of them is three bytes in an address
    let answer = push(&world, &app, &[("login_hint", &"{".repeat(6000))]).await;
    assert_error(&answer, 400, "invalid_request");
    let answer = push(&world, &app, &[("login_hint", &"{".repeat(3000))]).await;
    let uri = answer.json()["request_uri"].as_str().unwrap().to_owned();
    let mut browser = Http::new();
    let fields = [("client_id", app.id.as_str()), ("request_uri", &uri)];
    let first = browser.get(&url(&world, &fields)).await;
    let page = browser.get(&world.url(first.location())).await;
    assert_eq!(page.status, 200, "{}", page.text());
}

#[tokio::test]
async fn a_login_that_was_demanded_beforehand_cannot_be_cut_out_on_the_way() {
    let (world, key) = (World::new().await, ClientKey::new());
    let (app, mut claims) = signer(&world, &key).await;
    let mut browser = Http::new();
    // logged in, and the app let in, before
    let known = world.authorize_url(&app, &[("scope", "openid")]);
    world.consent(&mut browser, &known).await;
    let wants_password = |page: &Answer| page.text().contains(r#"name="password""#);
    for (name, value) in [
        ("prompt", "login"),
        ("prompt", "select_account"),
        ("max_age", "0"),
    ] {
        world.wait(1);
        let demand = [(name, value)];
        let pushed = push(&world, &app, &demand).await.json();
        let uri = pushed["request_uri"].as_str().unwrap();
        let mut asked = claims.clone();
        asked[name] = value.into();
        let object = key.sign(&asked);
        for (how, what) in [("request_uri", uri), ("request", &object)] {
            world.wait(1);
            let fields = [("client_id", app.id.as_str()), (how, what)];
            let first = browser.get(&url(&world, &fields)).await;
            let on = world.url(first.location());
            let cut = on.replace(&format!("{name}={value}&"), "");
            assert_ne!(cut, on);
            let to = redirect(&browser.get(&cut).await);
            assert_eq!(parameter(&to, "error").as_deref(), Some("invalid_request"));
            // and asked for once it is enough
            assert!(wants_password(&browser.get(&on).await), "{how} {name}");
            let to = world.consent(&mut browser, &on).await;
            assert!(parameter(&to, "code").is_some(), "{how} {name}: {to}");
        }
    }
    claims["prompt"] = "login".into();
    let fields = [
        ("client_id", app.id.as_str()),
        ("request", &key.sign(&claims)),
    ];
    let first = browser.get(&url(&world, &fields)).await;
    world.wait(3600);
    let late = browser.get(&world.url(first.location())).await;
    assert_eq!(world.error_told(&late), "invalid_request");
}
