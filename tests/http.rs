//! The provider over HTTP, without an XMPP server: its accounts are played by `server::Server`, its time
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

#[path = "http/flows.rs"]
mod flows;
#[path = "http/server.rs"]
mod server;
#[path = "http/world.rs"]
mod world;

#[path = "http/authorize.rs"]
mod authorize;
#[path = "http/brakes.rs"]
mod brakes;
#[path = "http/client_ids.rs"]
mod client_ids;
#[path = "http/code_flow.rs"]
mod code_flow;
#[path = "http/login.rs"]
mod login;
#[path = "http/pkce.rs"]
mod pkce;
#[path = "http/prompts.rs"]
mod prompts;
#[path = "http/redirects.rs"]
mod redirects;
#[path = "http/registration.rs"]
mod registration;
#[path = "http/scopes.rs"]
mod scopes;
