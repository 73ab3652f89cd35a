//! Who a client is: its self-contained `client_id`, what the store says over it, its secret, and how
//! it proves itself (RFC 6749 §2).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{ErrorCode, OauthError, Params, Provider};
use crate::clock::Timestamp;
use crate::keys::registration;
use crate::model::{Client, ClientId, ClientMetadata};
use crate::secrets::{Secret, mac, mac_text, same};
use crate::storage::{StoreError, StoredClient};

/// The longest `client_id`; registration refuses metadata that would make a longer one.
pub(super) const MAX_CLIENT_ID: usize = 4096;

/// What a `client_id` holds: the metadata, and when it was issued.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ClientIdClaims {
    #[serde(flatten)]
    pub(super) metadata: ClientMetadata,
    pub(super) iat: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) exp: Option<Timestamp>,
    /// Keeps two registrations of the same metadata, and so their secrets, apart.
    pub(super) jti: String,
}

/// What a client shows at the endpoints that it calls itself.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// From the `Authorization: Basic` header, decoded (RFC 6749 §2.3.1).
    pub basic: Option<(String, Secret)>,
    /// `client_id` of the form.
    pub client_id: Option<String>,
    /// `client_secret` of the form.
    pub client_secret: Option<Secret>,
}

impl Credentials {
    /// What stands in the form, beside what the header held.
    pub fn new(basic: Option<(String, Secret)>, params: &Params) -> Self {
        Self {
            basic,
            client_id: params.get("client_id").map(str::to_owned),
            client_secret: params.get("client_secret").map(Secret::new),
        }
    }
}

impl Provider {
    /// The client with this id, if it was registered here and has not been removed. It may have
    /// expired.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        if id.len() > MAX_CLIENT_ID {
            return Ok(None);
        }
        let id = ClientId::new(id);
        if let Some(client) = self.clients.get(&id) {
            return Ok(Some(client));
        }
        let epoch = self.clients.epoch(&id);
        let client = match self.store.client(&id).await? {
            Some(StoredClient::Removed) => return Ok(None),
            Some(StoredClient::Known(client)) => client,
            None => match self.registered_client(&id) {
                Some(client) => client,
                None => return Ok(None),
            },
        };
        let client = Arc::new(client);
        self.clients.insert(id, epoch, Arc::clone(&client));
        Ok(Some(client))
    }

    /// The client that a genuine `client_id` describes.
    fn registered_client(&self, id: &ClientId) -> Option<Client> {
        let settings = &self.config.registration;
        let key = settings.registration_key.as_ref()?;
        let claims: ClientIdClaims = registration::verify::<ClientIdClaims>(
            key,
            settings.registration_algorithm,
            id.as_str(),
        )
        .ok()?;
        Some(Client {
            id: id.clone(),
            metadata: claims.metadata,
            issued_at: claims.iat,
            expires_at: claims.exp,
        })
    }

    /// The client's secret: derived from the registration key, so that nothing has to be stored.
    pub(super) fn client_secret(&self, id: &ClientId) -> Option<Secret> {
        let key = self.config.registration.registration_key.as_ref()?;
        let issuer = self.config.http.issuer();
        let key = mac(
            key.expose().as_bytes(),
            &[b"client_secret", issuer.as_bytes()],
        );
        Some(Secret::new(mac_text(&key, &[id.as_str().as_bytes()])))
    }

    /// The client that makes a request itself, once it has proved who it is. Confidential clients may
    /// use the header or the form, whichever they registered: both show the same secret.
    ///
    /// # Errors
    /// `invalid_client`, or `invalid_request` for more than one way at once (RFC 6749 §2.3).
    pub(super) async fn authenticate_client(
        &self,
        credentials: &Credentials,
    ) -> Result<Arc<Client>, OauthError> {
        let (id, secret) = shown(credentials)?;
        let client = self.client(id).await?.ok_or_else(|| {
            OauthError::new(
                ErrorCode::InvalidClient,
                "no client with this client_id is registered here",
            )
        })?;
        match (client.metadata.is_confidential(), secret) {
            (true, Some(secret)) => {
                let expected = self.client_secret(&client.id);
                if !expected.is_some_and(|expected| same(expected.expose(), secret.expose())) {
                    return Err(OauthError::new(
                        ErrorCode::InvalidClient,
                        "the client_secret is wrong",
                    ));
                }
            }
            (true, None) => {
                return Err(OauthError::new(
                    ErrorCode::InvalidClient,
                    "this client registered with a secret and must show it, by HTTP Basic or client_secret",
                ));
            }
            (false, Some(_)) => {
                return Err(OauthError::new(
                    ErrorCode::InvalidClient,
                    "this client registered as public (token_endpoint_auth_method none) and has no secret",
                ));
            }
            (false, None) => {}
        }
        self.check_registration_lives(&client)?;
        Ok(client)
    }

    /// An expired registration may go on with what it has only where the operator lets it.
    fn check_registration_lives(&self, client: &Client) -> Result<(), OauthError> {
        if client.is_expired(self.now()) && !self.config.registration.accept_expired {
            return Err(OauthError::new(
                ErrorCode::InvalidClient,
                "the client's registration has expired: register again",
            ));
        }
        Ok(())
    }
}

fn shown(credentials: &Credentials) -> Result<(&str, Option<&Secret>), OauthError> {
    match (
        &credentials.basic,
        &credentials.client_id,
        &credentials.client_secret,
    ) {
        (Some(_), _, Some(_)) => Err(OauthError::invalid_request(
            "the client shows a secret both in the Authorization header and in the form; use one",
        )),
        (Some((id, _)), Some(other), None) if id != other => Err(OauthError::invalid_request(
            "client_id differs between the Authorization header and the form",
        )),
        (Some((id, secret)), _, None) => Ok((id, Some(secret))),
        (None, Some(id), secret) => Ok((id, secret.as_ref())),
        (None, None, _) => Err(OauthError::new(
            ErrorCode::InvalidClient,
            "the client does not say who it is: use HTTP Basic, or client_id in the form",
        )),
    }
}
