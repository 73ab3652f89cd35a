//! Is this token a login to that host? For resource servers that can only show a bearer token and read
//! an answer, such as Prosody's stock `mod_auth_oauth_external`. They take whatever is answered well for
//! a login with all rights, so only a token for all of the account is.

use serde_json::{Value, json};

use super::subject::subject;
use super::{ErrorCode, OauthError, Provider};
use crate::model::Scope;

impl Provider {
    /// Who logs in to `host` with this token.
    ///
    /// # Errors
    /// `invalid_token`, or `insufficient_scope` for one that is not for the whole account.
    pub async fn validate(&self, host: &str, token: Option<&str>) -> Result<Value, OauthError> {
        let access = match token {
            Some(token) => self.access(token).await?,
            None => None,
        };
        // RFC 9449 §7.2: what is bound to a key is no bearer token
        let access = access.filter(|access| {
            access.grant.account.domain().as_str() == host && access.jkt.is_none()
        });
        let Some((access, username)) = access
            .as_ref()
            .and_then(|access| Some((access, access.grant.account.node()?)))
        else {
            return Err(OauthError::new(
                ErrorCode::InvalidToken,
                "the access token is unknown, has expired, was revoked, or is for another host",
            ));
        };
        if !access.scopes.contains(Scope::XMPP) {
            return Err(OauthError::new(
                ErrorCode::InsufficientScope,
                "the access token is not for the whole account: ask for the scope xmpp",
            ));
        }
        Ok(json!({
            "preferred_username": username.as_str(),
            "sub": subject(&access.grant.account),
            "scope": access.scopes.to_string(),
        }))
    }

    /// What a client is told that has shown a bad token there: the RFC 7628 §3.2.2 fields, and the
    /// name that they had in its drafts.
    pub fn invalid_for_login(&self, error: &OauthError) -> Value {
        let discovery = self
            .config
            .http
            .url_of(super::discovery::OPENID_CONFIGURATION_PATH);
        json!({
            "status": error.code.as_str(),
            "scope": Scope::XMPP,
            "oidc_discovery_url": discovery,
            "openid-configuration": discovery,
            "error": error.code.as_str(),
            "error_description": error.description,
        })
    }
}
