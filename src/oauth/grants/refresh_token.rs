//! A refresh token for a new pair (RFC 6749 §6), rotated at each use (RFC 9700 §4.14.2).

use crate::model::{Client, EndReason, EventKind, Grant, RefreshToken, ScopeSet};
use crate::oauth::token::{Caller, Issued};
use crate::oauth::{ErrorCode, OauthError, Params, Provider};
use crate::secrets::TokenHash;
use crate::storage::Rotation;

pub(in crate::oauth) async fn refresh_token(
    provider: &Provider,
    client: &Client,
    params: &Params,
    caller: &Caller<'_>,
) -> Result<Issued, OauthError> {
    let token = params
        .get("refresh_token")
        .ok_or_else(|| OauthError::invalid_request("refresh_token is missing"))?;
    let hash = TokenHash::of(token);
    let unknown =
        || OauthError::invalid_grant("the refresh token is unknown, has expired or was revoked");
    let record = provider
        .store
        .refresh_token(&hash)
        .await?
        .ok_or_else(unknown)?;
    if record.grant.client_id != client.id {
        tracing::warn!(
            client = client.metadata.client_name, grant = %record.grant.id,
            "a client showed another client's refresh token"
        );
        return Err(unknown());
    }
    let now = provider.now();
    if record.expires_at.is_some_and(|at| at <= now) {
        return Err(unknown());
    }
    caller.check_holds(record.jkt.as_ref(), "the refresh token")?;
    let scopes = check_scope(&record, params)?;
    let grant = &record.grant;
    provider
        .check_account(&grant.account, grant.generation.as_ref())
        .await?;

    let pair = provider
        .new_pair(client, grant, scopes, true, caller)
        .await?;
    match provider
        .store
        .rotate_refresh_token(&hash, &pair.stored, now)
        .await?
    {
        Rotation::Rotated { superseded } => {
            provider.forget_tokens(&superseded);
            provider.audit_grant_behind(&record.grant, EventKind::Refreshed, caller.from);
            // OIDC Core §12.2: the id_token of a refresh bears no nonce
            let grant = Grant {
                nonce: None,
                ..record.grant
            };
            Ok(Issued { grant, pair })
        }
        Rotation::Reused(ended) => {
            provider.counts.refresh_token_reuse.inc();
            provider.tell(&ended, EndReason::RefreshTokenReused).await;
            let kind = EventKind::RefreshTokenReplayed;
            provider
                .audit_grant(&record.grant, kind, Some(caller.from))
                .await;
            Err(unknown())
        }
        Rotation::Unknown => Err(unknown()),
    }
}

/// RFC 6749 §6: nothing that was not granted; nothing said means all of it.
fn check_scope(record: &RefreshToken, params: &Params) -> Result<ScopeSet, OauthError> {
    let granted = &record.grant.scopes;
    let Some(asked) = params.get("scope") else {
        return Ok(granted.clone());
    };
    match asked.parse::<ScopeSet>() {
        Ok(asked) if asked.is_subset(granted) && !asked.is_empty() => Ok(asked),
        _ => Err(OauthError::new(
            ErrorCode::InvalidScope,
            format!("scope may name only what was granted: {granted}"),
        )),
    }
}
