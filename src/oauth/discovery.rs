//! What clients may know before they ask: the metadata of RFC 8414 §2, which is also what OpenID
//! Connect Discovery §3 wants. It says exactly what is on.

use bytes::Bytes;
use serde_json::{Value, json};

use super::claims::ACR;
use super::{OauthError, Provider};
use crate::keys::client::ALGORITHMS;
use crate::model::{Claim, GrantType, ResponseType, Scope};

/// Where RFC 8414 §3 puts the document.
pub const METADATA_PATH: &str = "/.well-known/oauth-authorization-server";
/// Where OpenID Connect Discovery §4 puts it.
pub const OPENID_CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";

/// Paths of the endpoints.
#[expect(missing_docs, reason = "the names say it")]
pub mod path {
    pub const AUTHORIZE: &str = "/oauth2/authorize";
    pub const DEVICE: &str = "/oauth2/device";
    pub const DEVICE_PAGE: &str = "/device";
    pub const INTROSPECT: &str = "/oauth2/introspect";
    pub const JWKS: &str = "/oauth2/jwks";
    pub const LOGOUT: &str = "/oauth2/logout";
    pub const PAR: &str = "/oauth2/par";
    pub const REGISTER: &str = "/oauth2/register";
    pub const REVOKE: &str = "/oauth2/revoke";
    pub const TOKEN: &str = "/oauth2/token";
    pub const USERINFO: &str = "/oauth2/userinfo";
    pub const VALIDATE: &str = "/oauth2/validate/{host}";
}

/// What is about the authorization endpoint, where nothing is answered there.
const OF_AUTHORIZATION: [&str; 12] = [
    "authorization_endpoint",
    "authorization_response_iss_parameter_supported",
    "claims_parameter_supported",
    "code_challenge_methods_supported",
    "prompt_values_supported",
    "pushed_authorization_request_endpoint",
    "request_object_signing_alg_values_supported",
    "request_parameter_supported",
    "require_pushed_authorization_requests",
    "response_modes_supported",
    "response_types_supported",
    "ui_locales_supported",
];

fn claims_supported() -> Vec<&'static str> {
    let of_tokens = [
        "iss",
        "sub",
        "aud",
        "iat",
        "exp",
        "auth_time",
        "nonce",
        "at_hash",
        "sid",
        "acr",
        "amr",
    ];
    let of_people = Claim::ALL.into_iter().map(Claim::as_str);
    of_tokens.into_iter().chain(of_people).collect()
}

impl Provider {
    /// The provider's metadata, as JSON.
    ///
    /// # Errors
    /// They could not be written.
    pub fn metadata(&self) -> Result<Bytes, OauthError> {
        let scopes = self.scopes_supported();
        self.metadata
            .json(scopes, |scopes| self.describe_itself(scopes))
    }

    fn describe_itself(&self, scopes_supported: &[String]) -> Value {
        let http = &self.config.http;
        let flows = &self.config.flows;
        let implicit = flows
            .allows(GrantType::Implicit)
            .then_some(&GrantType::Implicit);
        let grant_types: Vec<_> = flows
            .allowed_grant_types
            .iter()
            .chain(implicit)
            .map(|g| g.as_str())
            .collect();
        let response_types: Vec<_> = ResponseType::ALL
            .into_iter()
            .filter(|it| flows.answers(*it))
            .map(ResponseType::as_str)
            .collect();
        let challenge_methods: Vec<_> = flows
            .allowed_code_challenge_methods
            .iter()
            .map(|m| m.as_str())
            .collect();
        let id_token_algorithms: Vec<_> = self
            .config
            .tokens
            .id_token_algorithms
            .iter()
            .map(|a| a.as_str())
            .collect();
        let proofs = [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
            "none",
        ];
        // RFC 8414 §2: names of access token types, too
        let bearer = flows
            .allows(GrantType::ClientCredentials)
            .then_some("Bearer");
        let introspection_proofs: Vec<_> = proofs[..3].iter().copied().chain(bearer).collect();
        let mut metadata = json!({
            "issuer": http.issuer(),
            "authorization_endpoint": http.url_of(path::AUTHORIZE),
            "token_endpoint": http.url_of(path::TOKEN),
            "jwks_uri": http.url_of(path::JWKS),
            "userinfo_endpoint": http.url_of(path::USERINFO),
            "revocation_endpoint": http.url_of(path::REVOKE),
            "introspection_endpoint": http.url_of(path::INTROSPECT),
            // RP-Initiated Logout §2.1
            "end_session_endpoint": http.url_of(path::LOGOUT),
            // Back-Channel Logout §2.1
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "scopes_supported": scopes_supported,
            "response_types_supported": response_types,
            "response_modes_supported": ["query", "fragment", "form_post"],
            "grant_types_supported": grant_types,
            "token_endpoint_auth_methods_supported": proofs,
            "revocation_endpoint_auth_methods_supported": proofs,
            "introspection_endpoint_auth_methods_supported": introspection_proofs,
            "code_challenge_methods_supported": challenge_methods,
            // RFC 9207 §3
            "authorization_response_iss_parameter_supported": true,
            "subject_types_supported": ["public", "pairwise"],
            "id_token_signing_alg_values_supported": id_token_algorithms,
            "acr_values_supported": [ACR],
            "claims_supported": claims_supported(),
            "claims_parameter_supported": true,
            "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
            "pushed_authorization_request_endpoint": http.url_of(path::PAR),
            "require_pushed_authorization_requests": flows.require_pushed_authorization_requests,
            // RFC 9449 §5.1
            "dpop_signing_alg_values_supported": ALGORITHMS,
            "request_parameter_supported": true,
            "request_object_signing_alg_values_supported": ALGORITHMS,
            // OIDC Discovery §3: where it is left out, it counts as true
            "request_uri_parameter_supported": false,
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "ui_locales_supported": self.config.site.locales,
        });
        if response_types.is_empty() {
            for name in OF_AUTHORIZATION {
                metadata.as_object_mut().map(|all| all.remove(name));
            }
        }
        if self.takes_registrations() {
            metadata["registration_endpoint"] = http.url_of(path::REGISTER).into();
        }
        if flows.allows(GrantType::DeviceCode) {
            metadata["device_authorization_endpoint"] = http.url_of(path::DEVICE).into();
        }
        // RFC 9728 §4
        let resources = &self.config.resources;
        if !resources.is_empty() {
            let uris: Vec<_> = resources.iter().map(|one| one.uri.as_str()).collect();
            metadata["protected_resources"] = uris.into();
        }
        let site = &self.config.site;
        for (name, url) in [
            ("op_policy_uri", &site.policy_url),
            ("op_tos_uri", &site.terms_url),
            ("service_documentation", &site.service_documentation),
        ] {
            if let Some(url) = url {
                metadata[name] = url.as_str().into();
            }
        }
        // RFC 8414 §3.2: what has no elements is left out
        if let Some(all) = metadata.as_object_mut() {
            all.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        }
        metadata
    }

    /// XMPP scopes stand here only if a host's module enforces them.
    fn scopes_supported(&self) -> Vec<String> {
        let enforced: Vec<_> = self
            .config
            .xmpp
            .hosts
            .iter()
            .map(|host| self.accounts.enforced_scopes(host))
            .collect();
        let is_xmpp = |scope: &str| scope.parse::<Scope>().is_ok_and(|scope| scope.is_xmpp());
        let is_on =
            |scope: &&str| !is_xmpp(scope) || enforced.iter().any(|scopes| scopes.contains(scope));
        self.known_scopes()
            .filter(is_on)
            .map(str::to_owned)
            .collect()
    }
}
