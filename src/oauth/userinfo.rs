//! Who the person is (OIDC Core §5.3).

use serde_json::{Value, json};

use super::issue::subject;
use super::{ErrorCode, OauthError, Provider};
use crate::model::Scope;

impl Provider {
    /// The claims that an access token opens.
    ///
    /// # Errors
    /// `invalid_token`, or `insufficient_scope` for one without `openid` (RFC 6750 §3.1).
    pub async fn userinfo(&self, access_token: &str) -> Result<Value, OauthError> {
        let access = self.access(access_token).await?.ok_or_else(|| {
            OauthError::new(
                ErrorCode::InvalidToken,
                "the access token is unknown, has expired or was revoked",
            )
        })?;
        if !access.scopes.contains(Scope::OPENID) {
            return Err(OauthError::new(
                ErrorCode::InsufficientScope,
                "the access token was not given the scope openid",
            ));
        }
        self.used(&access, None);
        let account = &access.grant.account;
        Ok(json!({
            "sub": subject(&access.grant.account),
            "preferred_username": account.node().map(jid::NodeRef::as_str),
        }))
    }
}
