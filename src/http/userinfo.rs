//! The userinfo endpoint (OIDC Core §5.3.1), by GET and POST.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::answer::{Refused, bearer_error, json_answer, no_bearer};
use super::request::{bearer, form};
use super::{Shared, Web};

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
    if let Some(token) = bearer(&headers) {
        return Ok(answer(&web, token).await);
    }
    let params = form(&web, &headers, body).await?;
    Ok(match params.get("access_token") {
        Some(token) => answer(&web, token).await,
        None => no_bearer(),
    })
}

async fn answer(web: &Web, token: &str) -> Response {
    match web.provider.userinfo(token).await {
        Ok(claims) => json_answer(StatusCode::OK, &claims),
        Err(error) => bearer_error(&error),
    }
}
