//! XML streams (RFC 6120 §4): reading stanzas as elements, writing elements in batches. Serves the
//! component link, the c2s client and the tests' own ends of both.

mod framer;
mod parse;
mod reader;
mod writer;

pub use reader::{Incoming, ReadError, Reader, Refusal};
pub use writer::{Unwritable, Writer};

/// What a peer's stanza may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In bytes.
    pub max_stanza: usize,
    /// In elements one within the other.
    pub max_depth: usize,
}

impl Limits {
    /// Stanzas of `max_stanza` bytes. Nothing in XMPP nests anywhere near as deep as 64.
    pub const fn of_size(max_stanza: usize) -> Self {
        Self {
            max_stanza,
            max_depth: 64,
        }
    }
}
