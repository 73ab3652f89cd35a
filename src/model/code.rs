//! Authorization codes (RFC 6749 §4.1.2) and PKCE (RFC 7636).

use std::net::IpAddr;

use jid::BareJid;

use super::{ClaimSet, ClientId, Generation, GrantId, ScopeSet, Thumbprint};
use crate::clock::Timestamp;
use crate::secrets::{same, sha256_text};

/// How a `code_challenge` was made (RFC 7636 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeChallengeMethod {
    /// SHA-256 of the verifier.
    S256,
    /// The verifier itself.
    Plain,
}

impl CodeChallengeMethod {
    /// The value as it stands in requests.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::S256 => "S256",
            Self::Plain => "plain",
        }
    }
}

/// A PKCE challenge as the client sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeChallenge {
    /// How it was made.
    pub method: CodeChallengeMethod,
    /// The challenge.
    pub challenge: String,
}

impl CodeChallenge {
    /// Whether `code_verifier` is what it was made from (RFC 7636 §4.6).
    pub fn matches(&self, code_verifier: &str) -> bool {
        match self.method {
            CodeChallengeMethod::S256 => same(&sha256_text(code_verifier), &self.challenge),
            CodeChallengeMethod::Plain => same(code_verifier, &self.challenge),
        }
    }
}

/// A code that was handed to a client and what it may be exchanged for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The grant that it becomes when it is redeemed.
    pub grant_id: GrantId,
    /// The client that it was given to.
    pub client_id: ClientId,
    /// Who consented.
    pub account: BareJid,
    /// What they consented to.
    pub scopes: ScopeSet,
    /// The `redirect_uri` of the request, `None` where it had none (RFC 6749 §4.1.3).
    pub redirect_uri: Option<String>,
    /// The PKCE challenge.
    pub code_challenge: Option<CodeChallenge>,
    /// The key whose holder alone may redeem it (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
    /// OIDC Core §3.1.2.1.
    pub nonce: Option<String>,
    /// What the client wants in its id_token (OIDC Core §5.5).
    pub id_token_claims: ClaimSet,
    /// When the person last gave their password.
    pub auth_time: Timestamp,
    /// The account's generation when they did.
    pub generation: Option<Generation>,
    /// The address that consent came from, where it is kept.
    pub granted_from: Option<IpAddr>,
    /// When it was made.
    pub issued_at: Timestamp,
    /// From when on it is worthless.
    pub expires_at: Timestamp,
}
