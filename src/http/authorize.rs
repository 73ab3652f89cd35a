//! The authorization endpoint and the consent page.

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use url::{Host, Url};

use super::answer::{Forms, Refused, redirect};
use super::login::SWITCH_PATH;
use super::pages::{
    ClientKind, ClientMetadata, ClientView, CodePage, ConsentPage, ScopeView, SendsTo,
    SwitchAccount,
};
use super::request::{form, form_pairs, pairs};
use super::{Shared, Web};
use crate::model::{ApplicationType, Client};
use crate::oauth::authorize::{Answer, AnswerTo, AuthorizationRequest, Refusal};
use crate::oauth::login::CurrentSession;
use crate::oauth::redirect_uri::RedirectKind;
use crate::oauth::{ErrorCode, OauthError};

/// Where the consent form is posted.
pub(super) const CONSENT_PATH: &str = "/consent";

/// GET /oauth2/authorize
pub(super) async fn get(
    State(web): State<Shared>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    start(&web, &headers, query.unwrap_or_default()).await
}

/// POST /oauth2/authorize (OIDC Core §3.1.2.1)
pub(super) async fn post(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let pairs = form_pairs(&web, &headers, body).await?;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    Ok(start(&web, &headers, query).await)
}

async fn start(web: &Web, headers: &HeaderMap, raw_request: String) -> Response {
    let issuer = web.settings().issuer();
    let request = match check(web, headers, &raw_request).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    let to_client = |error| {
        web.answer_client(
            headers,
            Some(&request),
            request.answer_to.with_error(issuer, &error),
        )
    };
    let current = match session(web, headers).await {
        Ok(current) => current,
        Err(error) => return to_client(error),
    };
    if web
        .provider
        .must_log_in(&request, current.as_ref())
        .is_some()
    {
        if request.prompt.none {
            return to_client(OauthError::new(
                ErrorCode::LoginRequired,
                "nobody is logged in here",
            ));
        }
        return web.login_page(headers, &request, &raw_request, None, None);
    }
    let Some(current) = current else {
        return web.login_page(headers, &request, &raw_request, None, None);
    };
    if request.prompt.none {
        return to_client(OauthError::new(
            ErrorCode::ConsentRequired,
            "the person must be asked",
        ));
    }
    ask(web, headers, &request, &raw_request, &current)
}

/// The consent page.
fn ask(
    web: &Web,
    headers: &HeaderMap,
    request: &AuthorizationRequest,
    raw_request: &str,
    current: &CurrentSession,
) -> Response {
    let issuer = web.settings().issuer();
    let question = match web.provider.question(request, raw_request, current) {
        Ok(question) => question,
        Err(error) => {
            return web.answer_client(
                headers,
                Some(request),
                request.answer_to.with_error(issuer, &error),
            );
        }
    };
    let (form_cookie, is_new) = web.form_cookie(headers);
    let page = ConsentPage {
        client: client_view(&request.client),
        account: current.session.account.to_string(),
        scopes: question
            .scopes
            .iter()
            .map(|scope| ScopeView::new(scope.as_str()))
            .collect(),
        sends_to: SendsTo::new(&request.answer_to.redirect_uri),
        action: CONSENT_PATH.to_owned(),
        request: raw_request.to_owned(),
        ticket: question.ticket,
        switch_account: Some(SwitchAccount {
            action: SWITCH_PATH.to_owned(),
            csrf: web.provider.form_token(&form_cookie),
            continue_to: raw_request.to_owned(),
        }),
    };
    let html = web.pages.render_consent(&page, &web.locale(headers, None));
    let mut response = web.page(StatusCode::OK, html, &Forms::Anywhere);
    if is_new {
        web.set_form_cookie(&mut response, &form_cookie);
    }
    response
}

/// POST /consent
pub(super) async fn decide(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let params = form(&web, &headers, body).await?;
    let raw_request = params.get("request").unwrap_or("");
    let request = match check(&web, &headers, raw_request).await {
        Ok(request) => request,
        Err(response) => return Ok(response),
    };
    let issuer = web.settings().issuer();
    let to_client = |error: OauthError| {
        web.answer_client(
            &headers,
            Some(&request),
            request.answer_to.with_error(issuer, &error),
        )
    };
    let current = match session(&web, &headers).await {
        Ok(Some(current)) => current,
        Ok(None) => return Ok(web.login_page(&headers, &request, raw_request, None, None)),
        Err(error) => return Ok(to_client(error)),
    };
    let allowed = match params.get("decision") {
        Some("allow") => true,
        Some("deny") => false,
        _ => {
            return Err(Refused::new(
                StatusCode::BAD_REQUEST,
                "decision must be allow or deny",
            ));
        }
    };
    let ticket = params.get("ticket").unwrap_or("");
    Ok(
        match web
            .provider
            .decide(&request, raw_request, &current, ticket, allowed)
            .await
        {
            Ok(Ok(answer)) => web.answer_client(&headers, Some(&request), answer),
            // too old, or not this browser's: put the question again rather than guess
            Ok(Err(not_this_form)) => {
                tracing::info!(%not_this_form, account = %current.session.account, "a consent form was refused");
                ask(&web, &headers, &request, raw_request, &current)
            }
            Err(error) => to_client(error.into()),
        },
    )
}

async fn check(
    web: &Web,
    headers: &HeaderMap,
    raw_request: &str,
) -> Result<AuthorizationRequest, Response> {
    let locale = web.locale(headers, None);
    let pairs = pairs(raw_request).map_err(|_| {
        web.error_page(
            &locale,
            StatusCode::BAD_REQUEST,
            "The request is not well-formed.",
            None,
        )
    })?;
    web.provider
        .check_authorization(pairs)
        .await
        .map_err(|refusal| match refusal {
            Refusal::Page(error) => web.oauth_error_page(&locale, &error),
            Refusal::Client(answer_to, error) => web.answer_client(
                headers,
                None,
                answer_to.with_error(web.settings().issuer(), &error),
            ),
        })
}

async fn session(web: &Web, headers: &HeaderMap) -> Result<Option<CurrentSession>, OauthError> {
    match web.session_cookie(headers) {
        Some(cookie) => Ok(web.provider.current_session(cookie).await?),
        None => Ok(None),
    }
}

impl Web {
    /// Hands an answer to the client: by the browser, or by showing it.
    pub(super) fn answer_client(
        &self,
        headers: &HeaderMap,
        request: Option<&AuthorizationRequest>,
        answer: Answer,
    ) -> Response {
        let locale = self.locale(headers, None);
        match (answer, request) {
            (Answer::Redirect(to), _) => redirect(&to),
            (Answer::Show(Ok(code)), Some(request)) => {
                let page = CodePage {
                    client: client_view(&request.client),
                    code,
                };
                self.page(
                    StatusCode::OK,
                    self.pages.render_code(&page, &locale),
                    &Forms::Here,
                )
            }
            (Answer::Show(Ok(_)), None) => self.error_page(
                &locale,
                StatusCode::BAD_REQUEST,
                "The app cannot be named.",
                None,
            ),
            (Answer::Show(Err(error)), _) => self.oauth_error_page(&locale, &error),
        }
    }
}

/// What people see of a client.
pub(super) fn client_view(client: &Client) -> ClientView {
    let metadata = &client.metadata;
    ClientView::new(&ClientMetadata {
        name: &metadata.client_name,
        kind: match metadata.application_type {
            ApplicationType::Web => ClientKind::Web,
            ApplicationType::Native => ClientKind::Native,
        },
        client_uri: metadata.client_uri.as_ref().map(Url::as_str),
        policy_uri: metadata.policy_uri.as_ref().map(Url::as_str),
        tos_uri: metadata.tos_uri.as_ref().map(Url::as_str),
    })
}

/// Where the login form may lead: a login that was asked for in vain goes on to the client.
pub(super) fn forms_to(answer_to: &AnswerTo) -> Forms {
    let source = Url::parse(&answer_to.redirect_uri)
        .ok()
        .and_then(|url| match answer_to.kind {
            RedirectKind::OutOfBand => None,
            RedirectKind::PrivateScheme => Some(format!("{}:", url.scheme())),
            RedirectKind::Web | RedirectKind::Loopback => match url.host()? {
                // CSP3 §2.3.1 has no way to write an IPv6 address
                Host::Ipv6(_) => Some(format!("{}:", url.scheme())),
                _ => Some(url.origin().ascii_serialization()),
            },
        });
    source.map_or(Forms::Here, Forms::HereAnd)
}
