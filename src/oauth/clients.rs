//! Who a client is: its self-contained `client_id`, what the store says over it, its secret, and how
//! it proves itself (RFC 6749 §2).

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::discovery::path;
use super::metadata::check_metadata;
use super::{ErrorCode, FoundationError, OauthError, Params, Provider};
use crate::clock::Timestamp;
use crate::config::Config;
use crate::keys::client::{self, Algorithms};
use crate::keys::registration;
use crate::model::{AuthMethod, Client, ClientId, ClientMetadata, ClientOrigin, EndReason};
use crate::secrets::{Secret, mac_text, same};
use crate::storage::{GrantFilter, StoreError, StoredClient};

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
    /// `client_assertion` of the form, and its type (RFC 7521 §4.2).
    pub assertion: Option<(Secret, String)>,
}

/// RFC 7523 §2.2.
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead an assertion may expire: each is remembered until then.
const LONGEST_ASSERTION: Duration = Duration::from_secs(600);

impl Credentials {
    /// What stands in the form, beside what the header held.
    pub fn new(basic: Option<(String, Secret)>, params: &Params) -> Self {
        Self {
            basic,
            client_id: params.get("client_id").map(str::to_owned),
            client_secret: params.get("client_secret").map(Secret::new),
            assertion: params.get("client_assertion").map(|assertion| {
                let kind = params.get("client_assertion_type").unwrap_or("");
                (Secret::new(assertion), kind.to_owned())
            }),
        }
    }

    /// The parameters of the form that are credentials.
    pub(super) const FIELDS: [&str; 3] =
        ["client_secret", "client_assertion", "client_assertion_type"];
}

/// A client, and what it proves itself with, where that is a secret.
pub(super) struct Known {
    client: Arc<Client>,
    secret: Option<Secret>,
}

/// The clients of the configuration. What is said of them is checked like a registration; but for their
/// sector, the operator's word is enough.
pub(super) fn configured(
    config: &Config,
) -> Result<HashMap<ClientId, Arc<Known>>, FoundationError> {
    let mut clients = HashMap::new();
    for written in &config.clients {
        let wrong = |why: &str| FoundationError::Client {
            client_id: written.client_id.clone(),
            why: why.to_owned(),
        };
        let body = written.metadata.to_string();
        let metadata = check_metadata(
            body.as_bytes(),
            &config.flows,
            &config.tokens.id_token_algorithms,
            config.fetch.allow_private,
        )
        .map_err(|error| wrong(&error.description))?;
        match (metadata.has_secret(), &written.client_secret) {
            (true, None) => {
                return Err(wrong(
                    "client_secret is missing (token_endpoint_auth_method \"none\" needs none)",
                ));
            }
            (false, Some(_)) => {
                return Err(wrong("client_secret is set, for a client that shows none"));
            }
            _ => {}
        }
        let id = ClientId::new(written.client_id.as_str());
        let client = Client {
            id: id.clone(),
            metadata,
            issued_at: Timestamp::from_unix(0),
            expires_at: None,
            origin: ClientOrigin::Configured,
        };
        let known = Known {
            client: Arc::new(client),
            secret: written.client_secret.clone(),
        };
        if clients.insert(id, Arc::new(known)).is_some() {
            return Err(wrong("this client_id stands there twice"));
        }
    }
    Ok(clients)
}

impl Provider {
    /// The client with this id, if it was registered here and has not been removed. It may have
    /// expired.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        let known = self.known(id).await?;
        Ok(known.map(|known| Arc::clone(&known.client)))
    }

    async fn known(&self, id: &str) -> Result<Option<Arc<Known>>, StoreError> {
        if id.len() > MAX_CLIENT_ID {
            return Ok(None);
        }
        let id = ClientId::new(id);
        if let Some(configured) = self.configured.get(&id) {
            return Ok(Some(Arc::clone(configured)));
        }
        if let Some(known) = self.clients.get(&id) {
            return Ok(Some(known));
        }
        let epoch = self.clients.epoch(&id);
        let client = match self.store.client(&id).await? {
            Some(StoredClient::Removed) => return Ok(None),
            // what was used while it stood in the configuration ends with its line there
            Some(StoredClient::Known(client)) if client.origin == ClientOrigin::Configured => {
                return Ok(None);
            }
            Some(StoredClient::Known(client)) => client,
            None => match self.registered_client(&id) {
                Some(client) => client,
                None => return Ok(None),
            },
        };
        let known = Arc::new(Known {
            secret: client
                .metadata
                .has_secret()
                .then(|| self.derived_secret(&id)),
            client: Arc::new(client),
        });
        self.clients.insert(id, epoch, Arc::clone(&known));
        Ok(Some(known))
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
            origin: ClientOrigin::Registered,
        })
    }

    /// The client's secret: derived, so that nothing has to be stored; or what the configuration says.
    pub(super) fn client_secret(&self, id: &ClientId) -> Option<Secret> {
        match self.configured.get(id) {
            Some(configured) => configured.secret.clone(),
            None => Some(self.derived_secret(id)),
        }
    }

    fn derived_secret(&self, id: &ClientId) -> Secret {
        Secret::new(mac_text(&self.secrets_key, &[id.as_str().as_bytes()]))
    }

    /// Whether this client stands in the configuration.
    pub fn is_configured(&self, id: &ClientId) -> bool {
        self.configured.contains_key(id)
    }

    pub(super) fn configured_clients(&self) -> impl Iterator<Item = &Client> {
        self.configured
            .values()
            .map(|configured| configured.client.as_ref())
    }

    /// What is stored of a client under an id that stands in the configuration now is the latter's: it may
    /// have been added by a command before, and even removed.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn take_over_configured_clients(&self) -> Result<(), StoreError> {
        for client in self.configured_clients() {
            self.store.take_over_client(client).await?;
        }
        Ok(())
    }

    /// Ends the grants of clients that stood in the configuration and do so no more.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn end_clients_no_longer_configured(&self) -> Result<(), StoreError> {
        for client in self.store.clients().await? {
            if client.origin != ClientOrigin::Configured || self.configured.contains_key(&client.id)
            {
                continue;
            }
            let filter = GrantFilter {
                client_id: Some(client.id),
                ..GrantFilter::default()
            };
            for grant in self.store.grants(&filter).await? {
                self.end_grant(&grant.id, EndReason::ClientRemoved).await?;
            }
        }
        Ok(())
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
        let (id, proof) = shown(credentials)?;
        let known = self.known(&id).await?.ok_or_else(|| {
            OauthError::new(
                ErrorCode::InvalidClient,
                "no client with this client_id is registered here",
            )
        })?;
        let client = &known.client;
        let proves_by_key = client.metadata.token_endpoint_auth_method == AuthMethod::PrivateKeyJwt;
        match (client.metadata.is_confidential(), proof) {
            (_, Proof::Assertion(assertion)) if proves_by_key => {
                self.check_assertion(client, assertion).await?;
            }
            (_, Proof::Assertion(_)) => {
                return Err(OauthError::new(
                    ErrorCode::InvalidClient,
                    "this client did not register for private_key_jwt",
                ));
            }
            (true, _) if proves_by_key => {
                return Err(OauthError::new(
                    ErrorCode::InvalidClient,
                    "this client registered for private_key_jwt and must show a client_assertion",
                ));
            }
            (true, Proof::Secret(secret)) => {
                let expected = known.secret.as_ref();
                if !expected.is_some_and(|expected| same(expected.expose(), secret.expose())) {
                    return Err(OauthError::new(
                        ErrorCode::InvalidClient,
                        "the client_secret is wrong",
                    ));
                }
            }
            (true, Proof::None) => {
                return Err(OauthError::new(
                    ErrorCode::InvalidClient,
                    "this client registered with a secret and must show it, by HTTP Basic or client_secret",
                ));
            }
            (false, Proof::Secret(_)) => {
                return Err(OauthError::new(
                    ErrorCode::InvalidClient,
                    "this client registered as public (token_endpoint_auth_method none) and has no secret",
                ));
            }
            (false, Proof::None) => {}
        }
        self.check_registration_lives(client)?;
        Ok(Arc::clone(client))
    }

    /// RFC 7523 §3: signed by the client, about the client, for us, just now, and never shown before.
    async fn check_assertion(&self, client: &Client, assertion: &Secret) -> Result<(), OauthError> {
        let wrong = |why: &str| OauthError::new(ErrorCode::InvalidClient, why);
        let metadata = &client.metadata;
        let algorithms = match &metadata.token_endpoint_auth_signing_alg {
            Some(only) => Algorithms::Only(only),
            None => Algorithms::Any,
        };
        let types = ["JWT", "client-authentication+jwt"];
        let claims = self
            .signed_by_client(client, assertion.expose(), algorithms, &types)
            .await
            .map_err(|why| wrong(&format!("the client_assertion {why}")))?;
        let Value::Object(claims) = claims else {
            return Err(wrong("the client_assertion holds no claims"));
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let id = Some(client.id.as_str());
        if text("iss") != id || text("sub") != id {
            return Err(wrong(
                "iss and sub of the client_assertion must be the client_id",
            ));
        }
        // the issuer (RFC 7523bis), or an endpoint where clients prove themselves
        let http = &self.config.http;
        let endpoints = [
            path::TOKEN,
            path::PAR,
            path::REVOKE,
            path::INTROSPECT,
            path::DEVICE,
        ];
        let mut names = endpoints.map(|endpoint| http.url_of(endpoint)).to_vec();
        names.push(http.issuer().to_owned());
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        if !client::is_for(&claims, &names) {
            return Err(wrong("aud of the client_assertion must be the issuer"));
        }
        let now = self.now();
        let until = client::check_times(&claims, now).map_err(wrong)?;
        if until > now + LONGEST_ASSERTION {
            return Err(wrong("the client_assertion must expire within ten minutes"));
        }
        let jti = text("jti").filter(|jti| !jti.is_empty());
        let jti = jti.ok_or_else(|| wrong("jti is missing from the client_assertion"))?;
        let seen = &self.seen_assertions;
        match seen.is_first(client.id.as_str(), jti, until, now).await? {
            true => Ok(()),
            false => Err(wrong(
                "this client_assertion was shown before: sign one for each request",
            )),
        }
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

/// What a client proves itself with.
enum Proof<'a> {
    None,
    Secret(&'a Secret),
    Assertion(&'a Secret),
}

/// Who the client says it is, and its proof: one, in one way (RFC 6749 §2.3).
fn shown(credentials: &Credentials) -> Result<(Cow<'_, str>, Proof<'_>), OauthError> {
    let differs = || OauthError::invalid_request("the request names two different clients");
    let same_client = |id: &str| match &credentials.client_id {
        Some(other) if other != id => Err(differs()),
        _ => Ok(()),
    };
    match (
        &credentials.basic,
        &credentials.client_secret,
        &credentials.assertion,
    ) {
        (Some((id, secret)), None, None) => {
            same_client(id)?;
            Ok((Cow::Borrowed(id), Proof::Secret(secret)))
        }
        (None, None, Some((assertion, kind))) => {
            if kind != JWT_BEARER {
                return Err(OauthError::invalid_request(format!(
                    "client_assertion_type must be {JWT_BEARER}"
                )));
            }
            let id = client::unverified_subject(assertion.expose()).ok_or_else(|| {
                OauthError::new(
                    ErrorCode::InvalidClient,
                    "the client_assertion is no JWT, or has no sub",
                )
            })?;
            same_client(&id)?;
            Ok((Cow::Owned(id), Proof::Assertion(assertion)))
        }
        (None, secret, None) => {
            let id = credentials.client_id.as_deref().ok_or_else(|| {
                OauthError::new(
                    ErrorCode::InvalidClient,
                    "the client does not say who it is: use HTTP Basic, or client_id in the form",
                )
            })?;
            Ok((
                Cow::Borrowed(id),
                secret.as_ref().map_or(Proof::None, Proof::Secret),
            ))
        }
        _ => Err(OauthError::invalid_request(
            "the client proves who it is in more than one way; use one",
        )),
    }
}
