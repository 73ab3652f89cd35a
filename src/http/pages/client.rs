//! Apps as people see them.
//!
//! Whoever registers an app writes its name and links: nothing here is trusted, and what could
//! deceive or do harm is left out before a template sees it.

use serde::Serialize;
use url::Url;

/// Longest name of an app that is shown, in characters.
const NAME_LIMIT: usize = 60;

/// What an app says about itself (RFC 7591 §2), as it said it.
#[derive(Clone, Copy, Debug)]
pub struct ClientMetadata<'a> {
    /// `client_name`.
    pub name: &'a str,
    /// `application_type`.
    pub kind: ClientKind,
    /// `client_uri`.
    pub client_uri: Option<&'a str>,
    /// `policy_uri`.
    pub policy_uri: Option<&'a str>,
    /// `tos_uri`.
    pub tos_uri: Option<&'a str>,
}

/// `application_type` (OIDC Registration §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// Its redirects go to its own https host, which says who it is.
    Web,
    /// On the person's device: nothing says who made it.
    Native,
}

/// An app, safe to show: the name is cleaned, the links are http(s), the host is ASCII.
#[derive(Clone, Debug)]
pub struct ClientView {
    name: String,
    pub(super) kind: ClientKind,
    uri: Option<Url>,
    policy_uri: Option<Url>,
    tos_uri: Option<Url>,
}

impl ClientView {
    /// Cleans what an app says about itself; what is unfit to show is left out.
    pub fn new(client: &ClientMetadata<'_>) -> Self {
        Self {
            name: display_name(client.name),
            kind: client.kind,
            uri: client.client_uri.and_then(web_link),
            policy_uri: client.policy_uri.and_then(web_link),
            tos_uri: client.tos_uri.and_then(web_link),
        }
    }
}

/// What every template sees as `client`.
#[derive(Serialize)]
pub(super) struct ClientContext<'a> {
    /// The cleaned name, or words for an app without one.
    name: &'a str,
    initial: String,
    /// The host of `uri`, in ASCII (punycode), so that look-alikes show.
    host: Option<&'a str>,
    uri: Option<&'a str>,
    policy_uri: Option<&'a str>,
    tos_uri: Option<&'a str>,
}

impl<'a> ClientContext<'a> {
    pub(super) fn new(client: &'a ClientView, unnamed: &'a str) -> Self {
        Self {
            name: if client.name.is_empty() {
                unnamed
            } else {
                &client.name
            },
            initial: initial(&client.name),
            host: client.uri.as_ref().and_then(Url::host_str),
            uri: client.uri.as_ref().map(Url::as_str),
            policy_uri: client.policy_uri.as_ref().map(Url::as_str),
            tos_uri: client.tos_uri.as_ref().map(Url::as_str),
        }
    }
}

/// A link that a browser opens as a page: never `javascript:` or `data:`, no hidden user names.
fn web_link(uri: &str) -> Option<Url> {
    let url = Url::parse(uri).ok()?;
    let plain = url.username().is_empty() && url.password().is_none();
    (matches!(url.scheme(), "https" | "http") && plain).then_some(url)
}

/// An app's name as it may be shown: no control, invisible or direction-changing characters, single
/// spaces, at most 60 characters. Empty if nothing is left.
pub fn display_name(name: &str) -> String {
    let visible: String = name
        .chars()
        .filter_map(|c| match c {
            c if c.is_whitespace() || c.is_control() || is_blank(c) => Some(' '),
            c if is_invisible(c) => None,
            c => Some(c),
        })
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let name = words.join(" ");
    if name.chars().count() <= NAME_LIMIT {
        return name;
    }
    let kept: String = name.chars().take(NAME_LIMIT - 1).collect();
    format!("{}…", kept.trim_end())
}

/// Letters and symbols that look like nothing.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
    )
}

/// Marks that reorder or hide (UAX #9, Trojan Source). The joiners U+200C and U+200D stay: Persian,
/// Indic scripts and emoji are written with them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{180E}'
            | '\u{200B}'
            | '\u{200E}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// The letter that stands for a name.
pub(super) fn initial(name: &str) -> String {
    name.chars()
        .find(|c| c.is_alphanumeric())
        .map_or_else(|| "•".to_owned(), |c| c.to_uppercase().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn direction_marks_and_control_characters_are_stripped_from_names() {
        assert_eq!(display_name("Ga\u{202E}jim\u{2069}\u{200F}"), "Gajim");
        assert_eq!(display_name("\u{2068}Ga\u{200B}jim\u{FEFF}"), "Gajim");
        assert_eq!(display_name("Ga\u{0}\u{7}jim\r\n\tnext"), "Ga jim next");
        assert_eq!(display_name("a\u{E0041}b"), "ab");
    }

    #[test]
    fn a_name_in_any_script_stays_as_it_is() {
        for name in [
            "گپ\u{200C}ها",
            "チャット",
            "Café 💬",
            "👩\u{200D}💻 Chat",
            "rest.sh",
        ] {
            assert_eq!(display_name(name), name);
        }
    }

    #[test]
    fn a_name_of_nothing_visible_is_empty() {
        assert_eq!(display_name(" \u{3164}\u{2800}\u{200B}\u{A0}\t"), "");
    }

    #[test]
    fn a_long_name_is_cut_at_sixty_characters() {
        assert_eq!(display_name(&"é".repeat(60)), "é".repeat(60));
        let cut = display_name(&"é".repeat(61));
        assert_eq!(cut.chars().count(), 60);
        assert!(cut.ends_with('…'));
    }

    #[test]
    fn only_web_pages_become_links() {
        for uri in [
            "javascript:alert(1)",
            "data:text/html,x",
            "https://bank.example@evil.example/",
            "//evil.example",
            "file:///etc/passwd",
            "",
        ] {
            assert_eq!(web_link(uri), None, "{uri}");
        }
        assert!(web_link("https://app.example/").is_some());
    }

    #[test]
    fn a_host_that_looks_like_another_shows_as_punycode() {
        let client = ClientView::new(&ClientMetadata {
            name: "x",
            kind: ClientKind::Web,
            client_uri: Some("https://аррle.example/"),
            policy_uri: None,
            tos_uri: None,
        });
        let host = ClientContext::new(&client, "").host.map(str::to_owned);
        assert!(host.is_some_and(|it| it.starts_with("xn--")));
    }
}
