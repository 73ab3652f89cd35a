//! The endpoints that clients call themselves: token, revocation, introspection, and pushed
//! authorization requests.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};

use super::answer::{Refused, Scheme, json_answer, token_error};
use super::request::{Peer, basic, client_address, form, form_pairs, params, proof, shown};
use super::{Shared, Web};
use crate::limits::address_key;
use crate::oauth::Params;
use crate::oauth::clients::Credentials;
use crate::oauth::discovery::path;

/// POST /oauth2/token
pub(super) async fn token(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refused> {
    let from = client_address(&web, peer, &headers);
    let proof = proof(&headers, &Method::POST, path::TOKEN)?;
    let (params, credentials) = client_request(&web, &headers, body).await?;
    Ok(
        match web.provider.token(&params, &credentials, proof, from).await {
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
    let in_header = match shown(&headers, &Method::POST, path::INTROSPECT) {
        Ok(in_header) => in_header,
        Err(error) => return Ok(token_error(&error, Scheme::Dpop)),
    };
    if let Some(shown) = in_header {
        let params = form(&web, &headers, body).await?;
        return Ok(
            match web.provider.introspect_for_token(&params, shown).await {
                Ok(answer) => json_answer(StatusCode::OK, &answer),
                Err(error) => token_error(&error, (&shown).into()),
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
    let proof = proof(&headers, &Method::POST, path::PAR)?;
    let pairs = form_pairs(&web, &headers, body).await?;
    let credentials = Credentials::new(basic, &params(pairs.clone())?);
    let from = address_key(client_address(&web, peer, &headers));
    let pushed = web.provider.push(pairs, &credentials, proof, from).await;
    Ok(match pushed {
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
