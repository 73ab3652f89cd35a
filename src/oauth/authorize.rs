//! The authorization endpoint (RFC 6749 §4.1.1, OIDC Core §3.1.2): a list of checks on a request,
//! before any person is asked. Until the redirect URI is known to be the client's own, what is wrong
//! is shown to the person and never sent anywhere (RFC 9700 §4.11).

use std::sync::Arc;

use url::form_urlencoded;

use super::claims::{Wanted, check_claims};
use super::par::Origin;
use super::redirect_uri::{self, RedirectKind};
use super::subject::account_of;
use super::{ErrorCode, OauthError, Params, Provider, Repeated};
use crate::clock::Timestamp;
use crate::model::{
    ClaimSet, Client, CodeChallenge, CodeChallengeMethod, ResponseType, Scope, ScopeSet, Thumbprint,
};

/// A request that may be put before a person.
#[derive(Clone, Debug)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: Arc<Client>,
    /// Where the answer goes.
    pub answer_to: AnswerTo,
    /// Whether the request named its `redirect_uri` (RFC 6749 §4.1.3).
    pub redirect_uri_named: bool,
    /// What the answer is to hold.
    pub response_type: ResponseType,
    /// What is asked for, of what the client may ask for.
    pub scopes: ScopeSet,
    /// The served hosts that the request is for, where it names any (RFC 8707 §2).
    pub hosts: Vec<String>,
    /// PKCE.
    pub code_challenge: Option<CodeChallenge>,
    /// The key that the code is bound to (RFC 9449 §10).
    pub dpop_jkt: Option<Thumbprint>,
    /// OIDC Core §3.1.2.1.
    pub nonce: Option<String>,
    /// OIDC Core §3.1.2.1 `prompt`.
    pub prompt: Prompt,
    /// The longest time, in seconds, since the person gave their password.
    pub max_age: Option<u64>,
    /// Since when we vouch for the request, where it was pushed or signed.
    pub vouched_at: Option<Timestamp>,
    /// Whom the client thinks it is: fills the login form.
    pub login_hint: Option<String>,
    /// The `sub` of the one person that the client means (`id_token_hint`, or `sub` in `claims`).
    pub hinted: Option<String>,
    /// The languages to talk to the person in.
    pub ui_locales: Option<String>,
    /// What the client wants in its id_token (OIDC Core §5.5).
    pub id_token_claims: ClaimSet,
}

impl AuthorizationRequest {
    /// Whether it says whom the client means.
    pub fn names_somebody(&self) -> bool {
        self.hinted.is_some() || self.login_hint.is_some()
    }
}

/// How the person is to be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// Not at all.
    pub none: bool,
    /// For their consent, even if they have given it before.
    pub consent: bool,
    /// Their password, even if they are logged in.
    pub login: bool,
    /// Which account.
    pub select_account: bool,
}

/// Where, and how, an answer goes to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerTo {
    /// The redirect URI.
    pub redirect_uri: String,
    /// Its kind.
    pub kind: RedirectKind,
    /// How parameters are added.
    pub response_mode: ResponseMode,
    /// Repeated to the client as it came.
    pub state: Option<String>,
    /// The client wants an answer without anybody being asked (`prompt=none`, OIDC Core §3.1.2.1).
    pub is_silent: bool,
}

/// `response_mode` (OAuth 2.0 Multiple Response Types §2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query.
    Query,
    /// In the fragment.
    Fragment,
    /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

/// What became of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Send the browser there.
    Redirect(String),
    /// Have the browser post these fields there.
    Post(String, Vec<(String, String)>),
    /// Show the code (or the error) to the person: there is nowhere to redirect to.
    Show(Result<String, OauthError>),
}

/// Why a request is not put before a person.
#[derive(Debug)]
pub enum Refusal {
    /// The client or its redirect URI is not known: tell the person, nobody else.
    Page(OauthError),
    /// Tell the client.
    Client(AnswerTo, OauthError),
}

impl Provider {
    /// Checks a request.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn check_authorization(
        &self,
        pairs: Vec<(String, String)>,
    ) -> Result<AuthorizationRequest, Refusal> {
        let vouched = self.vouched(&pairs);
        self.check_settled(pairs, vouched).await
    }

    /// The same, for a request of which it is known how it came.
    pub(super) async fn check_settled(
        &self,
        pairs: Vec<(String, String)>,
        vouched: Result<Option<(Origin, Timestamp)>, OauthError>,
    ) -> Result<AuthorizationRequest, Refusal> {
        let params = Params::new(pairs).map_err(|Repeated(name)| {
            Refusal::Page(OauthError::invalid_request(format!(
                "{name} stands more than once in the request"
            )))
        })?;
        let client = self.check_client(&params).await.map_err(Refusal::Page)?;
        let answer_to = check_redirect_uri(&params, &client).map_err(Refusal::Page)?;
        let told = |error| Refusal::Client(answer_to.clone(), error);

        check_not_supported(&params).map_err(told)?;
        check_response_mode(&params, &answer_to).map_err(told)?;
        let response_type = self.check_response_type(&params, &client).map_err(told)?;
        check_implicit(&params, response_type, &answer_to).map_err(told)?;
        let vouched = vouched.map_err(told)?;
        self.check_pushed(&client, vouched.map(|(origin, _)| origin))
            .map_err(told)?;
        let code_challenge = self
            .check_code_challenge(&params, &client, response_type)
            .map_err(told)?;
        let dpop_jkt = check_dpop(&params, &client, response_type).map_err(told)?;
        let wanted = check_claims(&params).map_err(told)?;
        let scopes = self.check_scopes(&params, &client, &wanted).map_err(told)?;
        let scopes = check_implicit_scopes(scopes, response_type).map_err(told)?;
        let hosts = self.hosts_named(&params).map_err(told)?;
        let prompt = check_prompt(&params).map_err(told)?;
        let max_age = check_max_age(&params, &client).map_err(told)?;
        check_nonce(&params).map_err(told)?;
        let hinted = self.check_hint(&params, &client, &wanted).await;
        let hinted = hinted.map_err(told)?;
        let login_hint = params.get("login_hint").map(str::to_owned);
        Ok(AuthorizationRequest {
            redirect_uri_named: params.get("redirect_uri").is_some(),
            client,
            answer_to,
            response_type,
            scopes,
            hosts,
            code_challenge,
            dpop_jkt,
            nonce: params.get("nonce").map(str::to_owned),
            prompt,
            max_age,
            vouched_at: vouched.map(|(_, at)| at),
            login_hint: login_hint.or_else(|| Some(account_of(hinted.as_deref()?)?.to_string())),
            hinted,
            ui_locales: params.get("ui_locales").map(str::to_owned),
            id_token_claims: wanted.id_token,
        })
    }

    /// OIDC Core §3.1.2.1 `id_token_hint`, §5.5.1 `sub`.
    async fn check_hint(
        &self,
        params: &Params,
        client: &Client,
        wanted: &Wanted,
    ) -> Result<Option<String>, OauthError> {
        let Some(token) = params.get("id_token_hint") else {
            return Ok(wanted.sub.clone());
        };
        let hint = self.read_hint(token).await?;
        if hint.aud != client.id.as_str() {
            return Err(OauthError::invalid_request(
                "id_token_hint was made for another client",
            ));
        }
        if wanted.sub.as_ref().is_some_and(|sub| *sub != hint.sub) {
            return Err(OauthError::invalid_request(
                "claims and id_token_hint name different people",
            ));
        }
        Ok(Some(hint.sub))
    }

    /// RFC 9126 §5, §6: what has to be pushed is taken no other way.
    fn check_pushed(&self, client: &Client, origin: Option<Origin>) -> Result<(), OauthError> {
        let must_be = self.config.flows.require_pushed_authorization_requests
            || client.metadata.require_pushed_authorization_requests;
        match must_be && origin != Some(Origin::Pushed) {
            true => Err(OauthError::invalid_request(
                "the request must be pushed first (RFC 9126), or the pushed one has grown too old",
            )),
            false => Ok(()),
        }
    }

    pub(super) async fn check_client(&self, params: &Params) -> Result<Arc<Client>, OauthError> {
        let id = params
            .get("client_id")
            .ok_or_else(|| OauthError::invalid_request("client_id is missing"))?;
        let client = self.client(id).await?.ok_or_else(|| {
            OauthError::new(
                ErrorCode::InvalidClient,
                "no app with this client_id is registered here",
            )
        })?;
        // an expired registration may go on refreshing, but start nothing new
        if client.is_expired(self.now()) {
            return Err(OauthError::new(
                ErrorCode::InvalidClient,
                "the app's registration has expired: it must register again",
            ));
        }
        Ok(client)
    }

    fn check_response_type(
        &self,
        params: &Params,
        client: &Client,
    ) -> Result<ResponseType, OauthError> {
        let words = params
            .get("response_type")
            .ok_or_else(|| OauthError::invalid_request("response_type is missing"))?;
        let flows = &self.config.flows;
        let Some(asked) = ResponseType::from_words(words).filter(|it| flows.answers(*it)) else {
            let offered: Vec<_> = ResponseType::ALL
                .into_iter()
                .filter(|it| flows.answers(*it))
                .map(ResponseType::as_str)
                .collect();
            return Err(OauthError::new(
                ErrorCode::UnsupportedResponseType,
                match offered.is_empty() {
                    true => "no response_type is offered here".to_owned(),
                    false => format!("response_type must be one of: {}", offered.join(", ")),
                },
            ));
        };
        match client.metadata.response_types.contains(&asked) {
            true => Ok(asked),
            false => Err(OauthError::new(
                ErrorCode::UnauthorizedClient,
                format!("the client did not register for {}", asked.as_str()),
            )),
        }
    }

    /// RFC 7636 §4.3, §4.4.1.
    fn check_code_challenge(
        &self,
        params: &Params,
        client: &Client,
        response_type: ResponseType,
    ) -> Result<Option<CodeChallenge>, OauthError> {
        let flows = &self.config.flows;
        // where no code is given, there is none to protect
        if response_type.is_implicit() {
            return Ok(None);
        }
        let Some(challenge) = params.get("code_challenge") else {
            if params.get("code_challenge_method").is_some() {
                return Err(OauthError::invalid_request(
                    "code_challenge_method without a code_challenge",
                ));
            }
            // RFC 9700 §2.1.1: public clients MUST use PKCE, whatever the operator says of the others
            let is_required = flows.require_code_challenge || !client.metadata.is_confidential();
            return match is_required {
                true => Err(OauthError::invalid_request(
                    "code_challenge is missing: PKCE (RFC 7636) is required",
                )),
                false => Ok(None),
            };
        };
        let method = match params.get("code_challenge_method") {
            Some("S256") => CodeChallengeMethod::S256,
            // RFC 7636 §4.3: defaults to "plain" if not present
            Some("plain") | None => CodeChallengeMethod::Plain,
            Some(_) => {
                return Err(OauthError::invalid_request(
                    "code_challenge_method must be S256",
                ));
            }
        };
        if !flows.allowed_code_challenge_methods.contains(&method) {
            return Err(OauthError::invalid_request(format!(
                "code_challenge_method {} is not allowed here; use S256",
                method.as_str()
            )));
        }
        if !is_pkce_text(challenge) {
            return Err(OauthError::invalid_request(
                "code_challenge must be 43 to 128 characters of A-Z a-z 0-9 - . _ ~ (RFC 7636 4.2)",
            ));
        }
        Ok(Some(CodeChallenge {
            method,
            challenge: challenge.to_owned(),
        }))
    }
}

/// RFC 9449 §10: the thumbprint of a key, SHA-256. Tokens from this endpoint itself come without a proof,
/// and so are bound to none.
fn check_dpop(
    params: &Params,
    client: &Client,
    response_type: ResponseType,
) -> Result<Option<Thumbprint>, OauthError> {
    if client.metadata.dpop_bound_access_tokens && response_type.has_token() {
        return Err(OauthError::new(
            ErrorCode::UnauthorizedClient,
            "the client registered dpop_bound_access_tokens, and this response_type gives a bearer token",
        ));
    }
    let Some(jkt) = params.get("dpop_jkt") else {
        return Ok(None);
    };
    if response_type.is_implicit() {
        return Err(OauthError::invalid_request(
            "dpop_jkt is for codes: this response_type gives none",
        ));
    }
    if !is_thumbprint(jkt) {
        return Err(OauthError::invalid_request(
            "dpop_jkt must be the SHA-256 thumbprint of a key, 43 characters of base64url",
        ));
    }
    Ok(Some(Thumbprint::new(jkt)))
}

fn is_thumbprint(text: &str) -> bool {
    text.len() == 43
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// RFC 7636 §4.1: `43*128unreserved`.
pub(super) fn is_pkce_text(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

fn check_redirect_uri(params: &Params, client: &Client) -> Result<AnswerTo, OauthError> {
    let registered = &client.metadata.redirect_uris;
    let redirect_uri = match params.get("redirect_uri") {
        Some(requested)
            if registered
                .iter()
                .any(|uri| redirect_uri::matches(uri, requested)) =>
        {
            requested
        }
        Some(_) => {
            return Err(OauthError::invalid_request(
                "redirect_uri is none of those that the app registered",
            ));
        }
        // RFC 6749 §3.1.2.3: may be left out where exactly one is registered
        None => match registered.as_slice() {
            [only] => only,
            [] => {
                return Err(OauthError::new(
                    ErrorCode::UnauthorizedClient,
                    "the app registered no redirect_uri: it has no business here",
                ));
            }
            _ => {
                return Err(OauthError::invalid_request(
                    "redirect_uri is missing, and the app registered more than one",
                ));
            }
        },
    };
    let kind = redirect_uri::classify(redirect_uri)
        .map_err(|why| OauthError::invalid_request(format!("redirect_uri {why}")))?;
    let is_implicit = params
        .get("response_type")
        .and_then(ResponseType::from_words)
        .is_some_and(ResponseType::is_implicit);
    let response_mode = match params.get("response_mode") {
        Some("fragment") => ResponseMode::Fragment,
        Some("form_post") if can_be_posted_to(kind) => ResponseMode::FormPost,
        None if is_implicit => ResponseMode::Fragment,
        _ => ResponseMode::Query,
    };
    Ok(AnswerTo {
        redirect_uri: redirect_uri.to_owned(),
        kind,
        response_mode,
        state: params.get("state").map(str::to_owned),
        is_silent: params.get("prompt").is_some_and(|it| it.trim() == "none"),
    })
}

/// OIDC Core §3.1.2.6: what a client would rely on and not get.
fn check_not_supported(params: &Params) -> Result<(), OauthError> {
    for (name, code) in [
        ("request_uri", ErrorCode::RequestUriNotSupported),
        ("registration", ErrorCode::RegistrationNotSupported),
    ] {
        if params.get(name).is_some() {
            return Err(OauthError::new(
                code,
                format!("{name} is not taken here: leave it out"),
            ));
        }
    }
    Ok(())
}

fn check_response_mode(params: &Params, answer_to: &AnswerTo) -> Result<(), OauthError> {
    match params.get("response_mode") {
        None | Some("query" | "fragment") => Ok(()),
        Some("form_post") if can_be_posted_to(answer_to.kind) => Ok(()),
        Some("form_post") => Err(OauthError::invalid_request(
            "response_mode form_post needs a redirect_uri of http or https",
        )),
        Some(_) => Err(OauthError::invalid_request(
            "response_mode must be query, fragment or form_post",
        )),
    }
}

fn can_be_posted_to(kind: RedirectKind) -> bool {
    matches!(kind, RedirectKind::Web | RedirectKind::Loopback)
}

/// What only requests for tokens must have.
fn check_implicit(
    params: &Params,
    response_type: ResponseType,
    answer_to: &AnswerTo,
) -> Result<(), OauthError> {
    if !response_type.is_implicit() {
        return Ok(());
    }
    // Multiple Response Types §3, §5: tokens never travel in a query
    if params.get("response_mode") == Some("query") {
        return Err(OauthError::invalid_request(
            "response_mode query is not for tokens: use fragment",
        ));
    }
    if answer_to.kind == RedirectKind::OutOfBand {
        return Err(OauthError::invalid_request(
            "tokens are not shown to people: an out-of-band redirect_uri is for codes",
        ));
    }
    // OIDC Core §3.2.2.1
    if response_type.has_id_token() && params.get("nonce").is_none() {
        return Err(OauthError::invalid_request(
            "nonce is missing: an id_token from this endpoint needs one",
        ));
    }
    Ok(())
}

/// Nothing outlives the access token that comes from the authorization endpoint, and an id_token needs
/// `openid` (OIDC Core §3.2.2.1).
fn check_implicit_scopes(
    scopes: ScopeSet,
    response_type: ResponseType,
) -> Result<ScopeSet, OauthError> {
    if response_type.has_id_token() && !scopes.contains(Scope::OPENID) {
        return Err(OauthError::new(
            ErrorCode::InvalidScope,
            "an id_token needs the scope openid",
        ));
    }
    // RFC 9700 §2.1.2: a token that nobody can take back does not travel through browsers
    if response_type.is_implicit() && scopes.iter().any(Scope::is_of_resource) {
        return Err(OauthError::new(
            ErrorCode::InvalidScope,
            "tokens for other services are given for codes: use response_type code",
        ));
    }
    let keeps = |scope: &Scope| scope.as_str() != Scope::OFFLINE_ACCESS;
    Ok(match response_type.is_implicit() {
        true => scopes.filtered(keeps),
        false => scopes,
    })
}

fn check_prompt(params: &Params) -> Result<Prompt, OauthError> {
    let mut prompt = Prompt::default();
    let words: Vec<_> = params
        .get("prompt")
        .unwrap_or("")
        .split(' ')
        .filter(|w| !w.is_empty())
        .collect();
    for word in &words {
        match *word {
            "none" => prompt.none = true,
            "login" => prompt.login = true,
            "select_account" => prompt.select_account = true,
            "consent" => prompt.consent = true,
            // OIDC Core §3.1.2.1 lets other values be ignored
            _ => {}
        }
    }
    if prompt.none && words.len() > 1 {
        return Err(OauthError::invalid_request(
            "prompt none stands alone or not at all",
        ));
    }
    Ok(prompt)
}

/// It is stored with the grant.
fn check_nonce(params: &Params) -> Result<(), OauthError> {
    match params.get("nonce") {
        Some(nonce) if nonce.len() > 512 => Err(OauthError::invalid_request(
            "nonce is longer than 512 bytes",
        )),
        _ => Ok(()),
    }
}

/// OIDC Registration §2 `default_max_age`: a request that says something else goes before it.
fn check_max_age(params: &Params, client: &Client) -> Result<Option<u64>, OauthError> {
    let asked = params
        .get("max_age")
        .map(str::parse)
        .transpose()
        .map_err(|_| OauthError::invalid_request("max_age must be a number of seconds"))?;
    Ok(asked.or(client.metadata.default_max_age))
}

impl AnswerTo {
    /// The answer with a code.
    pub fn with_code(&self, issuer: &str, code: &str) -> Answer {
        match self.kind {
            RedirectKind::OutOfBand => Answer::Show(Ok(code.to_owned())),
            _ => self.with(&[("code", code), ("iss", issuer)]),
        }
    }

    /// The answer with an error (RFC 6749 §4.1.2.1).
    pub fn with_error(&self, issuer: &str, error: &OauthError) -> Answer {
        match self.kind {
            RedirectKind::OutOfBand => Answer::Show(Err(error.clone())),
            _ => self.with(&[
                ("error", error.code.as_str()),
                ("error_description", &error.description),
                ("iss", issuer),
            ]),
        }
    }

    /// The answer with these parameters, of which `iss` is always one (RFC 9207 §2).
    pub(super) fn with(&self, parameters: &[(&str, &str)]) -> Answer {
        let state = self.state.as_deref().map(|state| ("state", state));
        let all = parameters.iter().copied().chain(state);
        let uri = &self.redirect_uri;
        let separator = match self.response_mode {
            ResponseMode::FormPost => {
                let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
                return Answer::Post(uri.clone(), all.map(owned).collect());
            }
            ResponseMode::Fragment => "#",
            ResponseMode::Query if uri.ends_with(['?', '&']) => "",
            ResponseMode::Query if uri.contains('?') => "&",
            ResponseMode::Query => "?",
        };
        let added = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(all)
            .finish();
        Answer::Redirect(format!("{uri}{separator}{added}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to(redirect_uri: &str, response_mode: ResponseMode) -> AnswerTo {
        AnswerTo {
            redirect_uri: redirect_uri.to_owned(),
            kind: redirect_uri::classify(redirect_uri).unwrap(),
            response_mode,
            state: Some("a b".to_owned()),
            is_silent: false,
        }
    }

    #[test]
    fn every_answer_says_who_it_is_from() {
        let to = answer_to("https://app.example/cb?x=1", ResponseMode::Query);
        assert_eq!(
            to.with_code("https://i.example", "c"),
            Answer::Redirect(
                "https://app.example/cb?x=1&code=c&iss=https%3A%2F%2Fi.example&state=a+b".into()
            )
        );
        let to = answer_to("com.example.app:/cb", ResponseMode::Fragment);
        let error = OauthError::new(ErrorCode::AccessDenied, "no");
        assert_eq!(
            to.with_error("https://i.example", &error),
            Answer::Redirect("com.example.app:/cb#error=access_denied&error_description=no&iss=https%3A%2F%2Fi.example&state=a+b".into())
        );
    }
}
