//! The component link against servers that these tests play themselves, on loopback.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "link/world.rs"]
mod world;

#[path = "link/c2s.rs"]
mod c2s;

#[path = "link/cam.rs"]
mod cam;

#[path = "link/commands.rs"]
mod commands;

#[path = "link/keeping_up.rs"]
mod keeping_up;

#[path = "link/metrics.rs"]
mod metrics;

#[path = "link/mischief.rs"]
mod mischief;

#[path = "link/protocol.rs"]
mod protocol;

#[path = "link/questions.rs"]
mod questions;
