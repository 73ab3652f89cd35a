//! Logging out because an app asks (OpenID Connect RP-Initiated Logout 1.0).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use url::Url;

use crate::answers::{hidden, parameter, redirect};
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, World};

const BYE: &str = "https://app.example/bye?x=1";

async fn an_app(world: &World) -> App {
    let more = json!({ "post_logout_redirect_uris": [BYE, "com.example.app:/bye"] });
    world.register(more).await
}

/// A browser in which alice is logged in, and the id_token that the app got there.
async fn logged_in(world: &World, app: &App) -> (Http, String) {
    let mut browser = Http::new();
    let url = world.authorize_url(app, &[("prompt", "consent")]);
    let to = world.consent(&mut browser, &url).await;
    let code = parameter(&to, "code").unwrap();
    let tokens = world.redeem(app, &code).await.json();
    (browser, tokens["id_token"].as_str().unwrap().to_owned())
}

fn logout_url(world: &World, fields: &[(&str, &str)]) -> String {
    let url = world.url("/oauth2/logout");
    Url::parse_with_params(&url, fields).unwrap().into()
}

async fn press_log_out(world: &World, browser: &mut Http, page: &Answer) -> Answer {
    let (request, csrf) = (hidden(page, "request"), hidden(page, "csrf"));
    let fields = [("request", request.as_str()), ("csrf", &csrf)];
    browser.post_form(&world.url("/logout"), &fields).await
}

async fn is_logged_in(world: &World, app: &App, browser: &mut Http) -> bool {
    let url = world.authorize_url(app, &[("prompt", "consent")]);
    let page = browser.get(&url).await;
    assert_eq!(page.status, 200);
    !page.text().contains(r#"name="password""#)
}

fn has_link_to(page: &Answer, to: &str) -> bool {
    let text = page.text().replace("&#x2f;", "/").replace("&#x3d;", "=");
    text.contains(&format!(r#"href="{to}"#))
}

/// By its name, which is isolated from the direction of the text around it.
fn names_the_app(page: &Answer) -> bool {
    page.text().contains("\u{2068}Test\u{2069}")
}

#[tokio::test]
async fn a_person_is_asked_before_they_are_logged_out() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, _) = logged_in(&world, &app).await;
    let page = browser.get(&logout_url(&world, &[])).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(page.text().contains(ALICE), "{}", page.text());
    assert!(is_logged_in(&world, &app, &mut browser).await);

    let answer = press_log_out(&world, &mut browser, &page).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("You are logged out"));
    assert!(!is_logged_in(&world, &app, &mut browser).await);
}

#[tokio::test]
async fn an_old_copy_of_the_cookie_is_logged_out_too() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, _) = logged_in(&world, &app).await;
    let mut copy = browser.clone();
    let page = browser.get(&logout_url(&world, &[])).await;
    press_log_out(&world, &mut browser, &page).await;
    assert!(!is_logged_in(&world, &app, &mut copy).await);
}

#[tokio::test]
async fn an_app_with_its_id_token_gets_the_person_back_with_the_state() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("client_id", &app.id),
        ("post_logout_redirect_uri", BYE),
        ("state", "a&b"),
        ("logout_hint", ALICE),
        ("ui_locales", "tlh en"),
    ];
    let page = browser.get(&logout_url(&world, &fields)).await;
    assert!(names_the_app(&page), "{}", page.text());
    let answer = press_log_out(&world, &mut browser, &page).await;
    assert_eq!(redirect(&answer).as_str(), format!("{BYE}&state=a%26b"));
    assert!(!is_logged_in(&world, &app, &mut browser).await);
}

#[tokio::test]
async fn an_id_token_that_has_expired_does_as_well() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    world.wait(2 * 3600);
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", "com.example.app:/bye"),
    ];
    let page = browser.get(&logout_url(&world, &fields)).await;
    let answer = press_log_out(&world, &mut browser, &page).await;
    assert_eq!(answer.location(), "com.example.app:/bye");
}

#[tokio::test]
async fn nobody_is_sent_to_an_address_that_the_app_did_not_register_to_the_letter() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    let registered_for_codes = app.redirect_uri.clone();
    for to in [
        "https://evil.example/",
        "https://app.example/bye",
        "https://app.example/bye?x=1&y=2",
        "https://app.example/bye?x=1/../",
        "com.example.app:/bye#x",
        "javascript:alert(1)",
        &registered_for_codes,
    ] {
        let fields = [
            ("id_token_hint", id_token.as_str()),
            ("post_logout_redirect_uri", to),
        ];
        let page = browser.get(&logout_url(&world, &fields)).await;
        assert_eq!(page.status, 400, "{to}");
        assert!(page.text().contains("registered"), "{}", page.text());
        let answer = press_log_out(&world, &mut browser, &page).await;
        assert_eq!(answer.header("location"), None, "{to}");
        assert!(!answer.text().contains("<a class=\"button"), "{to}");
        // they can log out all the same
        assert!(!is_logged_in(&world, &app, &mut browser).await, "{to}");
        (browser, _) = logged_in(&world, &app).await;
    }
}

#[tokio::test]
async fn an_address_of_another_app_is_not_ones_own() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let other = world.register(json!({})).await;
    let (mut browser, id_token) = logged_in(&world, &other).await;
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    let page = browser.get(&logout_url(&world, &fields)).await;
    assert_eq!(page.status, 400);
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("client_id", &app.id),
        ("post_logout_redirect_uri", BYE),
    ];
    let page = browser.get(&logout_url(&world, &fields)).await;
    assert_eq!(page.status, 400);
    let answer = press_log_out(&world, &mut browser, &page).await;
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn an_id_token_and_a_client_id_must_name_the_same_app() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let other = world.register(json!({})).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("client_id", &other.id),
        ("post_logout_redirect_uri", BYE),
    ];
    let page = browser.get(&logout_url(&world, &fields)).await;
    assert_eq!(page.status, 400, "{}", page.text());
    let answer = press_log_out(&world, &mut browser, &page).await;
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn without_an_id_token_the_person_chooses_whether_to_go_to_the_app() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, _) = logged_in(&world, &app).await;
    let fields = [
        ("client_id", app.id.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    let page = browser.get(&logout_url(&world, &fields)).await;
    assert_eq!(page.status, 200);
    let answer = press_log_out(&world, &mut browser, &page).await;
    assert_eq!((answer.status, answer.header("location")), (200, None));
    assert!(has_link_to(&answer, BYE), "{}", answer.text());
    assert!(answer.text().contains("app.example"));
}

#[tokio::test]
async fn a_link_alone_sends_nobody_anywhere_where_nobody_is_logged_in() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (_, id_token) = logged_in(&world, &app).await;
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    let answer = Http::new().get(&logout_url(&world, &fields)).await;
    assert_eq!((answer.status, answer.header("location")), (200, None));
    assert!(answer.text().contains("You are logged out"));
    assert!(has_link_to(&answer, BYE), "{}", answer.text());
}

#[tokio::test]
async fn what_is_no_id_token_of_ours_vouches_for_nothing() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    let (head, rest) = id_token.split_once('.').unwrap();
    let (claims, signature) = rest.split_once('.').unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let header = jsonwebtoken::decode_header(&id_token).unwrap();
    let mut hs256 = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    hs256.kid = header.kid;
    let public = Http::new().get(&world.url("/oauth2/jwks")).await.json();
    let mut public = public["keys"].as_array().unwrap().iter();
    let public = public.find_map(|key| key["n"].as_str()).unwrap().to_owned();
    let key = jsonwebtoken::EncodingKey::from_secret(public.as_bytes());
    let body = URL_SAFE_NO_PAD.decode(claims).unwrap();
    let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
    for forged in [
        "x",
        &format!("{none}.{claims}."),
        &format!("{head}.{claims}."),
        &format!("{head}.{}.{signature}", &claims[..claims.len() - 4]),
        &jsonwebtoken::encode(&hs256, &body, &key).unwrap(),
        // our own signature, but no id_token: a client_id
        &app.id,
    ] {
        let fields = [
            ("id_token_hint", forged),
            ("client_id", &app.id),
            ("post_logout_redirect_uri", BYE),
        ];
        let page = browser.get(&logout_url(&world, &fields)).await;
        assert_eq!(page.status, 400, "{forged}");
        assert!(!names_the_app(&page), "{forged}");
        assert!(is_logged_in(&world, &app, &mut browser).await);
    }
}

#[tokio::test]
async fn an_id_token_that_the_clients_own_secret_signed_is_ours_as_well() {
    let world = World::new().await;
    let more = json!({
        "post_logout_redirect_uris": [BYE],
        "id_token_signed_response_alg": "HS256",
    });
    let app = world.register(more.clone()).await;
    let other = world.register(more).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    let (_, claims) = id_token.split_once('.').unwrap();
    let body = URL_SAFE_NO_PAD.decode(claims.split_once('.').unwrap().0);
    let mut body: serde_json::Value = serde_json::from_slice(&body.unwrap()).unwrap();
    let key = other.secret.unwrap();
    let key = jsonwebtoken::EncodingKey::from_secret(key.as_bytes());
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    let by_another = jsonwebtoken::encode(&header, &body, &key).unwrap();
    body["aud"] = "nobody".into();
    let for_nobody = jsonwebtoken::encode(&header, &body, &key).unwrap();
    for forged in [by_another, for_nobody] {
        let fields = [("id_token_hint", forged.as_str())];
        let page = browser.get(&logout_url(&world, &fields)).await;
        assert_eq!(page.status, 400, "{}", page.text());
    }
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    let page = browser.get(&logout_url(&world, &fields)).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let answer = press_log_out(&world, &mut browser, &page).await;
    assert!(has_link_to(&answer, BYE), "{}", answer.text());
}

#[tokio::test]
async fn an_id_token_signed_before_a_rotation_is_still_ours() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    world.keys.rotate().await.unwrap();
    let fields = [("id_token_hint", id_token.as_str())];
    let page = browser.get(&logout_url(&world, &fields)).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert!(names_the_app(&page), "{}", page.text());
}

#[tokio::test]
async fn a_form_that_was_not_shown_in_this_browser_logs_nobody_out() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, _) = logged_in(&world, &app).await;
    let mut attacker = Http::new();
    let page = attacker
        .post_form(&world.url("/oauth2/logout"), &[("state", "x")])
        .await;
    let csrf = hidden(&page, "csrf");
    for fields in [
        &[][..],
        &[("csrf", "x")],
        &[("csrf", csrf.as_str()), ("request", "")],
    ] {
        let answer = browser.post_form(&world.url("/logout"), fields).await;
        assert!(answer.text().contains("Log out?"), "the question again");
        assert!(is_logged_in(&world, &app, &mut browser).await);
    }
}

#[tokio::test]
async fn a_form_on_the_apps_own_page_asks_like_a_link_though_it_comes_without_cookies() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let (mut browser, id_token) = logged_in(&world, &app).await;
    let fields = [
        ("id_token_hint", id_token.as_str()),
        ("post_logout_redirect_uri", BYE),
    ];
    // SameSite=Lax: what another site posts has no cookies, but its answer may set some
    let mut without = Http::new();
    let page = without
        .post_form(&world.url("/oauth2/logout"), &fields)
        .await;
    assert_eq!(page.status, 200);
    browser.cookies.extend(without.cookies);
    let answer = press_log_out(&world, &mut browser, &page).await;
    assert_eq!(redirect(&answer).as_str(), BYE);
    assert!(!is_logged_in(&world, &app, &mut browser).await);
}

#[tokio::test]
async fn what_the_apps_were_allowed_stays_as_it_is() {
    let world = World::new().await;
    let app = an_app(&world).await;
    let mut browser = Http::new();
    let to = world
        .consent(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let code = parameter(&to, "code").unwrap();
    let tokens = world.redeem(&app, &code).await.json();
    let page = browser.get(&logout_url(&world, &[])).await;
    assert!(page.text().contains("keep their access"));
    press_log_out(&world, &mut browser, &page).await;
    assert!(world.only_grant().await.is_live());
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(world.userinfo(token).await.status, 200);
}

#[tokio::test]
async fn a_logout_request_that_is_malformed_or_too_long_is_a_page() {
    let world = World::new().await;
    let mut browser = Http::new();
    for query in [
        "state=1&state=2",
        "state=%FF",
        &format!("x={}", "x".repeat(15_500)),
    ] {
        let url = format!("{}?{query}", world.url("/oauth2/logout"));
        let page = browser.get(&url).await;
        assert_eq!(page.status, 400);
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8")
        );
    }
}

#[tokio::test]
async fn an_id_token_about_somebody_else_or_signed_by_the_client_itself_sends_nobody_on() {
    let world = World::new().await;
    let by_secret = json!({
        "post_logout_redirect_uris": [BYE],
        "id_token_signed_response_alg": "HS256",
    });
    let own = world.register(by_secret).await;
    let (mut alices, by_own_secret) = logged_in(&world, &own).await;

    let app = an_app(&world).await;
    let mut bobs = Http::new();
    let url = world.authorize_url(&app, &[]);
    let page = bobs.get(&url).await;
    let answer = world
        .give_password(&mut bobs, &page, "bob@example.com", "builder")
        .await;
    let page = bobs.get(&world.url(answer.location())).await;
    let to = redirect(&world.decide(&mut bobs, &page, "allow").await);
    let code = parameter(&to, "code").unwrap();
    let tokens = world.redeem(&app, &code).await.json();
    let about_bob = tokens["id_token"].as_str().unwrap();

    for hint in [by_own_secret.as_str(), about_bob] {
        let fields = [("id_token_hint", hint), ("post_logout_redirect_uri", BYE)];
        let page = alices.get(&logout_url(&world, &fields)).await;
        let mut browser = alices.clone();
        let answer = press_log_out(&world, &mut browser, &page).await;
        assert_eq!((answer.status, answer.header("location")), (200, None));
        assert!(has_link_to(&answer, BYE), "{}", answer.text());
        // as she was
        world
            .log_in(
                &mut alices,
                &world.authorize_url(&app, &[("prompt", "login")]),
            )
            .await;
    }
}
