//! The device flow (RFC 8628): the endpoint that devices call, and the page where people type their code,
//! see what would be allowed, and answer.

use axum::body::Body;
use axum::extract::{Extension, RawQuery, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use url::form_urlencoded;

use super::answer::{Forms, Refused, json_answer};
use super::authorize::{chosen, client_view, scope_views};
use super::login::{Goal, SWITCH_PATH};
use super::pages::{
    ConsentPage, DeviceDonePage, DeviceError, DevicePage, DeviceView, SendsTo, SwitchAccount,
};
use super::request::{Peer, address_to_brake, client_address, form, pairs, params};
use super::texts::Locale;
use super::token::client_request;
use super::{Shared, Web};
use crate::model::GrantType;
use crate::oauth::consent::{AskAgain, Decision};
use crate::oauth::device::{DeviceDecided, DeviceQuestion, NoDevice, grouped, letters_of};
use crate::oauth::discovery::path;
use crate::oauth::login::CurrentSession;

/// POST /oauth2/device (RFC 8628 §3.1)
pub(super) async fn authorize(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let (params, credentials) = client_request(&web, &headers, body).await?;
    let from = client_address(&web, peer, &headers);
    let answer = web.provider.authorize_device(&params, &credentials, from);
    Ok(match answer.await {
        Ok(answer) => json_answer(StatusCode::OK, &answer),
        Err(error) => error.into_response(),
    })
}

/// GET /device: the code is in the address where the device put it there (RFC 8628 §3.3.1), or where it
/// was typed into the page's form.
pub(super) async fn get(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let params = params(pairs(&query.unwrap_or_default())?)?;
    let typed = Typed {
        code: params.get("user_code").unwrap_or(""),
        ui_locales: params.get("ui_locales"),
    };
    Ok(ask(&web, peer, &headers, typed, false).await)
}

/// A code as it was typed, and the languages that the page was asked for in; both travel with its forms.
#[derive(Clone, Copy)]
struct Typed<'a> {
    code: &'a str,
    ui_locales: Option<&'a str>,
}

impl Typed<'_> {
    fn locale(&self, web: &Web, headers: &HeaderMap) -> Locale {
        web.locale(headers, self.ui_locales)
    }
}

/// POST /device: a person's answer.
pub(super) async fn decide(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let query = params(pairs(&query.unwrap_or_default())?)?;
    let params = form(&web, &headers, body).await?;
    let typed = Typed {
        code: params.get("request").unwrap_or(""),
        ui_locales: query.get("ui_locales"),
    };
    let allowed = match params.get("decision") {
        Some("allow") => true,
        Some("deny") => false,
        _ => {
            let sentence = "decision must be allow or deny";
            return Err(Refused::new(StatusCode::BAD_REQUEST, sentence));
        }
    };
    let Ok(Some(current)) = web.session(&headers).await else {
        return Ok(ask(&web, peer, &headers, typed, false).await);
    };
    let decision = Decision {
        ticket: params.get("ticket").unwrap_or(""),
        allowed,
        chosen: chosen(&params),
        from: client_address(&web, peer, &headers),
    };
    let decided = web.provider.decide_device(typed.code, &current, decision);
    Ok(match decided.await {
        Ok(DeviceDecided::Done(client)) => {
            let page = DeviceDonePage {
                client: client_view(&client),
                allowed,
            };
            let locale = typed.locale(&web, &headers);
            let html = web.pages().render_device_done(&page, &locale);
            web.page(StatusCode::OK, html, &Forms::Here)
        }
        // too old, or not this browser's: put the question again rather than guess
        Ok(DeviceDecided::AskAgain(why)) => {
            let nothing_chosen = why == AskAgain::NothingChosen;
            ask(&web, peer, &headers, typed, nothing_chosen).await
        }
        Err(why) => refuse(&web, &headers, typed, why),
    })
}

/// The form for the code; with a code, the login; and then the question. `nothing_chosen`: the last answer
/// left nothing.
async fn ask(
    web: &Web,
    peer: Peer,
    headers: &HeaderMap,
    typed: Typed<'_>,
    nothing_chosen: bool,
) -> Response {
    let locale = typed.locale(web, headers);
    if !web.provider.config().flows.allows(GrantType::DeviceCode) {
        let message = "Devices cannot be connected here.";
        return web.error_page(&locale, StatusCode::NOT_FOUND, message, None);
    }
    if typed.code.is_empty() {
        return code_page(web, headers, typed, None);
    }
    let Some(letters) = letters_of(typed.code) else {
        return code_page(web, headers, typed, Some(DeviceError::Unknown));
    };
    let current = match web.session(headers).await {
        Ok(Some(current)) => current,
        Ok(None) => {
            let goal = Goal::device(&letters, typed.ui_locales);
            return web.login_page(headers, &goal, None, None);
        }
        Err(error) => return web.oauth_error_page(&locale, &error),
    };
    let from = address_to_brake(web, peer, headers);
    match web.provider.device_question(&letters, &current, from).await {
        Ok(question) if web.provider.device_must_wait(&question, &current) => {
            let goal = Goal::device(&letters, typed.ui_locales);
            let account = current.session.account.to_string();
            web.login_page(headers, &goal, Some(&account), None)
        }
        Ok(question) => question_page(web, headers, typed, (&question, &current), nothing_chosen),
        Err(why) => refuse(web, headers, typed, why),
    }
}

fn question_page(
    web: &Web,
    headers: &HeaderMap,
    typed: Typed<'_>,
    (asked, current): (&DeviceQuestion, &CurrentSession),
    nothing_chosen: bool,
) -> Response {
    let (form_cookie, is_new) = web.form_cookie(headers);
    let since = web.provider.now().since(asked.device.issued_at);
    let page = ConsentPage {
        client: client_view(&asked.client),
        account: current.session.account.to_string(),
        scopes: scope_views(web, &asked.question.scopes),
        nothing_chosen,
        sends_to: SendsTo::Device,
        device: Some(DeviceView {
            code: asked.user_code.clone(),
            asked_from: asked.device.asked_from.clone(),
            minutes: since.as_secs() / 60,
        }),
        action: answered_at(typed.ui_locales),
        request: asked.user_code.clone(),
        ticket: asked.question.ticket.clone(),
        switch_account: Some(SwitchAccount {
            action: SWITCH_PATH.to_owned(),
            csrf: web.provider.form_token(&form_cookie),
            continue_to: Goal::device(&asked.user_code, typed.ui_locales)
                .text()
                .to_owned(),
        }),
    };
    let html = web
        .pages()
        .render_consent(&page, &typed.locale(web, headers));
    let mut response = web.page(StatusCode::OK, html, &Forms::Here);
    if is_new {
        web.set_form_cookie(&mut response, &form_cookie);
    }
    response
}

/// Where an answer is posted: an address keeps its query there, and the code is in the form.
fn answered_at(ui_locales: Option<&str>) -> String {
    match ui_locales {
        None => path::DEVICE_PAGE.to_owned(),
        Some(tags) => {
            let query = form_urlencoded::Serializer::new(String::new())
                .append_pair("ui_locales", tags)
                .finish();
            format!("{}?{query}", path::DEVICE_PAGE)
        }
    }
}

fn refuse(web: &Web, headers: &HeaderMap, typed: Typed<'_>, why: NoDevice) -> Response {
    match why {
        NoDevice::Unknown => code_page(web, headers, typed, Some(DeviceError::Unknown)),
        NoDevice::TooManyTries(wait) => {
            let seconds = wait.as_secs();
            code_page(
                web,
                headers,
                typed,
                Some(DeviceError::TooManyTries { seconds }),
            )
        }
        NoDevice::Refused(error) => web.oauth_error_page(&typed.locale(web, headers), &error),
    }
}

fn code_page(
    web: &Web,
    headers: &HeaderMap,
    typed: Typed<'_>,
    error: Option<DeviceError>,
) -> Response {
    let page = DevicePage {
        action: path::DEVICE_PAGE.to_owned(),
        user_code: letters_of(typed.code).map_or_else(
            || typed.code.chars().take(20).collect(),
            |letters| grouped(&letters),
        ),
        ui_locales: typed.ui_locales.map(str::to_owned),
        error,
    };
    let status = match error {
        Some(DeviceError::TooManyTries { .. }) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::OK,
    };
    let html = web
        .pages()
        .render_device(&page, &typed.locale(web, headers));
    web.page(status, html, &Forms::Here)
}
