//! The userinfo endpoint (OIDC Core §5.3.1), by GET and POST.

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};

use super::answer::{Refused, Scheme, json_answer, no_token, token_error};
use super::request::{form, is_form, shown};
use super::{Shared, Web};
use crate::oauth::OauthError;
use crate::oauth::discovery::path::USERINFO;
use crate::oauth::dpop::Shown;

/// GET /oauth2/userinfo
pub(super) async fn get(State(web): State<Shared>, method: Method, headers: HeaderMap) -> Response {
    match shown(&headers, &method, USERINFO) {
        Ok(Some(shown)) => answer(&web, shown).await,
        Ok(None) => no_token(),
        Err(error) => token_error(&error, Scheme::Dpop),
    }
}

/// POST /oauth2/userinfo: the token in the header, or in the form (RFC 6750 §2.2), not in both.
pub(super) async fn post(
    State(web): State<Shared>,
    method: Method,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let in_header = match shown(&headers, &method, USERINFO) {
        Ok(in_header) => in_header,
        Err(error) => return Ok(token_error(&error, Scheme::Dpop)),
    };
    if let Some(shown) = in_header
        && !is_form(&headers)
    {
        return Ok(answer(&web, shown).await);
    }
    let params = form(&web, &headers, body).await?;
    Ok(match (in_header, params.get("access_token")) {
        // RFC 6750 §2: not more than one method in a request
        (Some(shown), Some(_)) => token_error(
            &OauthError::invalid_request(
                "the access token is shown both in the Authorization header and in the form; use one",
            ),
            (&shown).into(),
        ),
        (Some(shown), None) => answer(&web, shown).await,
        (None, Some(token)) => answer(&web, Shown::Bearer(token)).await,
        (None, None) => no_token(),
    })
}

async fn answer(web: &Web, shown: Shown<'_>) -> Response {
    match web.provider.userinfo(shown).await {
        Ok(claims) => json_answer(StatusCode::OK, &claims),
        Err(error) => token_error(&error, (&shown).into()),
    }
}
