//! The login page: shown by the authorization endpoint in its own place, posted here.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use url::form_urlencoded;

use super::answer::{Refused, redirect};
use super::authorize::{check, client_view, forms_to};
use super::pages::{LoginError as Shown, LoginPage, MissingField};
use super::request::{Peer, address_to_brake, form, pairs};
use super::{Shared, Web};
use crate::oauth::Params;
use crate::oauth::authorize::AuthorizationRequest;
use crate::oauth::discovery::path;
use crate::oauth::login::LoginError;
use crate::secrets::{Secret, same};

/// Where the login form is posted.
pub(super) const LOGIN_PATH: &str = "/login";
/// Where the consent page's "not you?" is posted.
pub(super) const SWITCH_PATH: &str = "/login/switch";

impl Web {
    /// The login page for an authorization request; `raw_request` is what to go on with.
    pub(super) fn login_page(
        &self,
        headers: &HeaderMap,
        request: &AuthorizationRequest,
        raw_request: &str,
        jid: Option<&str>,
        error: Option<Shown>,
    ) -> Response {
        let (cookie, is_new) = self.form_cookie(headers);
        let page = LoginPage {
            action: LOGIN_PATH.to_owned(),
            continue_to: raw_request.to_owned(),
            csrf: self.provider.form_token(&cookie),
            jid: jid.or(request.login_hint.as_deref()).map(str::to_owned),
            hosts: self
                .provider
                .config()
                .xmpp
                .hosts
                .iter()
                .map(ToString::to_string)
                .collect(),
            error,
            client: Some(client_view(&request.client)),
        };
        let status = match error {
            None | Some(Shown::WrongPassword | Shown::OtherAccount | Shown::Missing(_)) => {
                StatusCode::OK
            }
            Some(Shown::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(Shown::TryAgain) => StatusCode::SERVICE_UNAVAILABLE,
            Some(Shown::Expired) => StatusCode::BAD_REQUEST,
        };
        let locale = self.locale(headers, request.ui_locales.as_deref());
        let html = self.pages().render_login(&page, &locale);
        let mut response = self.page(status, html, &forms_to(&request.answer_to));
        if is_new {
            self.set_form_cookie(&mut response, &cookie);
        }
        response
    }
}

/// GET /login: nobody has anything to do here without an app.
pub(super) async fn get(State(web): State<Shared>, headers: HeaderMap) -> Response {
    let locale = web.locale(&headers, None);
    let message = "Start from the app that you want to log in to: it brings you here.";
    web.error_page(&locale, StatusCode::NOT_FOUND, message, None)
}

/// POST /login
pub(super) async fn post(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let params = form(&web, &headers, body).await?;
    let raw_request = params.get("continue").unwrap_or("");
    let request = match check(&web, &headers, raw_request).await {
        Ok(request) => request,
        Err(response) => return Ok(response),
    };
    let username = params.get("username");
    let again = |error| Ok(web.login_page(&headers, &request, raw_request, username, Some(error)));

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
    let from = address_to_brake(&web, peer, &headers);
    match web
        .provider
        .log_in(
            &account,
            &Secret::new(password),
            from,
            web.known_cookie(&headers),
        )
        .await
    {
        Ok(logged_in) => {
            if let Some(old) = web.session_cookie(&headers)
                && let Err(error) = web.provider.log_out(old).await
            {
                tracing::error!(%error, "an old browser session could not be ended");
            }
            let mut response =
                redirect(&format!("{}?{}", path::AUTHORIZE, after_login(raw_request)));
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
            tracing::error!(%error, "a browser session could not be stored");
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
    let raw_request = params.get("continue").unwrap_or("");
    let request = match check(&web, &headers, raw_request).await {
        Ok(request) => request,
        Err(response) => return Ok(response),
    };
    if !is_our_form(&web, &headers, &params) {
        return Ok(web.login_page(&headers, &request, raw_request, None, Some(Shown::Expired)));
    }
    if let Some(cookie) = web.session_cookie(&headers)
        && let Err(error) = web.provider.log_out(cookie).await
    {
        tracing::error!(%error, "a browser session could not be ended");
    }
    let mut response = web.login_page(&headers, &request, raw_request, Some(""), None);
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

/// The request as it goes on once its demand for a login has been met.
pub(super) fn after_login(raw_request: &str) -> String {
    let Ok(pairs) = pairs(raw_request) else {
        return String::new();
    };
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
    rest.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_that_was_asked_for_is_asked_for_once() {
        assert_eq!(
            after_login("prompt=login+consent&max_age=0&state=a%26b"),
            "prompt=consent&state=a%26b"
        );
    }
}
