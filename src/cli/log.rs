//! The log: a line a fact, on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// The log of `serve`, as `[log]` wants it; `RUST_LOG` goes before it.
pub(super) fn start(settings: &Log) {
    begin(&settings.level, settings.format);
}

/// The log of the other commands, which speak for themselves.
pub(super) fn start_quiet() {
    begin("error", LogFormat::Text);
}

fn begin(level: &str, format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal());
    // whoever has set up another log keeps it
    let _ = match format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
}
