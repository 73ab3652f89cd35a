//! Who the person is (OIDC Core §5.3).

use serde_json::Value;

use super::dpop::Shown;
use super::{ErrorCode, OauthError, Provider};
use crate::model::{Claim, ClaimSet, ClientMetadata, Scope, ScopeSet, SubjectType};

impl Provider {
    /// The claims that an access token opens.
    ///
    /// # Errors
    /// `invalid_token` or `invalid_dpop_proof`, or `insufficient_scope` for one without `openid`
    /// (RFC 6750 §3.1).
    pub async fn userinfo(&self, shown: Shown<'_>) -> Result<Value, OauthError> {
        let access = self.shown_access(shown).await?;
        if !access.scopes.contains(Scope::OPENID) {
            return Err(OauthError::new(
                ErrorCode::InsufficientScope,
                "the access token was not given the scope openid",
            ));
        }
        self.used(&access, None);
        let account = &access.grant.account;
        let client = self.client(access.grant.client_id.as_str()).await?;
        let client = client.ok_or_else(|| {
            OauthError::new(ErrorCode::InvalidToken, "the client has been removed")
        })?;
        let told = claims_open_to(&client.metadata, &access.scopes);
        let mut claims = self.claims_of(account, &told).await;
        claims.insert(
            "sub".to_owned(),
            self.subject_for(&client.metadata, account).into(),
        );
        Ok(claims.into())
    }
}

/// What a client may be told about a person (OIDC Core §5.4). A localpart gives away who a pairwise
/// subject is: it goes only to clients that may know, by the scope `profile` or by logging in as them.
pub(super) fn claims_open_to(client: &ClientMetadata, scopes: &ScopeSet) -> ClaimSet {
    let profile = scopes.contains(Scope::PROFILE);
    let is_public = client.subject_type == SubjectType::Public;
    let told = |claim: &Claim| match claim {
        Claim::PreferredUsername => is_public || profile || scopes.allows_xmpp(),
        Claim::Name | Claim::Nickname | Claim::Picture => profile,
    };
    Claim::ALL.into_iter().filter(told).collect()
}
