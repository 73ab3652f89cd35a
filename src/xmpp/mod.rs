//! The XMPP server's side of the house: the component link (XEP-0114), one file per protocol that is
//! spoken on it (`docs/protocol.md`), and logins as a client.
//!
//! What a token is worth or who may have one is for `oauth`.

mod account;
pub mod c2s;
mod cam;
mod commands;
mod counts;
mod disco;
mod fault;
mod handlers;
mod hosts;
mod introspection;
mod iq;
mod link;
mod message;
mod ns;
mod password;
mod ping;
mod router;
mod sasl;
mod server;
pub mod stream;
mod vcard;
mod version;

pub use hosts::{Hello, HostInfo, Module};
pub use link::{Down, LinkState};
pub use server::Server;
