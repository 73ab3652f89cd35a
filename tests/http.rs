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

#[path = "support/answers.rs"]
mod answers;
#[path = "http/flows.rs"]
mod flows;
#[path = "support/postgres.rs"]
mod postgres;
#[path = "http/server.rs"]
mod server;
#[path = "support/wait.rs"]
mod wait;
#[path = "http/website.rs"]
mod website;
#[path = "http/world.rs"]
mod world;

#[path = "http/account.rs"]
mod account;
#[path = "http/accounts.rs"]
mod accounts;
#[path = "http/audit.rs"]
mod audit;
#[path = "http/authorize.rs"]
mod authorize;
#[path = "http/backchannel_logout.rs"]
mod backchannel_logout;
#[path = "http/bad_input.rs"]
mod bad_input;
#[path = "http/bearer.rs"]
mod bearer;
#[path = "http/brakes.rs"]
mod brakes;
#[path = "http/client_auth.rs"]
mod client_auth;
#[path = "http/client_ids.rs"]
mod client_ids;
#[path = "http/client_keys.rs"]
mod client_keys;
#[path = "http/clock.rs"]
mod clock;
#[path = "http/code_flow.rs"]
mod code_flow;
#[path = "http/codes.rs"]
mod codes;
#[path = "http/connections.rs"]
mod connections;
#[path = "http/consent.rs"]
mod consent;
#[path = "http/cors.rs"]
mod cors;
#[path = "http/databases.rs"]
mod databases;
#[path = "http/device_answers.rs"]
mod device_answers;
#[path = "http/devices.rs"]
mod devices;
#[path = "http/discovery.rs"]
mod discovery;
#[path = "http/dpop.rs"]
mod dpop;
#[path = "http/granted.rs"]
mod granted;
#[path = "http/hints.rs"]
mod hints;
#[path = "http/id_tokens.rs"]
mod id_tokens;
#[path = "http/implicit.rs"]
mod implicit;
#[path = "http/introspection.rs"]
mod introspection;
#[path = "http/jwks_uri.rs"]
mod jwks_uri;
#[path = "http/languages.rs"]
mod languages;
#[path = "http/login.rs"]
mod login;
#[path = "http/logout.rs"]
mod logout;
#[path = "http/management.rs"]
mod management;
#[path = "http/metrics.rs"]
mod metrics;
#[path = "http/notices.rs"]
mod notices;
#[path = "http/other_grants.rs"]
mod other_grants;
#[path = "http/pages.rs"]
mod pages;
#[path = "http/pairwise.rs"]
mod pairwise;
#[path = "http/pkce.rs"]
mod pkce;
#[path = "http/private_key_jwt.rs"]
mod private_key_jwt;
#[path = "http/prompts.rs"]
mod prompts;
#[path = "http/pushed.rs"]
mod pushed;
#[path = "http/redirects.rs"]
mod redirects;
#[path = "http/refresh.rs"]
mod refresh;
#[path = "http/registration.rs"]
mod registration;
#[path = "http/remembered.rs"]
mod remembered;
#[path = "http/resources.rs"]
mod resources;
#[path = "http/rest_sh.rs"]
mod rest_sh;
#[path = "http/revocation.rs"]
mod revocation;
#[path = "http/scopes.rs"]
mod scopes;
#[path = "http/sectors.rs"]
mod sectors;
#[path = "http/standard_client.rs"]
mod standard_client;
#[path = "http/userinfo.rs"]
mod userinfo;
#[path = "http/validate.rs"]
mod validate;
#[path = "http/written_clients.rs"]
mod written_clients;
