//! Tokens from the authorization endpoint (RFC 6749 §4.2, OIDC Core §3.2): off, unless the operator wants
//! it; and answers by a form (OAuth 2.0 Form Post Response Mode).

use serde_json::{Value, json};
use url::Url;
use xmpp_oauth::model::EventKind;

use crate::answers::{hidden, parameter};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, World};

const ON: &str = "flows.allowed_response_types = ['code', 'token', 'id_token', 'id_token token']";

async fn world() -> (World, App) {
    let world = World::with(ON).await;
    let types = json!({ "response_types": ["code", "token", "id_token", "token id_token"] });
    let app = world.register(types).await;
    (world, app)
}

async fn consent(world: &World, app: &App, more: &[(&str, &str)]) -> Url {
    let mut fields = vec![("code_challenge", ""), ("code_challenge_method", "")];
    fields.extend(more);
    let url = world.authorize_url(app, &fields);
    world.consent(&mut Http::new(), &url).await
}

fn claims(id_token: &str) -> Value {
    use base64::Engine as _;
    let body = id_token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body);
    serde_json::from_slice(&bytes.unwrap()).unwrap()
}

async fn error(world: &World, app: &App, more: &[(&str, &str)]) -> (String, Url) {
    let answer = world.ask(app, more).await;
    (world.error_told(&answer), crate::answers::told_at(&answer))
}

#[tokio::test]
async fn a_token_comes_in_the_fragment_and_without_a_refresh_token() {
    let (world, app) = world().await;
    let scope = ("scope", "openid xmpp:client:normal offline_access");
    let to = consent(&world, &app, &[("response_type", "token"), scope]).await;
    assert!(to.as_str().starts_with("http://127.0.0.1/cb#"), "{to}");
    assert_eq!(to.query(), None);
    let said = |name| parameter(&to, name);
    assert_eq!(said("token_type").as_deref(), Some("Bearer"));
    assert_eq!(said("expires_in").as_deref(), Some("3600"));
    assert_eq!(said("state").as_deref(), Some("some state"));
    assert_eq!(said("iss").as_deref(), Some(world.issuer.as_str()));
    assert_eq!(said("scope").as_deref(), Some("openid xmpp:client:normal"));
    for none in ["refresh_token", "code", "id_token"] {
        assert_eq!(said(none), None);
    }
    let token = said("access_token").unwrap();
    let who = world.userinfo(&token).await.json();
    assert_eq!(who["sub"], "xmpp:alice@example.com");
    assert_eq!(world.revoke(&app, &token).await.status, 200);
    assert_eq!(world.userinfo(&token).await.status, 401);
}

#[tokio::test]
async fn an_id_token_comes_alone_or_with_the_token_that_it_names() {
    let (world, app) = world().await;
    let nonce = ("nonce", "n-1");
    for (asked, has_token) in [
        ("id_token", false),
        ("id_token token", true),
        ("token id_token", true),
    ] {
        let to = consent(&world, &app, &[("response_type", asked), nonce]).await;
        let claims = claims(&parameter(&to, "id_token").unwrap());
        assert_eq!(claims["nonce"], "n-1");
        assert_eq!(claims["aud"], app.id.as_str());
        assert_eq!(claims["sub"], "xmpp:alice@example.com");
        let token = parameter(&to, "access_token");
        assert_eq!(token.is_some(), has_token, "{asked}");
        let at_hash = token.map(|token| xmpp_oauth::secrets::half_sha256_text(&token));
        assert_eq!(claims["at_hash"].as_str(), at_hash.as_deref());
    }
    assert_eq!(
        world.grants().await.len(),
        2,
        "an id_token alone grants nothing"
    );
}

#[tokio::test]
async fn an_id_token_needs_a_nonce_and_openid() {
    let (world, app) = world().await;
    let id_token = ("response_type", "id_token");
    let (told, to) = error(&world, &app, &[id_token]).await;
    assert_eq!(told, "invalid_request");
    assert!(to.fragment().is_some_and(|it| it.contains("nonce")), "{to}");
    let (told, _) = error(&world, &app, &[id_token, ("nonce", "n"), ("scope", "xmpp")]).await;
    assert_eq!(told, "invalid_scope");
}

#[tokio::test]
async fn tokens_never_travel_in_a_query() {
    let (world, app) = world().await;
    let query = [("response_type", "token"), ("response_mode", "query")];
    let (told, _) = error(&world, &app, &query).await;
    assert_eq!(told, "invalid_request");
}

#[tokio::test]
async fn what_is_off_or_not_registered_for_is_refused() {
    let world = World::with(ON).await;
    let app = world.register(json!({})).await;
    let (told, _) = error(&world, &app, &[("response_type", "token")]).await;
    assert_eq!(told, "unauthorized_client");
    let world = World::new().await;
    let app = world
        .register(json!({ "response_types": ["code", "token"] }))
        .await;
    let (told, _) = error(&world, &app, &[("response_type", "token")]).await;
    assert_eq!(told, "unsupported_response_type");
    let fields = [("grant_type", "implicit")];
    let answer = world.token(&app, &fields).await;
    crate::answers::assert_error(&answer, 400, "unsupported_grant_type");
}

#[tokio::test]
async fn a_session_that_has_ended_meanwhile_gives_no_token() {
    let (world, app) = world().await;
    let more = [
        ("response_type", "token"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    let url = world.authorize_url(&app, &more);
    let mut browser = Http::new();
    let page = world.log_in(&mut browser, &url).await;
    let cookie = browser.cookies["xmpp-oauth-session"].clone();
    world.provider.log_out(&cookie).await.unwrap();
    let page = world.decide(&mut browser, &page, "allow").await;
    assert!(
        page.text().contains(r#"name="password""#),
        "{}",
        page.text()
    );
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn an_account_that_has_changed_unseen_gives_no_token() {
    let (world, app) = world().await;
    let more = [
        ("response_type", "token"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
    ];
    let url = world.authorize_url(&app, &more);
    let mut browser = Http::new();
    let page = world.log_in(&mut browser, &url).await;
    world.server.set_password(ALICE, "another");
    let answer = world.decide(&mut browser, &page, "allow").await;
    let to = crate::answers::told_at(&answer);
    assert_eq!(parameter(&to, "access_token"), None, "{to}");
    assert_eq!(parameter(&to, "error").as_deref(), Some("access_denied"));
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn an_out_of_band_client_is_shown_no_token() {
    let world = World::with(ON).await;
    let app = json!({
        "response_types": ["token"], "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob"],
    });
    let app = world.register(app).await;
    let page = world.ask(&app, &[("response_type", "token")]).await;
    crate::answers::assert_error_page(&page, "out-of-band");
}

#[tokio::test]
async fn the_metadata_names_what_is_on() {
    let (world, _) = world().await;
    let url = world.url("/.well-known/openid-configuration");
    let metadata = Http::new().get(&url).await.json();
    let types = json!(["code", "token", "id_token", "id_token token"]);
    assert_eq!(metadata["response_types_supported"], types);
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!("implicit")), "{grants:?}");
    let modes = json!(["query", "fragment", "form_post"]);
    assert_eq!(metadata["response_modes_supported"], modes);
}

fn assert_a_form(page: &Answer, action: &str) {
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text().replace("&#x2f;", "/").replace("&#x3d;", "=");
    assert!(
        text.contains(&format!(r#"<form method="post" action="{action}""#)),
        "{text}"
    );
    assert!(
        text.contains(r#"<button type="submit""#),
        "it takes no script: {text}"
    );
    let policy = page.header("content-security-policy").unwrap();
    assert!(!policy.contains("form-action"), "{policy}");
}

#[tokio::test]
async fn a_code_can_be_posted_to_the_app() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let url = world.authorize_url(&app, &[("response_mode", "form_post")]);
    let page = world.log_in(&mut browser, &url).await;
    let page = world.decide(&mut browser, &page, "allow").await;
    assert_a_form(&page, "http://127.0.0.1/cb");
    assert_eq!(hidden(&page, "state"), "some state");
    assert_eq!(hidden(&page, "iss"), world.issuer);
    let answer = world.redeem(&app, &hidden(&page, "code")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[tokio::test]
async fn a_token_and_an_error_can_be_posted_too() {
    let (world, app) = world().await;
    let mode = ("response_mode", "form_post");
    let more = [("response_type", "id_token token"), ("nonce", "n"), mode];
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &more))
        .await;
    let said = world.decide(&mut browser, &page, "allow").await;
    assert_a_form(&said, "http://127.0.0.1/cb");
    let token = hidden(&said, "access_token");
    assert_eq!(world.userinfo(&token).await.status, 200);
    assert!(!hidden(&said, "id_token").is_empty());
    let said = world.decide(&mut browser, &page, "deny").await;
    assert_a_form(&said, "http://127.0.0.1/cb");
    assert_eq!(hidden(&said, "error"), "access_denied");
    let said = world.ask(&app, &[("scope", "nonsense"), mode]).await;
    assert_a_form(&said, "http://127.0.0.1/cb");
    assert_eq!(hidden(&said, "error"), "invalid_scope");
}

#[tokio::test]
async fn nothing_is_posted_to_what_is_no_website() {
    let world = World::new().await;
    let app = world
        .register(json!({ "redirect_uris": ["com.example.app:/cb"] }))
        .await;
    let answer = world.ask(&app, &[("response_mode", "form_post")]).await;
    let to = crate::answers::told_at(&answer);
    assert_eq!(parameter(&to, "error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn an_id_token_alone_leaves_a_trace_for_its_owner() {
    let (world, app) = world().await;
    let more = [
        ("response_type", "id_token"),
        ("nonce", "n"),
        ("code_challenge", ""),
        ("code_challenge_method", ""),
        ("scope", "openid"),
    ];
    let url = world.authorize_url(&app, &more);
    let to = world.consent(&mut Http::new(), &url).await;
    assert!(to.fragment().unwrap().contains("id_token="), "{to}");
    let alice = ALICE.parse().unwrap();
    let events = world.provider.events(&alice).await.unwrap();
    assert!(
        events
            .iter()
            .any(|kept| kept.event.kind == EventKind::Granted),
        "{events:?}"
    );
}
