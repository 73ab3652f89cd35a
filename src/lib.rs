//! OAuth 2 and OpenID Connect for XMPP servers.
//!
//! One process that joins an XMPP server as an external component (XEP-0114) and is that server's
//! provider. `docs/architecture.md` is the map; the rooms, top floor first, are the modules below,
//! and `tests/architecture.rs` holds who may use whom.

pub mod accounts;
pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod http;
pub mod keys;
pub mod limits;
pub mod metrics;
pub mod model;
pub mod oauth;
pub mod secrets;
pub mod storage;
pub mod xmpp;
