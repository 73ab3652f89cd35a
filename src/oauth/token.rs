//! The token endpoint (RFC 6749 §3.2): what all grants share. The client is authenticated, the grant
//! type checked and the answer written here; a grant fills in only what is its own.

use std::net::IpAddr;

use serde::Serialize;

use super::clients::Credentials;
use super::dpop::{Proof, Proved, token_type};
use super::issue::NewPair;
use super::scopes::Audience;
use super::{ErrorCode, OauthError, Params, Provider, grants};
use crate::model::{Client, EndReason, EventKind, Grant, GrantType, Thumbprint};
use crate::secrets::Secret;
use crate::storage::Redeemed;

/// The answer of the token endpoint (RFC 6749 §5.1).
#[derive(Serialize)]
pub struct TokenAnswer {
    #[serde(serialize_with = "expose")]
    access_token: Secret,
    /// `Bearer`, or `DPoP` for one that is bound to a key (RFC 9449 §5).
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose_some"
    )]
    refresh_token: Option<Secret>,
    /// Always there where there is any: it may be less than was asked for (RFC 6749 §3.3).
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

pub(super) fn expose<S: serde::Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(secret.expose())
}

fn expose_some<S: serde::Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => expose(secret, to),
        None => to.serialize_none(),
    }
}

/// What a grant type comes to: a grant, and a stored pair of tokens for it.
pub(super) struct Issued {
    pub(super) grant: Grant,
    pub(super) pair: NewPair,
}

/// Who tokens are handed to: an address, the key that the caller proved to hold, and the services that it
/// named (RFC 8707 §2.2).
pub(super) struct Caller<'a> {
    pub(super) from: IpAddr,
    pub(super) proved: Option<Proved>,
    pub(super) named: Vec<Audience<'a>>,
}

impl Caller<'_> {
    /// One that proved and named nothing.
    pub(super) fn at(from: IpAddr) -> Self {
        Self {
            from,
            proved: None,
            named: Vec::new(),
        }
    }

    /// RFC 9449 §5, §10: what is bound to a key is good for its holder only.
    pub(super) fn check_holds(
        &self,
        jkt: Option<&Thumbprint>,
        what: &str,
    ) -> Result<(), OauthError> {
        let holds = self.proved.as_ref().map(|proved| &proved.jkt);
        match jkt {
            Some(jkt) if holds != Some(jkt) => Err(OauthError::invalid_grant(format!(
                "{what} is bound to a key: send a DPoP proof that is signed with it"
            ))),
            _ => Ok(()),
        }
    }
}

impl Provider {
    /// Answers a token request that comes `from` an address, maybe with a DPoP proof.
    ///
    /// # Errors
    /// RFC 6749 §5.2; RFC 9449 §5.
    pub async fn token(
        &self,
        params: &Params,
        credentials: &Credentials,
        proof: Option<Proof<'_>>,
        from: IpAddr,
    ) -> Result<TokenAnswer, OauthError> {
        let client = self.authenticate_client(credentials).await?;
        let grant_type = self.check_grant_type(params, &client)?;
        let proved = self.check_proof_of(&client, proof)?;
        let named = self.audiences(params)?;
        let caller = &Caller {
            from,
            proved,
            named,
        };
        // Before anything is redeemed: what could not be answered would be spent.
        self.keys.ready().await?;
        let issued = match grant_type {
            GrantType::AuthorizationCode => {
                grants::authorization_code(self, &client, params, caller).await?
            }
            GrantType::RefreshToken => grants::refresh_token(self, &client, params, caller).await?,
            GrantType::DeviceCode => grants::device_code(self, &client, params, caller).await?,
            GrantType::Password => {
                self.check_may_begin(&client, grant_type)?;
                grants::password(self, &client, params, caller).await?
            }
            GrantType::ClientCredentials => {
                self.check_may_begin(&client, grant_type)?;
                grants::client_credentials(self, &client, params, caller).await?
            }
            GrantType::Implicit => return Err(self.not_offered()),
        };
        let answer = self.answer(&client, issued).await?;
        self.counts.issued(grant_type);
        Ok(answer)
    }

    fn check_grant_type(&self, params: &Params, client: &Client) -> Result<GrantType, OauthError> {
        let allowed = &self.config.flows.allowed_grant_types;
        let grant_type = match params.get("grant_type") {
            None => return Err(OauthError::invalid_request("grant_type is missing")),
            Some(name) => allowed
                .iter()
                .find(|grant_type| grant_type.as_str() == name),
        };
        let grant_type = *grant_type.ok_or_else(|| self.not_offered())?;
        check_registered_for(client, grant_type)?;
        Ok(grant_type)
    }

    fn not_offered(&self) -> OauthError {
        let allowed = &self.config.flows.allowed_grant_types;
        let offered: Vec<_> = allowed.iter().map(|it| it.as_str()).collect();
        OauthError::new(
            ErrorCode::UnsupportedGrantType,
            format!("grant_type must be one of: {}", offered.join(", ")),
        )
    }

    /// Whether a client may start something new by this grant type: it is on, the client registered for
    /// it, and its registration has not expired.
    pub(super) fn check_may_begin(
        &self,
        client: &Client,
        grant_type: GrantType,
    ) -> Result<(), OauthError> {
        if !self.config.flows.allows(grant_type) {
            return Err(self.not_offered());
        }
        check_registered_for(client, grant_type)?;
        if client.is_expired(self.now()) {
            return Err(OauthError::new(
                ErrorCode::InvalidClient,
                "the client's registration has expired: register again",
            ));
        }
        Ok(())
    }

    /// Stores a grant that comes without a code, with its tokens.
    pub(super) async fn save_grant(
        &self,
        client: &Client,
        grant: &Grant,
        pair: &NewPair,
    ) -> Result<(), OauthError> {
        let saved = self.store.save_grant(client, grant, &pair.stored, None);
        if !saved.await? {
            return Err(OauthError::new(
                ErrorCode::InvalidClient,
                "the client has been removed",
            ));
        }
        self.audit_grant(grant, EventKind::Granted, grant.granted_from)
            .await;
        self.keep_few(grant).await?;
        Ok(())
    }

    /// What a code comes to once the store has said; `None` where it was not good.
    pub(super) async fn redeemed(
        &self,
        redeemed: Redeemed,
        grant: Grant,
        pair: NewPair,
    ) -> Result<Option<Issued>, OauthError> {
        match redeemed {
            Redeemed::Done => {
                self.audit_grant(&grant, EventKind::Granted, grant.granted_from)
                    .await;
                self.keep_few(&grant).await?;
                Ok(Some(Issued { grant, pair }))
            }
            // RFC 6749 §4.1.2: revoke all tokens previously issued based on that code
            Redeemed::Replayed(ended) => {
                self.counts.code_reuse.inc();
                self.tell(&ended, EndReason::CodeReplayed).await;
                let kind = EventKind::CodeReplayed;
                self.audit_grant(&grant, kind, pair.stored.issued_to).await;
                Ok(None)
            }
            Redeemed::Unknown => Ok(None),
        }
    }

    async fn answer(&self, client: &Client, issued: Issued) -> Result<TokenAnswer, OauthError> {
        let Issued { grant, pair } = issued;
        Ok(TokenAnswer {
            id_token: self.id_token(client, &grant, &pair).await?,
            token_type: token_type(pair.stored.access_jkt.as_ref()),
            expires_in: pair.stored.expires_in(),
            scope: pair.stored.scopes.to_string(),
            access_token: pair.access_token,
            refresh_token: pair.refresh_token,
        })
    }
}

fn check_registered_for(client: &Client, grant_type: GrantType) -> Result<(), OauthError> {
    match client.metadata.may_use(grant_type) {
        true => Ok(()),
        false => Err(OauthError::new(
            ErrorCode::UnauthorizedClient,
            format!("the client did not register for {}", grant_type.as_str()),
        )),
    }
}
