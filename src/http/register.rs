//! The registration endpoint (RFC 7591 §3).

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};

use super::Shared;
use super::answer::{Refused, json_answer, set};
use super::request::{Peer, address_to_brake, body};
use crate::oauth::registration::RegistrationError;

/// POST /oauth2/register
pub(super) async fn post(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    content: Body,
) -> Result<Response, Refused> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    if !kind
        .split(';')
        .next()
        .unwrap_or("")
        .trim()
        .eq_ignore_ascii_case("application/json")
    {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be client metadata in JSON: Content-Type application/json",
        ));
    }
    let content = body(&web, content).await?;
    match web
        .provider
        .register(&content, address_to_brake(&web, peer, &headers))
    {
        Ok(registered) => Ok(json_answer(StatusCode::CREATED, &registered)),
        Err(RegistrationError::Off) => Err(Refused::new(
            StatusCode::FORBIDDEN,
            "the operator has not switched registration on ([registration] registration_key)",
        )),
        Err(RegistrationError::TooMany(wait)) => {
            let mut response = Refused::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many registrations from this address: wait, and register once per installation",
            )
            .into_response();
            set(
                &mut response,
                header::RETRY_AFTER,
                &wait.as_secs().max(1).to_string(),
            );
            Ok(response)
        }
        Err(RegistrationError::Refused(error)) => Ok(error.into_response()),
    }
}
