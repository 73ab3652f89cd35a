//! Proof of possession (RFC 9449): tokens that are worthless without a key. A client signs a proof for each
//! request; what is bound to its key is taken with such a proof alone.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use url::Url;

pub use crate::keys::client::ALGORITHMS;

use super::access::Access;
use super::{ErrorCode, OauthError, Provider};
use crate::clock::Timestamp;
use crate::keys::client;
use crate::model::{Client, Thumbprint};
use crate::secrets::{same, sha256_text};

/// RFC 9449 §4.2.
const TYP: &str = "dpop+jwt";
/// How old a proof may be: people's clocks are minutes apart (§4.3, §11.1).
const GOOD_FOR: Duration = Duration::from_secs(300);
/// How far ahead of ours the client's clock may be.
const AHEAD: Duration = Duration::from_secs(60);
/// The longest `jti` that is looked at.
const LONGEST_JTI: usize = 256;

/// A proof, and the request that it came with.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// The `DPoP` header.
    pub jwt: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// Its path: the address before it is our own.
    pub path: &'a str,
}

/// An access token as a client shows it.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// RFC 6750 §2.
    Bearer(&'a str),
    /// RFC 9449 §7.1.
    Dpop(&'a str, Option<Proof<'a>>),
}

/// That somebody holds a key. Good once.
pub(super) struct Proved {
    pub(super) jkt: Thumbprint,
    jti: String,
    until: Timestamp,
}

/// How a token is to be shown (RFC 9449 §5).
pub(super) fn token_type(jkt: Option<&Thumbprint>) -> &'static str {
    match jkt {
        Some(_) => "DPoP",
        None => "Bearer",
    }
}

fn invalid_proof(why: impl AsRef<str>) -> OauthError {
    OauthError::new(ErrorCode::InvalidDpopProof, why)
}

fn shown_before() -> OauthError {
    invalid_proof("this DPoP proof was shown before: sign one for each request")
}

impl Provider {
    /// Checks the proof of a client's own request; its client may have to have one.
    pub(super) fn check_proof_of(
        &self,
        client: &Client,
        proof: Option<Proof<'_>>,
    ) -> Result<Option<Proved>, OauthError> {
        match proof {
            Some(proof) => self.check_proof(proof, None).map(Some),
            // RFC 9449 §5.2
            None if client.metadata.dpop_bound_access_tokens => Err(invalid_proof(
                "the client registered dpop_bound_access_tokens: send a DPoP proof",
            )),
            None => Ok(None),
        }
    }

    /// RFC 9449 §4.3, but for whether it was shown before: see [`Self::spend_proof`]. `token` is the access
    /// token that it comes with.
    pub(super) fn check_proof(
        &self,
        proof: Proof<'_>,
        token: Option<&str>,
    ) -> Result<Proved, OauthError> {
        let (claims, jkt) = client::verify_with_own_key(proof.jwt, TYP)
            .map_err(|why| invalid_proof(format!("the DPoP proof {why}")))?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        if text("htm") != Some(proof.method) {
            return Err(invalid_proof("htm of the DPoP proof must be the method"));
        }
        let own = self.config.http.url_of(proof.path);
        if !text("htu").is_some_and(|htu| is_same_place(htu, &own)) {
            return Err(invalid_proof(format!(
                "htu of the DPoP proof must be {own}"
            )));
        }
        let jti = text("jti").filter(|jti| (1..=LONGEST_JTI).contains(&jti.len()));
        let jti =
            jti.ok_or_else(|| invalid_proof("jti of the DPoP proof is missing or too long"))?;
        let iat = claims.get("iat").and_then(Value::as_f64);
        let iat = iat.ok_or_else(|| invalid_proof("iat is missing from the DPoP proof"))?;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole seconds; what is out of range becomes the furthest"
        )]
        let iat = Timestamp::from_unix(iat as i64);
        let now = self.now();
        if iat > now + AHEAD || now.since(iat) >= GOOD_FOR {
            return Err(invalid_proof(
                "iat of the DPoP proof is not now: is the clock right?",
            ));
        }
        if let Some(token) = token
            && !text("ath").is_some_and(|ath| same(ath, &sha256_text(token)))
        {
            return Err(invalid_proof(
                "ath of the DPoP proof must be the hash of the access token",
            ));
        }
        Ok(Proved {
            jkt,
            jti: jti.to_owned(),
            until: iat + GOOD_FOR,
        })
    }

    /// A proof for tokens is good once, whichever process it is shown to (RFC 9449 §11.1). What is remembered
    /// of it takes room: so this comes last, when the request is known to be somebody's.
    pub(super) async fn spend_proof(&self, proved: &Proved) -> Result<Thumbprint, OauthError> {
        let Proved { jkt, jti, until } = proved;
        let is_first = self
            .seen_proofs
            .is_first(jkt.as_str(), jti, *until, self.now());
        match is_first.await? {
            true => Ok(jkt.clone()),
            false => Err(shown_before()),
        }
    }

    /// One for what a token opens is good once at each process. §11.1 leaves room for that where several
    /// servers answer: it opens one endpoint with one access token, for minutes, and gives no other. To
    /// remember it together would be a write to the disk for each question, which asks for no disk else.
    fn spend_proof_here(&self, proved: &Proved) -> Result<(), OauthError> {
        let Proved { jkt, jti, until } = proved;
        let seen = &self.seen_proofs;
        match seen.is_first_here(jkt.as_str(), jti, *until, self.now())? {
            true => Ok(()),
            false => Err(shown_before()),
        }
    }

    /// The access token, if it is live and shown as it must be (RFC 9449 §7): one that is bound to a key
    /// with a proof, and never as a bearer token.
    ///
    /// # Errors
    /// `invalid_token`, `invalid_dpop_proof`.
    pub(super) async fn shown_access(&self, shown: Shown<'_>) -> Result<Arc<Access>, OauthError> {
        let invalid = |why| OauthError::new(ErrorCode::InvalidToken, why);
        let (Shown::Bearer(token) | Shown::Dpop(token, _)) = shown;
        let access = self
            .access(token)
            .await?
            .ok_or_else(|| invalid("the access token is unknown, has expired or was revoked"))?;
        match (&access.jkt, shown) {
            (None, Shown::Bearer(_)) => {}
            (Some(jkt), Shown::Dpop(_, proof)) => {
                let proof = proof.ok_or_else(|| invalid_proof("the DPoP proof is missing"))?;
                let proved = self.check_proof(proof, Some(token))?;
                if proved.jkt != *jkt {
                    return Err(invalid("the access token is bound to another key"));
                }
                self.spend_proof_here(&proved)?;
            }
            // RFC 9449 §7.2
            (Some(_), Shown::Bearer(_)) => {
                return Err(invalid(
                    "the access token is bound to a key: show it as DPoP, with a proof",
                ));
            }
            (None, Shown::Dpop(..)) => {
                return Err(invalid(
                    "the access token is bound to no key: show it as Bearer",
                ));
            }
        }
        Ok(access)
    }
}

/// Whether two addresses are the same, query and fragment aside (RFC 9449 §4.3 item 9).
fn is_same_place(one: &str, other: &str) -> bool {
    let place = |text| {
        let mut url = Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    place(one).is_some_and(|one| Some(one) == place(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_compared_without_its_query() {
        let own = "https://a.example/oauth2/token";
        for same in [
            own,
            "HTTPS://A.example:443/oauth2/token?x=1",
            "https://a.example/oauth2/token#x",
        ] {
            assert!(is_same_place(same, own), "{same}");
        }
        for other in [
            "http://a.example/oauth2/token",
            "https://b.example/oauth2/token",
            "https://a.example/oauth2/Token",
            "https://a.example:8443/oauth2/token",
            "/oauth2/token",
            "",
        ] {
            assert!(!is_same_place(other, own), "{other}");
        }
    }
}
