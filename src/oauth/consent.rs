//! A person's yes or no. The consent form carries a ticket that binds it to the browser, the account,
//! the whole request and the scopes that were shown, so that it is good for nothing else.

use std::net::IpAddr;
use std::time::Duration;

use super::authorize::{Answer, AuthorizationRequest};
use super::login::CurrentSession;
use super::{ErrorCode, OauthError, Provider};
use crate::clock::Timestamp;
use crate::model::{AuthorizationCode, GrantId, GrantType, Scope, ScopeSet};
use crate::secrets::{TokenHash, TokenKind, mac_text, new_token, same};
use crate::storage::StoreError;

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

/// What a person answers.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The ticket of the form.
    pub ticket: &'a str,
    /// Yes.
    pub allowed: bool,
    /// The address that it comes from.
    pub from: IpAddr,
}

/// The ticket is not for this browser, person, request or time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this consent form is not good any more, or was not made for this browser")]
pub struct NotThisForm;

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
        is_too_old || request.prompt.login || request.prompt.select_account
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
        let scopes = self.grantable(request, current)?;
        let until = self.now() + TICKET_TTL;
        let ticket = self.ticket(raw_request, current, &scopes, until);
        Ok(Question { scopes, ticket })
    }

    /// Of what is asked for, what can be granted: XMPP scopes only where the host's module enforces
    /// them, `offline_access` only where a refresh token may be given.
    fn grantable(
        &self,
        request: &AuthorizationRequest,
        current: &CurrentSession,
    ) -> Result<ScopeSet, OauthError> {
        let enforced = self
            .accounts
            .enforced_scopes(&current.session.account.domain().to_owned());
        let refreshable = request.client.metadata.may_use(GrantType::RefreshToken)
            && self
                .config
                .flows
                .allowed_grant_types
                .contains(&GrantType::RefreshToken);
        let scopes = request.scopes.filtered(|scope| match scope.as_str() {
            Scope::OFFLINE_ACCESS => refreshable,
            _ if scope.is_xmpp() => enforced.contains(scope.as_str()),
            _ => true,
        });
        if !scopes
            .iter()
            .any(|scope| scope.is_xmpp() || scope.as_str() == Scope::OPENID)
        {
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
    ) -> Result<Result<Answer, NotThisForm>, StoreError> {
        let Some(scopes) = self.scopes_of_ticket(raw_request, current, decision.ticket) else {
            return Ok(Err(NotThisForm));
        };
        let issuer = self.config.http.issuer();
        let refused = |error| Ok(Ok(request.answer_to.with_error(issuer, &error)));
        if !decision.allowed {
            return refused(OauthError::new(
                ErrorCode::AccessDenied,
                "the person said no",
            ));
        }
        match self.grantable(request, current) {
            Ok(grantable) if scopes.is_subset(&grantable) => {}
            Ok(_) => return Ok(Err(NotThisForm)),
            Err(error) => return refused(error),
        }
        let now = self.now();
        let account = &current.session.account;
        if self.rows_of_account.take(account, now).is_err() {
            return refused(OauthError::new(
                ErrorCode::TemporarilyUnavailable,
                "this account has allowed very many apps just now; try again in some minutes",
            ));
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
            nonce: request.nonce.clone(),
            auth_time: current.session.auth_time,
            generation: current.session.generation.clone(),
            granted_from: self.kept(decision.from),
            issued_at: now,
            expires_at: now + self.config.tokens.authorization_code_ttl,
        };
        let hash = TokenHash::of(&code);
        if !self.store.save_code(&hash, &record, &current.hash).await? {
            return Ok(Err(NotThisForm));
        }
        tracing::info!(
            account = %record.account, client = request.client.metadata.client_name,
            grant = %record.grant_id, scope = %record.scopes, "consent was given"
        );
        Ok(Ok(request.answer_to.with_code(issuer, &code)))
    }

    /// `until.scopes.mac`
    fn ticket(
        &self,
        raw_request: &str,
        current: &CurrentSession,
        scopes: &ScopeSet,
        until: Timestamp,
    ) -> String {
        let until = until.as_unix().to_string();
        let scopes = scopes.to_string();
        let mac = mac_text(
            &self.form_key,
            &[
                b"consent",
                current.hash.as_bytes(),
                current.session.account.as_str().as_bytes(),
                raw_request.as_bytes(),
                scopes.as_bytes(),
                until.as_bytes(),
            ],
        );
        format!("{until}|{scopes}|{mac}")
    }

    /// The scopes that were shown with this ticket, if it was made for all this and is not too old.
    fn scopes_of_ticket(
        &self,
        raw_request: &str,
        current: &CurrentSession,
        ticket: &str,
    ) -> Option<ScopeSet> {
        let mut parts = ticket.splitn(3, '|');
        let until = Timestamp::from_unix(parts.next()?.parse().ok()?);
        let scopes: ScopeSet = parts.next()?.parse().ok()?;
        let expected = self.ticket(raw_request, current, &scopes, until);
        (same(&expected, ticket) && until > self.now()).then_some(scopes)
    }

    /// The token of a form that has no session yet: bound to a cookie of its own, so that another
    /// site can neither make nor reuse it.
    pub fn form_token(&self, cookie: &str) -> String {
        mac_text(&self.form_key, &[b"form", cookie.as_bytes()])
    }
}
