//! What the pages that end a journey show: an error, or a code to copy.

use serde::Serialize;

use super::client::ClientView;

/// An error page.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    /// The HTTP status.
    pub status: u16,
    /// What happened.
    pub title: ErrorTitle,
    /// What exactly is wrong, in English.
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

impl ErrorTitle {
    /// Id of the text that says what can be done.
    const fn text(self) -> &'static str {
        match self {
            Self::BadRequest => "error-text-bad-request",
            Self::Forbidden => "error-text-forbidden",
            Self::NotFound => "error-text-not-found",
            Self::MethodNotAllowed => "error-text-method-not-allowed",
            Self::Expired => "error-text-expired",
            Self::TooManyRequests => "error-text-too-many-requests",
            Self::Unavailable => "error-text-unavailable",
            Self::Internal => "error-text-internal",
        }
    }
}

/// What `error.html` sees as `page`.
#[derive(Serialize)]
pub(super) struct ErrorContext<'a> {
    #[serde(flatten)]
    page: &'a ErrorPage,
    text: &'static str,
}

impl<'a> From<&'a ErrorPage> for ErrorContext<'a> {
    fn from(page: &'a ErrorPage) -> Self {
        Self {
            page,
            text: page.title.text(),
        }
    }
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
    /// To the account's page.
    #[serde(rename = "error-link-back-to-account")]
    BackToAccount,
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
