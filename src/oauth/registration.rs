//! Dynamic client registration (RFC 7591, OIDC Registration). Nothing is stored: the `client_id` is
//! the checked metadata, signed, so that registering costs an attacker more than it costs us.

use serde::{Deserialize, Serialize};
use url::Url;

use super::clients::{ClientIdClaims, MAX_CLIENT_ID};
use super::redirect_uri::check_registrable;
use super::{ErrorCode, OauthError, Provider};
use crate::clock::Timestamp;
use crate::config::Flows;
use crate::keys::registration;
use crate::limits::{AddressKey, RetryAfter};
use crate::model::{
    ApplicationType, AuthMethod, ClientId, ClientMetadata, GrantType, ResponseType, ScopeSet,
};
use crate::secrets::{Secret, random_text};

/// The answer to a registration (RFC 7591 §3.2.1).
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

/// Why a registration was not made.
#[derive(Debug)]
pub enum RegistrationError {
    /// The operator has not switched it on.
    Off,
    /// Too many from one address.
    TooMany(RetryAfter),
    /// The metadata is wrong, or the provider is.
    Refused(OauthError),
}

impl From<OauthError> for RegistrationError {
    fn from(error: OauthError) -> Self {
        Self::Refused(error)
    }
}

/// The metadata as a client sends it. Fields that the provider does not use are ignored
/// (RFC 7591 §2).
#[derive(Deserialize)]
struct Requested {
    client_name: Option<String>,
    client_uri: Option<String>,
    redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    application_type: Option<String>,
    scope: Option<String>,
    logo_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    contacts: Option<Vec<String>>,
    software_id: Option<String>,
    software_version: Option<String>,
}

impl Provider {
    /// Registers a client by the JSON that it sent.
    ///
    /// # Errors
    /// Says which field is wrong.
    pub fn register(&self, body: &[u8], from: AddressKey) -> Result<Registered, RegistrationError> {
        let settings = &self.config.registration;
        let key = settings
            .registration_key
            .as_ref()
            .ok_or(RegistrationError::Off)?;
        let now = self.now();
        let metadata = check_metadata(body, &self.config.flows)?;
        self.registrations_from_address
            .take(&from, now)
            .inspect_err(|_| self.counts.registrations_per_address.inc())
            .map_err(RegistrationError::TooMany)?;

        let expires_at = settings.default_ttl.map(|ttl| now + ttl);
        let claims = ClientIdClaims {
            metadata,
            iat: now,
            exp: expires_at,
            jti: random_text::<16>(self.random.as_ref()),
        };
        let client_id =
            registration::sign(key, settings.registration_algorithm, &claims).map_err(|error| {
                tracing::error!(%error, "a client_id could not be signed");
                OauthError::new(
                    ErrorCode::ServerError,
                    "the registration could not be signed",
                )
            })?;
        if client_id.len() > MAX_CLIENT_ID {
            return Err(
                invalid("the metadata is too long: its client_id would pass 4096 bytes").into(),
            );
        }
        let client_id = ClientId::new(client_id);
        let client_secret = match claims.metadata.is_confidential() {
            true => self.client_secret(&client_id),
            false => None,
        };
        tracing::info!(client = claims.metadata.client_name, "registered a client");
        Ok(Registered {
            client_secret_expires_at: client_secret
                .as_ref()
                .map(|_| expires_at.map_or(0, Timestamp::as_unix)),
            client_secret,
            client_id_issued_at: now,
            client_id,
            metadata: claims.metadata,
        })
    }
}

fn invalid(description: impl AsRef<str>) -> OauthError {
    OauthError::new(ErrorCode::InvalidClientMetadata, description)
}

/// Checks every field, so that whatever is in a `client_id` was checked once.
fn check_metadata(body: &[u8], flows: &Flows) -> Result<ClientMetadata, OauthError> {
    let requested: Requested = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("the body is not client metadata in JSON: {error}")))?;
    let application_type = match requested.application_type.as_deref() {
        None | Some("web") => ApplicationType::Web,
        Some("native") => ApplicationType::Native,
        Some(_) => return Err(invalid("application_type must be web or native")),
    };
    let client_uri = https_url("client_uri", requested.client_uri.as_deref())?;
    let response_types = check_response_types(&requested, flows)?;
    let grant_types = check_grant_types(&requested, &response_types, flows)?;
    Ok(ClientMetadata {
        client_name: check_name(requested.client_name.as_deref(), client_uri.as_ref())?,
        redirect_uris: match (requested.redirect_uris, response_types.is_empty()) {
            // RFC 7591 §2: only flows with redirection need them
            (None, true) => Vec::new(),
            (uris, _) => check_redirect_uris(
                uris.unwrap_or_default(),
                application_type,
                client_uri.as_ref(),
            )?,
        },
        token_endpoint_auth_method: check_auth_method(
            requested.token_endpoint_auth_method.as_deref(),
        )?,
        grant_types,
        response_types,
        application_type,
        scope: check_scope(requested.scope)?,
        logo_uri: https_url("logo_uri", requested.logo_uri.as_deref())?,
        policy_uri: https_url("policy_uri", requested.policy_uri.as_deref())?,
        tos_uri: https_url("tos_uri", requested.tos_uri.as_deref())?,
        contacts: check_contacts(requested.contacts.unwrap_or_default())?,
        software_id: short("software_id", requested.software_id)?,
        software_version: short("software_version", requested.software_version)?,
        client_uri,
    })
}

/// People see the name: it must be there, or be the host of the home page.
fn check_name(name: Option<&str>, client_uri: Option<&Url>) -> Result<String, OauthError> {
    let name = name.map(str::trim).filter(|name| !name.is_empty());
    match (name, client_uri.and_then(Url::host_str)) {
        (Some(name), _) if name.chars().count() > 100 => {
            Err(invalid("client_name is longer than 100 characters"))
        }
        (Some(name), _) if name.chars().any(char::is_control) => {
            Err(invalid("client_name has control characters"))
        }
        (Some(name), _) => Ok(name.to_owned()),
        (None, Some(host)) => Ok(host.to_owned()),
        (None, None) => Err(invalid("client_name is missing: people must see who asks")),
    }
}

fn check_redirect_uris(
    uris: Vec<String>,
    application_type: ApplicationType,
    client_uri: Option<&Url>,
) -> Result<Vec<String>, OauthError> {
    let wrong = |text: String| OauthError::new(ErrorCode::InvalidRedirectUri, text);
    if uris.is_empty() {
        return Err(wrong(
            "redirect_uris is missing: name at least one".to_owned(),
        ));
    }
    if uris.len() > 20 {
        return Err(wrong("redirect_uris names more than 20".to_owned()));
    }
    for uri in &uris {
        check_registrable(uri, application_type, client_uri)
            .map_err(|why| wrong(format!("redirect_uris: {} {why}", cut(uri))))?;
    }
    Ok(uris)
}

fn check_auth_method(method: Option<&str>) -> Result<AuthMethod, OauthError> {
    match method {
        None | Some("client_secret_basic") => Ok(AuthMethod::ClientSecretBasic),
        Some("client_secret_post") => Ok(AuthMethod::ClientSecretPost),
        Some("none") => Ok(AuthMethod::None),
        Some(_) => Err(invalid(
            "token_endpoint_auth_method must be client_secret_basic, client_secret_post or none",
        )),
    }
}

/// What is asked for of what is on: RFC 7591 §2 lets the rest be left out. Where nothing is said, it is
/// what the grant types need, `code` for one.
fn check_response_types(
    requested: &Requested,
    flows: &Flows,
) -> Result<Vec<ResponseType>, OauthError> {
    let is_on = |it: &ResponseType| flows.answers(*it);
    let wants_code = match &requested.grant_types {
        Some(names) => names.iter().any(|name| name == "authorization_code"),
        None => requested.response_types.is_none(),
    };
    let Some(names) = &requested.response_types else {
        let code = (wants_code && is_on(&ResponseType::Code)).then_some(ResponseType::Code);
        return Ok(code.into_iter().collect());
    };
    let asked: Vec<_> = ResponseType::ALL
        .into_iter()
        .filter(is_on)
        .filter(|it| {
            names
                .iter()
                .any(|name| ResponseType::from_words(name) == Some(*it))
        })
        .collect();
    if asked.is_empty() && !names.is_empty() {
        return Err(invalid("response_types has none that is offered here"));
    }
    if wants_code && !asked.contains(&ResponseType::Code) {
        return Err(invalid(
            "response_types must have code, as grant_types has authorization_code",
        ));
    }
    Ok(asked)
}

/// Where nothing is said, a refresh token is welcome; a client that does not want one says so by
/// leaving it out of its `grant_types`.
fn check_grant_types(
    requested: &Requested,
    response_types: &[ResponseType],
    flows: &Flows,
) -> Result<Vec<GrantType>, OauthError> {
    let has_code = response_types.contains(&ResponseType::Code);
    let is_implicit = response_types.iter().any(|it| it.is_implicit());
    let asked = |grant: &GrantType| match (&requested.grant_types, grant) {
        // OIDC Registration §2: these two go with their response types
        (_, GrantType::AuthorizationCode) => has_code,
        (_, GrantType::Implicit) => is_implicit,
        (Some(names), grant) => names.iter().any(|name| name == grant.as_str()),
        (None, grant) => has_code && *grant == GrantType::RefreshToken,
    };
    let grants: Vec<_> = [
        GrantType::AuthorizationCode,
        GrantType::RefreshToken,
        GrantType::DeviceCode,
        GrantType::Password,
        GrantType::ClientCredentials,
        GrantType::Implicit,
    ]
    .into_iter()
    .filter(|grant| asked(grant) && (flows.allows(*grant) || *grant == GrantType::RefreshToken))
    .collect();
    if grants.iter().all(|grant| *grant == GrantType::RefreshToken) {
        return Err(invalid(
            "grant_types has none that is offered here and that a client can begin with",
        ));
    }
    Ok(grants)
}

fn check_scope(scope: Option<String>) -> Result<Option<String>, OauthError> {
    if let Some(scope) = &scope {
        scope
            .parse::<ScopeSet>()
            .map_err(|error| invalid(format!("scope: {error}")))?;
    }
    Ok(scope.filter(|scope| !scope.trim().is_empty()))
}

fn check_contacts(contacts: Vec<String>) -> Result<Vec<String>, OauthError> {
    if contacts.len() > 10 || contacts.iter().any(|contact| contact.len() > 200) {
        return Err(invalid(
            "contacts has more than 10 entries, or one longer than 200 bytes",
        ));
    }
    Ok(contacts)
}

fn https_url(field: &str, value: Option<&str>) -> Result<Option<Url>, OauthError> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    match Url::parse(value) {
        Ok(url) if url.scheme() == "https" && url.username().is_empty() && value.len() <= 2000 => {
            Ok(Some(url))
        }
        _ => Err(invalid(format!(
            "{field} must be an https URL of at most 2,000 characters"
        ))),
    }
}

fn short(field: &str, value: Option<String>) -> Result<Option<String>, OauthError> {
    match value {
        Some(text) if text.chars().count() > 100 || text.chars().any(char::is_control) => {
            Err(invalid(format!(
                "{field} is longer than 100 characters or has control characters"
            )))
        }
        value => Ok(value),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(change: &serde_json::Value) -> Result<ClientMetadata, OauthError> {
        let mut body = json!({
            "client_name": "Test",
            "client_uri": "https://app.example/",
            "redirect_uris": ["https://app.example/cb"],
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        check_metadata(body.to_string().as_bytes(), &flows())
    }

    fn flows() -> Flows {
        Flows {
            allowed_grant_types: vec![
                GrantType::AuthorizationCode,
                GrantType::RefreshToken,
                GrantType::DeviceCode,
            ],
            password_clients: Vec::new(),
            allowed_response_types: vec![ResponseType::Code],
            allowed_code_challenge_methods: Vec::new(),
            require_code_challenge: true,
        }
    }

    #[test]
    fn a_client_that_is_never_redirected_to_needs_no_redirect_uri() {
        let device = GrantType::DeviceCode.as_str();
        let change = json!({ "grant_types": [device, "password"], "redirect_uris": null });
        let said = check(&change).unwrap();
        assert_eq!(said.grant_types, [GrantType::DeviceCode]);
        assert!(said.response_types.is_empty() && said.redirect_uris.is_empty());
        let both = json!({ "grant_types": [device, "authorization_code"], "redirect_uris": null });
        assert!(check(&both).is_err());
    }

    #[test]
    fn the_answer_names_the_field_that_is_wrong() {
        for (field, value) in [
            ("application_type", json!("desktop")),
            ("client_uri", json!("http://app.example/")),
            ("client_name", json!("x".repeat(101))),
            ("redirect_uris", json!([])),
            ("redirect_uris", json!(["javascript:alert(1)"])),
            ("token_endpoint_auth_method", json!("private_key_jwt")),
            ("grant_types", json!(["implicit"])),
            ("response_types", json!(["token"])),
            ("scope", json!("a\"b")),
            ("logo_uri", json!("data:image/png,x")),
            ("contacts", json!(vec!["x"; 11])),
            ("software_id", json!("a\nb")),
        ] {
            let error = check(&json!({ field: value })).unwrap_err();
            assert!(error.description.contains(field), "{field}: {error}");
        }
    }

    #[test]
    fn a_client_that_leaves_refresh_token_out_of_its_grant_types_gets_none() {
        let said = check(&json!({ "grant_types": ["authorization_code"] })).unwrap();
        assert!(!said.may_use(GrantType::RefreshToken));
        assert!(check(&json!({})).unwrap().may_use(GrantType::RefreshToken));
    }

    #[test]
    fn metadata_that_we_do_not_know_is_ignored() {
        assert!(check(&json!({ "jwks_uri": "http://127.0.0.1/", "x": [1] })).is_ok());
    }
}
