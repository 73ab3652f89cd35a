//! Secrets: making them, hashing them, comparing them, and keeping them out of logs.
//!
//! Tokens and codes are a short prefix that says what they are (so that a leaked one is recognised)
//! and 192 random bits. Only their SHA-256 is stored: with that much entropy nothing slower is needed.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256, Sha512};
use subtle::ConstantTimeEq as _;

/// Where random bytes come from.
pub trait Random: Send + Sync + fmt::Debug {
    /// Fills `bytes` with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Default, Clone, Copy)]
pub struct OsRandom;

impl Random for OsRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system for randomness"
    )]
    #[expect(
        clippy::expect_used,
        reason = "without randomness nothing here is safe to go on"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system has no randomness to give");
    }
}

/// A text that is never shown: a password, a key, a token. Debug prints `…`.
#[derive(Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The SHA-256 of a token, code or cookie: what is stored and looked up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The hash of a token as it was shown.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// From the stored bytes.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes to store.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// A hash does not give its token away, but it names one: it stays out of logs too.
impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

/// What a token is for, said by its prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `xoa_`: an access token (RFC 6749 §1.4).
    Access,
    /// `xor_`: a refresh token (RFC 6749 §1.5).
    Refresh,
    /// `xoc_`: an authorization code (RFC 6749 §1.3.1).
    Code,
    /// `xod_`: a device code (RFC 8628 §3.2).
    Device,
    /// `xos_`: a browser session's cookie.
    Session,
}

impl TokenKind {
    /// The prefix with its underscore.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Access => "xoa_",
            Self::Refresh => "xor_",
            Self::Code => "xoc_",
            Self::Device => "xod_",
            Self::Session => "xos_",
        }
    }

    /// Whether `token` bears this kind's prefix.
    pub fn is_kind_of(self, token: &str) -> bool {
        token.starts_with(self.prefix())
    }
}

/// A new token of `kind`: its prefix and 192 random bits, 36 characters in all.
pub fn new_token(random: &dyn Random, kind: TokenKind) -> String {
    format!("{}{}", kind.prefix(), random_text::<24>(random))
}

/// `N` random bytes as base64url without padding.
pub fn random_text<const N: usize>(random: &dyn Random) -> String {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// HMAC-SHA-256 over `parts`, each preceded by its length so that no two lists of parts look alike.
pub fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of any length (RFC 2104 §2)"
    )]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The same, as base64url text: for forms and derived client secrets.
pub fn mac_text(key: &[u8], parts: &[&[u8]]) -> String {
    URL_SAFE_NO_PAD.encode(mac(key, parts))
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
pub fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// SHA-256 as base64url without padding: PKCE's S256 (RFC 7636 §4.2).
pub fn sha256_text(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()))
}

/// The left half of SHA-256 as base64url: OpenID Connect's `at_hash` (OIDC Core §3.1.3.6).
pub fn half_sha256_text(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..16])
}

/// The same of SHA-512.
pub fn half_sha512_text(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha512::digest(text.as_bytes())[..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_is_and_is_short_enough_for_a_sasl_message() {
        let token = new_token(&OsRandom, TokenKind::Access);
        assert!(TokenKind::Access.is_kind_of(&token));
        assert_eq!(token.len(), 36);
        assert_ne!(token, new_token(&OsRandom, TokenKind::Access));
    }

    #[test]
    fn a_mac_tells_where_one_part_ends_and_the_next_begins() {
        assert_ne!(mac(b"k", &[b"ab", b"c"]), mac(b"k", &[b"a", b"bc"]));
    }

    #[test]
    fn pkce_s256_matches_the_example_of_rfc_7636() {
        assert_eq!(
            sha256_text("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "…");
        assert_eq!(format!("{:?}", TokenHash::of("xoa_1")), "TokenHash(…)");
    }
}
