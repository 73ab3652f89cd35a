//! Dynamic client registration (RFC 7591, OIDC Registration) and its management (RFC 7592). To register
//! stores nothing: the `client_id` is the checked metadata, signed, so that registering costs an attacker
//! more than it costs us. An update stores a row that goes before it, a removal a tombstone.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

use super::clients::{ClientIdClaims, MAX_CLIENT_ID};
use super::discovery::path;
use super::metadata::{check_metadata, invalid, schema};
use super::tries::Held;
use super::{ErrorCode, OauthError, Provider};
use crate::clock::Timestamp;
use crate::config::OpenTo;
use crate::keys::registration;
use crate::limits::{AddressKey, RetryAfter};
use crate::model::{Client, ClientId, ClientMetadata, ClientOrigin};
use crate::secrets::{Secret, mac_text, random_text, same};

/// How many clients that nobody has used may have changed or removed themselves, before more of them have
/// to wait for some to expire: each is a row that anybody can make us store.
const MOST_UNUSED: usize = 10_000;

/// The longest metadata that an update stores, as JSON: what fits into a `client_id`.
const MAX_METADATA: usize = MAX_CLIENT_ID / 4 * 3;

/// The answer to a registration (RFC 7591 §3.2.1, RFC 7592 §3).
#[derive(Debug, Serialize)]
pub struct Registered {
    /// The client's identifier.
    pub client_id: ClientId,
    /// Its secret, for confidential clients.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    pub client_secret: Option<Secret>,
    /// When it was issued.
    pub client_id_issued_at: Timestamp,
    /// When the secret ends; 0 for never (RFC 7591 §3.2.1). Only beside a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<i64>,
    /// With what the client manages its registration, where it may.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "expose")]
    pub registration_access_token: Option<Secret>,
    /// Where it does that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration_client_uri: Option<String>,
    /// The metadata as registered.
    #[serde(flatten)]
    pub metadata: ClientMetadata,
}

fn expose<S: serde::Serializer>(secret: &Option<Secret>, to: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => to.serialize_str(secret.expose()),
        None => to.serialize_none(),
    }
}

/// Why a registration was not made, shown or changed.
#[derive(Debug)]
pub enum RegistrationError {
    /// The operator has not switched it on.
    Off,
    /// It needs a token: none was shown, or another one.
    Token(Option<OauthError>),
    /// Too many from one address.
    TooMany(RetryAfter),
    /// The metadata is wrong, or the provider is.
    Refused(OauthError),
}

impl<E: Into<OauthError>> From<E> for RegistrationError {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl Provider {
    /// Whether clients can register themselves, with or without a token.
    pub(super) fn takes_registrations(&self) -> bool {
        let settings = &self.config.registration;
        settings.registration_key.is_some() && settings.open_to != OpenTo::Nobody
    }

    /// What a registration may hold, as a JSON schema.
    pub fn registration_schema(&self) -> Value {
        schema(&self.config.flows, &self.config.tokens.id_token_algorithms)
    }

    /// Registers a client by the JSON that it sent; `token` is the initial access token that it showed.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub async fn register(
        &self,
        body: &[u8],
        token: Option<&str>,
        from: AddressKey,
    ) -> Result<Registered, RegistrationError> {
        let settings = &self.config.registration;
        let key = settings
            .registration_key
            .as_ref()
            .filter(|_| settings.open_to != OpenTo::Nobody)
            .ok_or(RegistrationError::Off)?;
        let now = self.now();
        self.check_initial_token(token)?;
        let metadata = self.checked(body)?;
        self.brake_registration(from).await?;
        self.check_sector(&metadata).await?;

        let claims = ClientIdClaims {
            metadata,
            iat: now,
            exp: settings.default_ttl.map(|ttl| now + ttl),
            jti: random_text::<16>(self.random.as_ref()),
        };
        let client_id = registration::sign(key, settings.registration_algorithm, &claims)
            .map_err(OauthError::from)?;
        if client_id.len() > MAX_CLIENT_ID {
            return Err(
                invalid("the metadata is too long: its client_id would pass 4096 bytes").into(),
            );
        }
        tracing::info!(client = claims.metadata.client_name, "registered a client");
        Ok(self.registered(&Client {
            id: ClientId::new(client_id),
            metadata: claims.metadata,
            issued_at: now,
            expires_at: claims.exp,
            origin: ClientOrigin::Registered,
        }))
    }

    /// Counts what an address registers, changes and removes.
    async fn brake_registration(&self, from: AddressKey) -> Result<(), RegistrationError> {
        let taken = self.registrations_from_address.take(&from, self.now());
        taken.await.map_err(|held| match held {
            Held::TooMany(wait) => RegistrationError::TooMany(wait),
            Held::Unavailable(error) => RegistrationError::Refused(error.into()),
        })
    }

    fn checked(&self, body: &[u8]) -> Result<ClientMetadata, OauthError> {
        check_metadata(
            body,
            &self.config.flows,
            &self.config.tokens.id_token_algorithms,
            self.config.fetch.allow_private,
        )
    }

    /// OIDC Registration §5: whoever names a sector is named there, with every redirect URI. Comes after the
    /// brakes: it has us ask a host that anybody may name. One answer for whatever is wrong tells nobody what
    /// the network looks like from here.
    async fn check_sector(&self, metadata: &ClientMetadata) -> Result<(), OauthError> {
        let Some(url) = &metadata.sector_identifier_uri else {
            return Ok(());
        };
        let fetched = self.sector_fetcher.get(url).await;
        let listed = fetched.map_err(|error| error.to_string()).and_then(|body| {
            serde_json::from_slice::<Vec<String>>(&body).map_err(|error| error.to_string())
        });
        let why = match listed {
            Ok(listed)
                if metadata
                    .redirect_uris
                    .iter()
                    .all(|uri| listed.contains(uri)) =>
            {
                return Ok(());
            }
            Ok(_) => "not every redirect URI is listed".to_owned(),
            Err(why) => why,
        };
        let client = &metadata.client_name;
        tracing::info!(client, %url, why, "a client's sector does not vouch for it");
        Err(invalid(
            "sector_identifier_uri must lead, by https and without redirects, to a JSON array that lists every redirect_uri",
        ))
    }

    /// RFC 7591 §1.2: the initial access token, where one is needed.
    fn check_initial_token(&self, token: Option<&str>) -> Result<(), RegistrationError> {
        let settings = &self.config.registration;
        match (settings.open_to, token) {
            (OpenTo::Anyone | OpenTo::Nobody, _) => Ok(()),
            (OpenTo::Token, None) => Err(RegistrationError::Token(None)),
            (OpenTo::Token, Some(token)) => {
                let known = settings.initial_access_tokens.iter();
                // all of them, so that the time tells nothing
                match known.filter(|one| same(one.expose(), token)).count() {
                    0 => Err(wrong_token("this is none of the initial access tokens")),
                    _ => Ok(()),
                }
            }
        }
    }

    /// What a client is told of its registration.
    fn registered(&self, client: &Client) -> Registered {
        let client_secret = match client.metadata.has_secret() {
            true => self.client_secret(&client.id),
            false => None,
        };
        let manages_itself = client.origin == ClientOrigin::Registered;
        let uri = || {
            let base = self.config.http.url_of(path::REGISTER);
            format!("{base}/{}", client.id)
        };
        Registered {
            client_secret_expires_at: client_secret
                .as_ref()
                .map(|_| client.expires_at.map_or(0, Timestamp::as_unix)),
            client_secret,
            client_id_issued_at: client.issued_at,
            registration_access_token: manages_itself.then(|| self.management_token(&client.id)),
            registration_client_uri: manages_itself.then(uri),
            client_id: client.id.clone(),
            metadata: client.metadata.clone(),
        }
    }

    /// Derived like the secret, so that nothing has to be stored.
    fn management_token(&self, id: &ClientId) -> Secret {
        let parts: &[&[u8]] = &[b"registration_access_token", id.as_str().as_bytes()];
        Secret::new(format!("xog_{}", mac_text(&self.secrets_key, parts)))
    }

    /// The client that manages its own registration (RFC 7592 §2). One that is unknown or was removed is
    /// told the same as one that shows a wrong token.
    async fn managed_client(
        &self,
        id: &str,
        token: Option<&str>,
    ) -> Result<Arc<Client>, RegistrationError> {
        let token = token.ok_or(RegistrationError::Token(None))?;
        let expected = self.management_token(&ClientId::new(id));
        let is_right = same(expected.expose(), token);
        let client = match is_right {
            true => self.client(id).await?,
            false => None,
        };
        client
            .filter(|client| client.origin == ClientOrigin::Registered)
            .filter(|client| !client.is_expired(self.now()))
            .ok_or_else(|| {
                wrong_token("this is not the registration_access_token of a client that is here")
            })
    }

    /// Shows a client its registration (RFC 7592 §2.1).
    ///
    /// # Errors
    /// It did not show its `registration_access_token`.
    pub async fn read_registration(
        &self,
        id: &str,
        token: Option<&str>,
    ) -> Result<Registered, RegistrationError> {
        let client = self.managed_client(id, token).await?;
        Ok(self.registered(&client))
    }

    /// Puts other metadata in the place of a client's (RFC 7592 §2.2). Its `client_id`, its secret and
    /// the end of its registration stay.
    ///
    /// # Errors
    /// It did not show its token, or a field is wrong.
    pub async fn update_registration(
        &self,
        id: &str,
        token: Option<&str>,
        body: &[u8],
        from: AddressKey,
    ) -> Result<Registered, RegistrationError> {
        let before = self.managed_client(id, token).await?;
        let metadata = self.checked(body)?;
        self.check_same_client(&before, body)?;
        check_stays_where_it_was(&before.metadata, &metadata)?;
        let written = serde_json::to_string(&metadata).map_err(|error| {
            tracing::error!(%error, "a client's metadata could not be written as JSON");
            OauthError::new(ErrorCode::ServerError, "the metadata could not be written")
        })?;
        if written.len() > MAX_METADATA {
            return Err(invalid(format!(
                "the metadata is too long: more than {MAX_METADATA} bytes of JSON"
            ))
            .into());
        }
        self.take_client_row(&before.id, from).await?;
        self.check_sector(&metadata).await?;
        let client = Client {
            metadata,
            ..Client::clone(&before)
        };
        self.store.put_client(&client).await?;
        self.clients.invalidate(&client.id);
        tracing::info!(
            client = client.metadata.client_name,
            "a client changed its registration"
        );
        Ok(self.registered(&client))
    }

    /// RFC 7592 §2.2: the client says which it is, may repeat its secret, and sets nothing that is ours to
    /// say.
    fn check_same_client(&self, client: &Client, body: &[u8]) -> Result<(), OauthError> {
        let said: Map<String, Value> = serde_json::from_slice(body)
            .map_err(|error| invalid(format!("the body is not a JSON object: {error}")))?;
        if said.get("client_id").and_then(Value::as_str) != Some(client.id.as_str()) {
            return Err(invalid("client_id must be there, and be the client's own"));
        }
        let ours = [
            "registration_access_token",
            "registration_client_uri",
            "client_secret_expires_at",
            "client_id_issued_at",
        ];
        if let Some(field) = ours.iter().find(|field| said.contains_key(**field)) {
            return Err(invalid(format!(
                "{field} is not the client's to say: leave it out"
            )));
        }
        let Some(secret) = said.get("client_secret") else {
            return Ok(());
        };
        let own = self.client_secret(&client.id);
        let is_own = |own: Secret| secret.as_str().is_some_and(|said| same(own.expose(), said));
        match own.is_some_and(is_own) {
            true => Ok(()),
            false => Err(invalid(
                "client_secret must be the client's own, or left out",
            )),
        }
    }

    /// Whether a client may make us store a row.
    async fn take_client_row(
        &self,
        id: &ClientId,
        from: AddressKey,
    ) -> Result<(), RegistrationError> {
        self.brake_registration(from).await?;
        if self.store.has_room_for_client(id, MOST_UNUSED).await? {
            return Ok(());
        }
        tracing::warn!("very many clients that nobody has used want to be stored: they must wait");
        Err(OauthError::new(
            ErrorCode::TemporarilyUnavailable,
            "there are too many changed registrations of clients that nobody has used; register anew",
        )
        .into())
    }

    /// Removes a client at its own wish, and ends its grants (RFC 7592 §2.3).
    ///
    /// # Errors
    /// It did not show its token.
    pub async fn remove_registration(
        &self,
        id: &str,
        token: Option<&str>,
        from: AddressKey,
    ) -> Result<(), RegistrationError> {
        let client = self.managed_client(id, token).await?;
        self.take_client_row(&client.id, from).await?;
        self.remove_client(&client.id).await?;
        Ok(())
    }

    /// Adds a client at the operator's wish: with a short `client_id`, and for ever.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub async fn add_client(&self, body: &[u8]) -> Result<Registered, OauthError> {
        let client = Client {
            id: ClientId::new(format!(
                "client-{}",
                random_text::<12>(self.random.as_ref())
            )),
            metadata: self.checked(body)?,
            issued_at: self.now(),
            expires_at: None,
            origin: ClientOrigin::Added,
        };
        self.store.put_client(&client).await?;
        tracing::info!(
            client = client.metadata.client_name,
            "the operator added a client"
        );
        Ok(self.registered(&client))
    }
}

fn wrong_token(why: &str) -> RegistrationError {
    RegistrationError::Token(Some(OauthError::new(ErrorCode::InvalidToken, why)))
}

/// People allowed a client that is at home somewhere. Elsewhere, or known to it by another `sub`, it is
/// another, and registers anew.
fn check_stays_where_it_was(
    before: &ClientMetadata,
    after: &ClientMetadata,
) -> Result<(), OauthError> {
    let website = |uri: &String| {
        let url = Url::parse(uri).ok().filter(|url| url.scheme() == "https")?;
        url.host_str().map(str::to_owned)
    };
    let known: Vec<_> = before.redirect_uris.iter().filter_map(website).collect();
    let mut moved = after.redirect_uris.iter().filter_map(website);
    if let Some(host) = moved.find(|host| !known.contains(host)) {
        return Err(invalid(format!(
            "redirect_uris: {host} is a host that the client did not register with: register anew"
        )));
    }
    if before.subject_type != after.subject_type || before.sector() != after.sector() {
        return Err(invalid(
            "subject_type and the sector stay what they are: register anew",
        ));
    }
    Ok(())
}
