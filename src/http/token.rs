//! The endpoints that clients call themselves: token, revocation, introspection.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::answer::{Refused, json_answer};
use super::request::{Peer, basic, client_address, form};
use super::{Shared, Web};
use crate::oauth::Params;
use crate::oauth::clients::Credentials;

/// POST /oauth2/token
pub(super) async fn token(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let from = client_address(&web, peer, &headers);
    let (params, credentials) = client_request(&web, &headers, body).await?;
    Ok(
        match web.provider.token(&params, &credentials, from).await {
            Ok(answer) => json_answer(StatusCode::OK, &answer),
            Err(error) => error.into_response(),
        },
    )
}

/// POST /oauth2/revoke
pub(super) async fn revoke(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let (params, credentials) = client_request(&web, &headers, body).await?;
    Ok(
        match web.provider.revoke_for_client(&params, &credentials).await {
            // RFC 7009 §2.2: 200 also for a token that is unknown
            Ok(()) => StatusCode::OK.into_response(),
            Err(error) => error.into_response(),
        },
    )
}

/// POST /oauth2/introspect
pub(super) async fn introspect(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let (params, credentials) = client_request(&web, &headers, body).await?;
    Ok(
        match web
            .provider
            .introspect_for_client(&params, &credentials)
            .await
        {
            Ok(answer) => json_answer(StatusCode::OK, &answer),
            Err(error) => error.into_response(),
        },
    )
}

async fn client_request(
    web: &Web,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Params, Credentials), Refused> {
    let basic = basic(headers)?;
    let params = form(web, headers, body).await?;
    let credentials = Credentials::new(basic, &params);
    Ok((params, credentials))
}
