//! What clients sign with keys of their own: checked against the JWK Set that they registered. No alg
//! "none", no secrets; a key that travels with the signature only where it is to prove that somebody holds
//! that key (RFC 9449).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm, KeyOperations, PublicKeyUse,
    ThumbprintHash,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::KeyError;
use crate::clock::Timestamp;
use crate::model::Thumbprint;

/// How a client may sign.
pub const ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"];

/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;
/// The most keys in a client's set.
const MOST_KEYS: usize = 5;
/// And in one that was fetched: old and new ones stand there beside each other.
const MOST_FETCHED: usize = 20;

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

/// Checks a JWK Set that a client registers: public keys only, and one at least that is good for a
/// signature. What is kept is what a signature is checked by: those keys, and that of each.
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
        match check_jwk(key) {
            // one for something else, encryption for one
            Err(NO_KEY) => continue,
            checked => checked?,
        };
        let mut key = key.clone();
        if let Some(members) = key.as_object_mut() {
            members.retain(|name, _| MEMBERS.contains(&name.as_str()));
        }
        kept.push(key);
    }
    match kept.is_empty() {
        true => Err(NO_KEY),
        false => Ok(json!({ "keys": kept })),
    }
}

fn check_jwk(key: &Value) -> Result<Jwk, &'static str> {
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    if private.iter().any(|name| key.get(*name).is_some()) {
        return Err("holds a private key or a secret: make new keys, these are known now");
    }
    let parsed: Jwk = serde_json::from_value(key.clone()).map_err(|_| NO_KEY)?;
    if !ALGORITHMS.iter().any(|name| fits(&parsed, name)) {
        return Err(NO_KEY);
    }
    DecodingKey::from_jwk(&parsed).map_err(|_| NO_KEY)?;
    Ok(parsed)
}

/// Of a JWK Set, the keys that verify what clients sign, few enough to try; `None` where it is no set.
pub fn usable_keys(set: &Value) -> Option<Value> {
    let keys = set.get("keys")?.as_array()?.iter();
    let usable = keys.filter(|key| check_jwk(key).is_ok());
    let usable: Vec<&Value> = usable.take(MOST_FETCHED).collect();
    Some(json!({ "keys": usable }))
}

const NO_KEY: &str = "holds no key that verifies RS256, PS256, ES256 or Ed25519";

/// What stands in a JWT's header (RFC 7515 §4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    jwk: Option<Value>,
    crit: Option<Value>,
}

/// A JWT in its parts (RFC 7515 §7.1).
struct Parts<'a> {
    header: Header,
    claims: &'a str,
    /// What is signed: the first two parts.
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        Some(Self {
            header: decoded(header)?,
            claims,
            signed,
            signature,
        })
    }

    /// The algorithm, if it is one by which clients may sign. RFC 9864 has a new name for EdDSA with Ed25519,
    /// the only one that is taken.
    fn algorithm(&self) -> Option<Algorithm> {
        let name = ALGORITHMS.iter().find(|name| **name == self.header.alg)?;
        match *name {
            "Ed25519" => Some(Algorithm::EdDSA),
            name => name.parse().ok(),
        }
    }

    /// The claims, if this key has signed them.
    fn claims_signed_by(&self, key: &Jwk) -> Option<Value> {
        let algorithm = self.algorithm().filter(|_| fits(key, &self.header.alg))?;
        let key = DecodingKey::from_jwk(key).ok()?;
        let signed = self.signed.as_bytes();
        match jsonwebtoken::crypto::verify(self.signature, signed, &key, algorithm) {
            Ok(true) => decoded(self.claims),
            _ => None,
        }
    }
}

fn decoded<T: DeserializeOwned>(part: &str) -> Option<T> {
    let json = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&json).ok()
}

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
    let parts = Parts::of(token).ok_or(KeyError::NotOurs)?;
    let header = &parts.header;
    let is_taken = match algorithms {
        Algorithms::Any => true,
        Algorithms::Only(only) => only == header.alg,
    };
    let has_type = header
        .typ
        .as_deref()
        .is_none_or(|typ| types.iter().any(|known| known.eq_ignore_ascii_case(typ)));
    // RFC 7515 §4.1.11: what must be understood, and is not
    if !is_taken || !has_type || header.crit.is_some() {
        return Err(KeyError::NotOurs);
    }
    let set: JwkSet = serde_json::from_value(jwks.clone()).map_err(|_| KeyError::NotOurs)?;
    let kid = header.kid.as_deref();
    let named = |key: &&Jwk| kid.is_none_or(|kid| key.common.key_id.as_deref() == Some(kid));
    let mut claims = set.keys.iter().filter(named);
    claims
        .find_map(|key| parts.claims_signed_by(key))
        .ok_or(KeyError::NotOurs)
}

/// The claims of a JWT that is signed with the key in its own header, and the thumbprint of that key
/// (RFC 7638). It proves that somebody holds the key, not who. Its type must be `typ`.
///
/// # Errors
/// What is wrong with it, for the developer of the client.
pub fn verify_with_own_key(
    token: &str,
    typ: &str,
) -> Result<(Map<String, Value>, Thumbprint), &'static str> {
    let parts = Parts::of(token).ok_or("is no JWT")?;
    let header = &parts.header;
    if header.typ.as_deref() != Some(typ) {
        return Err("has another typ in its header");
    }
    if header.crit.is_some() {
        return Err("has a crit in its header");
    }
    if parts.algorithm().is_none() {
        return Err("must be signed with RS256, PS256, ES256 or Ed25519");
    }
    let key = header.jwk.as_ref().ok_or("has no jwk in its header")?;
    let key = check_jwk(key)?;
    let Some(Value::Object(claims)) = parts.claims_signed_by(&key) else {
        return Err("is not signed with the key in its header");
    };
    let jkt = key.thumbprint(ThumbprintHash::SHA256).map_err(|_| NO_KEY)?;
    Ok((claims, Thumbprint::new(jkt)))
}

/// Whether a key is one of this algorithm's kind, and not for something else (RFC 7517 §4.2 to §4.4).
fn fits(key: &Jwk, algorithm: &str) -> bool {
    let common = &key.common;
    let is_to_verify = common
        .public_key_use
        .as_ref()
        .is_none_or(|it| *it == PublicKeyUse::Signature)
        && common
            .key_operations
            .as_ref()
            .is_none_or(|it| it.contains(&KeyOperations::Verify));
    let is_its_own = match common.key_algorithm {
        None => true,
        // a name that the library does not know yet (RFC 9864 §2.2)
        Some(KeyAlgorithm::UNKNOWN_ALGORITHM) => algorithm == "Ed25519" || algorithm == "EdDSA",
        Some(named) => named.to_string() == algorithm.replace("Ed25519", "EdDSA"),
    };
    is_to_verify && is_its_own && is_of_kind(&key.algorithm, algorithm)
}

fn is_of_kind(key: &AlgorithmParameters, algorithm: &str) -> bool {
    match key {
        AlgorithmParameters::RSA(_) => matches!(algorithm, "RS256" | "PS256"),
        AlgorithmParameters::EllipticCurve(key) => {
            algorithm == "ES256" && key.curve == EllipticCurve::P256
        }
        AlgorithmParameters::OctetKeyPair(key) => {
            matches!(algorithm, "EdDSA" | "Ed25519") && key.curve == EllipticCurve::Ed25519
        }
        _ => false,
    }
}

/// Whom a JWT says it is from, before anything is verified: only to know whose keys to look at.
pub fn unverified_subject(token: &str) -> Option<String> {
    // by our own reading: the crate's knows no algorithm by its name of RFC 9864
    let claims: Value = decoded(Parts::of(token)?.claims)?;
    Some(claims.get("sub")?.as_str()?.to_owned())
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
