//! A device code for tokens (RFC 8628 §3.4, §3.5).

use crate::model::{Client, DeviceState, Grant};
use crate::oauth::token::{Caller, Issued};
use crate::oauth::{ErrorCode, OauthError, Params, Provider};
use crate::secrets::TokenHash;

pub(in crate::oauth) async fn device_code(
    provider: &Provider,
    client: &Client,
    params: &Params,
    caller: &Caller<'_>,
) -> Result<Issued, OauthError> {
    let code = params
        .get("device_code")
        .ok_or_else(|| OauthError::invalid_request("device_code is missing"))?;
    let hash = TokenHash::of(code);
    let unknown = || OauthError::invalid_grant("the device code is unknown or was used before");
    let device = provider.store.device(&hash).await?.ok_or_else(unknown)?;
    if device.client_id != client.id {
        tracing::warn!(
            client = client.metadata.client_name,
            "a client showed another client's device code"
        );
        return Err(unknown());
    }
    let now = provider.now();
    let has_expired = device.expires_at <= now;
    let approval = match device.state {
        DeviceState::Denied => {
            return Err(OauthError::new(
                ErrorCode::AccessDenied,
                "the person said no, or has taken it back",
            ));
        }
        DeviceState::Pending | DeviceState::Approved(_) if has_expired => {
            return Err(OauthError::new(
                ErrorCode::ExpiredToken,
                "the device code has expired: ask for another",
            ));
        }
        DeviceState::Pending => return Err(provider.poll(&hash, &device)),
        // shown again after its redemption, it takes back what it gave
        DeviceState::Approved(approval) | DeviceState::Redeemed(approval) => approval,
    };
    provider.forget_polls(&hash);
    provider
        .check_account(&approval.account, approval.generation.as_ref())
        .await?;
    let grant = Grant {
        granted_from: approval.granted_from,
        auth_time: approval.auth_time,
        generation: approval.generation,
        ..Grant::new(
            approval.grant_id,
            approval.account,
            client,
            approval.scopes.clone(),
            now,
        )
    };
    let with_refresh = provider.gives_refresh_token(client, &approval.scopes);
    let pair = provider.new_pair(client, &grant, approval.scopes, with_refresh, caller);
    let pair = pair.await?;
    let redeemed = provider
        .store
        .redeem_device(&hash, client, &grant, &pair.stored, now)
        .await?;
    let issued = provider.redeemed(redeemed, grant, pair).await?;
    issued.ok_or_else(unknown)
}
