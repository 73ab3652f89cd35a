//! An id_token that a client shows again, to say whom it means (OIDC Core §3.1.2.1 `id_token_hint`,
//! RP-Initiated Logout §2).

use serde::Deserialize;

use super::{OauthError, Provider};
use crate::config::RegistrationAlgorithm;
use crate::keys::{issued, registration};
use crate::model::SigningAlgorithm;

/// Whom an id_token of ours was about, and for whom it was made. Of what is signed here, id_tokens alone
/// are of no type of their own.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Hint {
    iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    /// Its client has the key, too, and may have signed it itself.
    #[serde(skip)]
    pub(super) by_its_client: bool,
}

impl Provider {
    /// What the id_token says. One that has expired still says it.
    ///
    /// # Errors
    /// `invalid_request`: it is none of ours.
    pub(super) async fn read_hint(&self, token: &str) -> Result<Hint, OauthError> {
        let hint = match self.keys.verify::<Hint>(token) {
            Ok(hint) => Some(hint),
            Err(_) => self.signed_with_a_secret(token).await?,
        };
        hint.filter(|hint| hint.iss == self.config.http.issuer())
            .ok_or_else(|| {
                OauthError::invalid_request("id_token_hint is no id_token of this provider")
            })
    }

    /// The same of one that was signed with its client's secret (OIDC Core §10.1).
    async fn signed_with_a_secret(&self, token: &str) -> Result<Option<Hint>, OauthError> {
        let Some(audience) = issued::claimed_audience(token) else {
            return Ok(None);
        };
        let Some(client) = self.client(&audience).await? else {
            return Ok(None);
        };
        let is_its_way = client.metadata.has_secret()
            && client.metadata.id_token_signed_response_alg == Some(SigningAlgorithm::HS256);
        let secret = self.client_secret(&client.id).filter(|_| is_its_way);
        Ok(secret.and_then(|secret| {
            let hint = registration::verify(&secret, RegistrationAlgorithm::HS256, token);
            hint.ok().map(|hint| Hint {
                by_its_client: true,
                ..hint
            })
        }))
    }
}
