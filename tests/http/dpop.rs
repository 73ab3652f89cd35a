//! Tokens that are bound to a client's key (RFC 9449).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use jid::DomainPart;
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};
use xmpp_oauth::oauth::bearer::BearerAnswer;
use xmpp_oauth::secrets::sha256_text;

use crate::answers::assert_error;
use crate::client::{Answer, Http};
use crate::client_keys::ClientKey;
use crate::flows::{App, VERIFIER};
use crate::world::World;

const NOW: i64 = 1_800_000_000;

/// A public client and its key.
async fn world() -> (World, App, ClientKey) {
    let world = World::new().await;
    let app = world.register(public()).await;
    (world, app, ClientKey::new())
}

pub(crate) fn public() -> Value {
    json!({ "token_endpoint_auth_method": "none" })
}

fn header(key: &ClientKey) -> Header {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("dpop+jwt".to_owned());
    header.jwk = Some(key.public.clone());
    header
}

/// What a good proof says, of its own name.
fn claims(world: &World, method: &str, path: &str) -> Value {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let jti = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let htu = format!("{}{path}", world.issuer);
    json!({ "jti": jti.to_string(), "htm": method, "htu": htu, "iat": NOW })
}

pub(crate) fn signed(world: &World, key: &ClientKey, path: &str) -> String {
    key.sign_as(&header(key), &claims(world, "POST", path))
}

/// Posts with this proof, as a client that shows its secret in the form.
pub(crate) async fn post(
    world: &World,
    app: &App,
    path: &str,
    fields: &[(&str, &str)],
    proof: &str,
) -> Answer {
    let mut fields = fields.to_vec();
    fields.push(("client_id", &app.id));
    if let Some(secret) = &app.secret {
        fields.push(("client_secret", secret));
    }
    let mut http = match proof {
        "" => Http::new(),
        proof => Http::new().with("dpop", proof),
    };
    http.post_form(&world.url(path), &fields).await
}

pub(crate) async fn redeem(world: &World, app: &App, code: &str, proof: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", app.redirect_uri.as_str()),
        ("code_verifier", VERIFIER),
    ];
    post(world, app, "/oauth2/token", &fields, proof).await
}

pub(crate) async fn refresh(world: &World, app: &App, token: &str, proof: &str) -> Answer {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    post(world, app, "/oauth2/token", &fields, proof).await
}

pub(crate) async fn bound_tokens(
    world: &World,
    app: &App,
    key: &ClientKey,
    more: &[(&str, &str)],
) -> Value {
    let code = world.code(app, more).await;
    let answer = redeem(world, app, &code, &signed(world, key, "/oauth2/token")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let tokens = answer.json();
    assert_eq!(tokens["token_type"], "DPoP");
    tokens
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap()
}

/// A proof for userinfo, with this said over it.
pub(crate) fn userinfo_proof(world: &World, key: &ClientKey, token: &str, more: &Value) -> String {
    let mut claims = claims(world, "GET", "/oauth2/userinfo");
    claims["ath"] = sha256_text(token).into();
    for (name, value) in more.as_object().unwrap() {
        match value.is_null() {
            true => drop(claims.as_object_mut().unwrap().remove(name)),
            false => claims[name] = value.clone(),
        }
    }
    key.sign_as(&header(key), &claims)
}

pub(crate) async fn userinfo(world: &World, scheme: &str, token: &str, proof: &str) -> Answer {
    let mut http = Http::new().with("authorization", &format!("{scheme} {token}"));
    if !proof.is_empty() {
        http = http.with("dpop", proof);
    }
    http.get(&world.url("/oauth2/userinfo")).await
}

fn challenges(answer: &Answer) -> Vec<&str> {
    let all = answer.headers.get_all("www-authenticate").iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test]
async fn a_bound_token_is_good_with_a_proof_and_with_nothing_less() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let token = text(&tokens, "access_token");
    let good = || userinfo_proof(&world, &key, token, &json!({}));
    let answer = userinfo(&world, "DPoP", token, &good()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["sub"], "xmpp:alice@example.com");

    // RFC 9449 §7.2: no downgrade, with a proof or without, in the header or in the form
    for proof in ["", &good()] {
        let answer = userinfo(&world, "Bearer", token, proof).await;
        assert_error(&answer, 401, "invalid_token");
        let told = challenges(&answer);
        assert!(told[0].starts_with("Bearer "), "{told:?}");
        assert_eq!(told[1], r#"DPoP algs="RS256 PS256 ES256 EdDSA Ed25519""#);
    }
    let form = [("access_token", token)];
    let answer = Http::new()
        .post_form(&world.url("/oauth2/userinfo"), &form)
        .await;
    assert_error(&answer, 401, "invalid_token");

    let answer = userinfo(&world, "DPoP", token, "").await;
    assert_error(&answer, 401, "invalid_dpop_proof");
    let told = challenges(&answer);
    assert!(told[0].starts_with("DPoP "), "{told:?}");
    assert!(
        told[0].contains(r#"error="invalid_dpop_proof""#),
        "{told:?}"
    );
    assert!(
        told[0].ends_with(r#"algs="RS256 PS256 ES256 EdDSA Ed25519""#),
        "{told:?}"
    );
}

#[tokio::test]
async fn another_key_does_not_open_a_bound_token() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let token = text(&tokens, "access_token");
    let proof = userinfo_proof(&world, &ClientKey::new(), token, &json!({}));
    let answer = userinfo(&world, "DPoP", token, &proof).await;
    assert_error(&answer, 401, "invalid_token");
}

#[tokio::test]
async fn a_bearer_token_does_not_pass_for_a_bound_one() {
    let (world, app, key) = world().await;
    let tokens = world.tokens(&app, &[]).await;
    assert_eq!(tokens["token_type"], "Bearer");
    let token = text(&tokens, "access_token");
    let proof = userinfo_proof(&world, &key, token, &json!({}));
    let answer = userinfo(&world, "DPoP", token, &proof).await;
    assert_error(&answer, 401, "invalid_token");
}

#[tokio::test]
async fn a_proof_is_good_once() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let token = text(&tokens, "access_token");
    let proof = userinfo_proof(&world, &key, token, &json!({}));
    assert_eq!(userinfo(&world, "DPoP", token, &proof).await.status, 200);
    let answer = userinfo(&world, "DPoP", token, &proof).await;
    assert_error(&answer, 401, "invalid_dpop_proof");

    let proof = signed(&world, &key, "/oauth2/token");
    let first = refresh(&world, &app, text(&tokens, "refresh_token"), &proof).await;
    let next = first.json();
    assert_eq!(next["token_type"], "DPoP", "{}", first.text());
    let again = refresh(&world, &app, text(&next, "refresh_token"), &proof).await;
    assert_error(&again, 400, "invalid_dpop_proof");
}

#[tokio::test]
async fn a_proof_that_says_anything_else_is_refused() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let token = text(&tokens, "access_token");
    let good = json!({ "htu": format!("{}/oauth2/userinfo?x=1", world.issuer) });
    let proof = userinfo_proof(&world, &key, token, &good);
    assert_eq!(userinfo(&world, "DPoP", token, &proof).await.status, 200);
    for (claim, value) in [
        ("htm", json!("POST")),
        ("htm", Value::Null),
        ("htu", json!(format!("{}/oauth2/token", world.issuer))),
        ("htu", json!("https://other.example/oauth2/userinfo")),
        ("htu", Value::Null),
        ("iat", json!(NOW - 300)),
        ("iat", json!(NOW + 61)),
        ("iat", json!("now")),
        ("iat", Value::Null),
        ("jti", json!("")),
        ("jti", json!("x".repeat(257))),
        ("jti", Value::Null),
        ("ath", json!(sha256_text("another token"))),
        ("ath", Value::Null),
    ] {
        let proof = userinfo_proof(&world, &key, token, &json!({ claim: value }));
        let answer = userinfo(&world, "DPoP", token, &proof).await;
        assert_eq!(answer.status, 401, "{claim} {value}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_dpop_proof");
    }
}

#[tokio::test]
async fn a_proof_is_signed_with_the_public_key_in_its_header() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let token = text(&tokens, "access_token");
    let mut said = claims(&world, "GET", "/oauth2/userinfo");
    said["ath"] = sha256_text(token).into();
    let with = |change: &dyn Fn(&mut Header)| {
        let mut header = header(&key);
        change(&mut header);
        header
    };
    for (what, proof) in [
        (
            "typ",
            key.sign_as(&with(&|h| h.typ = Some("JWT".into())), &said),
        ),
        ("no typ", key.sign_as(&with(&|h| h.typ = None), &said)),
        ("no jwk", key.sign_as(&with(&|h| h.jwk = None), &said)),
        (
            "crit",
            key.sign_as(&with(&|h| h.crit = Some(vec!["x".into()])), &said),
        ),
        // the right key named, another one's signature
        ("signature", ClientKey::new().sign_as(&header(&key), &said)),
        ("a private key", key.sign_as(&with(&betray), &said)),
        ("none", unsigned(&key, &said)),
        ("no JWT", "x".to_owned()),
    ] {
        let answer = userinfo(&world, "DPoP", token, &proof).await;
        assert_eq!(answer.status, 401, "{what}: {}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_dpop_proof", "{what}");
    }
    let good = key.sign_as(&header(&key), &said);
    assert_eq!(userinfo(&world, "DPoP", token, &good).await.status, 200);
}

/// Puts the private half of the key into the header.
fn betray(header: &mut Header) {
    let mut key = serde_json::to_value(header.jwk.take()).unwrap();
    key["d"] = "c2VjcmV0".into();
    header.extras.insert("jwk", key);
}

fn unsigned(key: &ClientKey, claims: &Value) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let header = json!({ "alg": "none", "typ": "dpop+jwt", "jwk": key.public });
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(&header), part(claims))
}

#[tokio::test]
async fn two_proofs_in_one_request_are_none() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let token = text(&tokens, "access_token");
    let one = || userinfo_proof(&world, &key, token, &json!({}));
    let request = Request::get(world.url("/oauth2/userinfo"))
        .header("authorization", format!("DPoP {token}"))
        .header("dpop", one())
        .header("dpop", one());
    let answer = Http::new()
        .send(request.body(bytes::Bytes::new()).unwrap())
        .await
        .unwrap();
    assert_error(&answer, 401, "invalid_dpop_proof");
}

#[tokio::test]
async fn a_public_clients_refresh_token_needs_the_key_that_it_was_given_for() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let token = text(&tokens, "refresh_token");
    let others = signed(&world, &ClientKey::new(), "/oauth2/token");
    for proof in ["", &others] {
        let answer = refresh(&world, &app, token, proof).await;
        assert_error(&answer, 400, "invalid_grant");
    }
    let own = signed(&world, &key, "/oauth2/token");
    let next = refresh(&world, &app, token, &own).await.json();
    let again = refresh(&world, &app, text(&next, "refresh_token"), &others).await;
    assert_error(&again, 400, "invalid_grant");
    assert_eq!(world.grants().await.len(), 1);
}

#[tokio::test]
async fn a_confidential_client_may_take_another_key() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let key = ClientKey::new();
    let tokens = bound_tokens(&world, &app, &key, &[]).await;
    let about = world.introspect(&app, text(&tokens, "access_token")).await;
    assert_eq!(about["token_type"], "DPoP");
    assert_eq!(about["cnf"], json!({ "jkt": thumbprint(&key) }));

    let other = ClientKey::new();
    let proof = signed(&world, &other, "/oauth2/token");
    let next = refresh(&world, &app, text(&tokens, "refresh_token"), &proof).await;
    assert_eq!(next.status, 200, "{}", next.text());
    let about = world
        .introspect(&app, text(&next.json(), "access_token"))
        .await;
    assert_eq!(about["cnf"], json!({ "jkt": thumbprint(&other) }));
    let plain = world.tokens(&app, &[]).await;
    let about = world.introspect(&app, text(&plain, "access_token")).await;
    assert_eq!(
        (&about["cnf"], &about["token_type"]),
        (&Value::Null, &json!("Bearer"))
    );
}

fn thumbprint(key: &ClientKey) -> String {
    let hash = jsonwebtoken::jwk::ThumbprintHash::SHA256;
    key.public.thumbprint(hash).unwrap()
}

#[tokio::test]
async fn a_client_that_registered_for_bound_tokens_gets_no_others() {
    let world = World::with("flows.allowed_response_types = ['code', 'token']").await;
    let mut asked = public();
    asked["dpop_bound_access_tokens"] = true.into();
    asked["grant_types"] = json!(["authorization_code", "refresh_token", "implicit"]);
    asked["response_types"] = json!(["code", "token"]);
    let app = world.register(asked).await;
    let code = world.code(&app, &[]).await;
    let answer = redeem(&world, &app, &code, "").await;
    assert_error(&answer, 400, "invalid_dpop_proof");
    let key = ClientKey::new();
    let answer = redeem(&world, &app, &code, &signed(&world, &key, "/oauth2/token")).await;
    assert_eq!(answer.json()["token_type"], "DPoP", "{}", answer.text());

    let answer = world.ask(&app, &[("response_type", "token")]).await;
    assert_eq!(world.error_told(&answer), "unauthorized_client");
}

#[tokio::test]
async fn a_code_that_was_asked_for_with_a_key_is_redeemed_with_it_alone() {
    let (world, app, key) = world().await;
    let jkt = thumbprint(&key);
    let asked = [("dpop_jkt", jkt.as_str())];
    let code = world.code(&app, &asked).await;
    let others = signed(&world, &ClientKey::new(), "/oauth2/token");
    for proof in ["", &others] {
        let answer = redeem(&world, &app, &code, proof).await;
        assert_error(&answer, 400, "invalid_grant");
    }
    bound_tokens(&world, &app, &key, &asked).await;

    let answer = world.ask(&app, &[("dpop_jkt", "short")]).await;
    assert_eq!(world.error_told(&answer), "invalid_request");
}

#[tokio::test]
async fn a_proof_at_a_push_binds_the_code() {
    let (world, app, key) = world().await;
    let challenge = sha256_text(VERIFIER);
    let request = [
        ("response_type", "code"),
        ("redirect_uri", app.redirect_uri.as_str()),
        ("scope", "openid"),
        ("state", "some state"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let own = || signed(&world, &key, "/oauth2/par");
    let pushed = post(&world, &app, "/oauth2/par", &request, &own()).await;
    assert_eq!(pushed.status, 201, "{}", pushed.text());
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let fields = [("client_id", app.id.as_str()), ("request_uri", &uri)];
    let first = url::Url::parse_with_params(&world.url("/oauth2/authorize"), fields).unwrap();
    let mut browser = Http::new();
    let on = browser.get(first.as_str()).await;
    let to = world.consent(&mut browser, &world.url(on.location())).await;
    let code = crate::answers::parameter(&to, "code").expect("a code");
    assert_error(&redeem(&world, &app, &code, "").await, 400, "invalid_grant");
    let proof = signed(&world, &key, "/oauth2/token");
    assert_eq!(redeem(&world, &app, &code, &proof).await.status, 200);

    let other = thumbprint(&ClientKey::new());
    let mut contrary = request.to_vec();
    contrary.push(("dpop_jkt", &other));
    let answer = post(&world, &app, "/oauth2/par", &contrary, &own()).await;
    assert_error(&answer, 400, "invalid_request");
    // a proof for another endpoint
    let astray = signed(&world, &key, "/oauth2/token");
    let answer = post(&world, &app, "/oauth2/par", &request, &astray).await;
    assert_error(&answer, 400, "invalid_dpop_proof");
}

#[tokio::test]
async fn a_bound_token_logs_nobody_in_where_no_proof_can_be_shown() {
    let (world, app, key) = world().await;
    let tokens = bound_tokens(&world, &app, &key, &[("scope", "openid xmpp")]).await;
    let token = text(&tokens, "access_token");
    let host = DomainPart::new("example.com").unwrap().into_owned();
    let message = format!("n,,\x01auth=Bearer {token}\x01\x01");
    let answer = world
        .provider
        .check_bearer(&host, message.as_bytes(), None)
        .await;
    assert!(matches!(answer, BearerAnswer::Challenge(_)), "{answer:?}");
    for scheme in ["Bearer", "DPoP"] {
        let answer = Http::new()
            .with("authorization", &format!("{scheme} {token}"))
            .get(&world.url("/oauth2/validate/example.com"))
            .await;
        assert_eq!(answer.status, 401, "{}", answer.text());
        assert_eq!(answer.json()["error"], "invalid_token");
    }
}

#[tokio::test]
async fn who_knows_no_token_fills_no_memory_with_proofs() {
    let (world, app, key) = world().await;
    let proof = signed(&world, &key, "/oauth2/token");
    for code in ["xoc_a", "xoc_b"] {
        let answer = redeem(&world, &app, code, &proof).await;
        assert_error(&answer, 400, "invalid_grant");
    }
    let code = world.code(&app, &[]).await;
    assert_eq!(redeem(&world, &app, &code, &proof).await.status, 200);
}

#[tokio::test]
async fn the_metadata_says_how_proofs_may_be_signed() {
    let world = World::new().await;
    let answer = Http::new()
        .get(&world.url("/.well-known/oauth-authorization-server"))
        .await;
    let expected = json!(["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]);
    assert_eq!(answer.json()["dpop_signing_alg_values_supported"], expected);
}

#[tokio::test]
async fn a_services_token_is_bound_to_the_key_too() {
    let service = r#"
        [[resources]]
        uri = "https://files.example.com"
        name = "Files"
        scopes = { "files:read" = "Read your files" }
    "#;
    let world = World::with(service).await;
    let app = world.register(public()).await;
    let key = ClientKey::new();
    let tokens = bound_tokens(&world, &app, &key, &[("scope", "files:read")]).await;
    let said = text(&tokens, "access_token").split('.').nth(1).unwrap();
    let said = URL_SAFE_NO_PAD.decode(said).unwrap();
    let said: Value = serde_json::from_slice(&said).unwrap();
    assert_eq!(said["aud"], "https://files.example.com");
    assert_eq!(said["cnf"], json!({ "jkt": thumbprint(&key) }));
}
