//! What the logout page shows, and the page that says that it is done.

use serde::Serialize;

use super::client::ClientView;
use super::consent::SendsTo;

/// The logout page. Its form sends `csrf` and `request`.
#[derive(Clone, Debug, Serialize)]
pub struct LogoutPage {
    /// The app that asks, if one does.
    #[serde(skip)]
    pub client: Option<ClientView>,
    /// Who is logged in here; absent where the browser did not say.
    pub account: Option<String>,
    /// Where the form is sent.
    pub action: String,
    /// Form field `request`: the logout request's query.
    pub request: String,
    /// Form field `csrf`: binds the form to the browser.
    pub csrf: String,
    /// What is wrong with the app's request.
    pub fault: Option<String>,
}

/// The page that says that nobody is logged in any more.
#[derive(Clone, Debug, Serialize)]
pub struct LoggedOutPage {
    /// The way on, if there is one.
    pub back: Option<BackLink>,
    /// What is wrong with the app's request.
    pub fault: Option<String>,
}

/// The way back to an app.
#[derive(Clone, Debug, Serialize)]
pub struct BackLink {
    /// Where it leads: a URI that the app registered.
    pub href: String,
    /// The same for people.
    pub sends_to: SendsTo,
}
