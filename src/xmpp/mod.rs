//! x

pub mod stream;
