//! The authorization endpoint and the consent page.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use url::{Host, Url};

use super::answer::{Forms, Refused, redirect, status_of};
use super::login::{Goal, SWITCH_PATH, after_login};
use super::pages::{
    ClientKind, ClientMetadata, ClientView, CodePage, ConsentPage, ErrorLink, LinkText,
    LoginError as Shown, ScopeView, SendPage, SendsTo, ServiceView, SwitchAccount,
};
use super::request::{Peer, client_address, form, form_pairs, pairs};
use super::texts::Locale;
use super::{Shared, Web};
use crate::model::{ApplicationType, Client, Scope, ScopeSet};
use crate::oauth::authorize::{Answer, AnswerTo, AuthorizationRequest, Refusal};
use crate::oauth::consent::{AskAgain, Decision, is_optional};
use crate::oauth::discovery::path;
use crate::oauth::login::CurrentSession;
use crate::oauth::redirect_uri::RedirectKind;
use crate::oauth::{ErrorCode, OauthError, Params};

/// Where the consent form is posted.
pub(super) const CONSENT_PATH: &str = "/consent";

/// The longest request; a `client_id` alone may have 4 KiB.
pub(super) const MAX_REQUEST: usize = 15 * 1024;

/// GET /oauth2/authorize
pub(super) async fn get(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    start(&web, peer, &headers, query.unwrap_or_default()).await
}

/// POST /oauth2/authorize (OIDC Core §3.1.2.1)
pub(super) async fn post(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let pairs = form_pairs(&web, &headers, body).await?;
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    Ok(start(&web, peer, &headers, query).await)
}

async fn start(web: &Web, peer: Peer, headers: &HeaderMap, raw_request: String) -> Response {
    // a pushed or signed request goes on as what it holds, so that a page can be loaded again
    if let Ok(pairs) = pairs(&raw_request) {
        match web.provider.settle(&pairs).await {
            Ok(None) => {}
            Ok(Some(request)) => return redirect(&format!("{}?{request}", path::AUTHORIZE)),
            Err(error) => return web.oauth_error_page(&web.locale(headers, None), &error),
        }
    }
    let request = match check(web, headers, &raw_request).await {
        Ok(request) => request,
        Err(response) => return response,
    };
    let answer_to = &request.answer_to;
    let locale = web.locale(headers, request.ui_locales.as_deref());
    let current = match web.session(headers).await {
        Ok(current) => current,
        Err(error) => return web.refuse(headers, &locale, answer_to, &error).await,
    };
    let must_log_in = web.provider.must_log_in(&request, current.as_ref());
    let is_other = current
        .as_ref()
        .is_some_and(|current| web.provider.is_somebody_else(&request, current));
    let current = current.filter(|_| !must_log_in);
    if let Some(current) = &current {
        let from = client_address(web, peer, headers);
        match web.provider.answer_unasked(&request, current, from).await {
            Ok(Some(answer)) => return web.answer_client(headers, &request, answer),
            Ok(None) => {}
            Err(error) => return web.refuse(headers, &locale, answer_to, &error.into()).await,
        }
    }
    match (current, request.prompt.none) {
        (None, true) => {
            let error = OauthError::new(ErrorCode::LoginRequired, "nobody is logged in here");
            web.refuse(headers, &locale, answer_to, &error).await
        }
        (None, false) => {
            let error = is_other.then_some(Shown::OtherAccount);
            let goal = Goal::Client(Box::new(request), raw_request);
            web.login_page(headers, &goal, None, error)
        }
        (Some(_), true) => {
            // whoever was never let in must not find out by guesses who is logged in here
            let code = match request.names_somebody() {
                true => ErrorCode::LoginRequired,
                false => ErrorCode::ConsentRequired,
            };
            let error = OauthError::new(code, "the person must be asked");
            web.refuse(headers, &locale, answer_to, &error).await
        }
        (Some(current), false) => ask(web, headers, &request, &raw_request, &current, false).await,
    }
}

/// The consent page. `nothing_chosen`: the last answer left nothing.
async fn ask(
    web: &Web,
    headers: &HeaderMap,
    request: &AuthorizationRequest,
    raw_request: &str,
    current: &CurrentSession,
    nothing_chosen: bool,
) -> Response {
    let locale = web.locale(headers, request.ui_locales.as_deref());
    let question = match web.provider.question(request, raw_request, current) {
        Ok(question) => question,
        Err(error) => {
            return web
                .refuse(headers, &locale, &request.answer_to, &error)
                .await;
        }
    };
    let (form_cookie, is_new) = web.form_cookie(headers);
    let page = ConsentPage {
        client: client_view(&request.client),
        account: current.session.account.to_string(),
        scopes: scope_views(web, &question.scopes),
        nothing_chosen,
        sends_to: SendsTo::new(&request.answer_to.redirect_uri),
        device: None,
        action: CONSENT_PATH.to_owned(),
        request: raw_request.to_owned(),
        ticket: question.ticket,
        switch_account: request.hinted.is_none().then(|| SwitchAccount {
            action: SWITCH_PATH.to_owned(),
            csrf: web.provider.form_token(&form_cookie),
            continue_to: raw_request.to_owned(),
        }),
    };
    let html = web.pages().render_consent(&page, &locale);
    let mut response = web.page(StatusCode::OK, html, &Forms::Anywhere);
    if is_new {
        web.set_form_cookie(&mut response, &form_cookie);
    }
    response
}

/// POST /consent
pub(super) async fn decide(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let params = form(&web, &headers, body).await?;
    let raw_request = params.get("request").unwrap_or("");
    let request = match check(&web, &headers, raw_request).await {
        Ok(request) => request,
        Err(response) => return Ok(response),
    };
    let locale = web.locale(&headers, request.ui_locales.as_deref());
    let current = match web.session(&headers).await {
        Ok(Some(current)) if !web.provider.must_log_in(&request, Some(&current)) => current,
        Ok(_) => return Ok(web.ask_to_log_in(&headers, request, raw_request.to_owned())),
        Err(error) => {
            return Ok(web
                .refuse(&headers, &locale, &request.answer_to, &error)
                .await);
        }
    };
    let allowed = match params.get("decision") {
        Some("allow") => true,
        Some("deny") => false,
        _ => {
            let sentence = "decision must be allow or deny";
            return Err(Refused::new(StatusCode::BAD_REQUEST, sentence));
        }
    };
    let decision = Decision {
        ticket: params.get("ticket").unwrap_or(""),
        allowed,
        chosen: chosen(&params),
        from: client_address(&web, peer, &headers),
    };
    let decided = web
        .provider
        .decide(&request, raw_request, &current, decision)
        .await;
    Ok(match decided {
        Ok(Ok(answer)) => web.answer_client(&headers, &request, answer),
        // too old, or not this browser's: put the question again rather than guess
        Ok(Err(why)) => {
            tracing::info!(account = %current.session.account, "{why}");
            let nothing_chosen = why == AskAgain::NothingChosen;
            ask(
                &web,
                &headers,
                &request,
                raw_request,
                &current,
                nothing_chosen,
            )
            .await
        }
        Err(error) => {
            web.refuse(&headers, &locale, &request.answer_to, &error.into())
                .await
        }
    })
}

/// What a person is shown of the scopes that are asked for.
pub(super) fn scope_views(web: &Web, scopes: &ScopeSet) -> Vec<ScopeView> {
    let view = |scope| ScopeView {
        optional: is_optional(scope, scopes),
        ..scope_view(web, scope)
    };
    scopes.iter().map(view).collect()
}

/// What a scope allows, in words.
pub(super) fn scope_view(web: &Web, scope: &Scope) -> ScopeView {
    match web.provider.sentence_of(scope) {
        None => ScopeView::new(scope.as_str()),
        Some((service, sentence)) => ScopeView::of_service(
            scope.as_str(),
            ServiceView {
                name: service.to_owned(),
                sentence: sentence.to_owned(),
            },
        ),
    }
}

/// The scopes that were left ticked, where the form has boxes to tick: an operator's own may have none.
pub(super) fn chosen(params: &Params) -> Option<ScopeSet> {
    params.get("choose")?;
    let ticked = params.names_after("allow:");
    Some(ticked.filter_map(|scope| scope.parse().ok()).collect())
}

/// The request that a query or form stands for, or what the person sees instead.
pub(super) async fn check(
    web: &Web,
    headers: &HeaderMap,
    raw_request: &str,
) -> Result<AuthorizationRequest, Response> {
    // a request that is wrong still says which language the person reads
    let decoded = pairs(raw_request);
    let wish = decoded
        .iter()
        .flatten()
        .find(|(name, _)| name == "ui_locales");
    let locale = web.locale(headers, wish.map(|(_, tags)| tags.as_str()));
    // It must fit into an address again once the person has logged in.
    if after_login(raw_request, Some(Duration::MAX)).len() > MAX_REQUEST {
        let sentence = format!("The request is longer than {MAX_REQUEST} bytes.");
        return Err(web.error_page(&locale, StatusCode::BAD_REQUEST, &sentence, None));
    }
    let Ok(pairs) = decoded else {
        let sentence = "The request is not well-formed.";
        return Err(web.error_page(&locale, StatusCode::BAD_REQUEST, sentence, None));
    };
    match web.provider.check_authorization(pairs).await {
        Ok(request) => Ok(request),
        Err(Refusal::Page(error)) => Err(web.oauth_error_page(&locale, &error)),
        Err(Refusal::Client(answer_to, error)) => {
            Err(web.refuse(headers, &locale, &answer_to, &error).await)
        }
    }
}

impl Web {
    /// Who is logged in here.
    pub(super) async fn session(
        &self,
        headers: &HeaderMap,
    ) -> Result<Option<CurrentSession>, OauthError> {
        Ok(match self.session_cookie(headers) {
            Some(cookie) => self.provider.current_session(cookie).await?,
            None => None,
        })
    }

    fn ask_to_log_in(
        &self,
        headers: &HeaderMap,
        request: AuthorizationRequest,
        raw_request: String,
    ) -> Response {
        let goal = Goal::Client(Box::new(request), raw_request);
        self.login_page(headers, &goal, None, None)
    }

    /// Hands a person's decision to the client: by the browser, or by showing it.
    fn answer_client(
        &self,
        headers: &HeaderMap,
        request: &AuthorizationRequest,
        answer: Answer,
    ) -> Response {
        let locale = self.locale(headers, request.ui_locales.as_deref());
        match answer {
            Answer::Redirect(to) => redirect(&to),
            Answer::Post(to, fields) => {
                self.send_page(&locale, Some(client_view(&request.client)), to, fields)
            }
            Answer::Show(Ok(code)) => {
                let client = client_view(&request.client);
                let html = self
                    .pages()
                    .render_code(&CodePage { client, code }, &locale);
                self.page(StatusCode::OK, html, &Forms::Here)
            }
            Answer::Show(Err(error)) => self.oauth_error_page(&locale, &error),
        }
    }

    /// The page that brings an answer to the client by a form. Browsers hold the client's own redirects
    /// from there against the page's policy, so it lets forms go anywhere, as the consent page does.
    fn send_page(
        &self,
        locale: &Locale,
        client: Option<ClientView>,
        action: String,
        fields: Vec<(String, String)>,
    ) -> Response {
        let page = SendPage {
            client,
            action,
            fields,
        };
        let html = self.pages().render_send(&page, locale);
        self.page(StatusCode::OK, html, &Forms::Anywhere)
    }

    /// Tells the client that it gets nothing. Anyone can register an address to be sent to, so nobody is
    /// sent there by a link alone: they must have logged in here, or follow a link on our own page
    /// (RFC 9700 §4.11.2). What was to be silent comes back silently.
    async fn refuse(
        &self,
        headers: &HeaderMap,
        locale: &Locale,
        answer_to: &AnswerTo,
        error: &OauthError,
    ) -> Response {
        let answer = answer_to.with_error(self.settings().issuer(), error);
        let to = match answer {
            Answer::Redirect(to) => to,
            // the page's button is what a link would be
            Answer::Post(to, fields) => return self.send_page(locale, None, to, fields),
            Answer::Show(_) => return self.oauth_error_page(locale, error),
        };
        let is_logged_in = matches!(self.session(headers).await, Ok(Some(_)));
        if is_logged_in || answer_to.is_silent {
            return redirect(&to);
        }
        let back = ErrorLink {
            href: to,
            text: LinkText::BackToApp,
        };
        self.error_page(locale, status_of(error), &error.description, Some(back))
    }
}

/// What people see of a client.
pub(super) fn client_view(client: &Client) -> ClientView {
    ClientView::new(&client_metadata(client))
}

/// The same, before it is cleaned.
pub(super) fn client_metadata(client: &Client) -> ClientMetadata<'_> {
    let metadata = &client.metadata;
    ClientMetadata {
        name: &metadata.client_name,
        kind: match metadata.application_type {
            ApplicationType::Web => ClientKind::Web,
            ApplicationType::Native => ClientKind::Native,
        },
        client_uri: metadata.client_uri.as_ref().map(Url::as_str),
        policy_uri: metadata.policy_uri.as_ref().map(Url::as_str),
        tos_uri: metadata.tos_uri.as_ref().map(Url::as_str),
    }
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
