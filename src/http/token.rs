//! The endpoints that clients call themselves: token, revocation, introspection, and pushed
//! authorization requests.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::answer::{Refused, bearer_error, json_answer};
use super::request::{Peer, basic, bearer, client_address, form, form_pairs, params};
use super::{Shared, Web};
use crate::limits::address_key;
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

/// POST /oauth2/introspect, by a client or with a token that one has for this (RFC 7662 §2.1).
pub(super) async fn introspect(
    State(web): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    if let Some(token) = bearer(&headers) {
        let params = form(&web, &headers, body).await?;
        return Ok(
            match web.provider.introspect_for_bearer(&params, token).await {
                Ok(answer) => json_answer(StatusCode::OK, &answer),
                Err(error) => bearer_error(&error),
            },
        );
    }
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

/// POST /oauth2/par
pub(super) async fn push(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let basic = basic(&headers)?;
    let pairs = form_pairs(&web, &headers, body).await?;
    let credentials = Credentials::new(basic, &params(pairs.clone())?);
    let from = address_key(client_address(&web, peer, &headers));
    Ok(match web.provider.push(pairs, &credentials, from).await {
        Ok(answer) => json_answer(StatusCode::CREATED, &answer),
        Err(error) => error.into_response(),
    })
}

pub(super) async fn client_request(
    web: &Web,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Params, Credentials), Refused> {
    let basic = basic(headers)?;
    let params = form(web, headers, body).await?;
    let credentials = Credentials::new(basic, &params);
    Ok((params, credentials))
}
