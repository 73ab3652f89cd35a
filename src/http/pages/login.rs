//! What the login page shows.

use serde::Serialize;

use super::client::ClientView;

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
    /// Why it is shown, where that is not plain.
    pub notice: Option<LoginNotice>,
    /// Why the last try failed.
    #[serde(skip)]
    pub error: Option<LoginError>,
    /// The app that asks, if one does.
    #[serde(skip)]
    pub client: Option<ClientView>,
}

/// Why the login page is shown. Serialises as the text's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum LoginNotice {
    /// Somebody is logged in, and what they want to do asks for the password again.
    #[serde(rename = "login-notice-again")]
    Again,
    /// They have just logged out.
    #[serde(rename = "login-notice-logged-out")]
    LoggedOut,
}

impl LoginNotice {
    /// Makes the login page say [`Self::LoggedOut`].
    pub const LOGGED_OUT_QUERY: &'static str = "notice=logged-out";

    /// What the value of `notice` in the page's address stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        (word == "logged-out").then_some(Self::LoggedOut)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn page(jid: &str, hosts: &[&str], error: Option<LoginError>) -> LoginPage {
        LoginPage {
            action: "/login".into(),
            continue_to: "/".into(),
            csrf: "c".into(),
            jid: Some(jid.into()),
            hosts: hosts.iter().map(|it| (*it).to_owned()).collect(),
            error,
            notice: None,
            client: None,
        }
    }

    #[test]
    fn with_one_host_the_field_holds_the_localpart() {
        let page = page("alice@example.com", &["example.com"], None);
        let context = LoginContext::new(&page);
        assert_eq!(context.username, "alice");
        assert_eq!(context.focus, "password");
    }

    #[test]
    fn another_hosts_address_stays_whole() {
        for (jid, hosts) in [
            ("alice@other.example", &["example.com"][..]),
            ("alice@notexample.com", &["example.com"][..]),
            ("alice@example.com", &["example.com", "example.org"][..]),
        ] {
            assert_eq!(LoginContext::new(&page(jid, hosts, None)).username, jid);
        }
    }

    #[test]
    fn the_page_starts_in_the_field_that_needs_something() {
        let focus = |jid, error| LoginContext::new(&page(jid, &["example.com"], error)).focus;
        assert_eq!(focus("", None), "username");
        assert_eq!(focus("alice", Some(LoginError::WrongPassword)), "password");
        let missing = LoginError::Missing(MissingField::Username);
        assert_eq!(focus("alice", Some(missing)), "username");
    }

    #[test]
    fn a_long_wait_is_told_in_minutes_rounded_up() {
        let told = |seconds| {
            let error = ErrorContext::from(LoginError::TooManyTries { seconds });
            (error.text, error.amount)
        };
        assert_eq!(told(121), ("login-error-too-many-minutes", Some(3)));
        assert_eq!(told(119), ("login-error-too-many-seconds", Some(119)));
        assert_eq!(told(0), ("login-error-too-many-seconds", Some(1)));
    }

    #[test]
    fn a_server_that_could_not_be_asked_blames_no_field() {
        let error = ErrorContext::from(LoginError::TryAgain);
        assert!(!error.username && !error.password);
    }
}
