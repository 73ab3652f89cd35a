//! The browsers in which an account is logged in at our pages: shown to their owner, who may log them
//! out.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jid::BareJid;

use super::Provider;
use crate::model::{BrowserSession, SessionId};
use crate::secrets::TokenHash;
use crate::storage::StoreError;

/// A browser in which an account is logged in.
#[derive(Clone, Debug)]
pub struct Browser {
    /// Names it in forms.
    pub id: SessionId,
    /// Since when, from where, last seen.
    pub session: BrowserSession,
}

/// Half of the cookie's hash: it names the session and opens nothing.
pub fn session_id(hash: &TokenHash) -> SessionId {
    let (half, _) = hash.as_bytes().split_at(16);
    SessionId::new(URL_SAFE_NO_PAD.encode(half))
}

impl Provider {
    /// The browsers in which the account is logged in, newest login first.
    ///
    /// # Errors
    /// The store could not be read.
    pub async fn browsers(&self, account: &BareJid) -> Result<Vec<Browser>, StoreError> {
        let now = self.now();
        let sessions = self.store.sessions(account).await?.into_iter();
        Ok(sessions
            .filter(|(_, session)| session.expires_at > now)
            .map(|(hash, session)| Browser {
                id: session_id(&hash),
                session,
            })
            .collect())
    }

    /// Logs one of the account's browsers out: nobody's but its own. Answers whether there was one.
    ///
    /// # Errors
    /// The store could not be read or written.
    pub async fn log_out_browser(
        &self,
        account: &BareJid,
        id: &SessionId,
    ) -> Result<bool, StoreError> {
        let sessions = self.store.sessions(account).await?;
        let Some((hash, _)) = sessions.iter().find(|(hash, _)| session_id(hash) == *id) else {
            return Ok(false);
        };
        self.store.end_session(hash).await?;
        self.logouts.look();
        tracing::info!(%account, "a browser was logged out");
        Ok(true)
    }

    /// Logs the account's browsers out, all `but` one. Answers how many.
    ///
    /// # Errors
    /// The store could not be written.
    pub async fn log_out_browsers(
        &self,
        account: &BareJid,
        but: Option<&TokenHash>,
    ) -> Result<usize, StoreError> {
        let count = self.store.end_sessions(account, but).await?;
        self.logouts.look();
        tracing::info!(%account, count, "browsers were logged out");
        Ok(count)
    }
}
