//! Tokens from the authorization endpoint itself (RFC 6749 §4.2; OIDC Core §3.2). Off unless the
//! operator lets old clients have it (RFC 9700 §2.1.2): no refresh token, and never in a query.

use std::net::IpAddr;

use super::authorize::{Answer, AuthorizationRequest};
use super::login::CurrentSession;
use super::token::Caller;
use super::{OauthError, Provider};
use crate::model::{EventKind, Grant, GrantId, GrantType, ScopeSet};

impl Provider {
    /// What the person has just allowed, at once; `None` if their browser session has ended meanwhile.
    ///
    /// # Errors
    /// The account has changed, or nothing could be stored or signed.
    pub(super) async fn answer_at_once(
        &self,
        request: &AuthorizationRequest,
        current: &CurrentSession,
        scopes: ScopeSet,
        from: IpAddr,
    ) -> Result<Option<Answer>, OauthError> {
        let (client, session) = (&request.client, &current.session);
        self.check_account(&session.account, session.generation.as_ref())
            .await?;
        let now = self.now();
        let grant = Grant {
            granted_from: self.kept(from),
            auth_time: Some(session.auth_time),
            nonce: request.nonce.clone(),
            id_token_claims: request.id_token_claims.clone(),
            generation: session.generation.clone(),
            ..Grant::new(
                GrantId::random(self.random.as_ref()),
                session.account.clone(),
                client,
                scopes.clone(),
                now,
            )
        };
        let response = request.response_type;
        if response.has_id_token()
            && !self
                .remember_sign_in(client, &grant.id, &scopes, current)
                .await?
        {
            return Ok(None);
        }
        let pair = match response.has_token() {
            true => {
                let caller = Caller::at(from);
                let pair = self.new_pair(client, &grant, scopes.clone(), false, &caller);
                Some(pair.await?)
            }
            false => None,
        };
        let access_token = pair.as_ref().map(|pair| &pair.access_token);
        let id_token = match response.has_id_token() {
            true => Some(
                self.sign_id_token(client, &grant, &scopes, now, access_token)
                    .await?,
            ),
            false => None,
        };
        let is_logged_in = match &pair {
            Some(pair) => {
                let stored = &pair.stored;
                self.store
                    .save_grant(client, &grant, stored, Some(&current.hash))
                    .await?
            }
            // nothing is stored that the end of the session could be held against
            None => self.store.session(&current.hash).await?.is_some(),
        };
        if !is_logged_in {
            return Ok(None);
        }
        self.audit_grant(&grant, EventKind::Granted, Some(from))
            .await;
        let mut fields = Vec::new();
        if let Some(pair) = &pair {
            self.keep_few(&grant).await?;
            self.counts.issued(GrantType::Implicit);
            fields.extend([
                ("access_token", pair.access_token.expose().to_owned()),
                ("token_type", "Bearer".to_owned()),
                ("expires_in", pair.stored.expires_in().to_string()),
                ("scope", scopes.to_string()),
            ]);
        }
        fields.extend(id_token.map(|token| ("id_token", token)));
        let issuer = self.config.http.issuer();
        let mut all: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        all.push(("iss", issuer));
        Ok(Some(request.answer_to.with(&all)))
    }
}
