//! Deleting what serves no purpose any more.

use super::{Db, clients, logouts, notices, params, rows, tokens};
use crate::clock::Timestamp;
use crate::storage::Result;

pub(super) fn purge(
    db: &dyn Db,
    now: Timestamp,
    ended_before: Timestamp,
    limit: usize,
) -> Result<usize> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let now = now.as_unix();
    let mut gone = purge_idle(db, now, limit)?;
    for (sql, at) in [
        (
            "DELETE FROM refresh_tokens WHERE hash IN
                 (SELECT hash FROM refresh_tokens WHERE gone_at <= ? LIMIT ?)",
            now,
        ),
        (
            "DELETE FROM codes WHERE hash IN
                 (SELECT hash FROM codes WHERE gone_at <= ? LIMIT ?)",
            now,
        ),
        (
            "DELETE FROM pushed_requests WHERE hash IN
                 (SELECT hash FROM pushed_requests WHERE expires_at <= ? LIMIT ?)",
            now,
        ),
        (
            "DELETE FROM device_codes WHERE hash IN
                 (SELECT hash FROM device_codes WHERE gone_at <= ? LIMIT ?)",
            now,
        ),
        (
            "DELETE FROM browser_sessions WHERE hash IN
                 (SELECT hash FROM browser_sessions WHERE expires_at <= ? LIMIT ?)",
            now,
        ),
        (
            "DELETE FROM grants WHERE no IN
                 (SELECT no FROM grants WHERE ended_at < ? LIMIT ?)",
            ended_before.as_unix(),
        ),
        // Last: the grants that have ended with a removed client name it.
        (
            "DELETE FROM clients WHERE no IN
                 (SELECT no FROM clients c WHERE metadata IS NULL AND expires_at <= ?
                      AND NOT EXISTS (SELECT 1 FROM grants WHERE client_no = c.no) LIMIT ?)",
            now,
        ),
    ] {
        gone += rows::change(db, sql, params![at, limit])?;
    }
    gone += logouts::purge(db, now, limit)?;
    gone += notices::purge(db, now, limit)?;
    Ok(gone + clients::purge(db, now, limit)?)
}

/// Grants that open no sessions and have no token left that could be used, with what is kept of
/// their spent ones.
fn purge_idle(db: &dyn Db, now: i64, limit: i64) -> Result<usize> {
    let idle = rows::list(
        db,
        "SELECT no FROM grants WHERE idle_at <= ? LIMIT ?",
        params![now, limit],
        |row| row.get::<i64>(0),
    )?;
    let mut gone = idle.len();
    for grant_no in idle {
        gone += tokens::delete_refresh(db, grant_no)?;
        rows::change(db, "DELETE FROM grants WHERE no = ?", params![grant_no])?;
    }
    Ok(gone)
}
