//! What clients sign with keys of their own: checked against the JWK Set that they registered. No alg
//! "none", no secrets, no key that travels with the signature.

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::{Map, Value, json};

use super::KeyError;
use crate::clock::Timestamp;

/// How a client may sign.
pub const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;
/// The most keys in a client's set.
const MOST_KEYS: usize = 5;

/// Which algorithms are taken.
#[derive(Clone, Copy, Debug)]
pub enum Algorithms<'a> {
    /// Those of [`ALGORITHMS`].
    Any,
    /// The one that the client registered for.
    Only(&'a str),
}

/// What is kept of a key (RFC 7517 §4, RFC 7518 §6).
const MEMBERS: [&str; 10] = [
    "kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y",
];

/// Checks a JWK Set that a client registers: public keys only, each good for a signature. What is kept of
/// it is what a signature is checked by.
///
/// # Errors
/// How the sentence goes on that begins with `jwks`.
pub fn check_jwks(jwks: &Value) -> Result<Value, &'static str> {
    let keys = jwks.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or("must be a JWK Set: an object with keys")?;
    if keys.is_empty() || keys.len() > MOST_KEYS {
        return Err("must hold 1 to 5 keys");
    }
    let mut kept = Vec::new();
    for key in keys {
        let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
        if private.iter().any(|name| key.get(*name).is_some()) {
            return Err("holds a private key or a secret: make new keys, these are known now");
        }
        let parsed: Jwk = serde_json::from_value(key.clone()).map_err(|_| NO_KEY)?;
        if !ALGORITHMS.iter().any(|name| fits(&parsed, name)) {
            return Err(NO_KEY);
        }
        DecodingKey::from_jwk(&parsed).map_err(|_| NO_KEY)?;
        let mut key = key.clone();
        if let Some(members) = key.as_object_mut() {
            members.retain(|name, _| MEMBERS.contains(&name.as_str()));
        }
        kept.push(key);
    }
    Ok(json!({ "keys": kept }))
}

const NO_KEY: &str = "holds a key that cannot verify RS256, PS256, ES256 or EdDSA";

/// The claims of a JWT that one of these keys signed. Its type, if it says one, must be among `types`.
///
/// # Errors
/// [`KeyError::NotOurs`]
pub fn verify(
    jwks: &Value,
    token: &str,
    algorithms: Algorithms<'_>,
    types: &[&str],
) -> Result<Value, KeyError> {
    let not_ours = |_| KeyError::NotOurs;
    let header = jsonwebtoken::decode_header(token).map_err(|_| KeyError::NotOurs)?;
    let name = format!("{:?}", header.alg);
    let is_taken = match algorithms {
        Algorithms::Any => ALGORITHMS.contains(&name.as_str()),
        Algorithms::Only(only) => only == name && ALGORITHMS.contains(&only),
    };
    let has_type = header
        .typ
        .as_deref()
        .is_none_or(|typ| types.iter().any(|known| known.eq_ignore_ascii_case(typ)));
    if !is_taken || !has_type {
        return Err(KeyError::NotOurs);
    }
    let set: JwkSet = serde_json::from_value(jwks.clone()).map_err(|_| KeyError::NotOurs)?;
    let candidates = set.keys.iter().filter(|key| {
        let named = key.common.key_id.as_deref();
        fits(key, &name) && header.kid.as_deref().is_none_or(|kid| named == Some(kid))
    });
    for key in candidates {
        let key = DecodingKey::from_jwk(key).map_err(not_ours)?;
        let mut validation = Validation::new(header.alg);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        if let Ok(decoded) = jsonwebtoken::decode::<Value>(token, &key, &validation) {
            return Ok(decoded.claims);
        }
    }
    Err(KeyError::NotOurs)
}

/// Whether a key is one of this algorithm's kind.
fn fits(key: &Jwk, algorithm: &str) -> bool {
    match &key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(algorithm, "RS256" | "PS256"),
        AlgorithmParameters::EllipticCurve(key) => {
            algorithm == "ES256" && key.curve == EllipticCurve::P256
        }
        AlgorithmParameters::OctetKeyPair(key) => {
            algorithm == "EdDSA" && key.curve == EllipticCurve::Ed25519
        }
        _ => false,
    }
}

/// Whom a JWT says it is from, before anything is verified: only to know whose keys to look at.
pub fn unverified_subject(token: &str) -> Option<String> {
    let claims = jsonwebtoken::dangerous::insecure_decode::<Value>(token).ok()?;
    Some(claims.claims.get("sub")?.as_str()?.to_owned())
}

/// Whether one of `names` is in `aud` (RFC 7519 §4.1.3).
pub fn is_for(claims: &Map<String, Value>, names: &[&str]) -> bool {
    let is_ours = |aud: &Value| aud.as_str().is_some_and(|aud| names.contains(&aud));
    match claims.get("aud") {
        Some(Value::Array(all)) => all.iter().any(is_ours),
        Some(aud) => is_ours(aud),
        None => false,
    }
}

/// Whether a JWT is good just now: `exp` must be there, and `nbf` and `iat` past where they are.
///
/// # Errors
/// A sentence for the developer of the client.
pub fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<Timestamp, &'static str> {
    let at = |name: &str| match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "whole seconds; what is out of range becomes the furthest"
            )]
            Some(seconds) => Ok(Some(seconds as i64)),
            None => Err("exp, nbf and iat must be numbers of seconds"),
        },
    };
    let now = now.as_unix();
    if at("nbf")?.is_some_and(|nbf| nbf > now + LEEWAY)
        || at("iat")?.is_some_and(|iat| iat > now + LEEWAY)
    {
        return Err("the JWT is not good yet: is the clock right?");
    }
    match at("exp")? {
        None => Err("exp is missing from the JWT"),
        Some(exp) if exp <= now => Err("the JWT has expired"),
        Some(exp) => Ok(Timestamp::from_unix(exp)),
    }
}
