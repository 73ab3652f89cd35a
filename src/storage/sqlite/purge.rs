//! Deleting what serves no purpose any more.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::{rows, tokens};
use crate::clock::Timestamp;
use crate::model::ScopeSet;
use crate::storage::Result;

pub(super) fn purge(
    db: &Connection,
    now: Timestamp,
    ended_before: Timestamp,
    limit: usize,
) -> Result<usize> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let now = now.as_unix();

    let mut emptied = BTreeSet::new();
    let mut gone = 0;
    for sql in [
        "DELETE FROM access_tokens WHERE hash IN
             (SELECT hash FROM access_tokens WHERE expires_at <= ? LIMIT ?)
         RETURNING grant_no",
        "DELETE FROM refresh_tokens WHERE hash IN
             (SELECT hash FROM refresh_tokens WHERE gone_at <= ? LIMIT ?)
         RETURNING grant_no",
    ] {
        let grants = rows::list(db, sql, (now, limit), |row| Ok(row.get::<_, i64>(0)?))?;
        gone += grants.len();
        emptied.extend(grants);
    }
    for grant_no in emptied {
        gone += purge_if_idle(db, grant_no)?;
    }
    for sql in [
        "DELETE FROM codes WHERE hash IN
             (SELECT hash FROM codes WHERE gone_at <= ? LIMIT ?)",
        "DELETE FROM browser_sessions WHERE hash IN
             (SELECT hash FROM browser_sessions WHERE expires_at <= ? LIMIT ?)",
    ] {
        gone += rows::change(db, sql, (now, limit))?;
    }
    gone += rows::change(
        db,
        "DELETE FROM grants WHERE no IN
             (SELECT no FROM grants WHERE ended_at < ? LIMIT ?)",
        (ended_before.as_unix(), limit),
    )?;
    // Last: the grants that have ended with a removed client name it.
    gone += rows::change(
        db,
        "DELETE FROM clients WHERE no IN
             (SELECT no FROM clients c WHERE metadata IS NULL AND expires_at <= ?
                  AND NOT EXISTS (SELECT 1 FROM grants WHERE client_no = c.no) LIMIT ?)",
        (now, limit),
    )?;
    Ok(gone)
}

/// A grant that opens no XMPP sessions, and has no token left that could be used, is of no use: it
/// goes, with its spent refresh tokens. One with an XMPP scope has sessions hanging on it.
fn purge_if_idle(db: &Connection, grant_no: i64) -> Result<usize> {
    let idle: Option<ScopeSet> = rows::find(
        db,
        "SELECT scopes FROM grants WHERE no = ?1 AND ended_at IS NULL
             AND NOT EXISTS (SELECT 1 FROM access_tokens WHERE grant_no = ?1)
             AND NOT EXISTS (SELECT 1 FROM refresh_tokens
                             WHERE grant_no = ?1 AND spent_at IS NULL)",
        [grant_no],
        |row| rows::scopes(row, 0),
    )?;
    if idle.is_none_or(|scopes| scopes.allows_xmpp()) {
        return Ok(0);
    }
    let spent = tokens::delete_refresh(db, grant_no)?;
    Ok(spent + rows::change(db, "DELETE FROM grants WHERE no = ?", [grant_no])?)
}
