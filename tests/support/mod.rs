//! What the tests that need real servers stand on: starting a Prosody, our own program and a browser
//! on free loopback ports, and ending them again whatever happens.
//!
//! Everything runs out of a temp folder and dies with its guard, with the thread that started it
//! (so start servers in the test that uses them, never in a `static`), and with the test program.
//! When a test fails, each guard prints the end of its log.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a harness fails by panicking, and shows logs"
)]
#![allow(
    dead_code,
    unused_imports,
    reason = "not every test program uses every part"
)]

pub(crate) mod browser;
pub(crate) mod child;
pub(crate) mod ejabberd;
pub(crate) mod http;
pub(crate) mod network;
pub(crate) mod nginx;
pub(crate) mod npm;
pub(crate) mod ports;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod prosody;
pub(crate) mod release;
pub(crate) mod server;
pub(crate) mod wait;
