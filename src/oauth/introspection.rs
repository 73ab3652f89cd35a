//! What a token stands for, told to those who may know (RFC 7662).

use jid::DomainRef;
use serde_json::{Value, json};

use super::clients::Credentials;
use super::issue::subject;
use super::{OauthError, Params, Provider};
use crate::clock::Timestamp;
use crate::model::{ClientId, Grant, ScopeSet};
use crate::secrets::{TokenHash, TokenKind};
use crate::storage::StoreError;

/// Who asks about a token.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// A served host: about its own accounts' access tokens.
    Host(&'a DomainRef),
    /// A client: about its own tokens.
    Client(&'a ClientId),
    /// One named in `[introspection] allowed`: about any access token.
    Allowed,
}

impl Asker<'_> {
    fn may_know_of(self, grant: &Grant) -> bool {
        match self {
            Self::Host(host) => grant.account.domain().as_str() == host.as_str(),
            Self::Client(id) => grant.client_id == *id,
            Self::Allowed => true,
        }
    }
}

impl Provider {
    /// Whether `name`, an exact JID or a `client_id`, stands in `[introspection] allowed`.
    pub fn may_introspect(&self, name: &str) -> bool {
        self.config
            .introspection
            .allowed
            .iter()
            .any(|allowed| allowed == name)
    }

    /// Answers a request at the introspection endpoint (RFC 7662 §2.1).
    ///
    /// # Errors
    /// The client did not prove who it is, or said nothing to look up.
    pub async fn introspect_for_client(
        &self,
        params: &Params,
        credentials: &Credentials,
    ) -> Result<Value, OauthError> {
        let client = self.authenticate_client(credentials).await?;
        let token = params
            .get("token")
            .ok_or_else(|| OauthError::invalid_request("token is missing"))?;
        let own = Asker::Client(&client.id);
        if client.metadata.is_confidential() && self.may_introspect(client.id.as_str()) {
            let answer = self.introspect(Asker::Allowed, token).await?;
            if answer["active"] == true {
                return Ok(answer);
            }
        }
        Ok(self.introspect(own, token).await?)
    }

    /// The RFC 7662 §2.2 answer about `token`: for a token that is unknown, expired, revoked or none of
    /// the asker's business, that it is not active and nothing more.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn introspect(&self, asker: Asker<'_>, token: &str) -> Result<Value, StoreError> {
        if let Asker::Client(_) = asker
            && TokenKind::Refresh.is_kind_of(token)
        {
            return self.introspect_refresh_token(asker, token).await;
        }
        let access = self.access(token).await?;
        Ok(
            match access.filter(|access| asker.may_know_of(&access.grant)) {
                None => json!({ "active": false }),
                Some(access) => {
                    self.used(&access, None);
                    let mut answer = self.describe(
                        &access.grant,
                        &access.scopes,
                        access.issued_at,
                        Some(access.expires_at),
                    );
                    answer["token_type"] = "Bearer".into();
                    answer
                }
            },
        )
    }

    /// Refresh tokens answer to their own client only.
    async fn introspect_refresh_token(
        &self,
        asker: Asker<'_>,
        token: &str,
    ) -> Result<Value, StoreError> {
        let now = self.now();
        let record = self.store.refresh_token(&TokenHash::of(token)).await?;
        let live = record.filter(|record| {
            asker.may_know_of(&record.grant)
                && record.rotated_at.is_none()
                && record.expires_at.is_none_or(|at| at > now)
        });
        Ok(match live {
            None => json!({ "active": false }),
            Some(record) => self.describe(
                &record.grant,
                &record.grant.scopes,
                record.issued_at,
                record.expires_at,
            ),
        })
    }

    fn describe(
        &self,
        grant: &Grant,
        scopes: &ScopeSet,
        issued_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Value {
        let mut answer = json!({
            "active": true,
            "scope": scopes.to_string(),
            "client_id": grant.client_id,
            "username": grant.account.to_string(),
            "sub": subject(&grant.account),
            "aud": grant.account.domain().as_str(),
            "iss": self.config.http.issuer(),
            "iat": issued_at,
            "nbf": issued_at,
        });
        if let Some(expires_at) = expires_at {
            answer["exp"] = expires_at.as_unix().into();
        }
        answer
    }
}
