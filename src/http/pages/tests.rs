//! The pages as a browser gets them.

use super::*;

fn site() -> Site {
    Site {
        site_name: "Example <Chat>".into(),
        template_path: None,
        template_style: BTreeMap::new(),
        policy_url: Some(Url::parse("https://example.com/privacy").unwrap()),
        logo_url: None,
        terms_url: None,
        service_documentation: None,
        locales: Site::LOCALES.map(str::to_owned).to_vec(),
        security_policy: None,
    }
}

fn pages() -> Pages {
    Pages::new(&site()).unwrap()
}

/// Every page in every shape that the samples know, in every language.
fn every_page(pages: &Pages) -> Vec<String> {
    let locales = pages.locales.iter();
    locales.flat_map(|it| every_page_in(pages, it)).collect()
}

fn every_page_in(pages: &Pages, locale: &Locale) -> Vec<String> {
    let login = samples::login();
    let consent = samples::consent();
    let logout = samples::logout();
    let logged_out = samples::logged_out();
    let error = samples::error();
    let code = samples::code();
    let account = samples::account();
    let revoke = samples::revoke();
    let account = account.iter().map(|it| pages.render_account(it, locale));
    let revoke = revoke.iter().map(|it| pages.render_revoke(it, locale));
    let login = login.iter().map(|it| pages.render_login(it, locale));
    let consent = consent.iter().map(|it| pages.render_consent(it, locale));
    let logout = logout.iter().map(|it| pages.render_logout(it, locale));
    let logged_out = logged_out
        .iter()
        .map(|it| pages.render_logged_out(it, locale));
    let error = error.iter().map(|it| pages.render_error(it, locale));
    let code = code.iter().map(|it| pages.render_code(it, locale));
    let (device, done, send) = (samples::device(), samples::device_done(), samples::send());
    let device = device.iter().map(|it| pages.render_device(it, locale));
    let done = done.iter().map(|it| pages.render_device_done(it, locale));
    let send = send.iter().map(|it| pages.render_send(it, locale));
    login
        .chain(consent)
        .chain(logout)
        .chain(logged_out)
        .chain(error)
        .chain(code)
        .chain(device)
        .chain(done)
        .chain(send)
        .chain(account)
        .chain(revoke)
        .collect::<Result<_, _>>()
        .unwrap()
}

fn hostile_client() -> ClientView {
    ClientView::new(&ClientMetadata {
        name: "<script>alert(1)</script>\"'\u{202E}",
        kind: ClientKind::Native,
        client_uri: Some("https://app.example/\"><script>"),
        policy_uri: Some("javascript:alert(1)"),
        tos_uri: Some("data:text/html,x"),
    })
}

fn overridden(name: &str, source: &str) -> Result<Pages, PagesError> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), source).unwrap();
    Pages::new(&Site {
        template_path: Some(directory.path().to_owned()),
        ..site()
    })
}

#[test]
fn every_page_names_its_language_and_the_direction_that_it_is_written_in() {
    let pages = pages();
    for (tag, dir) in [
        ("en", "ltr"),
        ("ar", "rtl"),
        ("de", "ltr"),
        ("es", "ltr"),
        ("fr", "ltr"),
    ] {
        let locale = pages.locale(Some(tag), None);
        let head = format!("<!doctype html>\n<html lang=\"{tag}\" dir=\"{dir}\">");
        for html in every_page_in(&pages, &locale) {
            assert!(html.starts_with(&head), "{html}");
        }
    }
}

#[test]
fn the_stylesheet_has_no_left_and_no_right() {
    let pages = pages();
    let css = &pages.stylesheet().css;
    for side in ["-left", "-right", "left:", "right:", ": left", ": right"] {
        assert!(!css.contains(side), "{side}");
    }
}

#[test]
fn addresses_keep_their_direction_in_a_text_of_the_other() {
    let pages = pages();
    let arabic = pages.locale(Some("ar"), None);
    let html = pages.render_login(&samples::login()[10], &arabic).unwrap();
    assert!(html.contains("\u{2068}@example.com\u{2069}"), "{html}");
    let html = pages.render_error(&samples::error()[0], &arabic).unwrap();
    let exactly = "<bdi lang=\"en\" dir=\"ltr\">A sentence that helps.</bdi>";
    assert!(html.contains(exactly), "{html}");
}

#[test]
fn an_error_page_says_what_can_be_done_in_the_readers_language() {
    let pages = pages();
    let german = pages.locale(None, Some("de-AT, en;q=0.5"));
    let html = pages.render_error(&samples::error()[5], &german).unwrap();
    assert!(html.contains("Zu viele Anfragen") && html.contains("warte eine Weile"));
}

#[test]
fn every_page_has_one_heading_and_one_main() {
    for html in every_page(&pages()) {
        assert_eq!(html.matches("<h1").count(), 1, "{html}");
        assert_eq!(html.matches("<main").count(), 1, "{html}");
        assert_eq!(html.matches("<title>").count(), 1, "{html}");
    }
}

#[test]
fn no_page_needs_more_than_the_strictest_content_security_policy() {
    for html in every_page(&pages()) {
        for banned in [
            "<script",
            "<style",
            " style=",
            " onclick=",
            " onload=",
            "javascript:",
        ] {
            assert!(!html.contains(banned), "{banned} in {html}");
        }
    }
}

#[test]
fn every_page_links_to_the_stylesheet_by_its_content() {
    let pages = pages();
    let link = format!(
        "href=\"{}\"",
        pages.stylesheet().path.replace('/', "&#x2f;")
    );
    for html in every_page(&pages) {
        assert!(html.contains(&link), "{link} in {html}");
    }
}

#[test]
fn markup_in_an_apps_name_is_escaped_and_its_bad_links_are_left_out() {
    let pages = pages();
    let en = pages.locale(None, None);
    let client = hostile_client();
    let login = LoginPage {
        client: Some(client.clone()),
        ..samples::login().remove(0)
    };
    let consent = ConsentPage {
        client: client.clone(),
        ..samples::consent().remove(0)
    };
    let logout = LogoutPage {
        client: Some(client.clone()),
        ..samples::logout().remove(0)
    };
    let code = CodePage {
        client,
        ..samples::code().remove(0)
    };
    for html in [
        pages.render_login(&login, &en).unwrap(),
        pages.render_consent(&consent, &en).unwrap(),
        pages.render_logout(&logout, &en).unwrap(),
        pages.render_code(&code, &en).unwrap(),
    ] {
        assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
        for bad in ["<script", "\u{202E}", "javascript:", "data:"] {
            assert!(!html.contains(bad), "{bad:?} in {html}");
        }
    }
}

#[test]
fn markup_in_any_other_value_is_escaped() {
    let pages = pages();
    let en = pages.locale(None, None);
    let bad = "\"><img src=x>'";
    let login = LoginPage {
        action: bad.into(),
        continue_to: bad.into(),
        csrf: bad.into(),
        jid: Some(bad.into()),
        hosts: vec![bad.into()],
        ..samples::login().remove(0)
    };
    let consent = ConsentPage {
        account: bad.into(),
        scopes: vec![ScopeView::new(bad)],
        sends_to: SendsTo::Host { host: bad.into() },
        action: bad.into(),
        request: bad.into(),
        ticket: bad.into(),
        ..samples::consent().remove(0)
    };
    let error = ErrorPage {
        message: bad.into(),
        reference: Some(bad.into()),
        ..samples::error().remove(0)
    };
    let logout = LogoutPage {
        account: Some(bad.into()),
        action: bad.into(),
        request: bad.into(),
        csrf: bad.into(),
        fault: Some(bad.into()),
        ..samples::logout().remove(0)
    };
    let logged_out = LoggedOutPage {
        back: Some(BackLink {
            href: bad.into(),
            sends_to: SendsTo::Host { host: bad.into() },
        }),
        fault: Some(bad.into()),
    };
    let code = CodePage {
        code: bad.into(),
        ..samples::code().remove(0)
    };
    for html in [
        pages.render_login(&login, &en).unwrap(),
        pages.render_consent(&consent, &en).unwrap(),
        pages.render_logout(&logout, &en).unwrap(),
        pages.render_logged_out(&logged_out, &en).unwrap(),
        pages.render_error(&error, &en).unwrap(),
        pages.render_code(&code, &en).unwrap(),
    ] {
        assert!(html.contains("&lt;img"), "{html}");
        assert!(!html.contains("<img"), "{html}");
    }
}

#[test]
fn the_consent_page_says_for_whom_and_warns_of_the_whole_account() {
    let pages = pages();
    let en = pages.locale(None, None);
    let html = pages.render_consent(&samples::consent()[0], &en).unwrap();
    assert!(html.contains("<bdi dir=\"ltr\">alice@example.com</bdi>"));
    assert!(html.contains("This gives away your whole account"));
    assert!(html.contains("name=\"decision\" value=\"allow\""));
    assert!(html.contains("name=\"decision\" value=\"deny\""));
}

#[test]
fn an_app_that_cannot_be_verified_is_said_to_be_so() {
    let pages = pages();
    let en = pages.locale(None, None);
    let notice = "We cannot verify who made this app";
    let [native, by_code, on_device, web] = samples::consent().try_into().unwrap();
    let html = pages.render_consent(&on_device, &en).unwrap();
    assert!(html.contains(notice) && html.contains("Does your own device show this code"));
    assert!(pages.render_consent(&native, &en).unwrap().contains(notice));
    assert!(
        pages
            .render_consent(&by_code, &en)
            .unwrap()
            .contains(notice)
    );
    assert!(!pages.render_consent(&web, &en).unwrap().contains(notice));
}

#[test]
fn a_login_error_is_an_alert_that_the_field_points_to() {
    let pages = pages();
    let en = pages.locale(None, None);
    let html = pages.render_login(&samples::login()[0], &en).unwrap();
    assert!(html.contains("<title>Error: Log in"));
    assert!(html.contains("role=\"alert\" id=\"error\""));
    assert!(html.contains("aria-invalid=\"true\" aria-describedby=\"error\""));
}

#[test]
fn a_code_is_shown_without_a_mark_that_would_be_copied() {
    let pages = pages();
    let en = pages.locale(None, None);
    let html = pages.render_code(&samples::code()[0], &en).unwrap();
    assert!(html.contains("readonly value=\"xoc_sample\""), "{html}");
}

#[test]
fn an_app_without_a_name_is_called_so() {
    let pages = pages();
    let en = pages.locale(None, None);
    let html = pages.render_code(&samples::code()[1], &en).unwrap();
    assert!(html.contains("An app without a name"));
}

#[test]
fn every_text_that_a_template_names_exists_and_every_text_is_used() {
    let languages = texts::languages(&site().locales, None).unwrap();
    let mut code = String::new();
    for source in [
        include_str!("account.rs"),
        include_str!("login.rs"),
        include_str!("consent.rs"),
        include_str!("device.rs"),
        include_str!("notices.rs"),
        include_str!("../notices.rs"),
        include_str!("../pages.rs"),
    ] {
        code.push_str(source);
    }
    let templates: String = BUILT_IN.iter().map(|(_, source)| *source).collect();
    for quote in ['"', '\''] {
        for rest in templates.split(&format!(" t({quote}")).skip(1) {
            let id = rest.split(quote).next().unwrap();
            assert!(languages.iter().all(|it| it.has(id)), "no text {id}");
        }
    }
    let english = include_str!("../../../templates/locales/en.ftl");
    for line in english.lines() {
        if let Some((id, _)) = line.split_once(" =")
            && id.starts_with(|c: char| c.is_ascii_lowercase())
        {
            let used = [format!("\"{id}\""), format!("'{id}'")]
                .iter()
                .any(|it| templates.contains(it) || code.contains(it));
            assert!(used, "{id} is used nowhere");
        }
    }
}

#[test]
fn an_operators_template_replaces_the_built_in_one() {
    let pages = overridden(
        "error.html",
        "<p>{{ page.message }} {{ t('error-status') }}",
    )
    .unwrap();
    let en = pages.locale(None, None);
    let html = pages.render_error(&samples::error()[0], &en).unwrap();
    assert_eq!(html, "<p>A sentence that helps. Status");
}

#[test]
fn each_page_can_be_replaced_alone() {
    for (name, source) in BUILT_IN.iter().filter(|(name, _)| name.ends_with(".html")) {
        let mark = format!("<!-- my own {name} -->");
        let own = match source.starts_with("{% extends") {
            true => source.replace(
                "{% block content %}",
                &format!("{{% block content %}}{mark}"),
            ),
            false => source.replace("<body>", &format!("<body>{mark}")),
        };
        let pages = overridden(name, &own).unwrap();
        let changed = every_page(&pages)
            .iter()
            .filter(|html| html.contains(&mark))
            .count();
        let all = every_page(&pages).len();
        match *name {
            "parts.html" => assert_eq!(changed, 0),
            "base.html" => assert_eq!(changed, all),
            _ => assert!(changed > 0 && changed < all, "{name}: {changed}"),
        }
    }
}

#[test]
fn an_operators_template_that_knows_no_services_goes_on_as_it_is() {
    let old = r#"<body>{% for scope in page.scopes %}
        {{ t(scope.title, scope=scope.name) }} {{ t(scope.text, scope=scope.name) }}
        {% endfor %}{{ page.ticket }}</body>"#;
    assert!(overridden("consent.html", old).is_ok());
}

#[test]
fn an_operators_template_is_escaped_whatever_its_name() {
    let source = "{% include 'part' ignore missing %}<p>{{ page.message }}";
    let pages = overridden("error.html", source).unwrap();
    let en = pages.locale(None, None);
    let page = ErrorPage {
        message: "<b>".into(),
        ..samples::error().remove(0)
    };
    assert_eq!(pages.render_error(&page, &en).unwrap(), "<p>&lt;b&gt;");
}

#[test]
fn a_broken_template_is_refused_with_its_file_and_line() {
    for (source, wrong) in [
        ("<p>\n{% if %}", "syntax error"),
        ("<p>\n{{ page.no_such }}", "undefined"),
        ("<p>\n{{ t('no-such') }}", "there is no text “no-such”"),
        ("<p>\n{{ t('login-to-continue') }}", "cannot be written"),
    ] {
        let error = overridden("error.html", source).unwrap_err().to_string();
        assert!(
            error.starts_with("template error.html, line 2: "),
            "{error}"
        );
        assert!(error.contains(wrong), "{error}");
    }
}

#[test]
fn a_broken_base_is_named_and_not_the_page_that_extends_it() {
    let error = overridden("base.html", "\n\n{{ no_such }}").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("template base.html, line 3: "),
        "{error}"
    );
}

#[test]
fn a_template_path_that_does_not_exist_is_refused_by_name() {
    let error = Pages::new(&Site {
        template_path: Some("/no/such/directory".into()),
        ..site()
    });
    let error = error.unwrap_err().to_string();
    assert!(error.contains("[site] template_path: cannot read /no/such/directory"));
}

#[test]
fn an_operators_colour_reaches_the_stylesheet_and_changes_its_path() {
    let plain = pages();
    let mut themed = site();
    themed.template_style = BTreeMap::from([("background_colour".into(), "#abcdef".into())]);
    let themed = Pages::new(&themed).unwrap();
    let css = &themed.stylesheet().css;
    assert_eq!(css.matches("--background-colour: #abcdef;").count(), 1);
    assert!(
        css.contains("--background-colour: #0f1218;"),
        "dark stays dark"
    );
    assert_ne!(themed.stylesheet().path, plain.stylesheet().path);
}

#[test]
fn a_theme_value_that_would_break_out_is_refused_at_the_start() {
    let mut themed = site();
    themed.template_style = BTreeMap::from([("radius".into(), "0; } body { x: y".into())]);
    let error = Pages::new(&themed).unwrap_err().to_string();
    assert!(
        error.starts_with("[site] template_style: radius = "),
        "{error}"
    );
}
