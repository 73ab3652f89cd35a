//! Logging a browser out because an app asks for it (OpenID Connect RP-Initiated Logout 1.0). The
//! person decides; where they go afterwards is checked here, and nobody goes anywhere that the app did
//! not register.

use std::sync::Arc;

use url::form_urlencoded;

use super::login::CurrentSession;
use super::{OauthError, Params, Provider, Repeated};
use crate::model::Client;
use crate::storage::StoreError;

/// A request to log somebody out.
#[derive(Clone, Debug, Default)]
pub struct LogoutRequest {
    /// Who asks, where the request says so.
    pub client: Option<Arc<Client>>,
    /// Where the person goes afterwards.
    pub back: Option<Back>,
    /// What is wrong with the request. The person may log out all the same, but goes nowhere.
    pub fault: Option<OauthError>,
    /// The languages to talk to the person in.
    pub ui_locales: Option<String>,
}

/// Where the person goes afterwards: a `post_logout_redirect_uri` that the client registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// The URI as registered.
    pub registered: String,
    /// The same with the request's `state`.
    pub uri: String,
    /// Whom the id_token that the client showed is about, where we signed it. Without one about the person
    /// who is logged in here, anybody may have made the request (RP-Initiated Logout §3), and the person
    /// must choose to go there.
    vouched_for: Option<String>,
}

impl Provider {
    /// Checks a request (RP-Initiated Logout §2).
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn check_logout(
        &self,
        pairs: Vec<(String, String)>,
    ) -> Result<LogoutRequest, StoreError> {
        let params = match Params::new(pairs) {
            Ok(params) => params,
            Err(Repeated(name)) => {
                let sentence = format!("{name} stands more than once in the request");
                return Ok(LogoutRequest {
                    fault: Some(OauthError::invalid_request(sentence)),
                    ..LogoutRequest::default()
                });
            }
        };
        let request = LogoutRequest {
            ui_locales: params.get("ui_locales").map(str::to_owned),
            ..LogoutRequest::default()
        };
        let fault = |error| LogoutRequest {
            fault: Some(error),
            ..request.clone()
        };
        let (id, vouched_for) = match self.client_meant(&params).await {
            Ok(meant) => meant,
            Err(error) => return Ok(fault(error)),
        };
        let client = match id {
            Some(id) => self.client(&id).await?,
            None => None,
        };
        Ok(match check_back(&params, client.as_deref(), vouched_for) {
            Ok(back) => LogoutRequest {
                client,
                back,
                ..request
            },
            Err(error) => fault(error),
        })
    }

    /// Where the browser of `current` goes once it is logged out, without a further question.
    pub fn goes_back_to<'a>(
        &self,
        request: &'a LogoutRequest,
        current: Option<&CurrentSession>,
    ) -> Option<&'a str> {
        let (back, client) = (request.back.as_ref()?, request.client.as_ref()?);
        let subject = self.subject_for(&client.metadata, &current?.session.account);
        (back.vouched_for.as_ref() == Some(&subject)).then_some(back.uri.as_str())
    }

    /// The `client_id` that the request names, or that its id_token was made for: the same, where it has
    /// both. And whom the id_token is about, where nobody else can have signed it.
    async fn client_meant(
        &self,
        params: &Params,
    ) -> Result<(Option<String>, Option<String>), OauthError> {
        let named = params.get("client_id");
        let Some(token) = params.get("id_token_hint") else {
            return Ok((named.map(str::to_owned), None));
        };
        let hint = self.read_hint(token).await?;
        if named.is_some_and(|named| named != hint.aud) {
            return Err(OauthError::invalid_request(
                "id_token_hint was made for another client than client_id names",
            ));
        }
        let about = (!hint.by_its_client).then_some(hint.sub);
        Ok((Some(hint.aud), about))
    }
}

fn check_back(
    params: &Params,
    client: Option<&Client>,
    vouched_for: Option<String>,
) -> Result<Option<Back>, OauthError> {
    let Some(asked) = params.get("post_logout_redirect_uri") else {
        return Ok(None);
    };
    let client = client.ok_or_else(|| {
        OauthError::invalid_request(
            "post_logout_redirect_uri needs an id_token_hint, or the client_id of an app that is registered here",
        )
    })?;
    // RP-Initiated Logout §3: exactly one of those registered, compared as text
    let registered = client
        .metadata
        .post_logout_redirect_uris
        .iter()
        .find(|uri| *uri == asked)
        .ok_or_else(|| {
            OauthError::invalid_request(
                "post_logout_redirect_uri is none of those that the app registered",
            )
        })?;
    Ok(Some(Back {
        uri: with_state(registered, params.get("state")),
        registered: registered.clone(),
        vouched_for,
    }))
}

fn with_state(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else {
        return uri.to_owned();
    };
    let added = form_urlencoded::Serializer::new(String::new())
        .append_pair("state", state)
        .finish();
    let separator = match uri {
        _ if uri.ends_with(['?', '&']) => "",
        _ if uri.contains('?') => "&",
        _ => "?",
    };
    format!("{uri}{separator}{added}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_goes_with_the_person() {
        for (uri, expected) in [
            (
                "https://app.example/bye",
                "https://app.example/bye?state=a+b",
            ),
            (
                "https://app.example/?x=1",
                "https://app.example/?x=1&state=a+b",
            ),
            ("com.example.app:/bye?", "com.example.app:/bye?state=a+b"),
        ] {
            assert_eq!(with_state(uri, Some("a b")), expected);
        }
        assert_eq!(
            with_state("https://app.example/", None),
            "https://app.example/"
        );
    }
}
