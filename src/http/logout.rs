//! The logout endpoint (RP-Initiated Logout 1.0) and its page: an app asks, the person decides.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use url::form_urlencoded;

use super::answer::{Forms, Refused, redirect, status_of};
use super::authorize::{MAX_REQUEST, client_view};
use super::login::is_our_form;
use super::pages::{BackLink, LoggedOutPage, LogoutPage, SendsTo};
use super::request::{form, form_pairs, pairs};
use super::texts::Locale;
use super::{Shared, Web};
use crate::oauth::OauthError;
use crate::oauth::logout::LogoutRequest;

/// Where the logout form is posted.
pub(super) const LOGOUT_PATH: &str = "/logout";

/// GET /oauth2/logout
pub(super) async fn get(
    State(web): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let raw_request = query.unwrap_or_default();
    let (request, locale) = match check(&web, &headers, &raw_request).await {
        Ok(checked) => checked,
        Err(response) => return response,
    };
    let account = match web.session(&headers).await {
        Ok(Some(current)) => current.session.account.to_string(),
        Ok(None) => return web.logged_out_page(&request, &locale),
        Err(error) => return web.oauth_error_page(&locale, &error),
    };
    web.logout_page(&headers, &request, raw_request, Some(account), &locale)
}

/// POST /oauth2/logout. A form on another site is sent without our cookie (SameSite=Lax), so whether
/// somebody is logged in shows only when our own form comes back.
pub(super) async fn post(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let pairs = form_pairs(&web, &headers, body).await?;
    let raw_request = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let (request, locale) = match check(&web, &headers, &raw_request).await {
        Ok(checked) => checked,
        Err(response) => return Ok(response),
    };
    let account = match web.session(&headers).await {
        Ok(current) => current.map(|current| current.session.account.to_string()),
        Err(error) => return Ok(web.oauth_error_page(&locale, &error)),
    };
    Ok(web.logout_page(&headers, &request, raw_request, account, &locale))
}

/// POST /logout: the person has decided.
pub(super) async fn confirm(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let params = form(&web, &headers, body).await?;
    let raw_request = params.get("request").unwrap_or("");
    let (request, locale) = match check(&web, &headers, raw_request).await {
        Ok(checked) => checked,
        Err(response) => return Ok(response),
    };
    if !is_our_form(&web, &headers, &params) {
        let account = match web.session(&headers).await {
            Ok(current) => current.map(|current| current.session.account.to_string()),
            Err(error) => return Ok(web.oauth_error_page(&locale, &error)),
        };
        let raw_request = raw_request.to_owned();
        return Ok(web.logout_page(&headers, &request, raw_request, account, &locale));
    }
    let current = match web.session(&headers).await {
        Ok(current) => current,
        Err(error) => return Ok(web.oauth_error_page(&locale, &error)),
    };
    if let Some(cookie) = web.session_cookie(&headers)
        && let Err(error) = web.provider.log_out(cookie).await
    {
        // somebody who walks away now must not believe it
        return Ok(web.oauth_error_page(&locale, &OauthError::from(error)));
    }
    let mut response = match web.provider.goes_back_to(&request, current.as_ref()) {
        Some(back) => redirect(back),
        None => web.logged_out_page(&request, &locale),
    };
    web.clear_session_cookie(&mut response);
    Ok(response)
}

/// The request that a query or form stands for, or what the person sees instead.
async fn check(
    web: &Web,
    headers: &HeaderMap,
    raw_request: &str,
) -> Result<(LogoutRequest, Locale), Response> {
    let locale = web.locale(headers, None);
    let refused = |sentence: &str| web.error_page(&locale, StatusCode::BAD_REQUEST, sentence, None);
    if raw_request.len() > MAX_REQUEST {
        let sentence = format!("The request is longer than {MAX_REQUEST} bytes.");
        return Err(refused(&sentence));
    }
    let pairs = pairs(raw_request).map_err(|_| refused("The request is not well-formed."))?;
    match web.provider.check_logout(pairs).await {
        Ok(request) => {
            if let Some(fault) = &request.fault {
                tracing::info!(%fault, "a logout request is not in order");
            }
            let locale = web.locale(headers, request.ui_locales.as_deref());
            Ok((request, locale))
        }
        Err(error) => Err(web.oauth_error_page(&locale, &error.into())),
    }
}

fn fault(request: &LogoutRequest) -> (StatusCode, Option<String>) {
    match &request.fault {
        Some(error) => (status_of(error), Some(error.description.clone())),
        None => (StatusCode::OK, None),
    }
}

impl Web {
    fn logout_page(
        &self,
        headers: &HeaderMap,
        request: &LogoutRequest,
        raw_request: String,
        account: Option<String>,
        locale: &Locale,
    ) -> Response {
        let (cookie, is_new) = self.form_cookie(headers);
        let (status, fault) = fault(request);
        let page = LogoutPage {
            client: request.client.as_deref().map(client_view),
            account,
            action: LOGOUT_PATH.to_owned(),
            request: raw_request,
            csrf: self.provider.form_token(&cookie),
            fault,
        };
        let html = self.pages().render_logout(&page, locale);
        let mut response = self.page(status, html, &Forms::Anywhere);
        if is_new {
            self.set_form_cookie(&mut response, &cookie);
        }
        response
    }

    /// Where nobody is logged in (any more). Sends nobody on by itself: anybody can register an address
    /// and make a link to here (RFC 9700 §4.11.2).
    fn logged_out_page(&self, request: &LogoutRequest, locale: &Locale) -> Response {
        let (status, fault) = fault(request);
        let back = request.back.as_ref().map(|back| BackLink {
            href: back.uri.clone(),
            sends_to: SendsTo::new(&back.registered),
        });
        let page = LoggedOutPage { back, fault };
        let html = self.pages().render_logged_out(&page, locale);
        self.page(status, html, &Forms::Here)
    }
}
