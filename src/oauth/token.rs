//! The token endpoint (RFC 6749 §3.2): what all grants share. The client is authenticated, the grant
//! type checked and the answer written here; a grant fills in only what is its own.

use std::net::IpAddr;

use serde::Serialize;

use super::clients::Credentials;
use super::issue::NewPair;
use super::{ErrorCode, OauthError, Params, Provider, grants};
use crate::model::{Client, Grant, GrantType};
use crate::secrets::Secret;

/// The answer of the token endpoint (RFC 6749 §5.1).
#[derive(Serialize)]
pub struct TokenAnswer {
    #[serde(serialize_with = "expose")]
    access_token: Secret,
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "expose_some"
    )]
    refresh_token: Option<Secret>,
    /// Always there: it may be less than was asked for (RFC 6749 §3.3).
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
}

fn expose<S: serde::Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
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

impl Provider {
    /// Answers a token request that comes `from` an address.
    ///
    /// # Errors
    /// RFC 6749 §5.2.
    pub async fn token(
        &self,
        params: &Params,
        credentials: &Credentials,
        from: IpAddr,
    ) -> Result<TokenAnswer, OauthError> {
        let client = self.authenticate_client(credentials).await?;
        let grant_type = self.check_grant_type(params, &client)?;
        // Before anything is redeemed: what could not be answered would be spent.
        self.keys.ready().await?;
        let issued = match grant_type {
            GrantType::AuthorizationCode => {
                grants::authorization_code(self, &client, params, from).await?
            }
            GrantType::RefreshToken => grants::refresh_token(self, &client, params, from).await?,
        };
        self.answer(issued).await
    }

    fn check_grant_type(&self, params: &Params, client: &Client) -> Result<GrantType, OauthError> {
        let allowed = &self.config.flows.allowed_grant_types;
        let grant_type = match params.get("grant_type") {
            None => return Err(OauthError::invalid_request("grant_type is missing")),
            Some(name) => allowed
                .iter()
                .find(|grant_type| grant_type.as_str() == name),
        };
        let Some(grant_type) = grant_type else {
            let offered: Vec<_> = allowed
                .iter()
                .map(|grant_type| grant_type.as_str())
                .collect();
            return Err(OauthError::new(
                ErrorCode::UnsupportedGrantType,
                format!("grant_type must be one of: {}", offered.join(", ")),
            ));
        };
        if !client.metadata.may_use(*grant_type) {
            return Err(OauthError::new(
                ErrorCode::UnauthorizedClient,
                format!("the client did not register for {}", grant_type.as_str()),
            ));
        }
        Ok(*grant_type)
    }

    async fn answer(&self, issued: Issued) -> Result<TokenAnswer, OauthError> {
        let Issued { grant, pair } = issued;
        Ok(TokenAnswer {
            id_token: self.id_token(&grant, &pair).await?,
            token_type: "Bearer",
            expires_in: pair
                .stored
                .access_expires_at
                .since(pair.stored.issued_at)
                .as_secs(),
            scope: pair.stored.scopes.to_string(),
            access_token: pair.access_token,
            refresh_token: pair.refresh_token,
        })
    }
}
