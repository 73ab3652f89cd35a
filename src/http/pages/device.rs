//! What the pages of the device flow show (RFC 8628 §3.3), and the one that sends an answer as a form.

use serde::Serialize;

use super::client::ClientView;

/// The page where the code of a device is typed. Its form sends `user_code`, by GET.
#[derive(Clone, Debug, Serialize)]
pub struct DevicePage {
    /// Where the form is sent.
    pub action: String,
    /// The code to fill in.
    pub user_code: String,
    /// The languages that the page was asked for in, to be sent back.
    pub ui_locales: Option<String>,
    /// Why the last one led nowhere.
    #[serde(skip)]
    pub error: Option<DeviceError>,
}

/// Why a code led nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// No device waits with it.
    Unknown,
    /// Braked: how long until the next try counts.
    TooManyTries {
        /// Seconds to wait.
        seconds: u64,
    },
}

/// What `device.html` sees as `page`.
#[derive(Serialize)]
pub(super) struct DeviceContext<'a> {
    #[serde(flatten)]
    page: &'a DevicePage,
    error: Option<ErrorContext>,
}

#[derive(Serialize)]
struct ErrorContext {
    text: &'static str,
    amount: Option<u64>,
}

impl<'a> DeviceContext<'a> {
    pub(super) fn new(page: &'a DevicePage) -> Self {
        let error = page.error.map(|error| match error {
            DeviceError::Unknown => ErrorContext {
                text: "device-error-unknown",
                amount: None,
            },
            DeviceError::TooManyTries { seconds } if seconds >= 120 => ErrorContext {
                text: "login-error-too-many-minutes",
                amount: Some(seconds.div_ceil(60)),
            },
            DeviceError::TooManyTries { seconds } => ErrorContext {
                text: "login-error-too-many-seconds",
                amount: Some(seconds.max(1)),
            },
        });
        Self { page, error }
    }
}

/// A device's request, on the consent page.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceView {
    /// The code, to compare.
    pub code: String,
    /// The address that it asked from.
    pub asked_from: String,
    /// How long ago.
    pub minutes: u64,
}

/// The page at the end of the device flow.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceDonePage {
    /// The app on the device.
    #[serde(skip)]
    pub client: ClientView,
    /// What the person said.
    pub allowed: bool,
}

/// The page whose form brings an answer to the app (OAuth 2.0 Form Post Response Mode). Without a script
/// it takes a press of its button.
#[derive(Clone, Debug, Serialize)]
pub struct SendPage {
    /// The app.
    #[serde(skip)]
    pub client: Option<ClientView>,
    /// Where the form is sent.
    pub action: String,
    /// What it sends: names and values.
    pub fields: Vec<(String, String)>,
}
