//! The login page: shown by the authorization endpoint in its own place, and before the account's pages;
//! posted here.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};
use url::form_urlencoded;

use super::account::{ACCOUNT_PATH, is_account_page};
use super::answer::{Forms, Refused, SOON, redirect, set};
use super::authorize::{check, client_view, forms_to};
use super::pages::{LoginError as Shown, LoginNotice, LoginPage, MissingField};
use super::request::{Peer, client_address, form, pairs, params};
use super::{Shared, Web};
use crate::oauth::Params;
use crate::oauth::authorize::AuthorizationRequest;
use crate::oauth::device::letters_of;
use crate::oauth::discovery::path;
use crate::oauth::login::{LoginError, Visitor};
use crate::oauth::par::VOUCHED;
use crate::secrets::{Secret, same};

/// Where the login form is posted.
pub(super) const LOGIN_PATH: &str = "/login";
/// Where the consent page's "not you?" is posted.
pub(super) const SWITCH_PATH: &str = "/login/switch";
/// How a form's `continue` begins that leads to a device's code. No authorization request does.
const DEVICE: &str = "/device?user_code=";

/// What a person logs in for.
pub(super) enum Goal {
    /// To go on with an app's request; as it came.
    Client(Box<AuthorizationRequest>, String),
    /// To see one of their account's pages.
    Account(String),
    /// To answer a device: its code's letters, behind where they are typed; and the languages that its page
    /// was asked for in.
    Device(String, Option<String>),
}

impl Goal {
    /// What the form's `continue` stands for, or what the person sees instead.
    async fn read(web: &Web, headers: &HeaderMap, text: &str) -> Result<Self, Response> {
        // no request begins with a slash: each has `response_type=` in it
        if is_account_page(text) {
            return Ok(Self::Account(text.to_owned()));
        }
        if let Some(device) = text.strip_prefix(DEVICE).and_then(Self::read_device) {
            return Ok(device);
        }
        let request = check(web, headers, text).await?;
        Ok(Self::Client(Box::new(request), text.to_owned()))
    }

    /// To answer the device with this code, on a page in one of these languages.
    pub(super) fn device(letters: &str, ui_locales: Option<&str>) -> Self {
        let mut text = format!("{DEVICE}{letters}");
        if let Some(tags) = ui_locales {
            text = form_urlencoded::Serializer::for_suffix(&mut text, DEVICE.len())
                .append_pair("ui_locales", tags)
                .finish()
                .to_owned();
        }
        Self::Device(text, ui_locales.map(str::to_owned))
    }

    /// What stands behind [`DEVICE`].
    fn read_device(text: &str) -> Option<Self> {
        let (letters, rest) = text.split_once('&').unwrap_or((text, ""));
        let rest = params(pairs(rest).ok()?).ok()?;
        Some(Self::device(&letters_of(letters)?, rest.get("ui_locales")))
    }

    /// The languages that the app, or the device's page, asks for.
    fn ui_locales(&self) -> Option<&str> {
        match self {
            Self::Client(request, _) => request.ui_locales.as_deref(),
            Self::Account(_) => None,
            Self::Device(_, ui_locales) => ui_locales.as_deref(),
        }
    }

    pub(super) fn text(&self) -> &str {
        match self {
            Self::Client(_, text) | Self::Account(text) | Self::Device(text, _) => text,
        }
    }

    fn request(&self) -> Option<&AuthorizationRequest> {
        match self {
            Self::Client(request, _) => Some(request),
            Self::Account(_) | Self::Device(..) => None,
        }
    }

    /// Where the browser goes once it is logged in, for as long as `longest_session`.
    fn next(&self, longest_session: Duration) -> String {
        match self {
            Self::Client(request, raw_request) => {
                let has_default = request.client.metadata.default_max_age.is_some();
                let met = has_default.then_some(longest_session);
                format!("{}?{}", path::AUTHORIZE, after_login(raw_request, met))
            }
            Self::Account(path) | Self::Device(path, _) => path.clone(),
        }
    }
}

/// What the login page says beside the form.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Said {
    pub(super) error: Option<Shown>,
    pub(super) notice: Option<LoginNotice>,
}

impl Web {
    /// The login page, to go on to `goal` from.
    pub(super) fn login_page(
        &self,
        headers: &HeaderMap,
        goal: &Goal,
        jid: Option<&str>,
        error: Option<Shown>,
    ) -> Response {
        let said = Said {
            error,
            notice: None,
        };
        self.login_page_that_says(headers, goal, jid, said)
    }

    fn login_page_that_says(
        &self,
        headers: &HeaderMap,
        goal: &Goal,
        jid: Option<&str>,
        Said { error, notice }: Said,
    ) -> Response {
        let (cookie, is_new) = self.form_cookie(headers);
        let request = goal.request();
        let hint = request.and_then(|request| request.login_hint.as_deref());
        let page = LoginPage {
            action: LOGIN_PATH.to_owned(),
            continue_to: goal.text().to_owned(),
            csrf: self.provider.form_token(&cookie),
            jid: jid.or(hint).map(str::to_owned),
            hosts: self
                .provider
                .config()
                .xmpp
                .hosts
                .iter()
                .map(ToString::to_string)
                .collect(),
            error,
            notice,
            client: request.map(|request| client_view(&request.client)),
        };
        let status = match error {
            None | Some(Shown::WrongPassword | Shown::OtherAccount | Shown::Missing(_)) => {
                StatusCode::OK
            }
            Some(Shown::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(Shown::TryAgain) => StatusCode::SERVICE_UNAVAILABLE,
            Some(Shown::Expired) => StatusCode::BAD_REQUEST,
        };
        let wait = match error {
            Some(Shown::TooManyTries { seconds }) => Some(seconds),
            Some(Shown::TryAgain) => Some(SOON),
            _ => None,
        };
        let forms = request.map_or(Forms::Here, |request| forms_to(&request.answer_to));
        let locale = self.locale(headers, goal.ui_locales());
        let html = self.pages().render_login(&page, &locale);
        let mut response = self.page(status, html, &forms);
        if let Some(seconds) = wait {
            set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        }
        if is_new {
            self.set_form_cookie(&mut response, &cookie);
        }
        response
    }
}

/// GET /login: to one of the account's pages. An app's request has its login in its own place.
pub(super) async fn get(
    State(web): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let query = params(pairs(query.as_deref().unwrap_or(""))?)?;
    let asked = query.get("continue").filter(|path| is_account_page(path));
    let goal = Goal::Account(asked.unwrap_or(ACCOUNT_PATH).to_owned());
    let current = match web.session(&headers).await {
        Ok(current) => current,
        Err(error) => {
            tracing::error!(%error, "a browser session could not be looked up");
            None
        }
    };
    let notice = match (&current, query.get("notice")) {
        (Some(_), _) => Some(LoginNotice::Again),
        (None, word) => LoginNotice::from_word(word.unwrap_or("")),
    };
    let jid = current.map(|current| current.session.account.to_string());
    let said = Said {
        error: None,
        notice,
    };
    Ok(web.login_page_that_says(&headers, &goal, jid.as_deref(), said))
}

/// POST /login
pub(super) async fn post(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let params = form(&web, &headers, body).await?;
    let goal = match Goal::read(&web, &headers, params.get("continue").unwrap_or("")).await {
        Ok(goal) => goal,
        Err(response) => return Ok(response),
    };
    let username = params.get("username");
    let again = |error| Ok(web.login_page(&headers, &goal, username, Some(error)));

    if !is_our_form(&web, &headers, &params) {
        return again(Shown::Expired);
    }
    let Some(named) = username else {
        return again(Shown::Missing(MissingField::Username));
    };
    let Some(password) = params.get("password") else {
        return again(Shown::Missing(MissingField::Password));
    };
    let Some(account) = web.provider.account_named(named) else {
        return again(Shown::WrongPassword);
    };
    let visitor = Visitor {
        address: client_address(&web, peer, &headers),
        user_agent: headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok()),
        known: web.known_cookie(&headers),
    };
    let password = Secret::new(password);
    match web.provider.log_in(&account, &password, visitor).await {
        Ok(logged_in) => {
            if let Some(old) = web.session_cookie(&headers)
                && let Err(error) = web.provider.take_over_session(old, &logged_in.cookie).await
            {
                tracing::error!(%error, "an old browser session could not be ended");
            }
            let longest = web.provider.config().tokens.session_ttl;
            let mut response = redirect(&goal.next(longest));
            web.set_session_cookie(&mut response, &logged_in.cookie);
            web.set_known_cookie(&mut response, &logged_in.known);
            Ok(response)
        }
        Err(LoginError::WrongPassword) => again(Shown::WrongPassword),
        Err(LoginError::TooManyTries(wait)) => again(Shown::TooManyTries {
            seconds: wait.as_secs(),
        }),
        Err(LoginError::Unavailable(error)) => {
            tracing::warn!(%error, "a password could not be checked");
            again(Shown::TryAgain)
        }
        Err(LoginError::Store(error)) => {
            tracing::error!(%error, "a login could not be counted or stored");
            again(Shown::TryAgain)
        }
    }
}

/// POST /login/switch: ends this browser's session and asks for another account.
pub(super) async fn switch(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let params = form(&web, &headers, body).await?;
    let goal = match Goal::read(&web, &headers, params.get("continue").unwrap_or("")).await {
        Ok(goal) => goal,
        Err(response) => return Ok(response),
    };
    if !is_our_form(&web, &headers, &params) {
        return Ok(web.login_page(&headers, &goal, None, Some(Shown::Expired)));
    }
    if let Some(cookie) = web.session_cookie(&headers)
        && let Err(error) = web.provider.log_out(cookie).await
    {
        tracing::error!(%error, "a browser session could not be ended");
    }
    let mut response = web.login_page(&headers, &goal, Some(""), None);
    web.clear_session_cookie(&mut response);
    Ok(response)
}

/// Whether the form was made for this browser.
pub(super) fn is_our_form(web: &Web, headers: &HeaderMap, params: &Params) -> bool {
    let (cookie, is_new) = web.form_cookie(headers);
    let expected = web.provider.form_token(&cookie);
    !is_new
        && params
            .get("csrf")
            .is_some_and(|shown| same(shown, &expected))
}

/// The request as it goes on once its demand for a login has been met. Where its client has a
/// `default_max_age`, it says `met` instead, an age that any session has.
pub(super) fn after_login(raw_request: &str, met: Option<Duration>) -> String {
    let Ok(pairs) = pairs(raw_request) else {
        return String::new();
    };
    // what is vouched for stays as it is, and says itself since when
    if pairs.iter().any(|(name, _)| name == VOUCHED) {
        return raw_request.to_owned();
    }
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        // the password was given just now, however long the person takes from here
        if name == "max_age" {
            continue;
        }
        if name != "prompt" {
            rest.append_pair(&name, &value);
            continue;
        }
        let left: Vec<_> = value
            .split(' ')
            .filter(|word| !["login", "select_account"].contains(word))
            .collect();
        rest.append_pair(&name, &left.join(" "));
    }
    if let Some(met) = met {
        rest.append_pair("max_age", &met.as_secs().to_string());
    }
    rest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_was_asked_for_is_asked_for_once() {
        assert_eq!(
            after_login("prompt=login+consent&max_age=0&state=a%26b", None),
            "prompt=consent&state=a%26b"
        );
        let met = Some(Duration::from_secs(60));
        assert_eq!(after_login("state=a", met), "state=a&max_age=60");
    }
}
