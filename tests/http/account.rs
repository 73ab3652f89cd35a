//! The account's own pages: what they show, and taking access back on them.

use serde_json::json;
use xmpp_oauth::model::XmppSession;

use crate::answers::hidden;
use crate::client::{Answer, Http};
use crate::flows::App;
use crate::world::{ALICE, World};

/// Alice has let an app in, and looks at her account in another browser.
async fn world() -> (World, App, Http) {
    let world = World::new().await;
    let app = world.register(json!({ "client_name": "Gajim" })).await;
    world.tokens(&app, &[]).await;
    let mut browser = Http::new();
    let page = log_in(&world, &mut browser, ALICE, "wonderland").await;
    assert_eq!(page.status, 200);
    (world, app, browser)
}

/// Logs in to the account's page, and gives it.
async fn log_in(world: &World, browser: &mut Http, who: &str, password: &str) -> Answer {
    let login = browser.get(&world.url("/login")).await;
    let answer = world.give_password(browser, &login, who, password).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert_eq!(answer.location(), "/account");
    browser.get(&world.url("/account")).await
}

async fn app_path(world: &World) -> String {
    format!("/account/apps/{}", world.only_grant().await.id)
}

/// The value of the ticket in the form that is sent to `action`.
pub(crate) fn ticket_for(page: &Answer, action: &str) -> String {
    let form = format!("action=\"{}\"", action.replace('/', "&#x2f;"));
    let text = page.text();
    let (_, rest) = text
        .split_once(&form)
        .unwrap_or_else(|| panic!("no form {form} in {text}"));
    let (_, rest) = rest.split_once("name=\"ticket\" value=\"").unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

async fn post(world: &World, browser: &mut Http, path: &str, ticket: &str) -> Answer {
    browser
        .post_form(&world.url(path), &[("ticket", ticket)])
        .await
}

#[tokio::test]
async fn whoever_is_not_logged_in_is_sent_to_the_login_and_comes_back() {
    let (world, _, _) = world().await;
    let path = app_path(&world).await;
    let mut browser = Http::new();
    for path in ["/account", "/account/apps", &path] {
        let answer = browser.get(&world.url(path)).await;
        assert_eq!(answer.status, 303);
        assert_eq!(answer.location(), format!("/login?continue={path}"));
    }
    let login = browser
        .get(&world.url(&format!("/login?continue={path}")))
        .await;
    let back = world
        .give_password(&mut browser, &login, "alice", "wonderland")
        .await;
    assert_eq!(back.location(), path);
    let page = browser.get(&world.url(&path)).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Gajim"), "{}", page.text());
}

#[tokio::test]
async fn a_login_leads_to_no_other_site() {
    let world = World::new().await;
    let mut browser = Http::new();
    let elsewhere = "/login?continue=https://evil.example/account";
    let login = browser.get(&world.url(elsewhere)).await;
    assert_eq!(hidden(&login, "continue"), "/account");
    let csrf = hidden(&login, "csrf");
    let fields = [
        ("username", "alice"),
        ("password", "wonderland"),
        ("continue", "//evil.example/account"),
        ("csrf", &csrf),
    ];
    let answer = browser.post_form(&world.url("/login"), &fields).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn the_page_says_what_an_app_may_do_and_whether_it_is_connected() {
    let (world, _, mut browser) = world().await;
    let grant = world.only_grant().await.id;
    let session = XmppSession {
        account: ALICE.parse().unwrap(),
        resource: "phone <b>".parse().unwrap(),
        grant_id: grant,
    };
    assert!(world.provider.session_opened(session).await.unwrap());
    let page = browser.get(&world.url("/account")).await.text();
    for said in [
        "Gajim",
        "app.example",
        "Chat as you",
        "Connected now",
        "phone &lt;b&gt;",
        "127.0.0.1",
        "This browser",
        ALICE,
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

#[tokio::test]
async fn an_app_loses_its_access_and_the_others_keep_theirs() {
    let (world, gajim, mut browser) = world().await;
    let path = app_path(&world).await;
    let dino = world.register(json!({ "client_name": "Dino" })).await;
    let others = world.tokens(&dino, &[]).await;
    let more = world.tokens(&gajim, &[]).await;
    assert_eq!(world.grants().await.len(), 3);

    let asked = browser.get(&world.url(&path)).await;
    assert!(asked.text().contains("Remove the access of"));
    assert_eq!(world.grants().await.len(), 3, "a link changes nothing");
    let ticket = ticket_for(&asked, &path);
    let answer = post(&world, &mut browser, &path, &ticket).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.location(), "/account?done=app");
    let page = browser.get(&world.url(answer.location())).await;
    assert!(page.text().contains("The app has no access any more"));
    for tokens in [&others, &more] {
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(world.userinfo(token).await.status, 200);
    }
    // the same form once more
    let again = post(&world, &mut browser, &path, &ticket).await;
    assert_eq!(again.status, 404);
    assert_eq!(world.grants().await.len(), 2);
}

#[tokio::test]
async fn all_apps_lose_their_access_and_the_browser_stays() {
    let (world, app, mut browser) = world().await;
    world.tokens(&app, &[]).await;
    let asked = browser.get(&world.url("/account/apps")).await;
    let ticket = ticket_for(&asked, "/account/apps");
    let answer = post(&world, &mut browser, "/account/apps", &ticket).await;
    assert_eq!(answer.location(), "/account?done=apps");
    assert!(world.grants().await.is_empty());
    let page = browser.get(&world.url("/account")).await;
    assert!(page.text().contains("No app has access to your account"));
}

#[tokio::test]
async fn taking_access_back_asks_for_a_recent_login() {
    let (world, _, mut browser) = world().await;
    let path = app_path(&world).await;
    let tickets = [
        (
            &*path,
            ticket_for(&browser.get(&world.url(&path)).await, &path),
        ),
        (
            "/account/apps",
            ticket_for(
                &browser.get(&world.url("/account/apps")).await,
                "/account/apps",
            ),
        ),
    ];
    world.wait(15 * 60);
    for (path, ticket) in &tickets {
        let to_login = format!("/login?continue={path}");
        let asked = browser.get(&world.url(path)).await;
        assert_eq!(asked.location(), to_login);
        let answer = post(&world, &mut browser, path, ticket).await;
        assert_eq!(answer.location(), to_login);
    }
    assert_eq!(world.grants().await.len(), 1);
    // looking does not ask for it
    assert_eq!(browser.get(&world.url("/account")).await.status, 200);

    let login = browser
        .get(&world.url(&format!("/login?continue={path}")))
        .await;
    assert!(login.text().contains("once more"), "it says why");
    assert!(login.text().contains("value=\"alice\""), "it knows who");
    let back = world
        .give_password(&mut browser, &login, "alice", "wonderland")
        .await;
    assert_eq!(back.location(), path);
    let asked = browser.get(&world.url(&path)).await;
    let ticket = ticket_for(&asked, &path);
    post(&world, &mut browser, &path, &ticket).await;
    assert!(world.grants().await.is_empty());
}

#[tokio::test]
async fn nobody_sees_or_takes_back_what_another_granted() {
    let (world, _, _) = world().await;
    let path = app_path(&world).await;
    let mut bobs = Http::new();
    let page = log_in(&world, &mut bobs, "bob", "builder").await;
    assert!(!page.text().contains("Gajim"));
    let asked = bobs.get(&world.url(&path)).await;
    assert_eq!(asked.status, 404);
    assert!(!asked.text().contains("Gajim"));
    // a form that is well made for this very path, in bob's own session
    let cookie = bobs.cookies["xmpp-oauth-session"].clone();
    let current = world.provider.current_session(&cookie).await.unwrap();
    let ticket = world.provider.action_ticket(&current.unwrap(), &path);
    let answer = post(&world, &mut bobs, &path, &ticket).await;
    assert_eq!(answer.status, 404);
    assert_eq!(world.grants().await.len(), 1);
}

#[tokio::test]
async fn a_form_is_good_for_its_own_action_browser_and_time() {
    let (world, app, mut browser) = world().await;
    let path = app_path(&world).await;
    world.tokens(&app, &[]).await;
    let ticket = ticket_for(&browser.get(&world.url(&path)).await, &path);
    let refused = async |browser: &mut Http, path: &str, ticket: &str| {
        let answer = post(&world, browser, path, ticket).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert_eq!(world.grants().await.len(), 2);
    };
    let (until, mac) = ticket.split_once('|').unwrap();
    let longer = format!("{}|{mac}", until.parse::<i64>().unwrap() + 60);
    for forged in ["", "x", "|", "9999999999|x", &longer] {
        refused(&mut browser, &path, forged).await;
    }
    // another form's
    refused(&mut browser, "/account/apps", &ticket).await;
    // in another browser of hers
    let mut other = Http::new();
    log_in(&world, &mut other, "alice", "wonderland").await;
    refused(&mut other, &path, &ticket).await;
    // after a while, though the password was given again
    world.wait(30 * 60);
    let cookie = browser.cookies["xmpp-oauth-session"].clone();
    let current = world.provider.current_session(&cookie).await.unwrap();
    let mut current = current.unwrap();
    assert!(!world.provider.is_action_ticket(&current, &path, &ticket));
    current.session.auth_time = world.provider.now();
    assert!(world.provider.is_recent(&current));
    // without a session there is only the login
    let nobody = post(&world, &mut Http::new(), &path, &ticket).await;
    assert_eq!(nobody.status, 303);
    assert_eq!(world.grants().await.len(), 2);
}

#[tokio::test]
async fn browsers_are_listed_and_logged_out_one_by_one() {
    let (world, _, mut browser) = world().await;
    let firefox = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0";
    let mut other = Http::new().with("user-agent", firefox);
    log_in(&world, &mut other, "alice", "wonderland").await;
    let page = browser.get(&world.url("/account")).await;
    assert!(page.text().contains("Firefox"), "{}", page.text());
    assert_eq!(page.text().matches("This browser").count(), 1);
    let browsers = world.provider.browsers(&ALICE.parse().unwrap()).await;
    let browsers = browsers.unwrap();
    let theirs = browsers
        .iter()
        .find(|browser| browser.session.user_agent.is_some())
        .unwrap();
    let path = format!("/account/browsers/{}", theirs.id);
    let ticket = ticket_for(&page, &path);
    // in its own session it is as good as none
    let answer = post(&world, &mut other, &path, &ticket).await;
    assert_eq!(answer.status, 400);
    let answer = post(&world, &mut browser, &path, &ticket).await;
    assert_eq!(answer.location(), "/account?done=browser");
    assert_eq!(other.get(&world.url("/account")).await.status, 303);
    assert_eq!(browser.get(&world.url("/account")).await.status, 200);
}

#[tokio::test]
async fn all_other_browsers_or_all_are_logged_out() {
    let (world, _, mut browser) = world().await;
    let mut other = Http::new();
    log_in(&world, &mut other, "alice", "wonderland").await;
    let mut bobs = Http::new();
    log_in(&world, &mut bobs, "bob", "builder").await;
    let page = browser.get(&world.url("/account")).await;
    let ticket = ticket_for(&page, "/account/browsers");
    let url = world.url("/account/browsers");
    let send = async |browser: &mut Http, which: &str| {
        let fields = [("ticket", ticket.as_str()), ("which", which)];
        browser.post_form(&url, &fields).await
    };
    assert_eq!(send(&mut browser, "").await.status, 400);
    assert_eq!(other.get(&world.url("/account")).await.status, 200);
    let answer = send(&mut browser, "others").await;
    assert_eq!(answer.location(), "/account?done=browsers");
    assert_eq!(other.get(&world.url("/account")).await.status, 303);
    let answer = send(&mut browser, "all").await;
    assert_eq!(answer.location(), "/login?notice=logged-out");
    assert!(!browser.cookies.contains_key("xmpp-oauth-session"));
    assert_eq!(bobs.get(&world.url("/account")).await.status, 200);
    // the apps have not been asked about
    assert_eq!(world.grants().await.len(), 1);
}

#[tokio::test]
async fn a_person_can_log_out_here() {
    let (world, _, mut browser) = world().await;
    let page = browser.get(&world.url("/account")).await;
    let ticket = ticket_for(&page, "/account/logout");
    let cookies = browser.cookies.clone();
    let answer = post(&world, &mut browser, "/account/logout", &ticket).await;
    let said = browser.get(&world.url(answer.location())).await;
    assert!(said.text().contains("You are logged out"));
    // and the cookie is worth nothing to whoever kept it
    browser.cookies = cookies;
    assert_eq!(browser.get(&world.url("/account")).await.status, 303);
}

#[tokio::test]
async fn an_apps_name_and_host_cannot_pass_for_anothers() {
    let world = World::new().await;
    let hostile = json!({
        "client_name": format!("<b>Bank</b>\u{202E}gro.knab {}", "x".repeat(40)),
        "client_uri": "https://аррӏе.example/",
    });
    let app = world.register(hostile).await;
    world.tokens(&app, &[]).await;
    let mut browser = Http::new();
    let page = log_in(&world, &mut browser, "alice", "wonderland").await;
    let asked = browser.get(&world.url(&app_path(&world).await)).await;
    for page in [page.text(), asked.text()] {
        assert!(page.contains("&lt;b&gt;Bank"), "{page}");
        assert!(page.contains("xn--"), "{page}");
        assert!(!page.contains("<b>Bank") && !page.contains('\u{202E}'));
    }
}
