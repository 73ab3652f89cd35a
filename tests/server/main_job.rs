//! The main job: a person in a real browser lets a chat client in, and takes it back.

use std::time::{Duration, Instant};

use serde_json::Value;
use url::Url;

use crate::answers::parameter;
use crate::devices;
use crate::site::{CALLBACK, LIMIT, Site, Tokens, ask, ended, stanza, wait_for};
use crate::support::browser::{Browser, Look};
use crate::support::http::Http;
use crate::support::prosody::{ALICE, BOB};
use crate::support::release::servers;
use crate::support::wait::until;
use xmpp_oauth::xmpp::c2s::Bearer;

/// Where the browser was sent: nothing listens there, so it shows an error of its own at that address.
pub(crate) async fn sent_to(browser: &Browser) -> Url {
    until("the redirect to the app", LIMIT, async || {
        browser
            .client
            .current_url()
            .await
            .ok()
            .filter(|url| url.as_str().starts_with(CALLBACK))
    })
    .await
}

/// Fills in both pages as a person does.
async fn consent(browser: &Browser, url: &str) -> Url {
    browser.goto(url).await;
    browser.look_at("login").await;
    browser.type_into("input[name=username]", ALICE.name).await;
    browser
        .type_into("input[name=password]", ALICE.password)
        .await;
    browser.click("button[type=submit]").await;
    let allow = "button[name=decision][value=allow]";
    browser.find(allow).await;
    browser.look_at("consent").await;
    let page = browser.client.source().await.unwrap();
    assert!(
        page.contains("alice@localhost"),
        "the page says for whom: {page}"
    );
    browser.click(allow).await;
    sent_to(browser).await
}

#[tokio::test]
async fn a_chat_client_that_never_saw_the_password_is_let_in_and_thrown_out() {
    for release in servers() {
        let site = Site::start(release).await;

        // XEP-0493 §4.1: an empty token is told where tokens can be had
        let said = site.connect().await.oauthbearer(None, None).await.unwrap();
        let Bearer::Challenge(challenge) = said else {
            panic!("{release}: {said:?}")
        };
        let challenge: Value = serde_json::from_str(&challenge).unwrap();
        let metadata = challenge["openid-configuration"].as_str().unwrap();
        let metadata = Http::new().get(metadata).await.json();
        assert_eq!(
            metadata["registration_endpoint"],
            site.program.url("/oauth2/register")
        );

        let client_id = site.register().await;
        let browser = Browser::start(Look::PHONE).await;
        let url = site.authorize_url(&client_id, "openid xmpp:client:normal");
        let answer = consent(&browser, &url).await;
        assert_eq!(parameter(&answer, "state").as_deref(), Some("some state"));
        let code = parameter(&answer, "code").unwrap();
        let tokens = Tokens::of(&site.redeem(&client_id, &code).await.json(), client_id);

        let (mut bob, bobs) = site.password_session(BOB, None).await;
        bob.send(&stanza("<presence/>")).await.unwrap();
        wait_for(&mut bob, |element| element.name() == "presence").await;
        let (mut by_password, _) = site.password_session(ALICE, None).await;
        let (mut chat, chats) = site.session(&tokens.access).await;
        assert_eq!(chats.to_bare().as_str(), "alice@localhost");

        let hello = format!("<message to='{bobs}' type='chat'><body>hello</body></message>");
        chat.send(&stanza(&hello)).await.unwrap();
        let got = wait_for(&mut bob, |element| element.name() == "message").await;
        assert_eq!(got.attr("from"), Some(chats.as_str()));

        let since = Instant::now();
        site.revoke(&tokens).await;
        let (_, why) = ended(&mut chat).await;
        let took = since.elapsed();
        assert!(took < Duration::from_secs(2), "{release}: {took:?}");
        assert!(why.contains("not-authorized"), "{release}: {why}");
        assert!(!site.logs_in(&tokens.access).await, "{release}");
        assert_eq!(
            site.refresh(&tokens.client_id, &tokens.refresh)
                .await
                .status,
            400
        );

        let ping = "<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>";
        for other in [&mut bob, &mut by_password] {
            assert_eq!(
                ask(other, ping).await.attr("type"),
                Some("result"),
                "{release}"
            );
        }
    }
}

/// Each language of the pages, for two browsers at the same time.
const LANGUAGES: [&[&str]; 2] = [&["en", "de"], &["ar", "es", "fr"]];

/// Looks at the page that is shown, in one language, on each kind of screen.
async fn look(browser: &mut Browser, page: &str, language: &str) {
    let html = browser.find("html").await;
    let lang = html.attr("lang").await.unwrap();
    assert_eq!(lang.as_deref(), Some(language), "{page}");
    for look in Look::ALL {
        browser.wear(look).await;
        browser.look_at(&format!("{page}-{language}")).await;
    }
}

/// Goes to each page, and looks at it in these languages.
async fn tour(site: &Site, languages: &[&str]) {
    let mut browser = Browser::start(Look::DESKTOP).await;
    let look_at = async |browser: &mut Browser, page: &str, url: &str| {
        for language in languages {
            browser.speak(language).await;
            browser.goto(url).await;
            look(browser, page, language).await;
        }
    };
    let client_id = site.register().await;
    let url = site.authorize_url(&client_id, "openid xmpp:client:normal");
    look_at(&mut browser, "login", &url).await;
    let code = parameter(&consent(&browser, &url).await, "code").unwrap();
    assert_eq!(site.redeem(&client_id, &code).await.status, 200);
    // an app that has not been allowed yet is asked about
    let other = site.register().await;
    let url = site.authorize_url(&other, "openid offline_access xmpp:client:normal");
    look_at(&mut browser, "consent", &url).await;

    let device = devices::ask(site).await;
    look_at(&mut browser, "device", &device.page).await;
    let question = format!("{}?user_code={}", device.page, device.user_code);
    look_at(&mut browser, "device-question", &question).await;

    let account = site.program.url("/account");
    look_at(&mut browser, "account", &account).await;
    browser.goto(&account).await;
    browser.click("a.button-danger-quiet").await;
    browser.find("form[action^='/account/apps']").await;
    let remove = browser.client.current_url().await.unwrap();
    look_at(&mut browser, "remove-app", remove.as_str()).await;
    let logout = site.program.url("/oauth2/logout");
    look_at(&mut browser, "logout", &logout).await;
    let unknown = site.program.url("/oauth2/authorize?client_id=unknown");
    look_at(&mut browser, "error", &unknown).await;

    for language in languages {
        let url = site.code_url().await;
        browser.speak(language).await;
        browser.goto(&url).await;
        browser.click("button[name=decision][value=allow]").await;
        browser.find("#code").await;
        look(&mut browser, "code", language).await;
    }
}

#[tokio::test]
async fn the_pages_are_for_everybody_in_every_language_on_a_phone_a_desktop_and_in_the_dark() {
    let site = Site::start(servers()[0]).await;
    let [some, others] = LANGUAGES;
    tokio::join!(tour(&site, some), tour(&site, others));
}
