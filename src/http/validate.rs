//! The endpoint for resource servers that can only GET with a bearer token.

use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, header};

use super::Shared;
use super::answer::{json_answer, set};
use super::request::bearer;
use crate::oauth::ErrorCode;

/// GET /oauth2/validate/HOST
pub(super) async fn get(
    State(web): State<Shared>,
    Path(host): Path<String>,
    headers: HeaderMap,
) -> Response {
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
