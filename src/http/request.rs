//! Reading requests strictly: what is not well-formed is refused with a sentence, before any rule of
//! OAuth is asked.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::Web;
use super::answer::Refused;
use crate::limits::{AddressKey, address_key};
use crate::oauth::dpop::{Proof, Shown};
use crate::oauth::{ErrorCode, OauthError, Params, Repeated, decode_form, decode_form_part};
use crate::secrets::Secret;

/// Who is at the other end of the connection; put there by the listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// The address that a request came from: the peer's, or what a trusted proxy says of it. Of a list of
/// proxies, the last entry that no trusted proxy stands for counts: whatever is further left, the
/// sender may have made up.
pub(super) fn client_address(web: &Web, peer: Peer, headers: &HeaderMap) -> IpAddr {
    let mut address = peer.0.ip().to_canonical();
    let hops: Vec<&str> = forwarded_for(headers).collect();
    for hop in hops.into_iter().rev() {
        if !web.trusts(address) {
            break;
        }
        let Some(named) = address_of(hop) else { break };
        address = named.to_canonical();
    }
    address
}

/// The entries of all `X-Forwarded-For` headers, first to last.
pub(super) fn forwarded_for(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        // what a client wrote that is no text must not hide what the proxy wrote behind it
        .map(|entry| std::str::from_utf8(entry).unwrap_or("").trim())
}

/// The address of an entry; some proxies write the port, too.
fn address_of(entry: &str) -> Option<IpAddr> {
    let bare = entry.trim_start_matches('[').trim_end_matches(']');
    let with_port = || entry.parse::<SocketAddr>().map(|address| address.ip());
    bare.parse().or_else(|_| with_port()).ok()
}

/// What brakes count by.
pub(super) fn address_to_brake(web: &Web, peer: Peer, headers: &HeaderMap) -> AddressKey {
    address_key(client_address(web, peer, headers))
}

/// The whole body, within the operator's limits of size and time.
pub(super) async fn body(web: &Web, body: Body) -> Result<Bytes, Refused> {
    let limits = &web.provider.config().limits;
    let read = Limited::new(body, limits.max_body_size).collect();
    match tokio::time::timeout(limits.request_timeout.max(Duration::from_secs(1)), read).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            web.counts.max_body_size.inc();
            Err(Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("the body is larger than {} bytes", limits.max_body_size),
            ))
        }
        Ok(Err(_)) => Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "the body ended early",
        )),
        Err(_) => {
            web.counts.request_timeout.inc();
            Err(Refused::new(
                StatusCode::REQUEST_TIMEOUT,
                "the body took too long to arrive",
            ))
        }
    }
}

/// Whether the body says that it is a form.
pub(super) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The pairs of a form body (RFC 6749 appendix B).
pub(super) async fn form_pairs(
    web: &Web,
    headers: &HeaderMap,
    content: Body,
) -> Result<Vec<(String, String)>, Refused> {
    if !is_form(headers) {
        return Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body must be a form: Content-Type application/x-www-form-urlencoded",
        ));
    }
    let bytes = body(web, content).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Refused::new(StatusCode::BAD_REQUEST, "the body is not UTF-8"))?;
    pairs(text)
}

/// The parameters of a form body, each at most once.
pub(super) async fn form(web: &Web, headers: &HeaderMap, content: Body) -> Result<Params, Refused> {
    params(form_pairs(web, headers, content).await?)
}

/// Refuses parameters that stand more than once.
pub(super) fn params(pairs: Vec<(String, String)>) -> Result<Params, Refused> {
    Params::new(pairs).map_err(|Repeated(name)| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            format!("the parameter {name} stands more than once"),
        )
    })
}

/// Decodes form text.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, Refused> {
    decode_form(text).map_err(|error| Refused::new(StatusCode::BAD_REQUEST, error.to_string()))
}

/// `Authorization: Basic` (RFC 6749 §2.3.1: both parts form-encoded before they are joined). A client that
/// tried the header and did not get it right is told so (RFC 6749 §5.2: 401).
pub(super) fn basic(headers: &HeaderMap) -> Result<Option<(String, Secret)>, OauthError> {
    let invalid = |why| OauthError::new(ErrorCode::InvalidClient, why);
    match headers.get_all(header::AUTHORIZATION).iter().count() {
        0 => return Ok(None),
        1 => {}
        _ => return Err(invalid("the Authorization header stands more than once")),
    }
    let credentials = scheme(headers, "basic")
        .ok_or_else(|| invalid("the Authorization header is not HTTP Basic"))?;
    let broken = || invalid("the Authorization header is not valid HTTP Basic");
    let decoded = STANDARD.decode(credentials).map_err(|_| broken())?;
    let decoded = String::from_utf8(decoded).map_err(|_| broken())?;
    let (id, secret) = decoded.split_once(':').ok_or_else(broken)?;
    let part = |text| decode_form_part(text).map_err(|_| broken());
    Ok(Some((part(id)?, Secret::new(part(secret)?))))
}

/// `Authorization: Bearer` (RFC 6750 §2.1).
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    scheme(headers, "bearer")
}

/// The DPoP proof of a request to `path`: one at most (RFC 9449 §4.3).
pub(super) fn proof<'a>(
    headers: &'a HeaderMap,
    method: &'a Method,
    path: &'a str,
) -> Result<Option<Proof<'a>>, OauthError> {
    let invalid = |why| OauthError::new(ErrorCode::InvalidDpopProof, why);
    let mut all = headers.get_all("dpop").iter();
    let Some(first) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(invalid("the DPoP header stands more than once"));
    }
    let jwt = first
        .to_str()
        .map_err(|_| invalid("the DPoP proof is no JWT"))?;
    Ok(Some(Proof {
        jwt,
        method: method.as_str(),
        path,
    }))
}

/// The access token in the header (RFC 6750 §2.1, RFC 9449 §7.1), shown at `path`.
pub(super) fn shown<'a>(
    headers: &'a HeaderMap,
    method: &'a Method,
    path: &'a str,
) -> Result<Option<Shown<'a>>, OauthError> {
    Ok(match (bearer(headers), scheme(headers, "dpop")) {
        (Some(token), _) => Some(Shown::Bearer(token)),
        (None, Some(token)) => Some(Shown::Dpop(token, proof(headers, method, path)?)),
        (None, None) => None,
    })
}

fn scheme<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (all.next(), all.next()) else {
        return None;
    };
    let (name, credentials) = only.to_str().ok()?.split_once(' ')?;
    name.eq_ignore_ascii_case(wanted)
        .then(|| credentials.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_encoded_underneath() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Basic YSUzQWI6Yytk".parse().unwrap());
        let (id, secret) = basic(&headers).unwrap().unwrap();
        assert_eq!((id.as_str(), secret.expose()), ("a:b", "c d"));
    }
}
