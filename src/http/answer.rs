//! Writing answers: JSON for programs, pages for people, and the headers that keep both safe.

use std::fmt;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::json;

use super::Web;
use super::pages::{ErrorLink, ErrorPage, ErrorTitle, PagesError};
use super::texts::Locale;
use crate::oauth::dpop::{ALGORITHMS, Shown};
use crate::oauth::{ErrorCode, OauthError};
use crate::secrets::random_text;

/// When to come back to what should be there again soon, in seconds.
pub(super) const SOON: u64 = 5;

/// A request that never reached the protocol: malformed, too large, too slow.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    error: OauthError,
}

impl Refused {
    pub(super) fn new(status: StatusCode, sentence: impl AsRef<str>) -> Self {
        Self {
            status,
            error: OauthError::invalid_request(sentence),
        }
    }
}

impl From<OauthError> for Refused {
    fn from(error: OauthError) -> Self {
        Self {
            status: status_of(&error),
            error,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let mut response = self.error.into_response();
        *response.status_mut() = self.status;
        response
    }
}

impl IntoResponse for OauthError {
    /// RFC 6749 §5.2; RFC 6750 §3 for what an access token was shown to is in `token_error`.
    fn into_response(self) -> Response {
        let mut response = json_answer(status_of(&self), &error_body(&self));
        if self.code == ErrorCode::InvalidClient {
            // RFC 6749 §5.2: a client that used the Authorization header must be told the scheme
            set(
                &mut response,
                header::WWW_AUTHENTICATE,
                "Basic realm=\"xmpp-oauth\", charset=\"UTF-8\"",
            );
        }
        let soon = (self.code == ErrorCode::TemporarilyUnavailable).then_some(SOON);
        if let Some(seconds) = self.retry_after.or(soon) {
            set(&mut response, header::RETRY_AFTER, &seconds.to_string());
        }
        response
    }
}

fn error_body(error: &OauthError) -> serde_json::Value {
    json!({ "error": error.code.as_str(), "error_description": error.description })
}

pub(super) fn status_of(error: &OauthError) -> StatusCode {
    StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST)
}

/// How an access token was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Bearer,
    Dpop,
}

impl From<&Shown<'_>> for Scheme {
    fn from(shown: &Shown<'_>) -> Self {
        match shown {
            Shown::Bearer(_) => Self::Bearer,
            Shown::Dpop(..) => Self::Dpop,
        }
    }
}

/// The answer to an access token that does not do (RFC 6750 §3, RFC 9449 §7.1). Who showed a bearer token is
/// told that there is more (RFC 9449 §7.2).
pub(super) fn token_error(error: &OauthError, scheme: Scheme) -> Response {
    match scheme {
        Scheme::Bearer => {
            let mut response = bearer_error(error);
            set(&mut response, header::WWW_AUTHENTICATE, &dpop("DPoP "));
            response
        }
        Scheme::Dpop => {
            let challenge = dpop(&format!("{}, ", challenge("DPoP", error)));
            let mut response = json_answer(status_of(error), &error_body(error));
            // RFC 9449 §7.1: at a resource, another proof is asked for
            if error.code == ErrorCode::InvalidDpopProof {
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            set(&mut response, header::WWW_AUTHENTICATE, &challenge);
            response
        }
    }
}

/// The same for what is never bound to a key.
pub(super) fn bearer_error(error: &OauthError) -> Response {
    let mut response = json_answer(status_of(error), &error_body(error));
    let challenge = challenge("Bearer", error);
    set(&mut response, header::WWW_AUTHENTICATE, &challenge);
    response
}

/// Names the error, and what is missing.
fn challenge(scheme: &str, error: &OauthError) -> String {
    let mut challenge = format!(
        "{scheme} realm=\"xmpp-oauth\", error=\"{}\", error_description=\"{}\"",
        error.code, error.description
    );
    if error.code == ErrorCode::InsufficientScope {
        challenge.push_str(", scope=\"openid\"");
    }
    challenge
}

/// `before`, and how a proof may be signed.
fn dpop(before: &str) -> String {
    format!("{before}algs=\"{}\"", ALGORITHMS.join(" "))
}

/// RFC 6750 §3.1: a request without a token is told the schemes and nothing more.
pub(super) fn no_token() -> Response {
    let mut response = no_bearer();
    set(&mut response, header::WWW_AUTHENTICATE, &dpop("DPoP "));
    response
}

/// The same for what is never bound to a key.
pub(super) fn no_bearer() -> Response {
    let error = OauthError::new(
        ErrorCode::InvalidToken,
        "show an access token: Authorization: Bearer …",
    );
    let mut response = json_answer(StatusCode::UNAUTHORIZED, &error_body(&error));
    set(
        &mut response,
        header::WWW_AUTHENTICATE,
        "Bearer realm=\"xmpp-oauth\"",
    );
    response
}

/// JSON that nobody may keep (RFC 6749 §5.1).
pub(super) fn json_answer(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => json_text(status, bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Answers with JSON that is written already.
pub(super) fn json_text(status: StatusCode, json: impl Into<Body>) -> Response {
    let mut response = (status, json.into()).into_response();
    set_fixed(&mut response, header::CONTENT_TYPE, "application/json");
    set_fixed(&mut response, header::CACHE_CONTROL, "no-store");
    set_fixed(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

/// Sends the browser on. 303: whatever it sent here, it must not send there.
pub(super) fn redirect(to: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(to) else {
        return Refused::new(
            StatusCode::BAD_REQUEST,
            "the redirect URI cannot stand in a header",
        )
        .into_response();
    };
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(header::LOCATION, location);
    set_fixed(&mut response, header::CACHE_CONTROL, "no-store");
    set_fixed(&mut response, header::REFERRER_POLICY, "no-referrer");
    response
}

/// Sets a header that is always the same.
pub(super) fn set_fixed(response: &mut Response, name: header::HeaderName, value: &'static str) {
    let value = HeaderValue::from_static(value);
    response.headers_mut().append(name, value);
}

/// Sets a header whose value is known to be one.
pub(super) fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

/// Where a page's forms may lead. Browsers hold each redirect that follows a form against this, the
/// client's own redirects too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Forms {
    /// Only to our own pages.
    Here,
    /// There, and to this source (CSP3 §2.3.1): where the answer of the flow goes.
    HereAnd(String),
    /// To the client and on from there, who knows where: for the consent page, which holds no secret.
    Anywhere,
}

impl fmt::Display for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => f.write_str("; form-action 'self'"),
            Self::HereAnd(source) => write!(f, "; form-action 'self' {source}"),
            Self::Anywhere => Ok(()),
        }
    }
}

impl Web {
    /// A page: in no frame, in no cache, with no script, its forms sent only where `forms` says.
    pub(super) fn page(
        &self,
        status: StatusCode,
        html: Result<String, PagesError>,
        forms: &Forms,
    ) -> Response {
        let html = match html {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(%error, "a page could not be written");
                return (
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "The page could not be written.",
                )
                    .into_response();
            }
        };
        let mut response = (status, Body::from(html)).into_response();
        let site = &self.provider.config().site;
        let logo = site.logo_url.as_ref().map_or_else(String::new, |url| {
            format!(" {}", url.origin().ascii_serialization())
        });
        let own = || format!("default-src 'none'; style-src 'self'; img-src 'self'{logo}");
        let loads = site.security_policy.clone().unwrap_or_else(own);
        let policy = format!("{loads}; frame-ancestors 'none'; base-uri 'none'{forms}");
        set(
            &mut response,
            header::CONTENT_TYPE,
            "text/html; charset=utf-8",
        );
        set(&mut response, header::CONTENT_SECURITY_POLICY, &policy);
        set_fixed(&mut response, header::X_FRAME_OPTIONS, "DENY");
        set_fixed(&mut response, header::REFERRER_POLICY, "no-referrer");
        set_fixed(&mut response, header::CACHE_CONTROL, "no-store");
        set_fixed(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
        response
    }

    /// An error for a person, with a reference that is also in the log.
    pub(super) fn error_page(
        &self,
        locale: &Locale,
        status: StatusCode,
        message: &str,
        link: Option<ErrorLink>,
    ) -> Response {
        let reference = random_text::<6>(self.random.as_ref());
        tracing::info!(
            reference,
            status = status.as_u16(),
            sentence = message,
            "showed an error page"
        );
        let page = ErrorPage {
            status: status.as_u16(),
            title: title_of(status),
            message: sentence(message),
            reference: Some(reference),
            link,
        };
        self.page(
            status,
            self.pages().render_error(&page, locale),
            &Forms::Here,
        )
    }

    /// The protocol's error, for a person.
    pub(super) fn oauth_error_page(&self, locale: &Locale, error: &OauthError) -> Response {
        let status = match error.code {
            // a person has no credentials to try again with
            ErrorCode::InvalidClient => StatusCode::BAD_REQUEST,
            _ => status_of(error),
        };
        self.error_page(locale, status, &error.description, None)
    }

    /// The language for a request.
    pub(super) fn locale(&self, headers: &HeaderMap, ui_locales: Option<&str>) -> Locale {
        let accepted = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        self.pages().locale(ui_locales, accepted)
    }
}

/// A protocol's description as a person's sentence.
fn sentence(description: &str) -> String {
    let mut rest = description.chars();
    let first = rest.next().map(char::to_uppercase);
    let mut text: String = first.into_iter().flatten().chain(rest).collect();
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}

/// Whether the asker is a browser that wants a page.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    accepts.is_some_and(|accepts| accepts.contains("text/html"))
}

fn title_of(status: StatusCode) -> ErrorTitle {
    match status.as_u16() {
        403 => ErrorTitle::Forbidden,
        404 => ErrorTitle::NotFound,
        405 => ErrorTitle::MethodNotAllowed,
        410 => ErrorTitle::Expired,
        429 => ErrorTitle::TooManyRequests,
        503 => ErrorTitle::Unavailable,
        500.. => ErrorTitle::Internal,
        _ => ErrorTitle::BadRequest,
    }
}
