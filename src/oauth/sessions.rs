//! The clients' live sessions on the XMPP server that hang on grants, as its modules report them.

use jid::DomainRef;

use super::Provider;
use crate::model::XmppSession;
use crate::storage::StoreError;

impl Provider {
    /// A host's module has begun a new account of its sessions: forget what was known of them.
    pub fn forget_sessions(&self, host: &DomainRef) {
        todo!()
    }

    /// A session has opened. `false`: its grant has ended meanwhile (or belongs to another account),
    /// and the server must close it.
    pub async fn session_opened(&self, session: XmppSession) -> Result<bool, StoreError> {
        todo!()
    }

    /// A session has closed.
    pub fn session_closed(&self, session: &XmppSession) {
        todo!()
    }

    /// After a host's `hello`: repeats what it has not confirmed, and ends what belongs to accounts
    /// that are gone, disabled, or not what they were.
    pub async fn host_linked(&self, host: &DomainRef) {
        todo!()
    }
}
