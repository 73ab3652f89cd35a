//! Which language a page is in.

use serde_json::json;

use crate::answers::hidden;
use crate::client::{Answer, Http};
use crate::devices;
use crate::world::{ALICE, PASSWORD, World};

#[tokio::test]
async fn the_app_says_the_language_and_else_the_browser_does() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new().with("accept-language", "fr-CH, fr;q=0.9, de;q=0.8");
    for (asked, head, word) in [
        (None, "lang=\"fr\" dir=\"ltr\"", "Mot de passe"),
        (Some("de-AT en"), "lang=\"de\" dir=\"ltr\"", "Passwort"),
        (Some("ar"), "lang=\"ar\" dir=\"rtl\"", "كلمة المرور"),
        (Some("tlh"), "lang=\"fr\" dir=\"ltr\"", "Mot de passe"),
    ] {
        let more: Vec<_> = asked.iter().map(|tags| ("ui_locales", *tags)).collect();
        let page = browser.get(&world.authorize_url(&app, &more)).await.text();
        assert!(
            page.contains(head) && page.contains(word),
            "{asked:?}: {page}"
        );
    }
}

#[tokio::test]
async fn the_language_that_the_app_asks_for_stays_through_the_flow() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new().with("accept-language", "fr");
    let url = world.authorize_url(&app, &[("ui_locales", "es")]);
    let page = world.log_in(&mut browser, &url).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("pide usar tu cuenta"),
        "{}",
        page.text()
    );
}

#[tokio::test]
async fn a_request_that_is_wrong_is_explained_in_the_language_that_it_asks_for() {
    let world = World::new().await;
    let app = world.register(json!({})).await;
    let mut browser = Http::new().with("accept-language", "fr");
    let unknown = world.url("/oauth2/authorize?client_id=unknown&ui_locales=de");
    let wrong = [("ui_locales", "de"), ("response_type", "nonsense")];
    for url in [unknown, world.authorize_url(&app, &wrong)] {
        let page = browser.get(&url).await;
        assert_eq!(page.status, 400);
        let html = page.text();
        assert!(html.contains("Dieser Link funktioniert nicht"), "{html}");
        assert!(html.contains("<bdi lang=\"en\" dir=\"ltr\">"), "{html}");
    }
}

#[tokio::test]
async fn a_language_that_the_operator_does_not_name_is_not_shown() {
    let world = World::with("site.locales = [\"de\", \"en\"]").await;
    for (asked, lang) in [("fr", "de"), ("en-GB", "en")] {
        let mut browser = Http::new()
            .with("accept", "text/html")
            .with("accept-language", asked);
        let html = browser.get(&world.url("/nowhere")).await.text();
        assert!(html.contains(&format!("<html lang=\"{lang}\"")), "{html}");
    }
}

#[tokio::test]
async fn a_devices_page_stays_in_the_language_that_its_address_names() {
    let (world, app) = devices::world().await;
    let device = devices::ask(&world, &app).await;
    let mut browser = Http::new().with("accept-language", "fr");
    let is_german = |page: &Answer| page.text().contains("<html lang=\"de\"");

    let page = browser.get(&world.url("/device?ui_locales=de-AT")).await;
    assert!(is_german(&page), "{}", page.text());
    assert_eq!(hidden(&page, "ui_locales"), "de-AT");
    // where its form leads
    let typed = format!("/device?ui_locales=de-AT&user_code={}", device.user_code);
    let login = browser.get(&world.url(&typed)).await;
    assert!(is_german(&login), "{}", login.text());
    let wrong = world
        .give_password(&mut browser, &login, ALICE, "wrong")
        .await;
    assert!(is_german(&wrong), "{}", wrong.text());
    let on = world
        .give_password(&mut browser, &wrong, ALICE, PASSWORD)
        .await;
    let question = browser.get(&world.url(on.location())).await;
    assert!(is_german(&question), "{}", question.text());
    assert!(hidden(&question, "continue").ends_with("&ui_locales=de-AT"));

    let action = "action=\"&#x2f;device?ui_locales=de-AT\"";
    let html = question
        .text()
        .replace("&#x3d;", "=")
        .replace("&#x3f;", "?");
    assert!(html.contains(action), "{html}");
    let (request, ticket) = (hidden(&question, "request"), hidden(&question, "ticket"));
    let fields = [
        ("decision", "allow"),
        ("request", request.as_str()),
        ("ticket", &ticket),
    ];
    let url = world.url("/device?ui_locales=de-AT");
    let done = browser.post_form(&url, &fields).await;
    assert_eq!(done.status, 200);
    assert!(is_german(&done), "{}", done.text());
    let tokens = devices::poll(&world, &app, &device).await;
    assert_eq!(tokens.status, 200, "{}", tokens.text());
}
