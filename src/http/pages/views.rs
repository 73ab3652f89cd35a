//! What each page shows, as typed values.
//!
//! Field names are the templates' names; names of form fields are said where a value becomes one.

use serde::Serialize;
use url::{Host, Url};

/// Longest name of an app that is shown, in characters.
const NAME_LIMIT: usize = 60;
/// RFC 8252 §7 knows it no more, but clients without a listener still use it.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// The login page. Its form sends `username`, `password`, `csrf` and `continue`.
#[derive(Clone, Debug, Serialize)]
pub struct LoginPage {
    /// Where the form is sent.
    pub action: String,
    /// Form field `continue`: where to go after the login.
    pub continue_to: String,
    /// Form field `csrf`: binds the form to the browser.
    pub csrf: String,
    /// The JID to fill in, if one was named; as it was typed.
    pub jid: Option<String>,
    /// The hosts whose accounts may log in. With exactly one, the localpart is enough.
    pub hosts: Vec<String>,
    /// Why the last try failed.
    #[serde(skip)]
    pub error: Option<LoginError>,
    /// The app that asks, if one does.
    #[serde(skip)]
    pub client: Option<ClientView>,
}

/// Why a login failed, as far as the person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// The password is wrong, or there is no such account: the two look the same.
    WrongPassword,
    /// The server could not be asked; says nothing about the password.
    TryAgain,
    /// Braked: how long until the next try counts.
    TooManyTries {
        /// Seconds to wait; shown in minutes from two minutes up.
        seconds: u64,
    },
    /// The form is too old, or not this browser's.
    Expired,
    /// A field was empty.
    Missing(MissingField),
}

/// The field that was empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingField {
    /// The address.
    Username,
    /// The password.
    Password,
}

/// What `login.html` sees as `page`.
#[derive(Serialize)]
pub(super) struct LoginContext<'a> {
    #[serde(flatten)]
    page: &'a LoginPage,
    /// The host, if there is only one.
    only_host: Option<&'a str>,
    /// A full address to show as an example.
    example: String,
    /// The value of the address field.
    username: &'a str,
    /// The field to start in: the first one that needs something.
    focus: &'static str,
    error: Option<ErrorContext>,
}

#[derive(Serialize)]
struct ErrorContext {
    text: &'static str,
    amount: Option<u64>,
    username: bool,
    password: bool,
}

impl<'a> LoginContext<'a> {
    pub(super) fn new(page: &'a LoginPage) -> Self {
        let only_host = match page.hosts.as_slice() {
            [host] => Some(host.as_str()),
            _ => None,
        };
        let jid = page.jid.as_deref().unwrap_or_default();
        // With one host the field shows it behind the localpart: do not show it twice.
        let username = only_host
            .and_then(|host| jid.strip_suffix(host)?.strip_suffix('@'))
            .unwrap_or(jid);
        let error = page.error.map(ErrorContext::from);
        let wrong_username = error.as_ref().is_some_and(|it| it.username && !it.password);
        Self {
            page,
            only_host,
            example: format!(
                "alice@{}",
                page.hosts.first().map_or("example.com", |it| it)
            ),
            username,
            focus: if username.is_empty() || wrong_username {
                "username"
            } else {
                "password"
            },
            error,
        }
    }
}

impl From<LoginError> for ErrorContext {
    fn from(error: LoginError) -> Self {
        let (text, amount, username, password) = match error {
            LoginError::WrongPassword => ("login-error-wrong-password", None, true, true),
            LoginError::TryAgain => ("login-error-try-again", None, false, false),
            LoginError::TooManyTries { seconds } if seconds >= 120 => {
                let minutes = seconds.div_ceil(60);
                ("login-error-too-many-minutes", Some(minutes), false, false)
            }
            LoginError::TooManyTries { seconds } => {
                let seconds = seconds.max(1);
                ("login-error-too-many-seconds", Some(seconds), false, false)
            }
            LoginError::Expired => ("login-error-expired", None, false, false),
            LoginError::Missing(MissingField::Username) => {
                ("login-error-missing-username", None, true, false)
            }
            LoginError::Missing(MissingField::Password) => {
                ("login-error-missing-password", None, false, true)
            }
        };
        Self {
            text,
            amount,
            username,
            password,
        }
    }
}

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
    kind: ClientKind,
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
fn initial(name: &str) -> String {
    name.chars()
        .find(|c| c.is_alphanumeric())
        .map_or_else(|| "•".to_owned(), |c| c.to_uppercase().collect())
}

/// The consent page. Its form sends `decision` (`allow` or `deny`), `request` and `ticket`.
#[derive(Clone, Debug)]
pub struct ConsentPage {
    /// The app that asks.
    pub client: ClientView,
    /// The bare JID of whoever is logged in here: maybe not the one typed into the app (XEP-0493).
    pub account: String,
    /// The scopes asked for.
    pub scopes: Vec<ScopeView>,
    /// Where the answer goes.
    pub sends_to: SendsTo,
    /// Where the form is sent.
    pub action: String,
    /// Form field `request`: the authorization request's query.
    pub request: String,
    /// Form field `ticket`: binds the decision to request, client, scopes and browser.
    pub ticket: String,
    /// How to use another account; absent if the request allows only this one.
    pub switch_account: Option<SwitchAccount>,
}

/// A form that ends the browser's session and goes on with the same request.
#[derive(Clone, Debug, Serialize)]
pub struct SwitchAccount {
    /// Where the form is sent.
    pub action: String,
    /// Form field `csrf`.
    pub csrf: String,
    /// Form field `continue`.
    pub continue_to: String,
}

/// What `consent.html` sees as `page`.
#[derive(Serialize)]
pub(super) struct ConsentContext<'a> {
    account: &'a str,
    account_initial: String,
    scopes: &'a [ScopeView],
    /// Text ids of what the app may not do.
    cannot: Vec<&'static str>,
    sends_to: &'a SendsTo,
    /// Nothing but the app itself says who it is.
    unverified_app: bool,
    action: &'a str,
    request: &'a str,
    ticket: &'a str,
    switch_account: Option<&'a SwitchAccount>,
}

impl ConsentPage {
    pub(super) fn context(&self) -> ConsentContext<'_> {
        let names: Vec<&str> = self.scopes.iter().map(|it| it.name.as_str()).collect();
        let by_itself = !matches!(self.sends_to, SendsTo::Host { .. });
        ConsentContext {
            account: &self.account,
            account_initial: initial(&self.account),
            scopes: &self.scopes,
            cannot: cannot(&names),
            sends_to: &self.sends_to,
            unverified_app: by_itself || self.client.kind == ClientKind::Native,
            action: &self.action,
            request: &self.request,
            ticket: &self.ticket,
            switch_account: self.switch_account.as_ref(),
        }
    }
}

/// One scope in plain words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScopeView {
    /// The scope itself.
    pub name: String,
    /// Id of the text that names what it allows.
    pub title: &'static str,
    /// Id of the text that explains it.
    pub text: &'static str,
    /// Gives so much away that the page warns of it.
    pub warning: bool,
}

impl ScopeView {
    /// The words for a scope; a scope without words of its own is shown by its name.
    pub fn new(scope: &str) -> Self {
        let (title, text) = match scope {
            "openid" => ("scope-openid-title", "scope-openid-text"),
            "profile" => ("scope-profile-title", "scope-profile-text"),
            "offline_access" => ("scope-offline-access-title", "scope-offline-access-text"),
            "xmpp" => ("scope-xmpp-title", "scope-xmpp-text"),
            "xmpp:client:normal" => (
                "scope-xmpp-client-normal-title",
                "scope-xmpp-client-normal-text",
            ),
            "xmpp:account:read" => (
                "scope-xmpp-account-read-title",
                "scope-xmpp-account-read-text",
            ),
            "xmpp:account:write" => (
                "scope-xmpp-account-write-title",
                "scope-xmpp-account-write-text",
            ),
            _ => ("scope-other-title", "scope-other-text"),
        };
        Self {
            name: display_name(scope),
            title,
            text,
            warning: scope == "xmpp",
        }
    }
}

/// What an app may not do with these scopes, most personal first. The password is never shown to any.
fn cannot(scopes: &[&str]) -> Vec<&'static str> {
    let has = |scope| scopes.contains(&scope);
    let (all, chat) = (has("xmpp"), has("xmpp:client:normal"));
    let (read, write) = (has("xmpp:account:read"), has("xmpp:account:write"));
    let mut cannot = vec!["cannot-see-password"];
    if all {
        return cannot;
    }
    if !(chat || read || write) {
        cannot.push("cannot-log-in");
    }
    if !chat {
        cannot.push("cannot-read-messages");
    }
    if !(chat || write) {
        cannot.push("cannot-change-data");
    }
    cannot.extend(["cannot-change-password", "cannot-manage"]);
    cannot
}

/// Where the browser goes with the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SendsTo {
    /// A website.
    Host {
        /// Its host in ASCII, with the port if it is not the usual one.
        host: String,
    },
    /// An app on this device: a loopback address or a private-use scheme (RFC 8252 §7).
    ThisDevice,
    /// Nowhere: the person copies a code.
    Code,
}

impl SendsTo {
    /// Where a registered `redirect_uri` leads.
    pub fn new(redirect_uri: &str) -> Self {
        if redirect_uri == OUT_OF_BAND {
            return Self::Code;
        }
        match Url::parse(redirect_uri) {
            Ok(url) if matches!(url.scheme(), "https" | "http") && !is_loopback(&url) => {
                let host = url.host_str().unwrap_or_default();
                let host = match url.port() {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_owned(),
                };
                Self::Host { host }
            }
            _ => Self::ThisDevice,
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// An error page.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub title: ErrorTitle,
    /// A sentence that helps.
    pub message: String,
    /// What the operator's log has for this, if it has anything.
    pub reference: Option<String>,
    /// The way on, if there is one.
    pub link: Option<ErrorLink>,
}

/// The headings of error pages. Serialises as the text's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum ErrorTitle {
    /// The request makes no sense.
    #[serde(rename = "error-title-bad-request")]
    BadRequest,
    /// Understood and refused.
    #[serde(rename = "error-title-forbidden")]
    Forbidden,
    /// No such page.
    #[serde(rename = "error-title-not-found")]
    NotFound,
    /// The page exists, but not for this method.
    #[serde(rename = "error-title-method-not-allowed")]
    MethodNotAllowed,
    /// It was valid once.
    #[serde(rename = "error-title-expired")]
    Expired,
    /// Braked.
    #[serde(rename = "error-title-too-many-requests")]
    TooManyRequests,
    /// The server cannot be asked now.
    #[serde(rename = "error-title-unavailable")]
    Unavailable,
    /// Our fault.
    #[serde(rename = "error-title-internal")]
    Internal,
}

/// A way on from an error.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorLink {
    /// Where it leads: one of our own paths, or a redirect URI that has been checked.
    pub href: String,
    /// What it says.
    pub text: LinkText,
}

/// The texts of links on error pages. Serialises as the text's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LinkText {
    /// To the login page.
    #[serde(rename = "error-link-log-in")]
    LogIn,
    /// The same again.
    #[serde(rename = "error-link-try-again")]
    TryAgain,
    /// To the app, with the error.
    #[serde(rename = "error-link-back-to-app")]
    BackToApp,
}

/// The page that shows a code to copy into the app (out-of-band redirect).
#[derive(Clone, Debug, Serialize)]
pub struct CodePage {
    /// The app that waits for it.
    #[serde(skip)]
    pub client: ClientView,
    /// The code.
    pub code: String,
}
