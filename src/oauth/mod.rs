//! The protocol: what clients may ask for and what they get. One file per endpoint or grant; what
//! they share lives once. Speaks no HTTP, no XML and no SQL, and never looks at the system's clock.
//!
//! RFC 6749, 6750, 7009, 7591, 7628, 7636, 7662, 8414, 9207, 9700; OpenID Connect Core, Discovery and
//! Registration; XEP-0493.

pub mod bearer;
pub mod introspection;
pub mod revoke;
pub mod sessions;

use std::sync::Arc;

use crate::accounts::Accounts;
use crate::clock::{Clock, Timestamp};
use crate::config::Config;
use crate::secrets::Random;
use crate::storage::Store;

/// The provider: everything that its endpoints share.
pub struct Provider {
    pub(crate) config: Arc<Config>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) accounts: Arc<dyn Accounts>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Provider {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
