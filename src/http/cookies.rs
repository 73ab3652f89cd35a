//! The cookies: the browser session, the one that login forms are bound to, and the mark of a browser
//! that has logged in before. On https all are `__Host-` ones (RFC 6265bis §4.1.3.2), which no other host
//! and no plaintext page can set.

use axum::response::Response;
use http::{HeaderMap, header};

use super::Web;
use super::answer::set;
use crate::secrets::{Secret, random_text};

const SESSION: &str = "xmpp-oauth-session";
const FORM: &str = "xmpp-oauth-form";
const KNOWN: &str = "xmpp-oauth-known";

/// How long a browser stays known, in seconds: a year.
const KNOWN_FOR: u64 = 365 * 24 * 3600;

impl Web {
    fn cookie_name(&self, name: &str) -> String {
        match self.settings().is_https() {
            true => format!("__Host-{name}"),
            false => name.to_owned(),
        }
    }

    fn cookie<'a>(&self, headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
        let name = self.cookie_name(name);
        headers
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
            // another's cookie that is no text must not hide ours
            .filter_map(|pair| std::str::from_utf8(pair).ok()?.trim().split_once('='))
            .find_map(|(n, value)| (n == name).then_some(value))
    }

    fn set_cookie(&self, response: &mut Response, name: &str, value: &str, max_age: u64) {
        let name = self.cookie_name(name);
        let secure = if self.settings().is_https() {
            "; Secure"
        } else {
            ""
        };
        let cookie =
            format!("{name}={value}; Path=/; Max-Age={max_age}; HttpOnly; SameSite=Lax{secure}");
        set(response, header::SET_COOKIE, &cookie);
    }

    /// What the session cookie holds.
    pub(super) fn session_cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.cookie(headers, SESSION)
    }

    /// A new one at each login.
    pub(super) fn set_session_cookie(&self, response: &mut Response, cookie: &Secret) {
        let max_age = self.provider.config().tokens.session_ttl.as_secs();
        self.set_cookie(response, SESSION, cookie.expose(), max_age);
    }

    pub(super) fn clear_session_cookie(&self, response: &mut Response) {
        self.set_cookie(response, SESSION, "", 0);
    }

    /// The mark of a browser that has logged in before.
    pub(super) fn known_cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        self.cookie(headers, KNOWN)
    }

    pub(super) fn set_known_cookie(&self, response: &mut Response, mark: &Secret) {
        self.set_cookie(response, KNOWN, mark.expose(), KNOWN_FOR);
    }

    /// What the login form is bound to: the browser's, or a new one that is to be set.
    pub(super) fn form_cookie(&self, headers: &HeaderMap) -> (String, bool) {
        match self.cookie(headers, FORM).filter(|value| value.len() == 22) {
            Some(value) => (value.to_owned(), false),
            None => (random_text::<16>(self.random.as_ref()), true),
        }
    }

    pub(super) fn set_form_cookie(&self, response: &mut Response, value: &str) {
        self.set_cookie(response, FORM, value, 86_400);
    }
}
