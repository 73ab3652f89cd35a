//! The userinfo endpoint (OIDC Core §5.3.1), by GET and POST.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::answer::{Refused, bearer_error, json_answer, no_bearer};
use super::request::{bearer, form, is_form};
use super::{Shared, Web};
use crate::oauth::OauthError;

/// GET /oauth2/userinfo
pub(super) async fn get(State(web): State<Shared>, headers: HeaderMap) -> Response {
    match bearer(&headers) {
        Some(token) => answer(&web, token).await,
        None => no_bearer(),
    }
}

/// POST /oauth2/userinfo: the token in the header, or in the form (RFC 6750 §2.2), not in both.
pub(super) async fn post(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let in_header = bearer(&headers);
    if in_header.is_some() && !is_form(&headers) {
        return Ok(get(State(web), headers).await);
    }
    let params = form(&web, &headers, body).await?;
    Ok(match (in_header, params.get("access_token")) {
        // RFC 6750 §2: not more than one method in a request
        (Some(_), Some(_)) => bearer_error(&OauthError::invalid_request(
            "the access token is shown both in the Authorization header and in the form; use one",
        )),
        (Some(token), None) | (None, Some(token)) => answer(&web, token).await,
        (None, None) => no_bearer(),
    })
}

async fn answer(web: &Web, token: &str) -> Response {
    match web.provider.userinfo(token).await {
        Ok(claims) => json_answer(StatusCode::OK, &claims),
        Err(error) => bearer_error(&error),
    }
}
