//! Identifiers as types, so that one cannot be handed over for another.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::secrets::{Random, random_text};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A client's identifier (RFC 6749 §2.2): for registered ones, a JWT of their metadata.
    ClientId
}

text_id! {
    /// A public key by its thumbprint (RFC 7638), as `jkt` has it (RFC 9449 §6.1).
    Thumbprint
}

text_id! {
    /// Names a grant. Not secret: people, logs and the server see it.
    GrantId
}

text_id! {
    /// Names a browser session to its owner. Opens nothing.
    SessionId
}

text_id! {
    /// What changes on the server when an account's password changes or the account is made anew.
    /// Opaque; compared, never read.
    Generation
}

impl GrantId {
    /// A new name, 22 characters.
    pub fn random(random: &dyn Random) -> Self {
        Self(random_text::<16>(random))
    }
}
