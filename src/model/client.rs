//! Clients and their metadata (RFC 7591 §2).

use serde::{Deserialize, Serialize};
use url::Url;

use super::{ClientId, ScopeSet};
use crate::clock::Timestamp;

/// How a client proves who it is at the token endpoint (RFC 7591 §2, `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMethod {
    /// A public client: it has no secret to keep.
    None,
    /// HTTP Basic with the client secret; what RFC 7591 takes where nothing is said.
    #[default]
    ClientSecretBasic,
    /// The client secret in the form.
    ClientSecretPost,
    /// A JWT that it signs (RFC 7523 §2.2).
    PrivateKeyJwt,
}

/// What kind of program the client is (OIDC Registration §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// A website, reached by https.
    #[default]
    Web,
    /// A program on the person's own device.
    Native,
}

/// Whether all clients know a person by the same `sub` (OIDC Core §8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// All the same: the account as a URI.
    #[default]
    Public,
    /// Each sector another one, which does not tell the account.
    Pairwise,
}

/// `grant_type` values (RFC 6749 §4, §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 §4.1.
    AuthorizationCode,
    /// RFC 6749 §6.
    RefreshToken,
    /// RFC 8628.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// RFC 6749 §4.3.
    Password,
    /// RFC 6749 §4.4.
    ClientCredentials,
    /// RFC 6749 §4.2: what clients register for that ask the authorization endpoint for tokens
    /// (OIDC Registration §2). No request bears it.
    Implicit,
}

impl GrantType {
    /// The value as it stands in requests and metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::Password => "password",
            Self::ClientCredentials => "client_credentials",
            Self::Implicit => "implicit",
        }
    }
}

/// `response_type` values (RFC 6749 §3.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// RFC 6749 §4.1.1.
    Code,
    /// RFC 6749 §4.2.1.
    Token,
    /// OIDC Core §3.2.
    IdToken,
    /// Both of them.
    #[serde(rename = "id_token token")]
    IdTokenToken,
}

impl ResponseType {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Code, Self::Token, Self::IdToken, Self::IdTokenToken];

    /// The value as it stands in requests and metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Token => "token",
            Self::IdToken => "id_token",
            Self::IdTokenToken => "id_token token",
        }
    }

    /// The response type that these words stand for, in any order (Multiple Response Types §3).
    pub fn from_words(words: &str) -> Option<Self> {
        let sorted = |words: &str| {
            let mut words: Vec<_> = words.split(' ').map(str::to_owned).collect();
            words.sort_unstable();
            words
        };
        let asked = sorted(words);
        let is_asked = |it: &Self| sorted(it.as_str()) == asked;
        Self::ALL.into_iter().find(is_asked)
    }

    /// Whether the authorization endpoint itself answers with tokens.
    pub const fn is_implicit(self) -> bool {
        !matches!(self, Self::Code)
    }

    /// Whether an access token is in the answer.
    pub const fn has_token(self) -> bool {
        matches!(self, Self::Token | Self::IdTokenToken)
    }

    /// Whether an id_token is in the answer.
    pub const fn has_id_token(self) -> bool {
        matches!(self, Self::IdToken | Self::IdTokenToken)
    }
}

/// How an id_token may be signed (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// RSA; what OpenID Connect takes where nothing is said.
    #[default]
    RS256,
    /// ECDSA on P-256.
    ES256,
    /// Ed25519.
    EdDSA,
    /// HMAC with the client's own secret (OIDC Core §10.1): for confidential clients.
    HS256,
}

impl SigningAlgorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::RS256, Self::ES256, Self::EdDSA, Self::HS256];

    /// The name as it stands in headers and metadata.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::ES256 => "ES256",
            Self::EdDSA => "EdDSA",
            Self::HS256 => "HS256",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

/// What a client says of itself when it registers (RFC 7591 §2), already checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientMetadata {
    /// The name that people see.
    pub client_name: String,
    /// The client's home page; for web clients its host is what the redirect URIs must be on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub client_uri: Option<Url>,
    /// Where answers may go, compared as text but for a loopback port (RFC 8252 §7.3).
    pub redirect_uris: Vec<String>,
    /// Where people may go once they have logged out (RP-Initiated Logout §3.1), compared as text.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told that somebody has logged out (Back-Channel Logout §2.2).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backchannel_logout_uri: Option<Url>,
    /// Whether it must be told which session has ended; it always is.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub backchannel_logout_session_required: bool,
    /// How it proves itself at the token endpoint.
    pub token_endpoint_auth_method: AuthMethod,
    /// The grants it will use.
    pub grant_types: Vec<GrantType>,
    /// The responses it will ask for.
    pub response_types: Vec<ResponseType>,
    /// Web or native.
    pub application_type: ApplicationType,
    /// What it gets as `sub`.
    #[serde(skip_serializing_if = "is_public", default)]
    pub subject_type: SubjectType,
    /// Names its sector, where it said so (OIDC Core §8.1).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sector_identifier_uri: Option<Url>,
    /// The scopes it may ask for; `None` for all.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
    /// The client's logo.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub logo_uri: Option<Url>,
    /// The client's privacy policy.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub policy_uri: Option<Url>,
    /// The client's terms of service.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tos_uri: Option<Url>,
    /// How its id_tokens are signed; `None` for RS256.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id_token_signed_response_alg: Option<SigningAlgorithm>,
    /// The longest time, in seconds, since people gave their password, where a request says nothing else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default_max_age: Option<u64>,
    /// Whether its id_tokens must say when that was.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub require_auth_time: bool,
    /// How people are to have logged in; of what it asked for, what they can have done.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub default_acr_values: Vec<String>,
    /// The public keys that it signs with, a JWK Set (RFC 7517 §5).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jwks: Option<serde_json::Value>,
    /// Where they are, for one that says so instead (RFC 7591 §2).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub jwks_uri: Option<Url>,
    /// How it signs its assertions; `None` for any way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token_endpoint_auth_signing_alg: Option<String>,
    /// How it signs its requests; `None` for any way.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_object_signing_alg: Option<String>,
    /// Whether it starts nothing but what it has pushed (RFC 9126 §6).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub require_pushed_authorization_requests: bool,
    /// Whether it takes no tokens but such as are bound to a key (RFC 9449 §5.2).
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub dpop_bound_access_tokens: bool,
    /// Where a login can be begun by others (OIDC Core §4).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub initiate_login_uri: Option<Url>,
    /// Whom to write to about the client.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub contacts: Vec<String>,
    /// Which software it is, the same for all its installations.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub software_id: Option<String>,
    /// And in which version.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub software_version: Option<String>,
}

/// What is not said is public; short `client_id`s leave it out.
fn is_public(subject_type: &SubjectType) -> bool {
    *subject_type == SubjectType::Public
}

/// What a member of the metadata is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberKind {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// True or false.
    Flag,
    /// A whole number, of seconds.
    Number,
    /// A JSON object.
    Object,
}

impl ClientMetadata {
    /// Its members, for whoever reads metadata from elsewhere than JSON: all of them, in their order.
    pub const MEMBERS: [(&str, MemberKind); 30] = [
        ("client_name", MemberKind::Text),
        ("client_uri", MemberKind::Text),
        ("redirect_uris", MemberKind::Texts),
        ("post_logout_redirect_uris", MemberKind::Texts),
        ("backchannel_logout_uri", MemberKind::Text),
        ("backchannel_logout_session_required", MemberKind::Flag),
        ("token_endpoint_auth_method", MemberKind::Text),
        ("grant_types", MemberKind::Texts),
        ("response_types", MemberKind::Texts),
        ("application_type", MemberKind::Text),
        ("subject_type", MemberKind::Text),
        ("sector_identifier_uri", MemberKind::Text),
        ("scope", MemberKind::Text),
        ("logo_uri", MemberKind::Text),
        ("policy_uri", MemberKind::Text),
        ("tos_uri", MemberKind::Text),
        ("id_token_signed_response_alg", MemberKind::Text),
        ("default_max_age", MemberKind::Number),
        ("require_auth_time", MemberKind::Flag),
        ("default_acr_values", MemberKind::Texts),
        ("jwks", MemberKind::Object),
        ("jwks_uri", MemberKind::Text),
        ("token_endpoint_auth_signing_alg", MemberKind::Text),
        ("request_object_signing_alg", MemberKind::Text),
        ("require_pushed_authorization_requests", MemberKind::Flag),
        ("dpop_bound_access_tokens", MemberKind::Flag),
        ("initiate_login_uri", MemberKind::Text),
        ("contacts", MemberKind::Texts),
        ("software_id", MemberKind::Text),
        ("software_version", MemberKind::Text),
    ];

    /// Whether it relies on being told when people gave their password.
    pub fn needs_auth_time(&self) -> bool {
        self.require_auth_time || self.default_max_age.is_some()
    }

    /// Whose clients know a person by the same `sub`, for one that wants it pairwise: a host
    /// (OIDC Core §8.1).
    pub fn sector(&self) -> Option<String> {
        if self.subject_type == SubjectType::Public {
            return None;
        }
        let url = match &self.sector_identifier_uri {
            Some(url) => url.clone(),
            None => Url::parse(self.redirect_uris.first()?).ok()?,
        };
        url.host_str().map(str::to_owned)
    }

    /// Whether the client registered for `grant_type`.
    pub fn may_use(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Whether it may ask for this scope.
    pub fn may_ask_for(&self, scope: &str) -> bool {
        match &self.scope {
            None => true,
            Some(registered) => registered
                .parse::<ScopeSet>()
                .is_ok_and(|scopes| scopes.contains(scope)),
        }
    }

    /// Whether what it proves itself with is a secret that we gave it.
    pub fn has_secret(&self) -> bool {
        let method = self.token_endpoint_auth_method;
        matches!(
            method,
            AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost
        )
    }

    /// Whether it can prove who it is.
    pub fn is_confidential(&self) -> bool {
        self.token_endpoint_auth_method != AuthMethod::None
    }
}

/// How a client became known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientOrigin {
    /// It registered itself (RFC 7591).
    Registered,
    /// The operator added it, by a command.
    Added,
    /// It stands in the configuration.
    Configured,
}

impl ClientOrigin {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Added => "added",
            Self::Configured => "configured",
        }
    }

    /// What a word stands for.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Registered, Self::Added, Self::Configured]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

/// A client that may be used: its `client_id` was checked and it was not removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its identifier.
    pub id: ClientId,
    /// What it said of itself.
    pub metadata: ClientMetadata,
    /// When it registered.
    pub issued_at: Timestamp,
    /// When its registration ends; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// How it became known.
    pub origin: ClientOrigin,
}

impl Client {
    /// Whether the registration has ended.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
