//! Clients that are told that somebody has logged out (OpenID Connect Back-Channel Logout 1.0).

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value, json};
use xmpp_oauth::oauth::revoke::AccountChange;

use crate::account::ticket_for;
use crate::answers::{assert_error, hidden, parameter, redirect};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::wait;
use crate::website::{Asked, Website};
use crate::world::{ALICE, PASSWORD, World};

pub(crate) const ALLOWED: &str = "fetch.allow_private = true";
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const NOW: i64 = 1_800_000_000;

/// A client that is told at this website.
pub(crate) async fn client(world: &World, website: &Website, more: Value) -> App {
    let mut metadata = json!({
        "client_uri": "https://localhost/",
        "backchannel_logout_uri": website.url("/out?x=1"),
        "backchannel_logout_session_required": true,
    });
    for (name, value) in more.as_object().unwrap() {
        metadata[name] = value.clone();
    }
    world.register(metadata).await
}

async fn set_up() -> (Website, World, App) {
    let website = Website::new().await;
    let world = website.world(ALLOWED).await;
    let app = client(&world, &website, json!({})).await;
    (website, world, app)
}

/// The tokens that an app gets in this browser, where alice logs in if she has not.
pub(crate) async fn sign_in(world: &World, browser: &mut Http, app: &App) -> Value {
    let to = world.consent(browser, &world.authorize_url(app, &[])).await;
    let code = parameter(&to, "code").unwrap();
    let tokens = world.redeem(app, &code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
    tokens.json()
}

fn claims_in(token: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode::<Value>(token)
        .unwrap()
        .claims
}

/// What the app knows the session by, by its id_token.
fn sid(tokens: &Value) -> Option<String> {
    let claims = claims_in(tokens["id_token"].as_str().unwrap());
    claims["sid"].as_str().map(str::to_owned)
}

pub(crate) async fn press_log_out(world: &World, browser: &mut Http) -> Answer {
    let page = browser.get(&world.url("/oauth2/logout")).await;
    let (request, csrf) = (hidden(&page, "request"), hidden(&page, "csrf"));
    let fields = [("request", request.as_str()), ("csrf", &csrf)];
    let answer = browser.post_form(&world.url("/logout"), &fields).await;
    assert!(answer.text().contains("You are logged out"));
    answer
}

/// The logout token that a client was sent.
fn logout_token(asked: &Asked) -> String {
    match asked.fields().as_slice() {
        [(name, token)] if name == "logout_token" => token.clone(),
        fields => panic!("{fields:?}"),
    }
}

fn sids(asked: &[Asked]) -> BTreeSet<String> {
    let sid = |asked: &Asked| {
        claims_in(&logout_token(asked))["sid"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    asked.iter().map(sid).collect()
}

/// Alice's page of her account in this browser, and the answer to a form on it.
async fn press(world: &World, browser: &mut Http, path: &str, more: &[(&str, &str)]) -> Answer {
    let page = browser.get(&world.url("/account")).await;
    let ticket = ticket_for(&page, path);
    let mut fields = vec![("ticket", ticket.as_str())];
    fields.extend(more);
    browser.post_form(&world.url(path), &fields).await
}

/// Logouts that came to this.
pub(crate) fn counted(world: &World, result: &str) -> u64 {
    world.counted(&format!("backchannel_logouts_total{{result=\"{result}\"}}"))
}

/// Waits until so many logouts came to this.
pub(crate) async fn came_to(world: &World, result: &str, times: u64) {
    let what = format!("{times} {result}");
    let limit = Duration::from_secs(30);
    wait::until(&what, limit, async || {
        (counted(world, result) >= times).then_some(())
    })
    .await;
}

/// Nothing more is on its way: a later logout of another session has been told.
async fn nothing_else_is_told(world: &World, website: &Website, app: &App, before: usize) {
    let mut other = Http::new();
    let sid = sid(&sign_in(world, &mut other, app).await).unwrap();
    press_log_out(world, &mut other).await;
    let asked = website.was_asked(before + 1).await;
    assert_eq!(asked.len(), before + 1);
    assert_eq!(sids(&asked[before..]), BTreeSet::from([sid]));
}

#[tokio::test]
async fn a_client_is_told_that_its_person_has_logged_out() {
    let (website, world, app) = set_up().await;
    let mut browser = Http::new();
    let tokens = sign_in(&world, &mut browser, &app).await;
    world.wait(600);
    press_log_out(&world, &mut browser).await;
    let asked = website.was_asked(1).await;
    let head = asked[0].head.to_ascii_lowercase();
    assert!(head.starts_with("post /out?x=1 http/1.1"), "{head}");
    assert!(head.contains("content-type: application/x-www-form-urlencoded"));

    let token = logout_token(&asked[0]);
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    assert_eq!(header.alg, Algorithm::RS256);
    let keys = Http::new().get(&world.url("/oauth2/jwks")).await;
    let keys: JwkSet = serde_json::from_slice(&keys.body).unwrap();
    let key = keys.find(&header.kid.unwrap()).expect("a published key");
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[&app.id]);
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(key).unwrap();
    let told = jsonwebtoken::decode::<Value>(&token, &key, &validation);
    let mut told = told.unwrap().claims;
    let jti = told.as_object_mut().unwrap().remove("jti").unwrap();
    assert!(jti.as_str().unwrap().len() >= 20, "{jti}");
    let expected = json!({
        "iss": world.issuer,
        "sub": "xmpp:alice@example.com",
        "aud": app.id,
        "iat": NOW + 600,
        "exp": NOW + 720,
        "events": { EVENT: {} },
        "sid": sid(&tokens).unwrap(),
    });
    assert_eq!(told, expected);
    came_to(&world, "delivered", 1).await;

    // a grant outlives the browser in which it was given
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.refresh(&app, refresh).await.status, 200);
    // what says that somebody has left says nothing else
    let hint = [("id_token_hint", token.as_str())];
    let url = url::Url::parse_with_params(&world.url("/oauth2/logout"), hint).unwrap();
    assert_eq!(browser.get(url.as_str()).await.status, 400);
}

#[tokio::test]
async fn a_logout_token_is_signed_as_the_clients_id_tokens_are() {
    let website = Website::new().await;
    let world = website
        .world(&format!(
            "{ALLOWED}\ntokens.id_token_algorithms = ['RS256', 'ES256', 'EdDSA', 'HS256']"
        ))
        .await;
    let all = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::HS256];
    for (before, algorithm) in all.into_iter().enumerate() {
        let name = format!("{algorithm:?}");
        let asked = json!({ "id_token_signed_response_alg": name });
        let app = client(&world, &website, asked).await;
        let mut browser = Http::new();
        sign_in(&world, &mut browser, &app).await;
        press_log_out(&world, &mut browser).await;
        let asked = website.was_asked(before + 1).await;
        let token = logout_token(&asked[before]);
        let header = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(header.alg, algorithm);
        assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
        if algorithm == Algorithm::HS256 {
            let mut validation = Validation::new(algorithm);
            validation.set_audience(&[&app.id]);
            validation.validate_exp = false;
            let key = DecodingKey::from_secret(app.secret.as_ref().unwrap().as_bytes());
            assert!(jsonwebtoken::decode::<Value>(&token, &key, &validation).is_ok());
        }
    }
}

#[tokio::test]
async fn a_pairwise_client_is_told_of_the_person_that_it_knows() {
    let (website, world, _) = set_up().await;
    let asked = json!({
        "subject_type": "pairwise",
        "redirect_uris": ["https://localhost/cb"],
    });
    let app = client(&world, &website, asked).await;
    let mut browser = Http::new();
    let tokens = sign_in(&world, &mut browser, &app).await;
    press_log_out(&world, &mut browser).await;
    let asked = website.was_asked(1).await;
    let told = claims_in(&logout_token(&asked[0]));
    let known = claims_in(tokens["id_token"].as_str().unwrap());
    assert_eq!(told["sub"], known["sub"]);
    assert!(!told.to_string().contains("alice"), "{told}");
}

#[tokio::test]
async fn each_client_knows_a_session_by_a_name_of_its_own() {
    let (website, world, one) = set_up().await;
    let two = client(&world, &website, json!({})).await;
    let mut browser = Http::new();
    let first = sid(&sign_in(&world, &mut browser, &one).await).unwrap();
    let again = sid(&sign_in(&world, &mut browser, &one).await).unwrap();
    assert_eq!(first, again, "it is stable");
    let others = sid(&sign_in(&world, &mut browser, &two).await).unwrap();
    let elsewhere = sid(&sign_in(&world, &mut Http::new(), &one).await).unwrap();
    assert_eq!(BTreeSet::from([&first, &others, &elsewhere]).len(), 3);
    for cookie in browser.cookies.values() {
        assert!(!cookie.contains(&first) && !first.contains(cookie.as_str()));
    }
    // a refresh does not change it
    let tokens = sign_in(&world, &mut browser, &one).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let refreshed = world.refresh(&one, refresh).await.json();
    assert_eq!(sid(&refreshed).as_ref(), Some(&first));
    // and who does not want to hear of logouts has no use for one
    let plain = world.register(json!({})).await;
    assert_eq!(sid(&sign_in(&world, &mut browser, &plain).await), None);

    press_log_out(&world, &mut browser).await;
    let asked = website.was_asked(2).await;
    assert_eq!(sids(&asked), BTreeSet::from([first, others]));
}

#[tokio::test]
async fn an_id_token_from_the_authorization_endpoint_bears_one_too() {
    let website = Website::new().await;
    let world = website
        .world(&format!(
            "{ALLOWED}\nflows.allowed_response_types = ['code', 'id_token']"
        ))
        .await;
    let asked = json!({
        "redirect_uris": ["https://localhost/cb"],
        "response_types": ["id_token"],
        "grant_types": ["implicit"],
    });
    let app = client(&world, &website, asked).await;
    let mut browser = Http::new();
    let fields = [
        ("response_type", "id_token"),
        ("scope", "openid"),
        ("nonce", "n"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    let url = world.authorize_url(&app, &fields);
    let to = world.consent(&mut browser, &url).await;
    let token = parameter(&to, "id_token").expect("an id_token");
    let sid = claims_in(&token)["sid"].as_str().unwrap().to_owned();
    press_log_out(&world, &mut browser).await;
    assert_eq!(sids(&website.was_asked(1).await), BTreeSet::from([sid]));
}

#[tokio::test]
async fn it_is_told_wherever_the_person_logs_out() {
    let (website, world, app) = set_up().await;
    let [mut here, mut there, mut elsewhere] = [Http::new(), Http::new(), Http::new()];
    let first = sid(&sign_in(&world, &mut here, &app).await).unwrap();
    world.wait(1);
    let second = sid(&sign_in(&world, &mut there, &app).await).unwrap();
    world.wait(1);
    let third = sid(&sign_in(&world, &mut elsewhere, &app).await).unwrap();

    let browsers = world.provider.browsers(&ALICE.parse().unwrap()).await;
    let browsers = browsers.unwrap();
    let oldest = browsers.last().unwrap();
    let path = format!("/account/browsers/{}", oldest.id);
    press(&world, &mut there, &path, &[]).await;
    let asked = website.was_asked(1).await;
    assert_eq!(sids(&asked), BTreeSet::from([first]));

    press(
        &world,
        &mut there,
        "/account/browsers",
        &[("which", "others")],
    )
    .await;
    let asked = website.was_asked(2).await;
    assert_eq!(sids(&asked[1..]), BTreeSet::from([third]));

    press(&world, &mut there, "/account/logout", &[]).await;
    let asked = website.was_asked(3).await;
    assert_eq!(sids(&asked[2..]), BTreeSet::from([second]));
}

#[tokio::test]
async fn it_is_told_of_a_changed_password_and_of_access_that_is_taken_back() {
    let (website, world, app) = set_up().await;
    let account = ALICE.parse().unwrap();
    let mut expected = Vec::new();
    for (times, change) in [
        AccountChange::Password,
        AccountChange::Disabled,
        AccountChange::Deleted,
    ]
    .into_iter()
    .enumerate()
    {
        let tokens = sign_in(&world, &mut Http::new(), &app).await;
        expected.extend(sid(&tokens));
        let changed = world.provider.account_changed(&account, change);
        changed.await.unwrap();
        assert_eq!(website.was_asked(times + 1).await.len(), times + 1);
    }
    // the person takes it back from one app, and from all
    let mut browser = Http::new();
    expected.extend(sid(&sign_in(&world, &mut browser, &app).await));
    let grant = world.only_grant().await.id;
    world
        .provider
        .revoke_granted(&account, &grant)
        .await
        .unwrap();
    website.was_asked(4).await;
    let mut browser = Http::new();
    expected.extend(sid(&sign_in(&world, &mut browser, &app).await));
    world.provider.revoke_all_granted(&account).await.unwrap();
    website.was_asked(5).await;
    // the operator does
    expected.extend(sid(&sign_in(&world, &mut Http::new(), &app).await));
    let id = xmpp_oauth::model::ClientId::new(&app.id);
    world.provider.revoke_client(&id).await.unwrap();
    let asked = website.was_asked(6).await;
    assert_eq!(sids(&asked), expected.into_iter().collect());
}

#[tokio::test]
async fn it_is_not_told_of_what_is_no_logout() {
    let (website, world, app) = set_up().await;
    // it lets go of its tokens itself
    let tokens = sign_in(&world, &mut Http::new(), &app).await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(world.revoke(&app, refresh).await.status, 200);
    // its person gives the password again
    let mut browser = Http::new();
    let first = sid(&sign_in(&world, &mut browser, &app).await).unwrap();
    let login = browser
        .get(&world.authorize_url(&app, &[("prompt", "login")]))
        .await;
    world
        .give_password(&mut browser, &login, ALICE, PASSWORD)
        .await;
    nothing_else_is_told(&world, &website, &app, 0).await;
    // what was begun before that is told at the end of what goes on
    press_log_out(&world, &mut browser).await;
    let asked = website.was_asked(2).await;
    assert_eq!(sids(&asked[1..]), BTreeSet::from([first]));

    // another person logs in, in the same browser
    let first = sid(&sign_in(&world, &mut browser, &app).await).unwrap();
    let login = browser
        .get(&world.authorize_url(&app, &[("prompt", "login")]))
        .await;
    world
        .give_password(&mut browser, &login, "bob", "builder")
        .await;
    let asked = website.was_asked(3).await;
    assert_eq!(sids(&asked[2..]), BTreeSet::from([first]));
}

#[tokio::test]
async fn a_code_from_before_the_logout_signs_nobody_in_behind_it() {
    let (website, world, app) = set_up().await;
    let plain = world.register(json!({})).await;
    let mut browser = Http::new();
    let mut codes = Vec::new();
    for app in [&app, &plain] {
        let url = world.authorize_url(app, &[]);
        let to = world.consent(&mut browser, &url).await;
        codes.push(parameter(&to, "code").unwrap());
    }
    press_log_out(&world, &mut browser).await;
    website.was_asked(1).await;
    assert_error(&world.redeem(&app, &codes[0]).await, 400, "invalid_grant");
    // a chat client is no browser's
    assert_eq!(world.redeem(&plain, &codes[1]).await.status, 200);
}

#[tokio::test]
async fn what_a_person_was_told_is_delivered_though_the_process_ends_before() {
    let (website, world, app) = set_up().await;
    website.says("503 Later", "");
    let mut browser = Http::new();
    let sid = sid(&sign_in(&world, &mut browser, &app).await).unwrap();
    press_log_out(&world, &mut browser).await;
    came_to(&world, "failed", 1).await;
    let world = world.restarted().await;
    website.says("204 Done", "");
    let before = website.times_asked();
    world.wait(15);
    let asked = website.was_asked(before + 1).await;
    assert_eq!(sids(&asked), BTreeSet::from([sid]));
    came_to(&world, "delivered", 1).await;
    let tokens: BTreeSet<_> = asked.iter().map(logout_token).collect();
    assert_eq!(tokens.len(), asked.len(), "each try has a token of its own");
}

#[tokio::test]
async fn a_client_that_cannot_take_it_is_tried_ever_more_seldom_and_given_up() {
    let (website, world, app) = set_up().await;
    website.says("302 Moved\r\nlocation: /elsewhere", "");
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &app).await;
    press_log_out(&world, &mut browser).await;
    for tries in 1..30 {
        came_to(&world, "failed", tries).await;
        world.wait(30 * 60);
    }
    came_to(&world, "given_up", 1).await;
    assert_eq!(website.times_asked(), 30, "no redirect is followed");
    world.wait(24 * 3600);
    website.says("200 OK", "");
    nothing_else_is_told(&world, &website, &app, 30).await;
}

#[tokio::test]
async fn a_client_that_refuses_it_is_not_told_again() {
    let (website, world, app) = set_up().await;
    website.says("400 Bad Request", r#"{"error":"invalid_request"}"#);
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &app).await;
    press_log_out(&world, &mut browser).await;
    came_to(&world, "refused", 1).await;
    world.wait(24 * 3600);
    nothing_else_is_told(&world, &website, &app, 1).await;
}

#[tokio::test]
async fn a_client_that_hangs_holds_up_neither_its_person_nor_another_client() {
    let (slow, quick) = (Website::new().await, Website::new().await);
    let world = Website::world_of(&[&slow, &quick], ALLOWED).await;
    let hangs = client(&world, &slow, json!({})).await;
    let answers = client(&world, &quick, json!({})).await;
    let held = slow.slow.lock().await;
    // more sessions than clients are told at once
    for _ in 0..12 {
        let mut browser = Http::new();
        sign_in(&world, &mut browser, &hangs).await;
        press_log_out(&world, &mut browser).await;
    }
    slow.was_asked(1).await;
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &answers).await;
    press_log_out(&world, &mut browser).await;
    quick.was_asked(1).await;
    assert_eq!(slow.times_asked(), 1, "one at a time of each client");
    drop(held);
    slow.was_asked(12).await;
}

#[tokio::test]
async fn nobody_is_told_at_a_private_address_unless_the_operator_allows_it() {
    let website = Website::new().await;
    let world = website.world("").await;
    let app = client(&world, &website, json!({})).await;
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &app).await;
    press_log_out(&world, &mut browser).await;
    came_to(&world, "failed", 1).await;
    assert_eq!(website.times_connected(), 0);
    // by http, not even on loopback, and never elsewhere
    let mut http = Http::new();
    for uri in ["http://127.0.0.1:1/out", "http://localhost.example/out"] {
        let asked = json!({ "backchannel_logout_uri": uri });
        let answer = world.try_register(&mut http, asked).await;
        assert_error(&answer, 400, "invalid_client_metadata");
        assert!(answer.text().contains("backchannel_logout_uri"));
    }
}

#[tokio::test]
async fn a_website_behind_the_same_proxy_is_told_without_https_where_the_operator_allows_it() {
    let (_, world, _) = set_up().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/out", listener.local_addr().unwrap());
    let asked = json!({ "client_uri": null, "backchannel_logout_uri": uri });
    let app = world.register(asked).await;
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &app).await;
    press_log_out(&world, &mut browser).await;
    let limit = Duration::from_secs(30);
    let connected = tokio::time::timeout(limit, listener.accept()).await;
    assert!(connected.is_ok(), "nobody came to {uri}");
}

#[tokio::test]
async fn a_client_says_where_and_can_change_it() {
    let (website, world, _) = set_up().await;
    let metadata = Http::new()
        .get(&world.url("/.well-known/openid-configuration"))
        .await;
    let metadata = metadata.json();
    assert_eq!(metadata["backchannel_logout_supported"], true);
    assert_eq!(metadata["backchannel_logout_session_supported"], true);

    let asked = json!({ "backchannel_logout_session_required": true });
    let answer = world.try_register(&mut Http::new(), asked).await.json();
    let (uri, token) = (
        answer["registration_client_uri"].as_str().unwrap(),
        answer["registration_access_token"].as_str().unwrap(),
    );
    let told_at = website.url("/out");
    let changed = json!({
        "client_id": answer["client_id"],
        "client_name": "Test",
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/cb"],
        "backchannel_logout_uri": told_at,
    });
    let request = http::Request::put(uri)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let request = request.body(changed.to_string().into()).unwrap();
    let answer = Http::new().send(request).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer = answer.json();
    assert_eq!(answer["backchannel_logout_uri"], told_at);
    assert_eq!(answer.get("backchannel_logout_session_required"), None);

    let app = App {
        id: answer["client_id"].as_str().unwrap().to_owned(),
        secret: answer["client_secret"].as_str().map(str::to_owned),
        redirect_uri: "http://127.0.0.1/cb".to_owned(),
    };
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &app).await;
    press_log_out(&world, &mut browser).await;
    website.was_asked(1).await;
}

#[tokio::test]
async fn a_client_of_the_configuration_is_told_like_any_other() {
    let website = Website::new().await;
    let world = website
        .world(&format!(
            r#"{ALLOWED}
            [[clients]]
            client_id = "board"
            client_name = "Board"
            redirect_uris = ["https://localhost/cb"]
            backchannel_logout_uri = "{}"
            backchannel_logout_session_required = true
            "#,
            website.url("/out")
        ))
        .await;
    let app = App {
        id: "board".to_owned(),
        secret: None,
        redirect_uri: "https://localhost/cb".to_owned(),
    };
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &app).await;
    press_log_out(&world, &mut browser).await;
    assert_eq!(website.was_asked(1).await.len(), 1);
}

#[tokio::test]
async fn a_client_that_is_gone_is_told_nothing() {
    let (website, world, app) = set_up().await;
    let mut browser = Http::new();
    sign_in(&world, &mut browser, &app).await;
    let id = xmpp_oauth::model::ClientId::new(&app.id);
    world.provider.remove_client(&id).await.unwrap();
    press_log_out(&world, &mut browser).await;
    let other = client(&world, &website, json!({})).await;
    nothing_else_is_told(&world, &website, &other, 0).await;
}

#[tokio::test]
async fn a_silent_request_signs_in_like_any_other() {
    let website = Website::new().await;
    let world = website.world(ALLOWED).await;
    let asked = json!({ "redirect_uris": ["https://localhost/cb"], "application_type": "web" });
    let app = client(&world, &website, asked).await;
    let mut browser = Http::new();
    let first = sid(&sign_in(&world, &mut browser, &app).await);
    let silent = browser
        .get(&world.authorize_url(&app, &[("prompt", "none")]))
        .await;
    let code = parameter(&redirect(&silent), "code").unwrap();
    let tokens = world.redeem(&app, &code).await.json();
    assert_eq!(sid(&tokens), first);
}

/// What is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_logout_token_stands_in_a_log() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    // While there is one subscriber only, what other threads come upon first is taken to interest nobody.
    let _second = tracing::Dispatch::new(tracing::subscriber::NoSubscriber::default());
    let _logging = tracing::subscriber::set_default(subscriber);
    let (website, world, app) = set_up().await;
    for (status, result) in [
        ("500 Oops", "failed"),
        ("400 Bad Request", "refused"),
        ("200 OK", "delivered"),
    ] {
        website.says(status, "");
        let mut browser = Http::new();
        sign_in(&world, &mut browser, &app).await;
        press_log_out(&world, &mut browser).await;
        came_to(&world, result, 1).await;
    }
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("could not be told of a logout"), "{text}");
    assert!(text.contains("refuses to be told"), "{text}");
    for asked in website.asked() {
        let token = logout_token(&asked);
        let (_, signature) = token.rsplit_once('.').unwrap();
        assert!(!text.contains(signature), "{text}");
    }
}
