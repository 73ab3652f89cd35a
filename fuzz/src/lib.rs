//! What the targets share: a provider whose XMPP server is played, and a client's key.

#![expect(
    clippy::missing_panics_doc,
    reason = "a target ends by panicking: that is the find"
)]

pub mod key;
pub mod played;

use serde_json::Value;

/// The lines of a text, up to the last of `N`, which is all the rest. Missing ones are empty.
pub fn lines<const N: usize>(text: &str) -> [&str; N] {
    let mut lines = text.splitn(N, '\n');
    [(); N].map(|()| lines.next().unwrap_or(""))
}

/// A JSON object, or none.
pub fn object(text: &str) -> Option<serde_json::Map<String, Value>> {
    serde_json::from_str(text).ok()
}
