//! What the consent page shows.

use serde::Serialize;
use url::{Host, Url};

use super::client::{ClientKind, ClientView, display_name, initial};
use super::device::DeviceView;

/// What clients without a redirect of their own send; RFC 8252 dropped it, they did not.
const OUT_OF_BAND: &str = "urn:ietf:wg:oauth:2.0:oob";

/// The consent page. Its form sends `decision` (`allow` or `deny`), `request`, `ticket`, and, where there is
/// anything to choose, `choose` and an `allow:SCOPE` for each that is ticked.
#[derive(Clone, Debug)]
pub struct ConsentPage {
    /// The app that asks.
    pub client: ClientView,
    /// The bare JID of whoever is logged in here: maybe not the one typed into the app (XEP-0493).
    pub account: String,
    /// The scopes asked for.
    pub scopes: Vec<ScopeView>,
    /// Whether the last answer left nothing to allow.
    pub nothing_chosen: bool,
    /// Where the answer goes.
    pub sends_to: SendsTo,
    /// The device that asks, where one does.
    pub device: Option<DeviceView>,
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
    /// Whether there is anything to choose.
    has_choice: bool,
    nothing_chosen: bool,
    sends_to: &'a SendsTo,
    device: Option<&'a DeviceView>,
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
            has_choice: self.scopes.iter().any(|it| it.optional),
            nothing_chosen: self.nothing_chosen,
            sends_to: &self.sends_to,
            device: self.device.as_ref(),
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
    /// Whose it is, where it is another service's, in the operator's words.
    pub service: Option<ServiceView>,
    /// Id of the text that names what it allows.
    pub title: &'static str,
    /// Id of the text that explains it.
    pub text: &'static str,
    /// Gives so much away that the page warns of it.
    pub warning: bool,
    /// May be left out: field `allow:NAME`, beside `choose`.
    pub optional: bool,
}

/// What a scope allows at a service that is not XMPP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServiceView {
    /// The service's name.
    pub name: String,
    /// What the scope allows there.
    pub sentence: String,
}

impl ScopeView {
    /// The words for a scope of another service.
    pub fn of_service(scope: &str, service: ServiceView) -> Self {
        Self {
            service: Some(service),
            ..Self::new(scope)
        }
    }

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
            service: None,
            title,
            text,
            warning: scope == "xmpp",
            optional: false,
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
    /// Nowhere: the device fetches it (RFC 8628).
    Device,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_client_may_not_take_the_account_over() {
        assert_eq!(
            cannot(&["openid", "xmpp:client:normal"]),
            [
                "cannot-see-password",
                "cannot-change-password",
                "cannot-manage"
            ]
        );
    }

    #[test]
    fn the_whole_account_leaves_nothing_out_but_the_password() {
        assert_eq!(
            cannot(&["xmpp:account:read", "xmpp"]),
            ["cannot-see-password"]
        );
    }

    #[test]
    fn reading_and_changing_data_opens_no_messages() {
        assert!(cannot(&["xmpp:account:read"]).contains(&"cannot-change-data"));
        for scopes in [&["xmpp:account:read"][..], &["xmpp:account:write"]] {
            assert!(cannot(scopes).contains(&"cannot-read-messages"));
            assert!(!cannot(scopes).contains(&"cannot-log-in"));
        }
    }

    #[test]
    fn identity_alone_is_no_login() {
        assert!(cannot(&["openid", "offline_access"]).contains(&"cannot-log-in"));
    }

    #[test]
    fn only_the_whole_account_warns() {
        assert!(ScopeView::new("xmpp").warning);
        for scope in [
            "openid",
            "xmpp:client:normal",
            "xmpp:account:write",
            "other",
        ] {
            assert!(!ScopeView::new(scope).warning);
        }
    }

    #[test]
    fn the_answer_goes_to_a_website_this_device_or_nowhere() {
        let host = |host: &str| SendsTo::Host { host: host.into() };
        assert_eq!(SendsTo::new("https://app.example/cb"), host("app.example"));
        assert_eq!(
            SendsTo::new("https://app.example:8443/"),
            host("app.example:8443")
        );
        for uri in [
            "http://127.0.0.1:5000/",
            "http://[::1]:5000/",
            "http://localhost/",
            "com.example.app:/cb",
        ] {
            assert_eq!(SendsTo::new(uri), SendsTo::ThisDevice, "{uri}");
        }
        assert_eq!(SendsTo::new(OUT_OF_BAND), SendsTo::Code);
    }
}
