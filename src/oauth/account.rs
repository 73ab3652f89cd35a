//! Is an account still what it was when it granted something? One answer for link-up, codes and refreshes.

use jid::BareJid;

use super::{OauthError, Provider};
use crate::accounts::AccountStatus;
use crate::model::{EndReason, Generation};

/// An account is not what it was.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) reason: EndReason,
    /// What was given under this generation stays.
    pub(super) unless: Option<Generation>,
}

/// What has changed since something was given under the generations `then` (none where not known).
pub(super) fn what_changed<'a>(
    status: AccountStatus,
    then: impl IntoIterator<Item = &'a Generation>,
) -> Option<Changed> {
    let (reason, unless) = match status {
        AccountStatus::Missing => (EndReason::AccountDeleted, None),
        AccountStatus::Disabled => (EndReason::AccountDisabled, None),
        AccountStatus::Enabled {
            generation: Some(now),
        } if then.into_iter().any(|then| *then != now) => (EndReason::PasswordChanged, Some(now)),
        AccountStatus::Enabled { .. } => return None,
    };
    Some(Changed { reason, unless })
}

impl Provider {
    /// Asks the server about the account, and ends what it granted where it is not what it was. A server
    /// that cannot be asked just now stops nobody: its accounts are compared again when it is back.
    ///
    /// # Errors
    /// `invalid_grant`: the account has changed.
    pub(super) async fn check_account(
        &self,
        account: &BareJid,
        then: Option<&Generation>,
    ) -> Result<(), OauthError> {
        let asked = std::slice::from_ref(account);
        let host = account.domain().to_owned();
        let status = match self.accounts.statuses(&host, asked).await {
            Ok(statuses) => statuses.into_iter().next(),
            Err(error) => {
                tracing::debug!(%account, %error, "an account was not looked at");
                None
            }
        };
        let Some(changed) = status.and_then(|status| what_changed(status, then)) else {
            return Ok(());
        };
        self.end_account(account, changed.unless.as_ref(), changed.reason)
            .await?;
        Err(OauthError::invalid_grant(
            "the account has changed since this was granted: ask the person again",
        ))
    }
}
