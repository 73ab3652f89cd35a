//! What every page is sent with, and what clients cannot put on it.

use serde_json::json;

use crate::client::{Answer, Http};
use crate::world::World;

fn assert_guarded(page: &Answer, what: &str) {
    let header = |name| {
        page.header(name)
            .unwrap_or_else(|| panic!("{what}: {name}"))
    };
    let policy = header("content-security-policy");
    for directive in [
        "default-src 'none'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(directive), "{what}: {policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"));
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(header("cache-control"), "no-store", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("content-type"), "text/html; charset=utf-8", "{what}");
    assert!(!page.text().contains("<script"), "{what}");
}

#[tokio::test]
async fn every_page_is_guarded() {
    let world = World::new().await;
    let oob = json!({ "redirect_uris": ["urn:ietf:wg:oauth:2.0:oob"] });
    let app = world.register(oob).await;
    let mut browser = Http::new().with("accept", "text/html");
    let url = world.authorize_url(&app, &[]);
    let login = browser.get(&url).await;
    let wrong = world
        .give_password(&mut browser, &login, "alice", "wrong")
        .await;
    let consent = world.log_in(&mut browser, &url).await;
    let code = world.decide(&mut browser, &consent, "allow").await;
    let error = browser.get(&world.url("/oauth2/authorize")).await;
    let nowhere = browser.get(&world.url("/nowhere")).await;
    let mut person = Http::new().with("accept", "text/html");
    let to_account = person.get(&world.url("/login")).await;
    world
        .give_password(&mut person, &to_account, "alice", "wonderland")
        .await;
    let account = person.get(&world.url("/account")).await;
    let revoke = person.get(&world.url("/account/apps")).await;
    for (what, page) in [
        ("login", &login),
        ("wrong password", &wrong),
        ("consent", &consent),
        ("code", &code),
        ("error", &error),
        ("not found", &nowhere),
        ("login to the account", &to_account),
        ("account", &account),
        ("revoke", &revoke),
    ] {
        assert_guarded(page, what);
    }
    assert_eq!(nowhere.status, 404);
    assert_eq!((account.status, revoke.status), (200, 200));
}

#[tokio::test]
async fn a_redirect_leaves_nothing_behind() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new();
    let page = world
        .log_in(&mut browser, &world.authorize_url(&app, &[]))
        .await;
    let answer = world.decide(&mut browser, &page, "allow").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_text_and_never_markup() {
    let world = World::new().await;
    let name = "<img src=x onerror=alert(1)>\"'{{7919*7919}}";
    let app = world.register(json!({ "client_name": name })).await;
    let state = ("state", "\"><script>alert(1)</script>");
    let hint = ("login_hint", "\"><script>alert(1)</script>");
    let url = world.authorize_url(&app, &[state, hint]);
    let mut browser = Http::new();
    for page in [
        browser.get(&url).await,
        world.log_in(&mut browser, &url).await,
    ] {
        let text = page.text();
        assert!(!text.contains("<img src=x"), "{text}");
        assert!(!text.contains("<script"), "{text}");
        assert!(!text.contains("62710561"), "no template is run: {text}");
        assert!(text.contains("&lt;img src&#x3d;x") || text.contains("&lt;img src=x"));
    }
}

#[tokio::test]
async fn an_error_page_shows_what_was_sent_as_text() {
    let world = World::new().await;
    let twice = "<script>=1&<script>=2";
    let page = Http::new()
        .get(&world.url(&format!(
            "/oauth2/authorize?{}",
            twice.replace('<', "%3C").replace('>', "%3E")
        )))
        .await;
    assert_eq!(page.status, 400);
    assert!(!page.text().contains("<script"), "{}", page.text());
}

#[tokio::test]
async fn the_stylesheet_is_where_the_pages_say_and_may_be_kept() {
    let world = World::new().await;
    let page = Http::new()
        .with("accept", "text/html")
        .get(&world.url("/nowhere"))
        .await;
    let text = page.text();
    let from = text
        .find("/assets/")
        .or_else(|| text.find("&#x2f;assets"))
        .unwrap();
    let path = &text[from..from + text[from..].find('"').unwrap()];
    let css = Http::new()
        .get(&world.url(&path.replace("&#x2f;", "/")))
        .await;
    assert_eq!(css.status, 200);
    assert_eq!(css.header("content-type"), Some("text/css; charset=utf-8"));
    assert!(css.header("cache-control").unwrap().contains("immutable"));
}
