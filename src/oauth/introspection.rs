//! What a token stands for, told to those who may know (RFC 7662).

use jid::DomainRef;
use serde_json::{Value, json};

use super::clients::Credentials;
use super::dpop::{Shown, token_type};
use super::resource_token::repeated;
use super::subject::subject;
use super::userinfo::claims_open_to;
use super::{ErrorCode, OauthError, Params, Provider};
use crate::clock::Timestamp;
use crate::model::{Claim, ClientId, Grant, ScopeSet, Thumbprint};
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
        // RFC 7662 §2.1: the endpoint MUST require authorization, and a client_id is no secret
        if !client.metadata.is_confidential() {
            return Err(OauthError::new(
                ErrorCode::InvalidClient,
                "only a client that can prove who it is may ask: register with a client secret",
            ));
        }
        let token = params
            .get("token")
            .ok_or_else(|| OauthError::invalid_request("token is missing"))?;
        let own = Asker::Client(&client.id);
        if self.may_introspect(client.id.as_str()) {
            let answer = self.introspect(Asker::Allowed, token).await?;
            if answer["active"] == true {
                return Ok(answer);
            }
        }
        Ok(self.introspect(own, token).await?)
    }

    /// The same for a resource server that shows a token of its own, which it has by
    /// `client_credentials` (RFC 7662 §2.1).
    ///
    /// # Errors
    /// `invalid_token`: that is no such token, or its client may not ask any more.
    pub async fn introspect_for_token(
        &self,
        params: &Params,
        shown: Shown<'_>,
    ) -> Result<Value, OauthError> {
        let access = self.shown_access(shown).await?;
        let grant = &access.grant;
        if !self.is_nobodys(grant) || !self.may_introspect(grant.client_id.as_str()) {
            return Err(OauthError::new(
                ErrorCode::InvalidToken,
                "show a token that was given by client_credentials to a client that may introspect",
            ));
        }
        let token = params
            .get("token")
            .ok_or_else(|| OauthError::invalid_request("token is missing"))?;
        Ok(self.introspect(Asker::Allowed, token).await?)
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
                None => self.introspect_resource_token(asker, token).await?,
                Some(access) => {
                    self.used(&access, None);
                    let mut answer = self.describe(
                        &access.grant,
                        &access.scopes,
                        access.issued_at,
                        Some(access.expires_at),
                    );
                    self.hide_from_client(asker, &access.grant, &access.scopes, &mut answer)
                        .await?;
                    answer["token_type"] = token_type(access.jkt.as_ref()).into();
                    confirm(&mut answer, access.jkt.as_ref());
                    answer
                }
            },
        )
    }

    /// Tokens for services that are not XMPP (RFC 9068). They are none of an XMPP host's business.
    async fn introspect_resource_token(
        &self,
        asker: Asker<'_>,
        token: &str,
    ) -> Result<Value, StoreError> {
        let access = match asker {
            Asker::Host(_) => None,
            Asker::Client(_) | Asker::Allowed => self.resource_access(token).await?,
        };
        let known = access.filter(|access| asker.may_know_of(&access.grant));
        let (Some(access), Some(says)) = (known, repeated(token)) else {
            return Ok(json!({ "active": false }));
        };
        self.used(&access, None);
        let mut answer = self.describe(
            &access.grant,
            &access.scopes,
            access.issued_at,
            Some(access.expires_at),
        );
        // the person stays who they are in the token, pairwise for one
        if answer["sub"] != says.sub
            && let Some(answer) = answer.as_object_mut()
        {
            answer.remove("username");
        }
        answer["sub"] = says.sub.into();
        answer["aud"] = says.aud.into();
        answer["jti"] = says.jti.into();
        answer["token_type"] = token_type(access.jkt.as_ref()).into();
        confirm(&mut answer, access.jkt.as_ref());
        Ok(answer)
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
            Some(record) => {
                let grant = &record.grant;
                let mut answer =
                    self.describe(grant, &grant.scopes, record.issued_at, record.expires_at);
                self.hide_from_client(asker, grant, &grant.scopes, &mut answer)
                    .await?;
                confirm(&mut answer, record.jkt.as_ref());
                answer
            }
        })
    }

    /// A client that knows people by pairwise subjects learns no more about its own tokens than it does
    /// elsewhere. Resource servers have to know whose account it is.
    async fn hide_from_client(
        &self,
        asker: Asker<'_>,
        grant: &Grant,
        scopes: &ScopeSet,
        answer: &mut Value,
    ) -> Result<(), StoreError> {
        let (Asker::Client(id), Some(answer)) = (asker, answer.as_object_mut()) else {
            return Ok(());
        };
        let Some(client) = self.client(id.as_str()).await? else {
            return Ok(());
        };
        let sub = self.subject_for(&client.metadata, &grant.account);
        answer.insert("sub".to_owned(), sub.into());
        let open = claims_open_to(&client.metadata, scopes);
        if !open.iter().any(|claim| claim == Claim::PreferredUsername) {
            answer.remove("username");
            answer.remove("aud");
        }
        Ok(())
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
            "client_id": grant.client_id,
            "iss": self.config.http.issuer(),
            "iat": issued_at,
            "nbf": issued_at,
        });
        if self.is_nobodys(grant) {
            answer["sub"] = grant.client_id.as_str().into();
            answer["aud"] = self.config.http.issuer().into();
        } else {
            answer["scope"] = scopes.to_string().into();
            answer["username"] = grant.account.to_string().into();
            answer["sub"] = subject(&grant.account).into();
            answer["aud"] = grant.account.domain().as_str().into();
        }
        if let Some(expires_at) = expires_at {
            answer["exp"] = expires_at.as_unix().into();
        }
        answer
    }
}

/// RFC 9449 §6.2: which key has to be proved with the token.
fn confirm(answer: &mut Value, jkt: Option<&Thumbprint>) {
    if let Some(jkt) = jkt {
        answer["cnf"] = json!({ "jkt": jkt });
    }
}
