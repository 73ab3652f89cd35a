//! The registration endpoint (RFC 7591 §3), and where a client manages what it registered (RFC 7592 §2).

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};

use super::answer::{Refused, bearer_error, json_answer, no_bearer, set, set_fixed};
use super::request::{Peer, address_to_brake, bearer, body};
use super::{Shared, Web};
use crate::oauth::registration::RegistrationError;

/// GET /oauth2/register: what a registration may hold.
pub(super) async fn schema(State(web): State<Shared>) -> Response {
    let mut response = json_answer(StatusCode::OK, &web.provider.registration_schema());
    let kind = http::HeaderValue::from_static("application/schema+json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// POST /oauth2/register
pub(super) async fn post(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Refused> {
    let content = metadata(&web, &headers, content).await?;
    let from = address_to_brake(&web, peer, &headers);
    let registered = web.provider.register(&content, bearer(&headers), from);
    Ok(match registered.await {
        Ok(registered) => json_answer(StatusCode::CREATED, &registered),
        Err(error) => refusal(error),
    })
}

/// GET /oauth2/register/ID
pub(super) async fn read(
    State(web): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    match web.provider.read_registration(&id, bearer(&headers)).await {
        Ok(registered) => json_answer(StatusCode::OK, &registered),
        Err(error) => refusal(error),
    }
}

/// PUT /oauth2/register/ID
pub(super) async fn update(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Refused> {
    let content = metadata(&web, &headers, content).await?;
    let (token, from) = (bearer(&headers), address_to_brake(&web, peer, &headers));
    let updated = web.provider.update_registration(&id, token, &content, from);
    Ok(match updated.await {
        Ok(registered) => json_answer(StatusCode::OK, &registered),
        Err(error) => refusal(error),
    })
}

/// DELETE /oauth2/register/ID
pub(super) async fn remove(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (token, from) = (bearer(&headers), address_to_brake(&web, peer, &headers));
    match web.provider.remove_registration(&id, token, from).await {
        Ok(()) => {
            let mut response = StatusCode::NO_CONTENT.into_response();
            set_fixed(&mut response, header::CACHE_CONTROL, "no-store");
            response
        }
        Err(error) => refusal(error),
    }
}

async fn metadata(web: &Web, headers: &HeaderMap, content: Body) -> Result<Bytes, Refused> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be client metadata in JSON: Content-Type application/json",
        ));
    }
    body(web, content).await
}

fn refusal(error: RegistrationError) -> Response {
    match error {
        RegistrationError::Off => Refused::new(
            StatusCode::FORBIDDEN,
            "the operator does not let clients register themselves ([registration])",
        )
        .into_response(),
        RegistrationError::Token(None) => no_bearer(),
        RegistrationError::Token(Some(error)) => bearer_error(&error),
        RegistrationError::TooMany(wait) => {
            let mut response = Refused::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many registrations from this address: wait, and register once per installation",
            )
            .into_response();
            let seconds = wait.as_secs().max(1).to_string();
            set(&mut response, header::RETRY_AFTER, &seconds);
            response
        }
        RegistrationError::Refused(error) => error.into_response(),
    }
}
