//! Errors of the protocol: named for their cause in the program, mapped once to what the RFCs call
//! them. The log gets the cause; the client gets the code and a sentence that helps.

use crate::accounts::Unavailable;
use crate::keys::KeyError;
use crate::limits::RetryAfter;
use crate::storage::StoreError;

/// An error code with its sentence, as RFC 6749 §4.1.2.1, §5.2 and their kin want it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct OauthError {
    /// The registered code.
    pub code: ErrorCode,
    /// What is wrong and what to do, in printable ASCII without `"` and `\` (RFC 6749 §5.2).
    pub description: String,
    /// Seconds until it may be tried again, where that is known.
    pub retry_after: Option<u64>,
}

/// Codes of the OAuth extensions error registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the registered names say it")]
pub enum ErrorCode {
    AccessDenied,
    AuthorizationPending,
    ConsentRequired,
    ExpiredToken,
    InsufficientScope,
    InvalidClient,
    InvalidClientMetadata,
    InvalidDpopProof,
    InvalidGrant,
    InvalidRedirectUri,
    InvalidRequest,
    InvalidRequestObject,
    InvalidRequestUri,
    InvalidScope,
    InvalidTarget,
    InvalidToken,
    LoginRequired,
    RegistrationNotSupported,
    RequestUriNotSupported,
    ServerError,
    SlowDown,
    TemporarilyUnavailable,
    TooManyRequests,
    UnauthorizedClient,
    UnmetAuthenticationRequirements,
    UnsupportedGrantType,
    UnsupportedResponseType,
}

impl ErrorCode {
    /// The code as it stands in answers.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::AuthorizationPending => "authorization_pending",
            Self::ExpiredToken => "expired_token",
            Self::ConsentRequired => "consent_required",
            Self::InsufficientScope => "insufficient_scope",
            Self::InvalidClient => "invalid_client",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InvalidDpopProof => "invalid_dpop_proof",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidRequestObject => "invalid_request_object",
            Self::InvalidRequestUri => "invalid_request_uri",
            Self::InvalidScope => "invalid_scope",
            // RFC 8707 §2
            Self::InvalidTarget => "invalid_target",
            Self::InvalidToken => "invalid_token",
            Self::LoginRequired => "login_required",
            // OIDC Core §3.1.2.6
            Self::RegistrationNotSupported => "registration_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
            Self::ServerError => "server_error",
            Self::SlowDown => "slow_down",
            // RFC 6749 has no word for it; the status says the rest
            Self::TemporarilyUnavailable | Self::TooManyRequests => "temporarily_unavailable",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnmetAuthenticationRequirements => "unmet_authentication_requirements",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
        }
    }

    /// The HTTP status of an answer with this code.
    pub const fn status(self) -> u16 {
        match self {
            // RFC 6749 §5.2: 400, except 401 for invalid_client; RFC 6750 §3.1: 401 and 403
            Self::InvalidClient | Self::InvalidToken => 401,
            Self::InsufficientScope => 403,
            Self::TooManyRequests => 429,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl OauthError {
    /// An error; the description is cut down to what RFC 6749 §5.2 lets it hold.
    pub fn new(code: ErrorCode, description: impl AsRef<str>) -> Self {
        let description = description
            .as_ref()
            .chars()
            .map(|c| match c {
                '"' | '\\' => '\'',
                ' '..='~' => c,
                _ => '?',
            })
            .take(400)
            .collect();
        Self {
            code,
            description,
            retry_after: None,
        }
    }

    /// One try too many; `what` is the sentence's beginning.
    pub fn too_many(wait: RetryAfter, what: &str) -> Self {
        let seconds = wait.as_secs().max(1);
        let description = format!("{what}: try again in {seconds} s");
        Self {
            retry_after: Some(seconds),
            ..Self::new(ErrorCode::TooManyRequests, description)
        }
    }

    /// `invalid_request` with this sentence.
    pub fn invalid_request(description: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_grant` with this sentence.
    pub fn invalid_grant(description: impl AsRef<str>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }
}

/// The database's trouble is ours, not the client's: logged here, once.
impl From<StoreError> for OauthError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(
            ErrorCode::ServerError,
            "the provider could not store or read what it needed; try again",
        )
    }
}

impl From<KeyError> for OauthError {
    fn from(error: KeyError) -> Self {
        tracing::error!(%error, "a request failed");
        let code = match error {
            KeyError::NotYet => ErrorCode::TemporarilyUnavailable,
            _ => ErrorCode::ServerError,
        };
        Self::new(code, "the provider cannot sign just now; try again")
    }
}

impl From<Unavailable> for OauthError {
    fn from(error: Unavailable) -> Self {
        tracing::warn!(%error, "a request failed");
        Self::new(
            ErrorCode::TemporarilyUnavailable,
            "the XMPP server could not be asked; try again",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_holds_only_what_rfc_6749_allows() {
        let error = OauthError::invalid_request("a \"quoted\\\" näme\n");
        assert_eq!(error.description, "a 'quoted'' n?me?");
    }
}
