//! What the commands say to people: results on stdout, errors on stderr.

use std::fmt;
use std::io::{self, Write as _};

use serde::Serialize;

/// A line on stdout. A reader that has gone away is no error.
pub(super) fn line(text: impl fmt::Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// A line on stderr.
pub(super) fn error(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "xmpp-oauth: {text}");
}

/// How far something has come, on stderr.
pub(super) fn progress(text: impl fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A value for programs, on stdout.
pub(super) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(failure) => error(failure),
    }
}

/// Rows under their headings, in columns as wide as they need to be.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) {
    let headings = headings.map(str::to_owned);
    let rows = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| printable(cell)));
    let rows: Vec<[String; N]> = std::iter::once(headings).chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in &rows {
        let cells = row.iter().zip(widths);
        let text: Vec<String> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        line(text.join("  ").trim_end());
    }
}

/// Facts, one a line.
pub(super) fn facts(facts: &[(&str, String)]) {
    for (name, value) in facts {
        line(format_args!("{name:12}  {}", printable(value)));
    }
}

/// A text that others chose, without what could command a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

/// A value that may not be there.
pub(super) fn or_dash(value: Option<impl fmt::Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_others_chose_cannot_command_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\u{fffd}[2Jb\u{fffd}");
    }
}
