//! What an account's own pages show: the apps that may use it, and the browsers that are logged in.

use serde::Serialize;

use super::client::{ClientContext, ClientView, display_name, initial};
use super::consent::ScopeView;
use crate::clock::Timestamp;
use crate::model::{EndReason, EventKind, KeptEvent};

/// The account's page.
#[derive(Clone, Debug)]
pub struct AccountPage {
    /// Whose it is: a bare JID.
    pub account: String,
    /// What has just been done.
    pub done: Option<Done>,
    /// The apps that may use the account, newest first.
    pub apps: Vec<AppView>,
    /// Where all of them can be taken back.
    pub revoke_all: &'static str,
    /// The browsers that are logged in; the one without `log_out` is this one.
    pub browsers: Vec<BrowserView>,
    /// What happened lately, newest first.
    pub events: Vec<EventView>,
    /// Whether the account is told what happens to it, over XMPP; none where nobody is.
    pub notices: Option<NoticesView>,
    /// Logs this browser out.
    pub log_out: FormView,
    /// Logs out all `others`, or `all`, by its field `which`.
    pub log_out_all: FormView,
}

/// The switch for messages about the account.
#[derive(Clone, Debug, Serialize)]
pub struct NoticesView {
    /// Whether they are sent now.
    pub wanted: bool,
    /// Switches them by its field `wanted`, `yes` or `no`.
    pub form: FormView,
}

/// The page that asks whether an app, or every app, is to lose its access.
#[derive(Clone, Debug)]
pub struct RevokePage {
    /// Whose account it is.
    pub account: String,
    /// The app; none for all of them.
    pub app: Option<AppView>,
    /// The form that says yes.
    pub form: FormView,
    /// Where no leads.
    pub back: &'static str,
}

/// A form that is bound to what it does: it sends `ticket`.
#[derive(Clone, Debug, Serialize)]
pub struct FormView {
    /// Where it is sent.
    pub action: String,
    /// Form field `ticket`.
    pub ticket: String,
}

/// An app that may use the account.
#[derive(Clone, Debug)]
pub struct AppView {
    /// The app.
    pub client: ClientView,
    /// Where its access can be taken back.
    pub revoke: String,
    /// What it may do.
    pub scopes: Vec<ScopeView>,
    /// The names of the sessions that it has open now, cleaned.
    pub sessions: Vec<String>,
    /// When access was given.
    pub granted: Moment,
    /// And from which address.
    pub granted_from: Option<String>,
    /// When it was last used.
    pub last_used: Moment,
    /// And from which address.
    pub last_used_from: Option<String>,
}

/// A browser that is logged in.
#[derive(Clone, Debug, Serialize)]
pub struct BrowserView {
    /// Which it is, as far as it says.
    pub name: BrowserName,
    /// Since when.
    pub logged_in: Moment,
    /// When it was last seen.
    pub last_seen: Moment,
    /// The address that it logged in from.
    pub from: Option<String>,
    /// Logs it out; none for the browser that looks.
    pub log_out: Option<FormView>,
}

/// Something that happened to the account.
#[derive(Clone, Debug, Serialize)]
pub struct EventView {
    /// Id of the text.
    text: &'static str,
    /// The app's name, cleaned; empty for none.
    client: String,
    /// How often on that day.
    count: u32,
    /// Something to look into.
    alarming: bool,
    at: Moment,
    from: Option<String>,
}

impl EventView {
    /// How an event is said; `None` for what is said elsewhere on the page, or by another event.
    pub fn new(kept: &KeptEvent, now: Timestamp) -> Option<Self> {
        let event = &kept.event;
        Some(Self {
            text: event_text(event.kind)?,
            client: display_name(kept.client_name.as_deref().unwrap_or("")),
            count: kept.count,
            alarming: matches!(
                event.kind,
                EventKind::CodeReplayed | EventKind::RefreshTokenReplayed | EventKind::LoginFailed
            ),
            at: Moment::new(event.at, now),
            from: event.from.map(|from| from.to_string()),
        })
    }
}

fn event_text(kind: EventKind) -> Option<&'static str> {
    Some(match kind {
        EventKind::Granted => "event-granted",
        EventKind::CodeReplayed | EventKind::RefreshTokenReplayed => "event-replayed",
        EventKind::LoggedIn => "event-logged-in",
        EventKind::LoginFailed => "event-login-failed",
        // when an app was last used stands beside it
        EventKind::Refreshed => return None,
        EventKind::Ended(reason) => match reason {
            EndReason::OwnerRevoked => "event-ended-owner",
            EndReason::ClientRevoked => "event-ended-client",
            EndReason::OperatorRevoked | EndReason::ClientRemoved => "event-ended-operator",
            EndReason::PasswordChanged => "event-ended-password",
            EndReason::AccountDisabled => "event-ended-disabled",
            EndReason::TooMany => "event-ended-too-many",
            EndReason::RefreshTokenReused | EndReason::CodeReplayed | EndReason::AccountDeleted => {
                return None;
            }
        },
    })
}

/// What was done: told once, on the page that comes then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Done {
    /// An app lost its access.
    #[serde(rename = "account-done-app")]
    AppRevoked,
    /// All did.
    #[serde(rename = "account-done-apps")]
    AllRevoked,
    /// Another browser was logged out.
    #[serde(rename = "account-done-browser")]
    BrowserLoggedOut,
    /// All others were.
    #[serde(rename = "account-done-browsers")]
    BrowsersLoggedOut,
    /// The account is told what happens to it.
    #[serde(rename = "account-done-notices-on")]
    NoticesOn,
    /// It is not.
    #[serde(rename = "account-done-notices-off")]
    NoticesOff,
}

impl Done {
    const ALL: [Self; 6] = [
        Self::AppRevoked,
        Self::AllRevoked,
        Self::BrowserLoggedOut,
        Self::BrowsersLoggedOut,
        Self::NoticesOn,
        Self::NoticesOff,
    ];

    /// A word for the page's address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AppRevoked => "app",
            Self::AllRevoked => "apps",
            Self::BrowserLoggedOut => "browser",
            Self::BrowsersLoggedOut => "browsers",
            Self::NoticesOn => "notices",
            Self::NoticesOff => "no-notices",
        }
    }

    /// What `word` stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|done| done.word() == word)
    }
}

/// A moment as people say it: how long ago, or on which day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// RFC 3339, for machines.
    iso: String,
    /// In full, for whoever points at it.
    full: String,
    /// Id of the text.
    text: &'static str,
    /// Its `amount`.
    amount: u64,
    /// Its `date`.
    date: String,
}

impl Moment {
    /// How `at` is said at `now`.
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        const DAY: u64 = 24 * HOUR;
        let iso = at.to_string();
        let (date, time) = iso.split_once('T').unwrap_or((&iso, ""));
        let (text, amount) = match now.since(at).as_secs() {
            ..MINUTE => ("time-now", 0),
            ago @ ..HOUR => ("time-minutes", ago / MINUTE),
            ago @ ..DAY => ("time-hours", ago / HOUR),
            ago if ago < 30 * DAY => ("time-days", ago / DAY),
            _ => ("time-date", 0),
        };
        Self {
            full: format!("{date} {} UTC", time.trim_end_matches('Z')),
            date: date.to_owned(),
            text,
            amount,
            iso,
        }
    }
}

/// A browser's name and its system's, out of those that are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BrowserName {
    browser: Option<&'static str>,
    system: Option<&'static str>,
}

/// Which browser says this of itself (RFC 9110 §10.1.5). Most name those that they want to be taken for,
/// too: the first that fits is it.
pub fn browser_name(user_agent: &str) -> BrowserName {
    let first = |known: &[(&str, &'static str)]| {
        let mut known = known.iter();
        known
            .find(|(mark, _)| user_agent.contains(mark))
            .map(|(_, name)| *name)
    };
    BrowserName {
        browser: first(&[
            ("Edg", "Edge"),
            ("OPR/", "Opera"),
            ("Vivaldi/", "Vivaldi"),
            ("SamsungBrowser/", "Samsung Internet"),
            ("Firefox/", "Firefox"),
            ("FxiOS/", "Firefox"),
            ("CriOS/", "Chrome"),
            ("Epiphany/", "GNOME Web"),
            ("Chrome/", "Chrome"),
            ("Safari/", "Safari"),
        ]),
        system: first(&[
            ("Android", "Android"),
            ("iPhone", "iPhone"),
            ("iPad", "iPad"),
            ("Windows", "Windows"),
            ("CrOS", "ChromeOS"),
            ("Mac OS X", "macOS"),
            ("Linux", "Linux"),
            ("BSD", "BSD"),
        ]),
    }
}

/// What `account.html` sees as `page`.
#[derive(Serialize)]
pub(super) struct AccountContext<'a> {
    account: &'a str,
    account_initial: String,
    done: Option<Done>,
    apps: Vec<AppContext<'a>>,
    revoke_all: &'a str,
    browsers: &'a [BrowserView],
    events: &'a [EventView],
    notices: Option<&'a NoticesView>,
    log_out: &'a FormView,
    log_out_all: &'a FormView,
}

/// What `revoke.html` sees as `page`.
#[derive(Serialize)]
pub(super) struct RevokeContext<'a> {
    account: &'a str,
    app: Option<AppContext<'a>>,
    form: &'a FormView,
    back: &'a str,
}

#[derive(Serialize)]
struct AppContext<'a> {
    client: ClientContext<'a>,
    revoke: &'a str,
    scopes: &'a [ScopeView],
    sessions: &'a [String],
    granted: &'a Moment,
    granted_from: Option<&'a str>,
    last_used: &'a Moment,
    last_used_from: Option<&'a str>,
}

impl AppView {
    fn context<'a>(&'a self, unnamed: &'a str) -> AppContext<'a> {
        AppContext {
            client: ClientContext::new(&self.client, unnamed),
            revoke: &self.revoke,
            scopes: &self.scopes,
            sessions: &self.sessions,
            granted: &self.granted,
            granted_from: self.granted_from.as_deref(),
            last_used: &self.last_used,
            last_used_from: self.last_used_from.as_deref(),
        }
    }
}

impl AccountPage {
    pub(super) fn context<'a>(&'a self, unnamed: &'a str) -> AccountContext<'a> {
        AccountContext {
            account: &self.account,
            account_initial: initial(&self.account),
            done: self.done,
            apps: self.apps.iter().map(|app| app.context(unnamed)).collect(),
            revoke_all: self.revoke_all,
            browsers: &self.browsers,
            events: &self.events,
            notices: self.notices.as_ref(),
            log_out: &self.log_out,
            log_out_all: &self.log_out_all,
        }
    }
}

impl RevokePage {
    pub(super) fn context<'a>(&'a self, unnamed: &'a str) -> RevokeContext<'a> {
        RevokeContext {
            account: &self.account,
            app: self.app.as_ref().map(|app| app.context(unnamed)),
            form: &self.form,
            back: self.back,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_said_the_shorter_the_longer_ago_it_is() {
        let now = Timestamp::from_unix(1_800_000_000);
        let said = |ago: i64| {
            let moment = Moment::new(Timestamp::from_unix(1_800_000_000 - ago), now);
            (moment.text, moment.amount)
        };
        assert_eq!(said(-5), ("time-now", 0));
        assert_eq!(said(59), ("time-now", 0));
        assert_eq!(said(60), ("time-minutes", 1));
        assert_eq!(said(3599), ("time-minutes", 59));
        assert_eq!(said(7200), ("time-hours", 2));
        assert_eq!(said(86_400), ("time-days", 1));
        assert_eq!(said(30 * 86_400), ("time-date", 0));
        let moment = Moment::new(now, now);
        assert_eq!(moment.full, "2027-01-15 08:00:00 UTC");
        assert_eq!(moment.date, "2027-01-15");
    }

    #[test]
    fn a_browser_is_called_by_names_that_we_know_and_no_other() {
        let name = |agent| {
            let name = browser_name(agent);
            (name.browser, name.system)
        };
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        assert_eq!(name(firefox), (Some("Firefox"), Some("Linux")));
        let chrome = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
                      Chrome/142.0.0.0 Mobile Safari/537.36";
        assert_eq!(name(chrome), (Some("Chrome"), Some("Android")));
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                    Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0";
        assert_eq!(name(edge), (Some("Edge"), Some("Windows")));
        assert_eq!(name("<b>Your bank</b>"), (None, None));
    }
}
