//! Documents that anyone may read and keep: metadata, keys, the stylesheet.

use axum::Extension;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri, header};

use super::Shared;
use super::answer::{json_text, set, set_fixed};
use super::request::Peer;
use super::routes::not_found;
use crate::oauth::OauthError;

/// GET /.well-known/oauth-authorization-server and /.well-known/openid-configuration
pub(super) async fn metadata(
    State(web): State<Shared>,
    Extension(peer): Extension<Peer>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    web.probes.see(query.as_deref(), peer, &headers);
    document(web.provider.metadata(), "public, max-age=60")
}

/// GET /oauth2/jwks
pub(super) async fn jwks(State(web): State<Shared>) -> Response {
    document(web.provider.jwks().await, "public, max-age=300")
}

fn document(json: Result<Bytes, OauthError>, cache: &'static str) -> Response {
    match json {
        Ok(json) => public(json_text(StatusCode::OK, json), cache),
        Err(error) => error.into_response(),
    }
}

/// GET of the stylesheet, whose path changes with its content.
pub(super) async fn stylesheet(
    State(web): State<Shared>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let pages = web.pages();
    let stylesheet = pages.stylesheet();
    if uri.path() != stylesheet.path {
        return not_found(State(web), headers, uri).await;
    }
    let mut response = Body::from(stylesheet.css.clone()).into_response();
    set(
        &mut response,
        header::CONTENT_TYPE,
        "text/css; charset=utf-8",
    );
    set_fixed(&mut response, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    public(response, "public, max-age=31536000, immutable")
}

fn public(mut response: Response, cache: &'static str) -> Response {
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, http::HeaderValue::from_static(cache));
    response
}
