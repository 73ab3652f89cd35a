//! Storms: what is thrown at a real server's program all at once, and how it comes out of it. Nothing that
//! was answered is lost, nobody is let in who should not be, and soon after all is as before.
//!
//! Takes minutes, so only `make storm` runs it, one test after the other. Each prints its figures; those of
//! a known machine stand in `docs/reliability.md`. The bounds that are asserted are wide: they tell a storm
//! that was borne from one that was not, on a slow machine and in a debug build too.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, in its helpers too, and prints its figures"
)]
#![allow(dead_code, reason = "the site serves other test programs too")]

#[path = "../support/mod.rs"]
mod support;

#[path = "../support/answers.rs"]
mod answers;
#[path = "../server/cluster.rs"]
mod cluster;
#[path = "../server/site.rs"]
mod site;

mod apps;
mod connections;
mod figures;
mod kills;
mod logins;
mod passwords;
mod people;
mod processes;
mod servers;
mod silence;
mod stanzas;
mod storage;

use support::http as client;
