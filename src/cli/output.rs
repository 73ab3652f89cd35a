//! What the commands say to people: results on stdout, errors on stderr.

use std::fmt;
use std::io::{self, Write as _};

/// A line on stdout. A reader that has gone away is no error.
pub(super) fn line(text: impl fmt::Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A line on stderr.
pub(super) fn error(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "xmpp-oauth: {text}");
}
