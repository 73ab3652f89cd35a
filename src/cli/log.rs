//! The log: a line a fact, on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry};

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
    let wanted = std::env::var("RUST_LOG").ok();
    let wanted = wanted.and_then(|text| text.parse::<Targets>().ok());
    let filter = wanted.or_else(|| level.parse().ok()).unwrap_or_default();
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    // whoever has set up another log keeps it
    let log = registry().with(filter);
    let _ = match format {
        LogFormat::Text => log.with(lines).try_init(),
        LogFormat::Json => log.with(lines.json().flatten_event(true)).try_init(),
    };
}
