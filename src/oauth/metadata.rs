//! Client metadata (RFC 7591 §2, OIDC Registration §2): every field checked, and the answer names the one
//! that is wrong. What is in a `client_id` or in the store went through here.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::redirect_uri::{OUT_OF_BAND, RedirectKind, check_registrable, classify};
use super::{ErrorCode, OauthError};
use crate::config::Flows;
use crate::keys::client;
use crate::model::{
    ApplicationType, AuthMethod, ClientMetadata, GrantType, ResponseType, ScopeSet,
    SigningAlgorithm, SubjectType,
};

/// The metadata as a client sends it. Fields that the provider does not use are ignored
/// (RFC 7591 §2).
#[derive(Deserialize)]
struct Requested {
    client_name: Option<String>,
    client_uri: Option<String>,
    redirect_uris: Option<Vec<String>>,
    post_logout_redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    application_type: Option<String>,
    scope: Option<String>,
    logo_uri: Option<String>,
    policy_uri: Option<String>,
    tos_uri: Option<String>,
    id_token_signed_response_alg: Option<String>,
    subject_type: Option<String>,
    sector_identifier_uri: Option<String>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    request_object_signing_alg: Option<String>,
    require_pushed_authorization_requests: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    initiate_login_uri: Option<String>,
    id_token_encrypted_response_alg: Option<Value>,
    id_token_encrypted_response_enc: Option<Value>,
    userinfo_signed_response_alg: Option<Value>,
    userinfo_encrypted_response_alg: Option<Value>,
    userinfo_encrypted_response_enc: Option<Value>,
    request_object_encryption_alg: Option<Value>,
    request_object_encryption_enc: Option<Value>,
    require_signed_request_object: Option<Value>,
    tls_client_certificate_bound_access_tokens: Option<Value>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
    contacts: Option<Vec<String>>,
    software_id: Option<String>,
    software_version: Option<String>,
}

pub(super) fn invalid(description: impl AsRef<str>) -> OauthError {
    OauthError::new(ErrorCode::InvalidClientMetadata, description)
}

/// Checks every field, so that whatever is in a `client_id` was checked once. What has to be fetched for it
/// is for the caller to look at; `private_fetches` says whether that may be at addresses that are not public.
pub(super) fn check_metadata(
    body: &[u8],
    flows: &Flows,
    offered: &[SigningAlgorithm],
    private_fetches: bool,
) -> Result<ClientMetadata, OauthError> {
    let requested: Requested = serde_json::from_slice(body)
        .map_err(|error| invalid(format!("the body is not client metadata in JSON: {error}")))?;
    check_not_supported(&requested)?;
    let application_type = match requested.application_type.as_deref() {
        None | Some("web") => ApplicationType::Web,
        Some("native") => ApplicationType::Native,
        Some(_) => return Err(invalid("application_type must be web or native")),
    };
    let client_uri = https_url("client_uri", requested.client_uri.as_deref())?;
    let response_types = check_response_types(&requested, flows)?;
    let grant_types = check_grant_types(&requested, &response_types, flows)?;
    let auth_method = check_auth_method(requested.token_endpoint_auth_method.as_deref())?;
    for (field, name) in [
        (
            "token_endpoint_auth_signing_alg",
            &requested.token_endpoint_auth_signing_alg,
        ),
        (
            "request_object_signing_alg",
            &requested.request_object_signing_alg,
        ),
    ] {
        check_client_algorithm(field, name.as_deref())?;
    }
    let jwks = check_keys(&requested, auth_method)?;
    let subject_type = check_subject_type(requested.subject_type.as_deref())?;
    let sector_identifier_uri = https_url(
        "sector_identifier_uri",
        requested.sector_identifier_uri.as_deref(),
    )?;
    let post_logout_redirect_uris = check_post_logout_redirect_uris(
        requested.post_logout_redirect_uris.unwrap_or_default(),
        application_type,
        client_uri.as_ref(),
    )?;
    let backchannel_logout_uri = check_backchannel_logout_uri(
        requested.backchannel_logout_uri.as_deref(),
        client_uri.as_ref(),
        private_fetches,
    )?;
    let metadata = ClientMetadata {
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
        backchannel_logout_uri,
        backchannel_logout_session_required: requested
            .backchannel_logout_session_required
            .unwrap_or(false),
        token_endpoint_auth_method: auth_method,
        grant_types,
        response_types,
        application_type,
        scope: check_scope(requested.scope)?,
        logo_uri: https_url("logo_uri", requested.logo_uri.as_deref())?,
        policy_uri: https_url("policy_uri", requested.policy_uri.as_deref())?,
        tos_uri: https_url("tos_uri", requested.tos_uri.as_deref())?,
        id_token_signed_response_alg: check_id_token_algorithm(
            requested.id_token_signed_response_alg.as_deref(),
            auth_method,
            offered,
        )?,
        token_endpoint_auth_signing_alg: requested.token_endpoint_auth_signing_alg,
        request_object_signing_alg: requested.request_object_signing_alg,
        require_pushed_authorization_requests: requested
            .require_pushed_authorization_requests
            .unwrap_or(false),
        dpop_bound_access_tokens: requested.dpop_bound_access_tokens.unwrap_or(false),
        jwks_uri: https_url("jwks_uri", requested.jwks_uri.as_deref())?,
        jwks,
        initiate_login_uri: https_url(
            "initiate_login_uri",
            requested.initiate_login_uri.as_deref(),
        )?,
        contacts: check_contacts(requested.contacts.unwrap_or_default())?,
        software_id: short("software_id", requested.software_id)?,
        software_version: short("software_version", requested.software_version)?,
        subject_type,
        sector_identifier_uri,
        post_logout_redirect_uris,
        client_uri,
    };
    check_sector(&metadata)?;
    Ok(metadata)
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
        (Some(name), _) if !name.chars().any(is_visible) => Err(invalid(
            "client_name has nothing in it that people could see",
        )),
        (Some(name), _) => Ok(name.to_owned()),
        (None, Some(host)) => Ok(host.to_owned()),
        (None, None) => Err(invalid("client_name is missing: people must see who asks")),
    }
}

/// What a client would rely on and not get.
fn check_not_supported(requested: &Requested) -> Result<(), OauthError> {
    let is_asked = |value: &Option<Value>| {
        value
            .as_ref()
            .is_some_and(|value| !value.is_null() && value != "none" && value != false)
    };
    for (field, value) in [
        (
            "id_token_encrypted_response_alg",
            &requested.id_token_encrypted_response_alg,
        ),
        (
            "id_token_encrypted_response_enc",
            &requested.id_token_encrypted_response_enc,
        ),
        (
            "userinfo_signed_response_alg",
            &requested.userinfo_signed_response_alg,
        ),
        (
            "userinfo_encrypted_response_alg",
            &requested.userinfo_encrypted_response_alg,
        ),
        (
            "userinfo_encrypted_response_enc",
            &requested.userinfo_encrypted_response_enc,
        ),
        (
            "request_object_encryption_alg",
            &requested.request_object_encryption_alg,
        ),
        (
            "request_object_encryption_enc",
            &requested.request_object_encryption_enc,
        ),
        (
            "require_signed_request_object",
            &requested.require_signed_request_object,
        ),
        (
            "tls_client_certificate_bound_access_tokens",
            &requested.tls_client_certificate_bound_access_tokens,
        ),
    ] {
        if is_asked(value) {
            return Err(invalid(format!("{field} is not supported: leave it out")));
        }
    }
    Ok(())
}

fn check_subject_type(name: Option<&str>) -> Result<SubjectType, OauthError> {
    match name {
        None | Some("public") => Ok(SubjectType::Public),
        Some("pairwise") => Ok(SubjectType::Pairwise),
        Some(_) => Err(invalid("subject_type must be public or pairwise")),
    }
}

/// OIDC Core §8.1: a sector is a host that has all redirect URIs, or that lists them in a document, which
/// the caller fetches.
fn check_sector(metadata: &ClientMetadata) -> Result<(), OauthError> {
    if metadata.subject_type == SubjectType::Public {
        return Ok(());
    }
    let host = |uri: &String| {
        let url = Url::parse(uri).ok().filter(|url| url.scheme() == "https")?;
        url.host_str().map(str::to_owned)
    };
    let hosts: Option<BTreeSet<_>> = metadata.redirect_uris.iter().map(host).collect();
    match hosts.map(|hosts| hosts.len()) {
        None | Some(0) => {
            return Err(invalid(
                "subject_type pairwise needs redirect_uris that are https",
            ));
        }
        Some(2..) if metadata.sector_identifier_uri.is_none() => {
            return Err(invalid(
                "subject_type pairwise with redirect_uris on several hosts needs a sector_identifier_uri",
            ));
        }
        Some(_) => {}
    }
    // where nothing is sent to that host, nothing shows that it is the client's
    let unproved = [GrantType::DeviceCode, GrantType::Password];
    match unproved.into_iter().find(|grant| metadata.may_use(*grant)) {
        Some(grant) => Err(invalid(format!(
            "subject_type pairwise is not for grant_types with {}",
            grant.as_str()
        ))),
        None => Ok(()),
    }
}

/// OIDC Core §10.1: HS256 is keyed with a secret, which a public client has not.
fn check_id_token_algorithm(
    name: Option<&str>,
    method: AuthMethod,
    offered: &[SigningAlgorithm],
) -> Result<Option<SigningAlgorithm>, OauthError> {
    let Some(name) = name else { return Ok(None) };
    let known = SigningAlgorithm::from_name(name).filter(|known| offered.contains(known));
    let Some(algorithm) = known else {
        let offered: Vec<_> = offered.iter().map(|one| one.as_str()).collect();
        return Err(invalid(format!(
            "id_token_signed_response_alg must be one of: {}",
            offered.join(", ")
        )));
    };
    let has_no_secret = matches!(method, AuthMethod::None | AuthMethod::PrivateKeyJwt);
    if algorithm == SigningAlgorithm::HS256 && has_no_secret {
        return Err(invalid(
            "id_token_signed_response_alg HS256 is for clients with a secret",
        ));
    }
    Ok(Some(algorithm))
}

/// The keys that a client signs with: by value, or where they are.
fn check_keys(requested: &Requested, method: AuthMethod) -> Result<Option<Value>, OauthError> {
    let needs_keys =
        method == AuthMethod::PrivateKeyJwt || requested.request_object_signing_alg.is_some();
    let jwks = match (&requested.jwks, &requested.jwks_uri) {
        // RFC 7591 §2
        (Some(_), Some(_)) => return Err(invalid("jwks and jwks_uri do not go together")),
        (None, None) if needs_keys => {
            return Err(invalid(
                "jwks or jwks_uri is missing: the client's public keys",
            ));
        }
        (None, _) => return Ok(None),
        (Some(jwks), None) => jwks,
    };
    client::check_jwks(jwks)
        .map(Some)
        .map_err(|why| invalid(format!("jwks {why}")))
}

fn check_client_algorithm(field: &str, name: Option<&str>) -> Result<(), OauthError> {
    match name {
        Some(name) if !client::ALGORITHMS.contains(&name) => Err(invalid(format!(
            "{field} must be one of: {}",
            client::ALGORITHMS.join(", ")
        ))),
        _ => Ok(()),
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

/// What holds for redirect URIs: people are sent there, too (RP-Initiated Logout §3.1).
fn check_post_logout_redirect_uris(
    uris: Vec<String>,
    application_type: ApplicationType,
    client_uri: Option<&Url>,
) -> Result<Vec<String>, OauthError> {
    if uris.len() > 20 {
        return Err(invalid("post_logout_redirect_uris names more than 20"));
    }
    for uri in &uris {
        let checked = match uri == OUT_OF_BAND {
            true => Err("is nowhere to go"),
            false => check_registrable(uri, application_type, client_uri),
        };
        checked.map_err(|why| invalid(format!("post_logout_redirect_uris: {} {why}", cut(uri))))?;
    }
    Ok(uris)
}

/// Back-Channel Logout §2.2: https, on the client's own host like the rest of it; http on loopback alone, for
/// a website behind the same proxy, where the operator lets us go there.
fn check_backchannel_logout_uri(
    uri: Option<&str>,
    client_uri: Option<&Url>,
    private_fetches: bool,
) -> Result<Option<Url>, OauthError> {
    let Some(uri) = uri.filter(|uri| !uri.is_empty()) else {
        return Ok(None);
    };
    let checked = match classify(uri) {
        Ok(RedirectKind::Loopback) if private_fetches => Ok(()),
        Ok(_) => check_registrable(uri, ApplicationType::Web, client_uri)
            .map_err(|_| "must be https, on the host of client_uri"),
        Err(why) => Err(why),
    };
    checked
        .and_then(|()| Url::parse(uri).map_err(|_| "is not an absolute URI"))
        .map(Some)
        .map_err(|why| invalid(format!("backchannel_logout_uri: {} {why}", cut(uri))))
}

/// Neither a space nor one of those that are shown as nothing (Default_Ignorable_Code_Point, and the
/// blank Braille pattern).
fn is_visible(c: char) -> bool {
    let is_nothing = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_whitespace() && !is_nothing
}

fn check_auth_method(method: Option<&str>) -> Result<AuthMethod, OauthError> {
    match method {
        None | Some("client_secret_basic") => Ok(AuthMethod::ClientSecretBasic),
        Some("client_secret_post") => Ok(AuthMethod::ClientSecretPost),
        Some("private_key_jwt") => Ok(AuthMethod::PrivateKeyJwt),
        Some("none") => Ok(AuthMethod::None),
        Some(_) => Err(invalid(
            "token_endpoint_auth_method must be client_secret_basic, client_secret_post, \
             private_key_jwt or none",
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
        Ok(url)
            if url.scheme() == "https"
                && url.username().is_empty()
                && url.password().is_none()
                && value.len() <= 2000 =>
        {
            Ok(Some(url))
        }
        _ => Err(invalid(format!(
            "{field} must be an https URL of at most 2,000 characters, without user name and password"
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

/// What a client may say of itself, as a JSON schema (draft 2020-12).
pub(super) fn schema(offered: &[SigningAlgorithm]) -> Value {
    let url = || json!({ "type": "string", "format": "uri", "pattern": "^https://" });
    let algorithms: Vec<_> = offered.iter().map(|one| one.as_str()).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Client metadata (RFC 7591)",
        "type": "object",
        "required": ["redirect_uris"],
        "anyOf": [{ "required": ["client_name"] }, { "required": ["client_uri"] }],
        "properties": {
            "client_name": { "type": "string", "minLength": 1, "maxLength": 100 },
            "client_uri": url(),
            "redirect_uris": {
                "type": "array",
                "minItems": 1,
                "maxItems": 20,
                "items": { "type": "string", "format": "uri", "maxLength": 2000 },
            },
            "application_type": { "enum": ["web", "native"], "default": "web" },
            "token_endpoint_auth_method": {
                "enum": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
                "default": "client_secret_basic",
            },
            "grant_types": {
                "type": "array",
                "contains": { "const": "authorization_code" },
                "items": { "type": "string" },
                "default": ["authorization_code", "refresh_token"],
            },
            "response_types": {
                "type": "array",
                "contains": { "const": "code" },
                "items": { "type": "string" },
                "default": ["code"],
            },
            "scope": { "type": "string" },
            "id_token_signed_response_alg": { "enum": algorithms, "default": "RS256" },
            "subject_type": { "enum": ["public", "pairwise"], "default": "public" },
            "sector_identifier_uri": url(),
            "post_logout_redirect_uris": {
                "type": "array",
                "maxItems": 20,
                "items": { "type": "string", "format": "uri", "maxLength": 2000 },
            },
            "backchannel_logout_uri": {
                "type": "string",
                "format": "uri",
                "maxLength": 2000,
            },
            "backchannel_logout_session_required": { "type": "boolean", "default": false },
            "jwks": {
                "type": "object",
                "required": ["keys"],
                "properties": { "keys": { "type": "array", "minItems": 1, "maxItems": 5 } },
            },
            "jwks_uri": url(),
            "token_endpoint_auth_signing_alg": { "enum": client::ALGORITHMS },
            "request_object_signing_alg": { "enum": client::ALGORITHMS },
            "require_pushed_authorization_requests": { "type": "boolean", "default": false },
            "dpop_bound_access_tokens": { "type": "boolean", "default": false },
            "initiate_login_uri": url(),
            "logo_uri": url(),
            "policy_uri": url(),
            "tos_uri": url(),
            "contacts": {
                "type": "array",
                "maxItems": 10,
                "items": { "type": "string", "maxLength": 200 },
            },
            "software_id": { "type": "string", "maxLength": 100 },
            "software_version": { "type": "string", "maxLength": 100 },
        },
    })
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(change: &Value) -> Result<ClientMetadata, OauthError> {
        let mut body = json!({
            "client_name": "Test",
            "client_uri": "https://app.example/",
            "redirect_uris": ["https://app.example/cb"],
        });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        check_metadata(
            body.to_string().as_bytes(),
            &flows(),
            &SigningAlgorithm::ALL,
            false,
        )
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
            require_pushed_authorization_requests: false,
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
            ("token_endpoint_auth_method", json!("client_secret_jwt")),
            ("jwks", json!(null)),
            ("grant_types", json!(["implicit"])),
            ("response_types", json!(["token"])),
            ("scope", json!("a\"b")),
            ("logo_uri", json!("data:image/png,x")),
            ("contacts", json!(vec!["x"; 11])),
            ("software_id", json!("a\nb")),
            ("client_uri", json!("https://:pw@app.example/")),
            ("client_name", json!("\u{200b}\u{2060} \u{3164}")),
            ("redirect_uris", json!(["x.y:javascript:alert(1)"])),
            ("redirect_uris", json!(["http://[::1]:/cb"])),
            ("id_token_signed_response_alg", json!("none")),
            ("id_token_signed_response_alg", json!("RS512")),
            ("id_token_encrypted_response_alg", json!("RSA-OAEP")),
            ("userinfo_signed_response_alg", json!("RS256")),
            ("userinfo_encrypted_response_enc", json!("A128GCM")),
            ("request_object_encryption_alg", json!("RSA-OAEP")),
            ("subject_type", json!("private")),
            ("sector_identifier_uri", json!("http://app.example/s.json")),
            (
                "post_logout_redirect_uris",
                json!(vec!["https://app.example/"; 21]),
            ),
            ("post_logout_redirect_uris", json!(["http://app.example/"])),
            (
                "post_logout_redirect_uris",
                json!(["https://evil.example/"]),
            ),
            (
                "post_logout_redirect_uris",
                json!(["urn:ietf:wg:oauth:2.0:oob"]),
            ),
            ("backchannel_logout_uri", json!("http://app.example/out")),
            ("backchannel_logout_uri", json!("http://127.0.0.1/out")),
            ("backchannel_logout_uri", json!("https://other.example/out")),
            ("backchannel_logout_uri", json!("https://app.example/out#x")),
            ("backchannel_logout_uri", json!("com.example.app:/out")),
            ("backchannel_logout_uri", json!("urn:ietf:wg:oauth:2.0:oob")),
            ("backchannel_logout_uri", json!("https://u@app.example/out")),
            ("backchannel_logout_session_required", json!("yes")),
            ("jwks", json!([])),
            ("jwks", json!({ "keys": [] })),
            (
                "jwks",
                json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }] }),
            ),
            (
                "jwks",
                json!({ "keys": [{ "kty": "RSA", "n": "AQAB", "e": "AQAB", "d": "x" }] }),
            ),
            (
                "jwks",
                json!({ "keys": [{ "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" }] }),
            ),
            ("jwks_uri", json!("http://app.example/keys")),
            ("token_endpoint_auth_signing_alg", json!("HS256")),
            ("request_object_signing_alg", json!("none")),
            ("require_pushed_authorization_requests", json!("yes")),
            ("dpop_bound_access_tokens", json!("yes")),
            ("initiate_login_uri", json!("http://app.example/")),
        ] {
            let mut change = json!({ field: value });
            if value.is_null() {
                change["token_endpoint_auth_method"] = "private_key_jwt".into();
            }
            let error = check(&change).unwrap_err();
            let names_it = error.description.contains(field);
            // a wrong type is told by its place
            assert!(names_it || value == "yes", "{field}: {error}");
        }
    }

    #[test]
    fn a_client_that_leaves_refresh_token_out_of_its_grant_types_gets_none() {
        let said = check(&json!({ "grant_types": ["authorization_code"] })).unwrap();
        assert!(!said.may_use(GrantType::RefreshToken));
        assert!(check(&json!({})).unwrap().may_use(GrantType::RefreshToken));
    }

    #[test]
    fn hs256_is_for_clients_with_a_secret() {
        let asked = json!({ "id_token_signed_response_alg": "HS256" });
        assert!(check(&asked).is_ok());
        let asked = json!({
            "id_token_signed_response_alg": "HS256",
            "token_endpoint_auth_method": "none",
        });
        assert!(check(&asked).is_err());
    }

    #[test]
    fn logouts_are_told_on_loopback_without_https_only_where_the_operator_lets_us_go_there() {
        let body = |uri: &str| {
            json!({
                "client_name": "Test",
                "redirect_uris": ["https://app.example/cb"],
                "backchannel_logout_uri": uri,
            })
        };
        let offered = SigningAlgorithm::ALL;
        for (uri, private_fetches, is_good) in [
            ("http://127.0.0.1:8080/out", false, false),
            ("http://127.0.0.1:8080/out", true, true),
            ("http://[::1]/out", true, true),
            ("http://10.0.0.1/out", true, false),
            ("http://app.example/out", true, false),
            ("https://app.example/out?x=1", false, true),
        ] {
            let body = body(uri).to_string();
            let said = check_metadata(body.as_bytes(), &flows(), &offered, private_fetches);
            assert_eq!(said.is_ok(), is_good, "{uri}");
        }
    }

    #[test]
    fn names_in_any_script_are_names() {
        for name in ["a", "\u{5d0}", "\u{1f98a}", "\u{645}\u{200c}\u{6cc}"] {
            assert!(check(&json!({ "client_name": name })).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_pairwise_client_is_on_one_host_which_is_its_sector_or_names_one() {
        let pairwise = |sector: Option<&str>, uris: &[&str]| {
            check(&json!({
                "subject_type": "pairwise",
                "client_uri": null,
                "application_type": "native",
                "sector_identifier_uri": sector,
                "redirect_uris": uris,
            }))
        };
        let one = "https://APP.example:8443/cb";
        let other = "https://other.example/cb";
        let sector = |metadata: Result<ClientMetadata, OauthError>| metadata.unwrap().sector();
        let on_one_host = pairwise(None, &[one, "https://app.example/other"]);
        assert_eq!(sector(on_one_host).as_deref(), Some("app.example"));
        let error = pairwise(None, &[one, other]).unwrap_err();
        assert!(error.description.contains("sector_identifier_uri"));
        let named = Some("https://sector.example/uris.json");
        let named = sector(pairwise(named, &[one, other]));
        assert_eq!(named.as_deref(), Some("sector.example"));
        for other in ["com.example.app:/cb", "http://127.0.0.1/cb"] {
            for sector in [None, Some("https://app.example/uris.json")] {
                assert!(pairwise(sector, &[one, other]).is_err(), "{other}");
                assert!(pairwise(sector, &[other]).is_err(), "{other}");
            }
        }
        assert_eq!(check(&json!({})).unwrap().sector(), None);
        // no answer of the device flow goes to the sector's host
        let device = GrantType::DeviceCode.as_str();
        let devices = json!({
            "subject_type": "pairwise",
            "grant_types": ["authorization_code", device],
        });
        let error = check(&devices).unwrap_err();
        assert!(error.description.contains("subject_type"), "{error}");
    }

    #[test]
    fn metadata_that_we_do_not_know_is_ignored() {
        assert!(check(&json!({ "request_uris": "http://127.0.0.1/", "x": [1] })).is_ok());
    }
}
