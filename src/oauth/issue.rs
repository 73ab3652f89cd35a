//! Making tokens: the pair, and the id_token (OIDC Core §2).

use std::net::IpAddr;
use std::time::Duration;

use jid::BareJid;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{OauthError, Provider};
use crate::clock::Timestamp;
use crate::model::{Client, Grant, GrantType, Pair, Scope, ScopeSet};
use crate::secrets::{Secret, TokenHash, TokenKind, half_sha256_text, new_token};

/// An id_token says who logged in just now; it is no credential to keep.
const ID_TOKEN_TTL: Duration = Duration::from_secs(3600);

/// A new pair: what the client gets, and what is stored of it.
pub(super) struct NewPair {
    pub(super) access_token: Secret,
    pub(super) refresh_token: Option<Secret>,
    pub(super) stored: Pair,
}

#[derive(Serialize)]
struct IdTokenClaims<'a> {
    iss: &'a str,
    sub: String,
    aud: &'a str,
    iat: Timestamp,
    exp: Timestamp,
    auth_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    at_hash: String,
    amr: [&'a str; 1],
}

impl Provider {
    /// A new pair for `scopes`, to be handed `to` an address; a refresh token comes with it where
    /// `with_refresh`.
    pub(super) fn new_pair(&self, scopes: ScopeSet, with_refresh: bool, to: IpAddr) -> NewPair {
        let now = self.now();
        let ttl = &self.config.tokens;
        let access = new_token(self.random.as_ref(), TokenKind::Access);
        let refresh = with_refresh.then(|| new_token(self.random.as_ref(), TokenKind::Refresh));
        NewPair {
            stored: Pair {
                access: TokenHash::of(&access),
                scopes,
                access_expires_at: now + ttl.access_token_ttl,
                refresh: refresh.as_deref().map(TokenHash::of),
                refresh_expires_at: ttl.refresh_token_ttl.map(|ttl| now + ttl),
                issued_at: now,
                issued_to: self.kept(to),
            },
            access_token: Secret::new(access),
            refresh_token: refresh.map(Secret::new),
        }
    }

    /// Whether a refresh token comes with a grant: it was asked for, or the grant opens XMPP sessions;
    /// and neither the client nor the operator has left refreshing out.
    pub(super) fn gives_refresh_token(&self, client: &Client, scopes: &ScopeSet) -> bool {
        (scopes.contains(Scope::OFFLINE_ACCESS) || scopes.allows_xmpp())
            && client.metadata.may_use(GrantType::RefreshToken)
            && self
                .config
                .flows
                .allowed_grant_types
                .contains(&GrantType::RefreshToken)
    }

    /// The id_token that goes with an access token, where `openid` was granted.
    pub(super) async fn id_token(
        &self,
        grant: &Grant,
        pair: &NewPair,
    ) -> Result<Option<String>, OauthError> {
        if !pair.stored.scopes.contains(Scope::OPENID) {
            return Ok(None);
        }
        let claims = IdTokenClaims {
            iss: self.config.http.issuer(),
            sub: subject(&grant.account),
            aud: grant.client_id.as_str(),
            iat: pair.stored.issued_at,
            exp: pair.stored.issued_at + ID_TOKEN_TTL,
            auth_time: grant.auth_time,
            nonce: grant.nonce.as_deref(),
            at_hash: half_sha256_text(pair.access_token.expose()),
            amr: ["pwd"],
        };
        Ok(Some(self.keys.sign(&claims).await?))
    }
}

/// What a localpart may bear in a URI as it is (RFC 5122 §2.2 `nodeid`).
const LOCALPART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// `sub`: the account as a URI (RFC 5122).
pub(super) fn subject(account: &BareJid) -> String {
    let localpart = account.node().map(AsRef::as_ref).unwrap_or_default();
    let localpart = utf8_percent_encode(localpart, LOCALPART);
    // of a domain's ASCII, all is allowed
    let domain = utf8_percent_encode(account.domain().as_str(), CONTROLS);
    format!("xmpp:{localpart}@{domain}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_a_uri_whatever_the_account_is_called() {
        for (account, uri) in [
            ("alice@example.com", "xmpp:alice@example.com"),
            ("jürgen@exämple.com", "xmpp:j%C3%BCrgen@ex%C3%A4mple.com"),
            ("a%41?b#c@[::1]", "xmpp:a%2541%3Fb%23c@[::1]"),
        ] {
            assert_eq!(subject(&account.parse().unwrap()), uri);
        }
    }
}
