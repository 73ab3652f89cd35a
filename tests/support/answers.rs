//! What is in an answer: fields of forms, redirects, errors.

use url::Url;

use crate::client::Answer;

/// The value of a hidden form field.
pub(crate) fn hidden(page: &Answer, name: &str) -> String {
    let text = page.text();
    let start = format!(r#"name="{name}" value=""#);
    let from = text
        .find(&start)
        .unwrap_or_else(|| panic!("no field {name} in {text}"))
        + start.len();
    let value = &text[from..from + text[from..].find('"').unwrap()];
    unescape(value)
}

fn unescape(html: &str) -> String {
    let mut text = html.to_owned();
    for (entity, character) in [
        ("&#x2f;", "/"),
        ("&#47;", "/"),
        ("&#x3d;", "="),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}

/// The code on a page that shows one.
pub(crate) fn code_shown(page: &Answer) -> String {
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let from = text.find("xoc_").expect("a code");
    text[from..from + text[from..].find('"').unwrap()].to_owned()
}

/// Where an answer sends the browser.
pub(crate) fn redirect(answer: &Answer) -> Url {
    assert_eq!(answer.status, 303, "{}", answer.text());
    Url::parse(answer.location()).unwrap()
}

/// Where an error goes: the redirect, or the link of the page that is shown instead.
pub(crate) fn told_at(answer: &Answer) -> Url {
    if answer.status == 303 {
        return redirect(answer);
    }
    let text = answer.text();
    let start = r#"<a class="button button-primary" href=""#;
    let from = text
        .find(start)
        .unwrap_or_else(|| panic!("no link in {text}"))
        + start.len();
    let href = &text[from..from + text[from..].find('"').unwrap()];
    Url::parse(&unescape(href)).unwrap()
}

/// Checks that this is an error page, and sends the browser nowhere.
pub(crate) fn assert_error_page(answer: &Answer, says: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text());
    assert_eq!(answer.header("location"), None);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(
        answer.text().to_lowercase().contains(&says.to_lowercase()),
        "no {says:?} in {}",
        answer.text()
    );
}

/// Checks the status and the code of an error for programs (RFC 6749 §5.2).
pub(crate) fn assert_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let error = answer.json();
    assert_eq!(error["error"], code, "{error}");
    assert!(!error["error_description"].as_str().unwrap().is_empty());
}

/// A parameter of a redirect's query, or of its fragment where that is where the answer is.
pub(crate) fn parameter(url: &Url, name: &str) -> Option<String> {
    let fragment = url.fragment().unwrap_or("").as_bytes();
    url.query_pairs()
        .chain(url::form_urlencoded::parse(fragment))
        .find(|(n, _)| n == name)
        .map(|(_, value)| value.into_owned())
}
