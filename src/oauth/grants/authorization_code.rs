//! A code for tokens (RFC 6749 §4.1.3, RFC 7636 §4.5).

use crate::model::{AuthorizationCode, Client, Grant};
use crate::oauth::authorize::is_pkce_text;
use crate::oauth::token::{Caller, Issued};
use crate::oauth::{OauthError, Params, Provider};
use crate::secrets::TokenHash;

pub(in crate::oauth) async fn authorization_code(
    provider: &Provider,
    client: &Client,
    params: &Params,
    caller: &Caller<'_>,
) -> Result<Issued, OauthError> {
    let code = params
        .get("code")
        .ok_or_else(|| OauthError::invalid_request("code is missing"))?;
    let hash = TokenHash::of(code);
    // One answer for whatever is wrong with the code itself: it tells a guesser nothing.
    let unknown =
        || OauthError::invalid_grant("the code is unknown, has expired or was used before");
    let record = provider.store.code(&hash).await?.ok_or_else(unknown)?;
    if record.client_id != client.id {
        tracing::warn!(
            client = client.metadata.client_name,
            "a client showed another client's code"
        );
        return Err(unknown());
    }
    check_redirect_uri(&record, params)?;
    check_code_verifier(&record, params)?;
    caller.check_holds(record.dpop_jkt.as_ref(), "the code")?;
    provider
        .check_account(&record.account, record.generation.as_ref())
        .await?;

    let now = provider.now();
    let grant = Grant {
        granted_from: record.granted_from,
        auth_time: Some(record.auth_time),
        nonce: record.nonce,
        id_token_claims: record.id_token_claims,
        generation: record.generation,
        ..Grant::new(
            record.grant_id,
            record.account,
            client,
            record.scopes.clone(),
            now,
        )
    };
    let with_refresh = provider.gives_refresh_token(client, &record.scopes);
    let pair = provider.new_pair(client, &grant, record.scopes, with_refresh, caller);
    let pair = pair.await?;
    let redeemed = provider
        .store
        .redeem_code(&hash, client, &grant, &pair.stored, now)
        .await?;
    let issued = provider.redeemed(redeemed, grant, pair).await?;
    issued.ok_or_else(unknown)
}

/// RFC 6749 §4.1.3: required and identical, if the authorization request had one.
fn check_redirect_uri(code: &AuthorizationCode, params: &Params) -> Result<(), OauthError> {
    let shown = params.get("redirect_uri");
    match (&code.redirect_uri, shown) {
        (Some(expected), Some(shown)) if expected == shown => Ok(()),
        (Some(_), _) => Err(OauthError::invalid_grant(
            "redirect_uri must be the one of the authorization request",
        )),
        (None, None) => Ok(()),
        // The request named none, so the one registered was meant: any other is a mistake.
        (None, Some(_)) => Err(OauthError::invalid_grant(
            "redirect_uri was not in the authorization request, so it must not be here",
        )),
    }
}

/// RFC 7636 §4.6; RFC 9700 §2.1.1: a verifier without a challenge is a downgrade.
fn check_code_verifier(code: &AuthorizationCode, params: &Params) -> Result<(), OauthError> {
    match (&code.code_challenge, params.get("code_verifier")) {
        (Some(challenge), Some(verifier))
            if is_pkce_text(verifier) && challenge.matches(verifier) =>
        {
            Ok(())
        }
        (Some(_), Some(_)) => Err(OauthError::invalid_grant(
            "code_verifier does not fit the code_challenge",
        )),
        (Some(_), None) => Err(OauthError::invalid_grant("code_verifier is missing")),
        (None, Some(_)) => Err(OauthError::invalid_grant(
            "code_verifier given, but the authorization request had no code_challenge",
        )),
        (None, None) => Ok(()),
    }
}
