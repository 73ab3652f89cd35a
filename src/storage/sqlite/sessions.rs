//! Browser sessions.

use jid::BareJid;
use rusqlite::Connection;

use super::rows;
use crate::model::{BrowserSession, Generation};
use crate::secrets::TokenHash;
use crate::storage::Result;

pub(super) fn save(db: &Connection, hash: &TokenHash, session: &BrowserSession) -> Result<()> {
    rows::change(
        db,
        "INSERT OR REPLACE INTO browser_sessions
             (hash, host, localpart, auth_time, generation, expires_at)
         VALUES (?, ?, ?, ?, ?, ?)",
        (
            hash.as_bytes(),
            session.account.domain().as_str(),
            rows::localpart(&session.account),
            session.auth_time.as_unix(),
            session.generation.as_ref().map(Generation::as_str),
            session.expires_at.as_unix(),
        ),
    )
    .map(drop)
}

pub(super) fn find(db: &Connection, hash: &TokenHash) -> Result<Option<BrowserSession>> {
    rows::find(
        db,
        "SELECT host, localpart, auth_time, generation, expires_at FROM browser_sessions
         WHERE hash = ?",
        [hash.as_bytes()],
        |row| {
            Ok(BrowserSession {
                account: rows::account(row, 0)?,
                auth_time: rows::moment(row, 2)?,
                generation: rows::generation(row, 3)?,
                expires_at: rows::moment(row, 4)?,
            })
        },
    )
}

/// Whether this is a session of `account` that has not been ended.
pub(super) fn is_of(db: &Connection, hash: &TokenHash, account: &BareJid) -> Result<bool> {
    Ok(find(db, hash)?.is_some_and(|session| session.account == *account))
}

pub(super) fn end(db: &Connection, hash: &TokenHash) -> Result<()> {
    rows::change(
        db,
        "DELETE FROM browser_sessions WHERE hash = ?",
        [hash.as_bytes()],
    )
    .map(drop)
}

/// Ends an account's sessions, but those of the generation `unless` and of none.
pub(super) fn end_account(
    db: &Connection,
    host: &str,
    localpart: &str,
    unless: Option<&str>,
) -> Result<()> {
    rows::change(
        db,
        "DELETE FROM browser_sessions WHERE host = ?1 AND localpart = ?2
             AND (?3 IS NULL OR generation <> ?3)",
        (host, localpart, unless),
    )
    .map(drop)
}
