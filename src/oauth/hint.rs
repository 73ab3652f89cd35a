//! An id_token that a client shows again, to say whom it means (OIDC Core §3.1.2.1 `id_token_hint`,
//! RP-Initiated Logout §2).

use serde::Deserialize;

use super::{OauthError, Provider};
use crate::clock::Timestamp;

/// Whom an id_token of ours was about, and for whom it was made.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Hint {
    iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    /// Stands in every id_token, and in nothing else that is signed here.
    #[serde(rename = "auth_time")]
    _auth_time: Timestamp,
}

impl Provider {
    /// What the id_token says. One that has expired still says it.
    ///
    /// # Errors
    /// `invalid_request`: it is none of ours.
    pub(super) fn read_hint(&self, token: &str) -> Result<Hint, OauthError> {
        let hint = self.keys.verify::<Hint>(token).ok();
        hint.filter(|hint| hint.iss == self.config.http.issuer())
            .ok_or_else(|| {
                OauthError::invalid_request("id_token_hint is no id_token of this provider")
            })
    }
}
