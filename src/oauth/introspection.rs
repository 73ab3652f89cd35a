//! What a token stands for, told to those who may know (RFC 7662).

use jid::DomainRef;
use serde::Serialize;

use super::access::Access;
use super::clients::Credentials;
use super::dpop::{Shown, token_type};
use super::resource_token::repeated;
use super::subject::subject;
use super::userinfo::claims_open_to;
use super::{ErrorCode, OauthError, Params, Provider};
use crate::clock::Timestamp;
use crate::model::{Claim, Client, ClientId, Grant, ScopeSet, Thumbprint};
use crate::secrets::{TokenHash, TokenKind};
use crate::storage::StoreError;

/// Who asks about a token.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// A served host: about its own accounts' access tokens.
    Host(&'a DomainRef),
    /// A client: about its own tokens.
    Client(&'a Client),
    /// One named in `[introspection] allowed`: about any access token.
    Allowed,
}

impl Asker<'_> {
    fn may_know_of(self, grant: &Grant) -> bool {
        match self {
            Self::Host(host) => grant.account.domain().as_str() == host.as_str(),
            Self::Client(client) => grant.client_id == client.id,
            Self::Allowed => true,
        }
    }
}

/// What a token stands for (RFC 7662 §2.2); of one that is not active, nothing.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(default)]
#[expect(missing_docs, reason = "RFC 7662 §2.2 says what they are")]
pub struct TokenInfo {
    pub active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exp: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iat: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nbf: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// RFC 9449 §6.2: which key has to be proved with the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cnf: Option<Confirmation>,
}

/// RFC 7800 §3.1, RFC 9449 §6.1.
#[derive(Clone, Debug, Serialize)]
pub struct Confirmation {
    /// The key's thumbprint.
    pub jkt: Thumbprint,
}

impl TokenInfo {
    fn bound_to(self, jkt: Option<&Thumbprint>) -> Self {
        Self {
            cnf: jkt.map(|jkt| Confirmation { jkt: jkt.clone() }),
            ..self
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
    ) -> Result<TokenInfo, OauthError> {
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
        let own = Asker::Client(&client);
        if self.may_introspect(client.id.as_str()) {
            let answer = self.introspect(Asker::Allowed, token).await?;
            if answer.active {
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
    ) -> Result<TokenInfo, OauthError> {
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
    pub async fn introspect(&self, asker: Asker<'_>, token: &str) -> Result<TokenInfo, StoreError> {
        if let Asker::Client(_) = asker
            && TokenKind::Refresh.is_kind_of(token)
        {
            return self.introspect_refresh_token(asker, token).await;
        }
        let access = self.access(token).await?;
        let Some(access) = access.filter(|access| asker.may_know_of(&access.grant)) else {
            return self.introspect_resource_token(asker, token).await;
        };
        self.used(&access, None);
        Ok(self.about_access_token(asker, &access))
    }

    fn about_access_token(&self, asker: Asker<'_>, access: &Access) -> TokenInfo {
        let (issued_at, expires_at) = (access.issued_at, Some(access.expires_at));
        TokenInfo {
            token_type: Some(token_type(access.jkt.as_ref())),
            ..self.describe(asker, &access.grant, &access.scopes, issued_at, expires_at)
        }
        .bound_to(access.jkt.as_ref())
    }

    /// Tokens for services that are not XMPP (RFC 9068). They are none of an XMPP host's business.
    async fn introspect_resource_token(
        &self,
        asker: Asker<'_>,
        token: &str,
    ) -> Result<TokenInfo, StoreError> {
        let access = match asker {
            Asker::Host(_) => None,
            Asker::Client(_) | Asker::Allowed => self.resource_access(token).await?,
        };
        let known = access.filter(|access| asker.may_know_of(&access.grant));
        let (Some(access), Some(says)) = (known, repeated(token)) else {
            return Ok(TokenInfo::default());
        };
        self.used(&access, None);
        let info = self.about_access_token(asker, &access);
        let is_as_in_token = info.sub.as_ref() == Some(&says.sub);
        Ok(TokenInfo {
            // the person stays who they are in the token, pairwise for one
            username: info.username.filter(|_| is_as_in_token),
            sub: Some(says.sub),
            aud: Some(says.aud),
            jti: Some(says.jti),
            ..info
        })
    }

    /// Refresh tokens answer to their own client only.
    async fn introspect_refresh_token(
        &self,
        asker: Asker<'_>,
        token: &str,
    ) -> Result<TokenInfo, StoreError> {
        let now = self.now();
        let record = self.store.refresh_token(&TokenHash::of(token)).await?;
        let live = record.filter(|record| {
            asker.may_know_of(&record.grant)
                && record.rotated_at.is_none()
                && record.expires_at.is_none_or(|at| at > now)
        });
        let Some(record) = live else {
            return Ok(TokenInfo::default());
        };
        let (grant, issued_at) = (&record.grant, record.issued_at);
        let info = self.describe(asker, grant, &grant.scopes, issued_at, record.expires_at);
        Ok(info.bound_to(record.jkt.as_ref()))
    }

    fn describe(
        &self,
        asker: Asker<'_>,
        grant: &Grant,
        scopes: &ScopeSet,
        issued_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> TokenInfo {
        let issuer = || Some(self.config.http.issuer().to_owned());
        let info = TokenInfo {
            active: true,
            client_id: Some(grant.client_id.clone()),
            iss: issuer(),
            iat: Some(issued_at),
            nbf: Some(issued_at),
            exp: expires_at,
            ..TokenInfo::default()
        };
        if self.is_nobodys(grant) {
            return TokenInfo {
                sub: Some(grant.client_id.as_str().to_owned()),
                aud: issuer(),
                ..info
            };
        }
        // A client that knows people by pairwise subjects learns no more about its own tokens than it does
        // elsewhere. Resource servers have to know whose account it is.
        let (sub, tells_account) = match asker {
            Asker::Client(client) => {
                let open = claims_open_to(&client.metadata, scopes);
                let tells = open.iter().any(|claim| claim == Claim::PreferredUsername);
                (self.subject_for(&client.metadata, &grant.account), tells)
            }
            Asker::Host(_) | Asker::Allowed => (subject(&grant.account), true),
        };
        let account = &grant.account;
        TokenInfo {
            scope: Some(scopes.to_string()),
            username: tells_account.then(|| account.to_string()),
            sub: Some(sub),
            aud: match scopes.allows_xmpp() {
                true => tells_account.then(|| account.domain().as_str().to_owned()),
                false => issuer(),
            },
            ..info
        }
    }
}
