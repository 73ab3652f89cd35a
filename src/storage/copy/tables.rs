//! Which tables are copied.

/// A table whose rows are copied.
#[derive(Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns of its primary key. Their order is the same in all databases.
    pub key: &'static [&'static str],
}

const fn table(name: &'static str, key: &'static [&'static str]) -> Table {
    Table { name, key }
}

/// Rows go over in this order: each table comes after those that it refers to.
pub const TABLES: &[Table] = &[
    table("secrets", &["name"]),
    table("signing_keys", &["kid"]),
    table("clients", &["no"]),
    table("grants", &["no"]),
    table("refresh_tokens", &["hash"]),
    table("codes", &["hash"]),
    table("device_codes", &["hash"]),
    table("browser_sessions", &["hash"]),
    table("sign_ins", &["grant_id"]),
    table("pending_ends", &["no"]),
    table("pending_logouts", &["sid"]),
    table("events", &["no"]),
    table("notices", &["no"]),
    table("unnoticed", &["host", "localpart"]),
];

/// What stays behind, and why.
pub const LEFT_OUT: &[(&str, &str)] = &[
    ("schema_version", "every database has its own"),
    (
        "checks",
        "a row for the health check to write, nothing else",
    ),
    (
        "changes",
        "what processes that run tell each other; none runs meanwhile",
    ),
    (
        "pushed_requests",
        "good for a minute and a half: the client pushes again",
    ),
    ("tries", "what was tried lately, which a start forgets"),
    (
        "shown",
        "what was shown lately, which is good for minutes; SQLite has none of it",
    ),
    (UNFINISHED, "says that the database is half a copy"),
];

/// The table that stands in a database from before its first row is copied until the last one was compared.
/// A program that finds it there does not serve.
pub(in crate::storage) const UNFINISHED: &str = "unfinished_copy";
