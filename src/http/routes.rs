//! The one route table, and what answers where no route does.

use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::{HeaderMap, Method, StatusCode, Uri};

use super::answer::{Refused, wants_page};
use super::cors::cors;
use super::server::to_the_end;
use super::{
    Shared, Web, account, authorize, device, discovery, login, logout, register, token, userinfo,
    validate,
};
use crate::oauth::discovery::{METADATA_PATH, OPENID_CONFIGURATION_PATH, path};

/// The longest path and query; a `client_id` alone may have 4 KiB.
const MAX_URI: usize = 16 * 1024;

const ONE_CLIENT: &str = "/oauth2/register/{id}";
const STYLESHEET: &str = "/assets/{name}";
const ONE_APP: &str = "/account/apps/{id}";
const ONE_BROWSER: &str = "/account/browsers/{id}";

/// The table's patterns, for what is counted by route.
pub(super) const PATHS: [&str; 27] = [
    METADATA_PATH,
    OPENID_CONFIGURATION_PATH,
    path::JWKS,
    path::REGISTER,
    ONE_CLIENT,
    path::AUTHORIZE,
    path::PAR,
    path::TOKEN,
    path::REVOKE,
    path::INTROSPECT,
    path::DEVICE,
    path::DEVICE_PAGE,
    path::VALIDATE,
    path::USERINFO,
    path::LOGOUT,
    logout::LOGOUT_PATH,
    login::LOGIN_PATH,
    login::SWITCH_PATH,
    authorize::CONSENT_PATH,
    account::ACCOUNT_PATH,
    account::APPS_PATH,
    ONE_APP,
    account::BROWSERS_PATH,
    ONE_BROWSER,
    account::NOTICES_PATH,
    account::LOG_OUT_PATH,
    STYLESHEET,
];

/// All endpoints and pages.
pub fn router(web: Web) -> Router {
    let web = Arc::new(web);
    // what only asks may be given up half-way
    let asking = Router::new()
        .route(METADATA_PATH, get(discovery::metadata))
        .route(OPENID_CONFIGURATION_PATH, get(discovery::metadata))
        .route(path::JWKS, get(discovery::jwks))
        .route(path::INTROSPECT, post(token::introspect))
        .route(path::USERINFO, get(userinfo::get).post(userinfo::post))
        .route(path::VALIDATE, get(validate::get));
    Router::new()
        .route(path::REGISTER, get(register::schema).post(register::post))
        .route(
            ONE_CLIENT,
            get(register::read)
                .put(register::update)
                .delete(register::remove),
        )
        .route(path::AUTHORIZE, get(authorize::get).post(authorize::post))
        .route(path::PAR, post(token::push))
        .route(path::TOKEN, post(token::token))
        .route(path::REVOKE, post(token::revoke))
        .route(path::DEVICE, post(device::authorize))
        .route(path::DEVICE_PAGE, get(device::get).post(device::decide))
        .route(path::LOGOUT, get(logout::get).post(logout::post))
        .route(logout::LOGOUT_PATH, post(logout::confirm))
        .route(login::LOGIN_PATH, get(login::get).post(login::post))
        .route(login::SWITCH_PATH, post(login::switch))
        .route(authorize::CONSENT_PATH, post(authorize::decide))
        .route(account::ACCOUNT_PATH, get(account::get))
        .route(
            account::APPS_PATH,
            get(account::ask_for_all).post(account::revoke_all),
        )
        .route(ONE_APP, get(account::ask_for_one).post(account::revoke_one))
        .route(account::BROWSERS_PATH, post(account::log_out_all))
        .route(account::NOTICES_PATH, post(account::switch_notices))
        .route(ONE_BROWSER, post(account::log_out_one))
        .route(account::LOG_OUT_PATH, post(account::log_out))
        .route(STYLESHEET, get(discovery::stylesheet))
        .route_layer(from_fn(to_the_end))
        .merge(asking)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(Arc::clone(&web), at_the_door))
        .with_state(web)
}

/// What goes for every request: it is counted, and its address is no longer than it may be.
async fn at_the_door(
    State(web): State<Shared>,
    route: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let since = Instant::now();
    let response = within_length(&web, request, next).await;
    let pattern = route.as_ref().map(MatchedPath::as_str);
    web.counts
        .answered(pattern, response.status(), since.elapsed());
    response
}

async fn within_length(web: &Web, request: Request, next: Next) -> Response {
    let length = request
        .uri()
        .path_and_query()
        .map_or(0, |text| text.as_str().len());
    if length > MAX_URI {
        web.counts.door.uri_length.inc();
        return Refused::new(
            StatusCode::URI_TOO_LONG,
            format!("the address is longer than {MAX_URI} bytes"),
        )
        .into_response();
    }
    cors(request, next).await
}

pub(super) async fn not_found(State(web): State<Shared>, headers: HeaderMap, uri: Uri) -> Response {
    tracing::debug!(path = uri.path(), "nothing is here");
    nowhere(
        &web,
        &headers,
        StatusCode::NOT_FOUND,
        "There is nothing at this address.",
    )
}

async fn method_not_allowed(
    State(web): State<Shared>,
    headers: HeaderMap,
    method: Method,
) -> Response {
    let sentence = format!("This address does not take {method}.");
    nowhere(&web, &headers, StatusCode::METHOD_NOT_ALLOWED, &sentence)
}

fn nowhere(web: &Web, headers: &HeaderMap, status: StatusCode, sentence: &str) -> Response {
    if wants_page(headers) {
        return web.error_page(&web.locale(headers, None), status, sentence, None);
    }
    Refused::new(status, sentence).into_response()
}
