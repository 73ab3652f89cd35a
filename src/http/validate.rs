//! The endpoint for resource servers that can only GET with a bearer token.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri, header};
use percent_encoding::percent_decode_str;

use super::Shared;
use super::answer::{json_answer, set};
use super::request::bearer;
use crate::oauth::ErrorCode;

/// GET /oauth2/validate/HOST
pub(super) async fn get(State(web): State<Shared>, uri: Uri, headers: HeaderMap) -> Response {
    let (_, host) = uri.path().rsplit_once('/').unwrap_or_default();
    let host = percent_decode_str(host).decode_utf8_lossy();
    let error = match web.provider.validate(&host, bearer(&headers)).await {
        Ok(who) => return json_answer(StatusCode::OK, &who),
        Err(error) => error,
    };
    // A server must not take our trouble for a bad token.
    let status = match error.code {
        ErrorCode::InvalidToken | ErrorCode::InsufficientScope => StatusCode::UNAUTHORIZED,
        _ => super::answer::status_of(&error),
    };
    let mut response = json_answer(status, &web.provider.invalid_for_login(&error));
    if status == StatusCode::UNAUTHORIZED {
        let challenge = format!("Bearer realm=\"xmpp-oauth\", error=\"{}\"", error.code);
        set(&mut response, header::WWW_AUTHENTICATE, &challenge);
    }
    response
}
