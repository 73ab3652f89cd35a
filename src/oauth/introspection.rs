//! What a token stands for, told to those who may know (RFC 7662).

use jid::DomainRef;

use super::Provider;
use crate::storage::StoreError;

/// Who asks about a token.
#[derive(Clone, Copy, Debug)]
pub enum Asker<'a> {
    /// A served host: about its own accounts' access tokens.
    Host(&'a DomainRef),
    /// One named in `[introspection] allowed`: about any access token.
    Allowed,
}

impl Provider {
    /// Whether `name`, an exact JID or a `client_id`, stands in `[introspection] allowed`.
    pub fn may_introspect(&self, name: &str) -> bool {
        self.config
            .introspection
            .allowed
            .iter()
            .any(|allowed| allowed == name)
    }

    /// The RFC 7662 §2.2 answer about `token`.
    pub async fn introspect(
        &self,
        asker: Asker<'_>,
        token: &str,
    ) -> Result<serde_json::Value, StoreError> {
        todo!()
    }
}
