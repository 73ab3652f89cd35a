//! A password for tokens (RFC 6749 §4.3), for the operator's own apps alone: whatever else sees a
//! password, the pages are there to prevent. The brakes and the answers are those of the login page.

use crate::model::{Client, Grant, GrantId};
use crate::oauth::claims::Wanted;
use crate::oauth::login::{LoginError, Visitor};
use crate::oauth::token::{Caller, Issued};
use crate::oauth::{ErrorCode, OauthError, Params, Provider};
use crate::secrets::Secret;

pub(in crate::oauth) async fn password(
    provider: &Provider,
    client: &Client,
    params: &Params,
    caller: &Caller<'_>,
) -> Result<Issued, OauthError> {
    let firsts = &provider.config.flows.password_clients;
    if !firsts.iter().any(|first| first == client.id.as_str()) {
        return Err(OauthError::new(
            ErrorCode::UnauthorizedClient,
            "the password grant is only for the clients that [flows] password_clients names",
        ));
    }
    let username = params
        .get("username")
        .ok_or_else(|| OauthError::invalid_request("username is missing"))?;
    let password = params
        .get("password")
        .ok_or_else(|| OauthError::invalid_request("password is missing"))?;
    let asked = provider.check_scopes(params, client, &Wanted::default())?;
    let account = provider.account_named(username).ok_or_else(wrong)?;
    let password = Secret::new(password);
    let proved = provider
        .check_password(
            &account,
            &password,
            Visitor {
                address: caller.from,
                user_agent: None,
                known: None,
            },
        )
        .await;
    provider.counts.password_grants.count(&proved);
    let proved = proved?;
    let scopes = provider.grantable(&asked, client, &account)?;
    let now = provider.now();
    let grant = Grant {
        granted_from: provider.kept(caller.from),
        auth_time: Some(now),
        generation: proved.generation.clone(),
        ..Grant::new(
            GrantId::random(provider.random.as_ref()),
            account,
            client,
            scopes.clone(),
            now,
        )
    };
    let with_refresh = provider.gives_refresh_token(client, &scopes);
    let pair = provider.new_pair(client, &grant, scopes, with_refresh, caller);
    let pair = pair.await?;
    provider.save_grant(client, &grant, &pair).await?;
    provider.still_proved(&grant, &proved).await?;
    Ok(Issued { grant, pair })
}

/// For a wrong password and for an account that does not exist alike.
fn wrong() -> OauthError {
    OauthError::invalid_grant("the username or the password is wrong")
}

impl From<LoginError> for OauthError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::WrongPassword => wrong(),
            LoginError::TooManyTries(wait) => Self::too_many(wait, "too many tries"),
            LoginError::Unavailable(error) => error.into(),
            LoginError::Store(error) => error.into(),
        }
    }
}
