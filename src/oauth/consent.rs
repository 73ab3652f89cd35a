//! A person's yes or no, now or before. The consent form carries a ticket that binds it to the browser,
//! the account, the whole request and the scopes that were shown, so that it is good for nothing else.

use std::net::IpAddr;
use std::time::Duration;

use jid::BareJid;

use super::authorize::{Answer, AuthorizationRequest};
use super::login::CurrentSession;
use super::redirect_uri::RedirectKind;
use super::{ErrorCode, OauthError, Provider};
use crate::clock::Timestamp;
use crate::model::{AuthorizationCode, Client, GrantId, GrantType, Scope, ScopeSet, SubjectType};
use crate::secrets::{TokenHash, TokenKind, mac_text, new_token, same};
use crate::storage::{GrantFilter, StoreError};

/// How long a consent page may stand open.
const TICKET_TTL: Duration = Duration::from_secs(1800);

/// What a person is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// What the client would be allowed to do.
    pub scopes: ScopeSet,
    /// To be sent back with the answer.
    pub ticket: String,
}

/// What a ticket is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject<'a> {
    /// An authorization request, and it as it came.
    Request(&'a AuthorizationRequest, &'a str),
    /// A client's device, by the hash of its device code.
    Device(&'a Client, &'a TokenHash),
}

impl Subject<'_> {
    /// What is asked for, by whom as far as the page shows it, and where the answer goes: a client may
    /// change its registration while the page stands open.
    fn parts(&self) -> (&'static [u8], &[u8], String, &str) {
        let (kind, what, client, to): (&'static [u8], _, _, _) = match self {
            Self::Request(request, raw) => (
                b"consent",
                raw.as_bytes(),
                request.client.as_ref(),
                request.answer_to.redirect_uri.as_str(),
            ),
            Self::Device(client, hash) => (b"device", hash.as_bytes().as_slice(), *client, ""),
        };
        let shown = serde_json::to_string(&client.metadata).unwrap_or_default();
        (kind, what, shown, to)
    }
}

/// What a person answers.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// The ticket of the form.
    pub ticket: &'a str,
    /// Yes.
    pub allowed: bool,
    /// Of what was shown, what they left ticked; `None` where there was nothing to tick.
    pub chosen: Option<ScopeSet>,
    /// The address that it comes from.
    pub from: IpAddr,
}

/// Why an answer does not count, and the person must be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskAgain {
    /// The ticket is not for this browser, person, request or time; or the answer is more than was shown.
    #[error("this consent form is not good any more, or was not made for this browser")]
    NotThisForm,
    /// Nothing is left that an app could be given.
    #[error("everything was unticked")]
    NothingChosen,
}

/// Whether a scope that is shown among these may be left out: not who the person is, which the whole
/// request is about; not what would come all the same (a refresh token, with an XMPP scope); and not the
/// only thing that is asked for.
pub fn is_optional(scope: &Scope, shown: &ScopeSet) -> bool {
    match scope.as_str() {
        Scope::OPENID => false,
        Scope::OFFLINE_ACCESS => !shown.allows_xmpp(),
        _ => shown
            .iter()
            .any(|other| other != scope && other.opens_something()),
    }
}

/// Whether a client must not find out by guessing who somebody is.
fn is_pairwise(client: &Client) -> bool {
    client.metadata.subject_type == SubjectType::Pairwise
}

/// Of what was shown, what the person allows: all but what they have unticked.
pub(super) fn left_ticked(shown: ScopeSet, chosen: Option<ScopeSet>) -> Result<ScopeSet, AskAgain> {
    let scopes = match chosen {
        None => shown,
        Some(chosen) if chosen.is_subset(&shown) => {
            shown.filtered(|scope| chosen.contains(scope.as_str()) || !is_optional(scope, &shown))
        }
        Some(_) => return Err(AskAgain::NotThisForm),
    };
    let can_do_anything = scopes.iter().any(Scope::opens_something);
    can_do_anything
        .then_some(scopes)
        .ok_or(AskAgain::NothingChosen)
}

impl Provider {
    /// Whether the request must wait for a login (OIDC Core §3.1.2.3).
    pub fn must_log_in(
        &self,
        request: &AuthorizationRequest,
        session: Option<&CurrentSession>,
    ) -> bool {
        let Some(current) = session else { return true };
        let age = self.now().since(current.session.auth_time);
        let is_too_old = request
            .max_age
            .is_some_and(|max| age > Duration::from_secs(max));
        let is_asked = is_too_old || request.prompt.login || request.prompt.select_account;
        // a request that we vouch for goes on as it came: the login since then is the one it asks for
        let is_met = request
            .vouched_at
            .is_some_and(|at| current.session.auth_time >= at);
        (is_asked && !is_met) || self.is_somebody_else(request, current)
    }

    /// Whether the client means another account than the one that is logged in here: nothing is granted
    /// for this one then (OIDC Core §3.1.2.1 `id_token_hint`, §3.1.2.2). A `login_hint` is a guess, and
    /// binds only where nobody is asked whether it is right.
    pub fn is_somebody_else(
        &self,
        request: &AuthorizationRequest,
        current: &CurrentSession,
    ) -> bool {
        let account = &current.session.account;
        let hinted = request.hinted.as_ref();
        let guessed = request
            .login_hint
            .as_deref()
            .filter(|_| request.prompt.none && !is_pairwise(&request.client));
        hinted.is_some_and(|sub| *sub != self.subject_for(&request.client.metadata, account))
            || guessed
                .and_then(|hint| self.account_named(hint))
                .is_some_and(|guessed| guessed != *account)
    }

    /// What to ask the person of `current`; `raw_request` is the request as it came.
    ///
    /// # Errors
    /// Nothing of what is asked for can be granted for this account.
    pub fn question(
        &self,
        request: &AuthorizationRequest,
        raw_request: &str,
        current: &CurrentSession,
    ) -> Result<Question, OauthError> {
        let scopes = self.grantable_by(request, &current.session.account)?;
        Ok(self.ask(Subject::Request(request, raw_request), current, scopes))
    }

    /// The question whether `scopes` may be granted, with its ticket.
    pub(super) fn ask(
        &self,
        about: Subject<'_>,
        current: &CurrentSession,
        scopes: ScopeSet,
    ) -> Question {
        let until = self.now() + TICKET_TTL;
        let ticket = self.ticket(about, current, &scopes, until);
        Question { scopes, ticket }
    }

    /// Of what a request asks for, what can be granted of an account.
    fn grantable_by(
        &self,
        request: &AuthorizationRequest,
        account: &BareJid,
    ) -> Result<ScopeSet, OauthError> {
        let hosts = &request.hosts;
        let is_meant = hosts.is_empty() || hosts.iter().any(|it| it == account.domain().as_str());
        if is_meant {
            return self.grantable(&request.scopes, &request.client, account);
        }
        let elsewhere = request.scopes.filtered(|scope| !scope.is_xmpp());
        if !elsewhere.iter().any(Scope::opens_something) {
            return Err(OauthError::new(
                ErrorCode::InvalidTarget,
                "the account is at another host than resource names",
            ));
        }
        self.grantable(&elsewhere, &request.client, account)
    }

    /// Of what is asked for, what can be granted: XMPP scopes only where the host's module enforces
    /// them, `offline_access` only where a refresh token may be given.
    pub(super) fn grantable(
        &self,
        asked: &ScopeSet,
        client: &Client,
        account: &BareJid,
    ) -> Result<ScopeSet, OauthError> {
        let enforced = self.accounts.enforced_scopes(&account.domain().to_owned());
        let refreshable = client.metadata.may_use(GrantType::RefreshToken)
            && self.config.flows.allows(GrantType::RefreshToken);
        let scopes = asked.filtered(|scope| match scope.as_str() {
            Scope::OFFLINE_ACCESS => refreshable,
            _ if scope.is_xmpp() => enforced.contains(scope.as_str()),
            _ => true,
        });
        if !scopes.iter().any(Scope::opens_something) {
            return Err(match enforced.is_empty() {
                true => OauthError::new(
                    ErrorCode::TemporarilyUnavailable,
                    "the XMPP server has not told yet what it can limit apps to; try again",
                ),
                false => OauthError::new(
                    ErrorCode::InvalidScope,
                    "the account's server cannot limit an app to what is asked for",
                ),
            });
        }
        Ok(scopes)
    }

    /// The person has answered.
    ///
    /// # Errors
    /// The form is not the one that was shown here; or the code could not be stored.
    pub async fn decide(
        &self,
        request: &AuthorizationRequest,
        raw_request: &str,
        current: &CurrentSession,
        decision: Decision<'_>,
    ) -> Result<Result<Answer, AskAgain>, StoreError> {
        let about = Subject::Request(request, raw_request);
        let Some(shown) = self.scopes_of_ticket(about, current, decision.ticket) else {
            return Ok(Err(AskAgain::NotThisForm));
        };
        let issuer = self.config.http.issuer();
        let refused = |error| Ok(Ok(request.answer_to.with_error(issuer, &error)));
        if !decision.allowed {
            return refused(OauthError::new(
                ErrorCode::AccessDenied,
                "the person said no",
            ));
        }
        match self.grantable_by(request, &current.session.account) {
            Ok(grantable) if shown.is_subset(&grantable) => {}
            Ok(_) => return Ok(Err(AskAgain::NotThisForm)),
            Err(error) => return refused(error),
        }
        let scopes = match left_ticked(shown, decision.chosen) {
            Ok(scopes) => scopes,
            Err(why) => return Ok(Err(why)),
        };
        let account = &current.session.account;
        if self.take_row(account, self.now()).is_err() {
            return refused(OauthError::new(
                ErrorCode::TemporarilyUnavailable,
                "this account has allowed very many apps just now; try again in some minutes",
            ));
        }
        let code = self
            .give_code(request, current, scopes, decision.from)
            .await?;
        Ok(code.ok_or(AskAgain::NotThisForm))
    }

    /// The answer to a request that needs no question: the person has allowed this client as much before,
    /// and has not taken it back. `None`: they must be asked.
    ///
    /// Only a client that others cannot pass for is remembered: it proves itself by a secret, or the
    /// answer goes to its own website (RFC 6749 §10.2, RFC 8252 §8.6).
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn answer_unasked(
        &self,
        request: &AuthorizationRequest,
        current: &CurrentSession,
        from: IpAddr,
    ) -> Result<Option<Answer>, StoreError> {
        let proves_itself = match request.answer_to.kind {
            RedirectKind::Web => true,
            RedirectKind::Loopback | RedirectKind::PrivateScheme => {
                request.client.metadata.is_confidential()
            }
            RedirectKind::OutOfBand => false,
        };
        let hint = request.login_hint.as_deref();
        let hint = hint.filter(|_| !is_pairwise(&request.client));
        let means_another = hint.is_some_and(|hint| {
            self.account_named(hint).as_ref() != Some(&current.session.account)
        });
        // what is given at once cannot be kept back any more
        let is_at_once = request.response_type.is_implicit();
        if request.prompt.consent || !proves_itself || means_another || is_at_once {
            return Ok(None);
        }
        let account = &current.session.account;
        let Ok(scopes) = self.grantable_by(request, account) else {
            return Ok(None);
        };
        if !self.has_allowed(request, current, &scopes).await? {
            return Ok(None);
        }
        let whose = (account.clone(), request.client.id.clone());
        if self.unasked_of_account.take(&whose, self.now()).is_err() {
            self.counts.unasked_per_account.inc();
            return Ok(None);
        }
        let answer = self
            .give_code(request, current, scopes.clone(), from)
            .await?;
        // Taken back meanwhile, it was not among the codes that went with it: it stays here.
        Ok(match self.has_allowed(request, current, &scopes).await? {
            true => answer,
            false => None,
        })
    }

    /// Whether one live grant of the account to the client covers these scopes.
    async fn has_allowed(
        &self,
        request: &AuthorizationRequest,
        current: &CurrentSession,
        scopes: &ScopeSet,
    ) -> Result<bool, StoreError> {
        let filter = GrantFilter {
            account: Some(current.session.account.clone()),
            client_id: Some(request.client.id.clone()),
            with_ended: false,
        };
        let grants = self.store.grants(&filter).await?;
        // what was allowed under another password may not have been allowed by its owner
        let generation = &current.session.generation;
        Ok(grants
            .iter()
            .any(|grant| grant.generation == *generation && scopes.is_subset(&grant.scopes)))
    }

    /// A code for these scopes. `None`: the browser session has ended meanwhile.
    async fn give_code(
        &self,
        request: &AuthorizationRequest,
        current: &CurrentSession,
        scopes: ScopeSet,
        from: IpAddr,
    ) -> Result<Option<Answer>, StoreError> {
        let issuer = self.config.http.issuer();
        let now = self.now();
        if request.response_type.is_implicit() {
            let answer = self.answer_at_once(request, current, scopes, from).await;
            return Ok(answer.unwrap_or_else(|error| {
                let error = match error.code {
                    // RFC 6749 §4.2.2.1 has no invalid_grant: that is the token endpoint's word
                    ErrorCode::InvalidGrant => {
                        OauthError::new(ErrorCode::AccessDenied, error.description)
                    }
                    _ => error,
                };
                Some(request.answer_to.with_error(issuer, &error))
            }));
        }
        let code = new_token(self.random.as_ref(), TokenKind::Code);
        let record = AuthorizationCode {
            grant_id: GrantId::random(self.random.as_ref()),
            client_id: request.client.id.clone(),
            account: current.session.account.clone(),
            scopes,
            redirect_uri: request
                .redirect_uri_named
                .then(|| request.answer_to.redirect_uri.clone()),
            code_challenge: request.code_challenge.clone(),
            dpop_jkt: request.dpop_jkt.clone(),
            nonce: request.nonce.clone(),
            id_token_claims: request.id_token_claims.clone(),
            auth_time: current.session.auth_time,
            generation: current.session.generation.clone(),
            granted_from: self.kept(from),
            issued_at: now,
            expires_at: now + self.config.tokens.authorization_code_ttl,
        };
        let hash = TokenHash::of(&code);
        if !self
            .remember_sign_in(&request.client, &record.grant_id, &record.scopes, current)
            .await?
        {
            return Ok(None);
        }
        if !self.store.save_code(&hash, &record, &current.hash).await? {
            return Ok(None);
        }
        tracing::info!(
            account = %record.account, client = request.client.metadata.client_name,
            grant = %record.grant_id, scope = %record.scopes, "consent was given"
        );
        Ok(Some(request.answer_to.with_code(issuer, &code)))
    }

    /// `until.scopes.mac`
    fn ticket(
        &self,
        about: Subject<'_>,
        current: &CurrentSession,
        scopes: &ScopeSet,
        until: Timestamp,
    ) -> String {
        let (kind, what, shown, to) = about.parts();
        let until = until.as_unix().to_string();
        let scopes = scopes.to_string();
        let mac = mac_text(
            &self.form_key,
            &[
                kind,
                current.hash.as_bytes(),
                current.session.account.as_str().as_bytes(),
                what,
                shown.as_bytes(),
                to.as_bytes(),
                scopes.as_bytes(),
                until.as_bytes(),
            ],
        );
        format!("{until}|{scopes}|{mac}")
    }

    /// The scopes that were shown with this ticket, if it was made for all this and is not too old.
    pub(super) fn scopes_of_ticket(
        &self,
        about: Subject<'_>,
        current: &CurrentSession,
        ticket: &str,
    ) -> Option<ScopeSet> {
        let mut parts = ticket.splitn(3, '|');
        let until = Timestamp::from_unix(parts.next()?.parse().ok()?);
        let scopes: ScopeSet = parts.next()?.parse().ok()?;
        let expected = self.ticket(about, current, &scopes, until);
        (same(&expected, ticket) && until > self.now()).then_some(scopes)
    }

    /// The token of a form that has no session yet: bound to a cookie of its own, so that another
    /// site can neither make nor reuse it.
    pub fn form_token(&self, cookie: &str) -> String {
        mac_text(&self.form_key, &[b"form", cookie.as_bytes()])
    }
}
