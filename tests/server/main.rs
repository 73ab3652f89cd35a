//! The tests that need real servers: a module per scenario, in one program.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/answers.rs"]
#[expect(dead_code, reason = "other test programs use the rest of it")]
mod answers;

mod accounts;
mod backup;
mod check;
#[expect(dead_code, reason = "the storms use the rest of it")]
mod cluster;
mod control;
mod demo;
mod devices;
mod ejabberd;
mod harness;
mod main_job;
mod mischief;
mod notices;
mod oauth_external;
mod oauthbearer;
mod other_clients;
mod played;
mod processes;
mod profile;
mod proxy;
mod rest;
mod scopes;
mod secrecy;
mod several;
mod site;
mod strophe;
mod survival;

use support::http as client;
