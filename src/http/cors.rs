//! What web apps may call from other sites (the Fetch Standard's CORS protocol §3.2): the endpoints that
//! clients call themselves, with what they show in the request and never with a browser's cookies. Pages,
//! and where people are sent, are not among them.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use crate::oauth::discovery::{METADATA_PATH, OPENID_CONFIGURATION_PATH, path};

/// Introspection is for resource servers, which are no web apps.
const FOR_APPS: [&str; 9] = [
    METADATA_PATH,
    OPENID_CONFIGURATION_PATH,
    path::DEVICE,
    path::JWKS,
    path::PAR,
    path::REGISTER,
    path::REVOKE,
    path::TOKEN,
    path::USERINFO,
];

const METHODS: &str = "GET, POST, PUT, DELETE";
const REQUEST_HEADERS: &str = "Authorization, Content-Type, DPoP";
const ANSWER_HEADERS: &str = "WWW-Authenticate, Retry-After, DPoP-Nonce";
/// Browsers keep it for less where they want to.
const PREFLIGHT_KEPT: &str = "86400";

fn is_for_apps(asked: &str) -> bool {
    let managed = asked.strip_prefix(path::REGISTER);
    FOR_APPS.contains(&asked) || managed.is_some_and(|rest| rest.starts_with('/'))
}

/// Answers preflights, and lets any site read the answers. The star excludes requests with credentials.
pub(super) async fn cors(request: Request, next: Next) -> Response {
    if !is_for_apps(request.uri().path()) {
        return next.run(request).await;
    }
    let is_preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match is_preflight {
        true => StatusCode::NO_CONTENT.into_response(),
        false => next.run(request).await,
    };
    let mut set = |name: HeaderName, value| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    };
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    if is_preflight {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS);
        set(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_KEPT);
    } else {
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS);
    }
    response
}
