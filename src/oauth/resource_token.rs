//! Access tokens for services that are not XMPP: JWTs, which the service verifies by itself (RFC 9068).
//! Nobody can take one back, so it is short-lived, and nothing of ours takes it for one of our own tokens.
//! Its hash is stored like theirs, so that whoever asks us about it hears whether its grant still lives.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::claims::{ACR, AMR};
use super::{OauthError, Provider};
use crate::clock::Timestamp;
use crate::config::Resource;
use crate::keys::issued::claims_unverified;
use crate::model::{Client, Grant, ScopeSet, SigningAlgorithm, Thumbprint};
use crate::secrets::random_text;

/// RFC 9068 §2.1: its `typ`.
const TYPE: &str = "at+jwt";

/// RFC 9068 §2.2.
#[derive(Serialize)]
struct ResourceClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    client_id: &'a str,
    iat: Timestamp,
    exp: Timestamp,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acr: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<[&'a str; 1]>,
    scope: String,
    /// RFC 9449 §6.1
    #[serde(skip_serializing_if = "Option::is_none")]
    cnf: Option<Value>,
}

/// What introspection repeats of one.
#[derive(Deserialize)]
pub(super) struct Repeated {
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) jti: String,
}

impl Provider {
    /// An access token of a grant for a service, signed as every service can verify (RFC 9068 §2.1).
    pub(super) async fn resource_token(
        &self,
        resource: &Resource,
        client: &Client,
        grant: &Grant,
        scopes: &ScopeSet,
        jkt: Option<&Thumbprint>,
    ) -> Result<String, OauthError> {
        let now = self.now();
        let claims = ResourceClaims {
            iss: self.config.http.issuer(),
            sub: self.subject_for(&client.metadata, &grant.account),
            aud: &resource.uri,
            client_id: client.id.as_str(),
            iat: now,
            exp: now + resource.access_token_ttl,
            jti: random_text::<16>(self.random.as_ref()),
            auth_time: grant.auth_time,
            acr: grant.auth_time.map(|_| ACR),
            amr: grant.auth_time.map(|_| AMR),
            scope: scopes.to_string(),
            cnf: jkt.map(|jkt| json!({ "jkt": jkt })),
        };
        let signed = self
            .keys
            .sign_typed(TYPE, SigningAlgorithm::RS256, &claims)
            .await;
        Ok(signed?)
    }
}

/// What stands in such a token, of which it is known that it was made here.
pub(super) fn repeated(token: &str) -> Option<Repeated> {
    claims_unverified(token)
}
