//! A client for itself (RFC 6749 §4.4): a token with which a resource server may introspect, and that
//! opens nothing else. There is no account behind it.

use jid::BareJid;

use crate::model::{Client, Grant, GrantId, ScopeSet};
use crate::oauth::token::{Caller, Issued};
use crate::oauth::{ErrorCode, OauthError, Params, Provider};

pub(in crate::oauth) async fn client_credentials(
    provider: &Provider,
    client: &Client,
    params: &Params,
    caller: &Caller<'_>,
) -> Result<Issued, OauthError> {
    // RFC 6749 §4.4: confidential clients only. What others could ask about, they can without a token.
    if !client.metadata.is_confidential() || !provider.may_introspect(client.id.as_str()) {
        return Err(OauthError::new(
            ErrorCode::UnauthorizedClient,
            "client_credentials is for resource servers with a secret that [introspection] allowed names",
        ));
    }
    if params.get("scope").is_some() {
        return Err(OauthError::new(
            ErrorCode::InvalidScope,
            "client_credentials gives no scope, only introspection: leave scope out",
        ));
    }
    let now = provider.now();
    let grant = Grant {
        auth_time: Some(now),
        ..Grant::new(
            GrantId::random(provider.random.as_ref()),
            provider.nobody(),
            client,
            ScopeSet::default(),
            now,
        )
    };
    let pair = provider.new_pair(client, &grant, ScopeSet::default(), false, caller);
    let pair = pair.await?;
    provider.save_grant(client, &grant, &pair).await?;
    Ok(Issued { grant, pair })
}

impl Provider {
    /// Whose the grants are that a client has for itself: the component's own, which has no accounts.
    pub(in crate::oauth) fn nobody(&self) -> BareJid {
        BareJid::from_parts(None, &self.config.component.jid)
    }

    /// Whether a grant is a client's for itself.
    pub(in crate::oauth) fn is_nobodys(&self, grant: &Grant) -> bool {
        grant.account.node().is_none()
    }
}
