//! A client's key. It is the same in each run, so that a find can be run again.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// How it signs: one algorithm under two names (RFC 8037, RFC 9864).
pub const ALGORITHMS: [&str; 2] = ["EdDSA", "Ed25519"];
/// Its name in a set.
pub const KID: &str = "k";

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a seed of 32 bytes")
}

/// The public key (RFC 8037).
pub fn public() -> Value {
    let x = URL_SAFE_NO_PAD.encode(pair().public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x })
}

/// The set of it alone.
pub fn jwks() -> Value {
    let mut key = public();
    key["kid"] = KID.into();
    json!({ "keys": [key] })
}

/// A JWS of a header and claims that may be any text (RFC 7515 §5.1).
pub fn sign(header: &str, claims: &str) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let signed = format!(
        "{}.{}",
        encode(header.as_bytes()),
        encode(claims.as_bytes())
    );
    let signature = pair().sign(signed.as_bytes());
    format!("{signed}.{}", encode(signature.as_ref()))
}
