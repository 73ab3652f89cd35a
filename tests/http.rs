//! The provider over HTTP, without an XMPP server: its accounts are played by `world::Server`, its time
//! by a clock that the tests move.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#![allow(dead_code, reason = "the client serves other test programs too")]

#[path = "support/http.rs"]
mod client;

#[path = "http/world.rs"]
mod world;

#[path = "http/code_flow.rs"]
mod code_flow;
