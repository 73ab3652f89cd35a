//! Client metadata (RFC 7591 §2, OIDC Registration §2): every field checked, and the answer names the one
//! that is wrong. What is in a `client_id` or in the store went through here.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use super::claims::ACR;
use super::redirect_uri::{OUT_OF_BAND, RedirectKind, check_registrable, classify};
use super::{ErrorCode, OauthError};
use crate::config::Flows;
use crate::keys::client;
use crate::model::{
    ApplicationType, AuthMethod, ClientMetadata, GrantType, ResponseType, ScopeSet,
    SigningAlgorithm, SubjectType,
};

/// The metadata as a client sends it. Fields that the provider does not know are ignored
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
    default_max_age: Option<u64>,
    require_auth_time: Option<bool>,
    default_acr_values: Option<Vec<String>>,
    jwks: Option<Value>,
    jwks_uri: Option<String>,
    token_endpoint_auth_signing_alg: Option<String>,
    request_object_signing_alg: Option<String>,
    require_pushed_authorization_requests: Option<bool>,
    dpop_bound_access_tokens: Option<bool>,
    initiate_login_uri: Option<String>,
    backchannel_logout_uri: Option<String>,
    backchannel_logout_session_required: Option<bool>,
    contacts: Option<Vec<String>>,
    software_id: Option<String>,
    software_version: Option<String>,
    /// What else was sent.
    #[serde(flatten)]
    rest: Map<String, Value>,
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
    check_not_supported(&requested.rest)?;
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
        default_max_age: requested.default_max_age,
        require_auth_time: requested.require_auth_time.unwrap_or(false),
        default_acr_values: check_acr_values(requested.default_acr_values)?,
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
const NOT_SUPPORTED: [&str; 10] = [
    "id_token_encrypted_response_alg",
    "id_token_encrypted_response_enc",
    "userinfo_signed_response_alg",
    "userinfo_encrypted_response_alg",
    "userinfo_encrypted_response_enc",
    "request_object_encryption_alg",
    "request_object_encryption_enc",
    "require_signed_request_object",
    "tls_client_certificate_bound_access_tokens",
    // OIDC Core §6.2: where requests are, which nobody asks for here
    "request_uris",
];

fn check_not_supported(rest: &Map<String, Value>) -> Result<(), OauthError> {
    let is_asked = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(word) => word != "none",
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    let mut asked = rest.iter().filter(|(_, value)| is_asked(value));
    match asked.find(|(field, _)| NOT_SUPPORTED.contains(&field.as_str())) {
        Some((field, _)) => Err(invalid(format!("{field} is not supported: leave it out"))),
        None => Ok(()),
    }
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

/// OIDC Registration §2 `default_acr_values`: a client that names none of ours relies on a login that
/// nobody can have here. What it is told that it registered is what is meant.
fn check_acr_values(values: Option<Vec<String>>) -> Result<Vec<String>, OauthError> {
    let values = values.unwrap_or_default();
    match (values.is_empty(), values.iter().any(|value| value == ACR)) {
        (true, _) => Ok(Vec::new()),
        (false, true) => Ok(vec![ACR.to_owned()]),
        (false, false) => Err(invalid(format!(
            "default_acr_values must have the one acr that there is: {ACR}"
        ))),
    }
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

/// What a client may say of itself where this is on, as a JSON schema (draft 2020-12). It says what
/// [`check_metadata`] takes, but for what a schema cannot say: which redirect URIs go with which client.
pub(super) fn schema(flows: &Flows, offered: &[SigningAlgorithm]) -> Value {
    let url = || json!({ "type": "string", "format": "uri", "pattern": "^https://" });
    let short = || json!({ "type": "string", "maxLength": 100 });
    let uris = |fewest: usize| {
        json!({
            "type": "array",
            "minItems": fewest,
            "maxItems": 20,
            "items": { "type": "string", "format": "uri", "maxLength": 2000 },
        })
    };
    let flag = || json!({ "type": "boolean", "default": false });
    let algorithms: Vec<_> = offered.iter().map(|one| one.as_str()).collect();
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Client metadata (RFC 7591)",
        "type": "object",
        "anyOf": [{ "required": ["client_name"] }, { "required": ["client_uri"] }],
        "allOf": conditions(flows),
        "properties": {
            "client_name": { "type": "string", "minLength": 1, "maxLength": 100 },
            "client_uri": url(),
            "redirect_uris": uris(1),
            "application_type": { "enum": ["web", "native"], "default": "web" },
            "token_endpoint_auth_method": {
                "enum": ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
                "default": "client_secret_basic",
            },
            "grant_types": { "type": "array", "items": { "type": "string" } },
            "response_types": {
                "type": "array",
                "items": { "type": "string" },
                "anyOf": [{ "maxItems": 0 }, one_of(&response_words(flows))],
            },
            "scope": { "type": "string" },
            "id_token_signed_response_alg": { "enum": algorithms, "default": "RS256" },
            "subject_type": { "enum": ["public", "pairwise"], "default": "public" },
            "sector_identifier_uri": url(),
            "post_logout_redirect_uris": uris(0),
            "backchannel_logout_uri": {
                "type": "string",
                "format": "uri",
                "maxLength": 2000,
            },
            "backchannel_logout_session_required": flag(),
            "default_max_age": { "type": "integer", "minimum": 0 },
            "require_auth_time": flag(),
            "default_acr_values": {
                "type": "array",
                "items": { "type": "string" },
                "anyOf": [{ "maxItems": 0 }, one_of(&[ACR])],
            },
            "jwks": {
                "type": "object",
                "required": ["keys"],
                "properties": { "keys": { "type": "array", "minItems": 1, "maxItems": 5 } },
            },
            "jwks_uri": url(),
            "token_endpoint_auth_signing_alg": { "enum": client::ALGORITHMS },
            "request_object_signing_alg": { "enum": client::ALGORITHMS },
            "require_pushed_authorization_requests": flag(),
            "dpop_bound_access_tokens": flag(),
            "initiate_login_uri": url(),
            "logo_uri": url(),
            "policy_uri": url(),
            "tos_uri": url(),
            "contacts": {
                "type": "array",
                "maxItems": 10,
                "items": { "type": "string", "maxLength": 200 },
            },
            "software_id": short(),
            "software_version": short(),
        },
    });
    if flows.answers(ResponseType::Code) {
        schema["properties"]["grant_types"]["default"] =
            json!(["authorization_code", "refresh_token"]);
        schema["properties"]["response_types"]["default"] = json!(["code"]);
    }
    for field in NOT_SUPPORTED {
        schema["properties"][field] = json!({ "enum": ["none", false, []] });
    }
    schema
}

/// A list that has one of these in it.
fn one_of(words: &[&str]) -> Value {
    match words {
        [] => false.into(),
        words => json!({ "contains": { "enum": words } }),
    }
}

/// The response types that are on, in any order of their words.
fn response_words(flows: &Flows) -> Vec<&'static str> {
    let on = |name: &&str| ResponseType::from_words(name).is_some_and(|it| flows.answers(it));
    let mut words: Vec<_> = ResponseType::ALL.iter().map(|it| it.as_str()).collect();
    words.push("token id_token");
    words.retain(on);
    words
}

/// What one member asks of another.
fn conditions(flows: &Flows) -> Value {
    let has = |field: &str, words: &[&str]| json!({ "required": [field], "properties": { field: one_of(words) } });
    let none = |field: &str| json!({ "not": { "required": [field] } });
    let on = |grants: &[GrantType]| -> Vec<_> {
        let allowed = grants.iter().filter(|grant| flows.allows(**grant));
        allowed.map(|grant| grant.as_str()).collect()
    };
    let wants_code = has("grant_types", &["authorization_code"]);
    let code = match flows.answers(ResponseType::Code) {
        true => json!({ "not": { "required": ["grant_types"], "not": wants_code } }),
        false => false.into(),
    };
    // people are sent to it with an answer
    let is_redirected_to = json!({ "anyOf": [
        has("response_types", &response_words(flows)),
        { "allOf": [none("response_types"), code] },
    ]});
    let begins_without = on(&[
        GrantType::DeviceCode,
        GrantType::Password,
        GrantType::ClientCredentials,
    ]);
    let unproved = on(&[GrantType::DeviceCode, GrantType::Password]);
    json!([
        {
            "if": is_redirected_to,
            "then": { "required": ["redirect_uris"] },
            "else": has("grant_types", &begins_without),
        },
        {
            "if": { "allOf": [wants_code, { "required": ["response_types"] }] },
            "then": { "properties": { "response_types": one_of(
                if flows.answers(ResponseType::Code) { &["code"] } else { &[] }
            ) } },
        },
        {
            "if": { "anyOf": [
                is("token_endpoint_auth_method", &["private_key_jwt"]),
                { "required": ["request_object_signing_alg"] },
            ]},
            "then": { "anyOf": [{ "required": ["jwks"] }, { "required": ["jwks_uri"] }] },
        },
        { "not": { "required": ["jwks", "jwks_uri"] } },
        {
            "if": is("id_token_signed_response_alg", &["HS256"]),
            "then": { "not": is("token_endpoint_auth_method", &["none", "private_key_jwt"]) },
        },
        {
            "if": is("subject_type", &["pairwise"]),
            "then": {
                "required": ["redirect_uris"],
                "properties": { "redirect_uris": { "items": { "pattern": "^https://" } } },
                "not": has("grant_types", &unproved),
            },
        },
    ])
}

/// A member that is one of these.
fn is(field: &str, words: &[&str]) -> Value {
    json!({ "required": [field], "properties": { field: { "enum": words } } })
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
            ("request_uris", json!(["https://app.example/request"])),
            ("default_acr_values", json!(["urn:example:two-factors"])),
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
        assert!(check(&json!({ "x": [1], "client_name#de": "Versuch" })).is_ok());
    }

    /// Settings, from those that most have to those that few have.
    fn all_flows() -> [Flows; 5] {
        let on = |grants: &[GrantType], responses: &[ResponseType]| Flows {
            allowed_grant_types: grants.to_vec(),
            allowed_response_types: responses.to_vec(),
            ..flows()
        };
        [
            flows(),
            on(&[GrantType::AuthorizationCode], &ResponseType::ALL),
            on(
                &[GrantType::DeviceCode, GrantType::RefreshToken],
                &[ResponseType::Code],
            ),
            on(&[], &[ResponseType::IdTokenToken]),
            on(
                &[
                    GrantType::AuthorizationCode,
                    GrantType::Password,
                    GrantType::ClientCredentials,
                ],
                &[ResponseType::Code, ResponseType::Token],
            ),
        ]
    }

    /// What grants and responses clients ask for, one way and another.
    fn asked_flows() -> Vec<Value> {
        let device = GrantType::DeviceCode.as_str();
        let grants = [
            json!(null),
            json!([]),
            json!(["authorization_code"]),
            json!(["authorization_code", "refresh_token", device]),
            json!([device]),
            json!(["password"]),
            json!(["client_credentials", "x"]),
            json!(["refresh_token"]),
            json!(["implicit"]),
        ];
        let responses = [
            json!(null),
            json!([]),
            json!(["code"]),
            json!(["token"]),
            json!(["token id_token"]),
            json!(["code", "id_token token"]),
            json!(["x"]),
        ];
        let uris = [json!(null), json!([]), json!(["https://app.example/cb"])];
        let mut all = Vec::new();
        for grants in &grants {
            for responses in &responses {
                all.extend(uris.iter().map(|uris| {
                    json!({
                        "client_name": "Test",
                        "grant_types": grants,
                        "response_types": responses,
                        "redirect_uris": uris,
                    })
                }));
            }
        }
        all
    }

    /// What clients say of the rest.
    fn asked_otherwise() -> Vec<Value> {
        let device = GrantType::DeviceCode.as_str();
        let key = json!({ "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
        let keys = json!({ "keys": [key] });
        let web = [
            json!({}),
            json!({ "client_name": null }),
            json!({ "client_name": null, "client_uri": "https://app.example/" }),
            json!({ "client_name": "x".repeat(101) }),
            json!({ "client_uri": "http://app.example/" }),
            json!({ "redirect_uris": "https://app.example/cb" }),
            json!({ "redirect_uris": vec!["https://app.example/cb"; 21] }),
            json!({ "application_type": "desktop" }),
            json!({ "token_endpoint_auth_method": "client_secret_jwt" }),
            json!({ "token_endpoint_auth_method": "private_key_jwt" }),
            json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": keys }),
            json!({ "token_endpoint_auth_method": "private_key_jwt",
                "jwks_uri": "https://app.example/keys" }),
            json!({ "jwks": keys, "jwks_uri": "https://app.example/keys" }),
            json!({ "jwks": { "keys": [] } }),
            json!({ "request_object_signing_alg": "ES256" }),
            json!({ "request_object_signing_alg": "none", "jwks": keys }),
            json!({ "request_object_signing_alg": "ES256", "jwks": keys }),
            json!({ "id_token_signed_response_alg": "RS512" }),
            json!({ "id_token_signed_response_alg": "HS256" }),
            json!({ "id_token_signed_response_alg": "HS256", "token_endpoint_auth_method": "none" }),
            json!({ "subject_type": "pairwise" }),
            json!({ "subject_type": "pairwise", "grant_types": ["authorization_code", device] }),
            json!({ "subject_type": "pairwise", "grant_types": [device], "redirect_uris": null }),
            json!({ "subject_type": "pairwise", "application_type": "native",
                "redirect_uris": ["http://127.0.0.1/cb"] }),
            json!({ "default_max_age": 60, "require_auth_time": true, "default_acr_values": [ACR] }),
            json!({ "default_max_age": -1 }),
            json!({ "default_max_age": "60" }),
            json!({ "require_auth_time": "yes" }),
            json!({ "default_acr_values": ["urn:example:two-factors"] }),
            json!({ "default_acr_values": [] }),
            json!({ "request_uris": [] }),
            json!({ "request_uris": ["https://app.example/request"] }),
            json!({ "userinfo_signed_response_alg": "RS256" }),
            json!({ "userinfo_signed_response_alg": "none", "require_signed_request_object": false }),
            json!({ "contacts": vec!["x"; 11] }),
            json!({ "software_id": "x".repeat(101) }),
            json!({ "logo_uri": "data:image/png,x" }),
            json!({ "dpop_bound_access_tokens": "yes" }),
            json!({ "post_logout_redirect_uris": [] }),
            json!({ "something": "else" }),
        ];
        let body = |change: &Value| {
            let mut body =
                json!({ "client_name": "Test", "redirect_uris": ["https://app.example/cb"] });
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        web.iter().map(body).collect()
    }

    #[test]
    fn the_schema_says_what_is_taken() {
        let mut taken = [0, 0];
        for flows in all_flows() {
            let schema = schema(&flows, &SigningAlgorithm::ALL);
            let schema = jsonschema::draft202012::new(&schema).unwrap();
            for mut body in asked_flows().into_iter().chain(asked_otherwise()) {
                // a null counts as left out
                body.as_object_mut()
                    .unwrap()
                    .retain(|_, value| !value.is_null());
                let text = body.to_string();
                let said = check_metadata(text.as_bytes(), &flows, &SigningAlgorithm::ALL, false);
                let is_valid = schema.is_valid(&body);
                assert_eq!(is_valid, said.is_ok(), "{flows:?}\n{text}\n{said:?}");
                taken[usize::from(is_valid)] += 1;
            }
        }
        assert!(taken[0] > 100 && taken[1] > 100, "{taken:?}");
    }

    /// Every member of the metadata, with something that it can be.
    fn everything() -> Value {
        json!({
            "client_name": "Test",
            "client_uri": "https://app.example/",
            "redirect_uris": ["https://app.example/cb"],
            "post_logout_redirect_uris": ["https://app.example/bye"],
            "backchannel_logout_uri": "https://app.example/out",
            "backchannel_logout_session_required": true,
            "token_endpoint_auth_method": "client_secret_post",
            "grant_types": ["authorization_code"],
            "response_types": ["code"],
            "application_type": "web",
            "subject_type": "pairwise",
            "sector_identifier_uri": "https://app.example/sector",
            "scope": "openid",
            "logo_uri": "https://app.example/logo",
            "policy_uri": "https://app.example/policy",
            "tos_uri": "https://app.example/terms",
            "id_token_signed_response_alg": "ES256",
            "default_max_age": 3600,
            "require_auth_time": true,
            "default_acr_values": [ACR],
            "jwks_uri": "https://app.example/keys",
            "token_endpoint_auth_signing_alg": "ES256",
            "request_object_signing_alg": "ES256",
            "require_pushed_authorization_requests": true,
            "dpop_bound_access_tokens": true,
            "initiate_login_uri": "https://app.example/login",
            "contacts": ["mailto:a@app.example"],
            "software_id": "app",
            "software_version": "1",
        })
    }

    #[test]
    fn every_member_is_checked_kept_and_in_the_schema_and_the_list() {
        let said = everything();
        let kept = check_metadata(
            said.to_string().as_bytes(),
            &flows(),
            &SigningAlgorithm::ALL,
            false,
        );
        let kept = kept.unwrap();
        let written = serde_json::to_value(&kept).unwrap();
        assert_eq!(written, said);
        let read: ClientMetadata = serde_json::from_value(written).unwrap();
        assert_eq!(read, kept);

        // jwks does not go with jwks_uri
        let mut names: BTreeSet<_> = said.as_object().unwrap().keys().cloned().collect();
        names.insert("jwks".to_owned());
        let members = ClientMetadata::MEMBERS.map(|(name, _)| name.to_owned());
        assert_eq!(BTreeSet::from(members), names);
        let schema = schema(&flows(), &SigningAlgorithm::ALL);
        let described = schema["properties"].as_object().unwrap().keys().cloned();
        names.extend(NOT_SUPPORTED.map(str::to_owned));
        assert_eq!(described.collect::<BTreeSet<_>>(), names);
    }
}
