//! The one way to take access back: storage, then caches, then live sessions.

use jid::BareJid;

use super::Provider;
use crate::storage::StoreError;

/// What the server says has happened to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// Its password changed.
    Password,
    /// It was removed.
    Deleted,
    /// It was disabled.
    Disabled,
}

impl Provider {
    /// Ends everything that the account had granted, and its browser sessions. Answers when that is
    /// durable; live sessions are ended behind it.
    pub async fn account_changed(
        &self,
        account: &BareJid,
        change: AccountChange,
    ) -> Result<(), StoreError> {
        todo!()
    }
}
