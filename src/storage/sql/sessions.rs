//! Browser sessions.

use jid::BareJid;

use super::{Db, Row, params, rows};
use crate::clock::Timestamp;
use crate::model::{BrowserSession, Generation};
use crate::secrets::TokenHash;
use crate::storage::Result;

pub(super) fn save(db: &dyn Db, hash: &TokenHash, session: &BrowserSession) -> Result<()> {
    rows::change(
        db,
        "INSERT INTO browser_sessions
             (hash, host, localpart, auth_time, generation, expires_at, last_seen_at, address,
              user_agent)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (hash) DO UPDATE SET host = excluded.host, localpart = excluded.localpart,
             auth_time = excluded.auth_time, generation = excluded.generation,
             expires_at = excluded.expires_at, last_seen_at = excluded.last_seen_at,
             address = excluded.address, user_agent = excluded.user_agent",
        params![
            hash.as_bytes(),
            session.account.domain().as_str(),
            rows::localpart(&session.account),
            session.auth_time.as_unix(),
            session.generation.as_ref().map(Generation::as_str),
            session.expires_at.as_unix(),
            session.last_seen_at.as_unix(),
            session.from.map(|from| from.to_string()),
            &session.user_agent
        ],
    )
    .map(drop)
}

/// What [`session`] reads.
macro_rules! session_columns {
    () => {
        "host, localpart, auth_time, generation, expires_at, last_seen_at, address, user_agent"
    };
}

fn session(row: &dyn Row) -> Result<BrowserSession> {
    Ok(BrowserSession {
        account: rows::account(row, 0)?,
        auth_time: rows::moment(row, 2)?,
        generation: rows::generation(row, 3)?,
        expires_at: rows::moment(row, 4)?,
        last_seen_at: rows::moment(row, 5)?,
        from: rows::address(row, 6)?,
        user_agent: row.get(7)?,
    })
}

pub(super) fn find(db: &dyn Db, hash: &TokenHash) -> Result<Option<BrowserSession>> {
    rows::find(
        db,
        concat!(
            "SELECT ",
            session_columns!(),
            " FROM browser_sessions WHERE hash = ?"
        ),
        params![hash.as_bytes()],
        session,
    )
}

pub(super) fn list(db: &dyn Db, account: &BareJid) -> Result<Vec<(TokenHash, BrowserSession)>> {
    rows::list(
        db,
        concat!(
            "SELECT ",
            session_columns!(),
            ", hash FROM browser_sessions WHERE host = ? AND localpart = ?
             ORDER BY auth_time DESC, hash"
        ),
        params![account.domain().as_str(), rows::localpart(account)],
        |row| Ok((TokenHash::from_bytes(row.get(8)?), session(row)?)),
    )
}

/// Whether this is a session of `account` that has not been ended.
pub(super) fn is_of(db: &dyn Db, hash: &TokenHash, account: &BareJid) -> Result<bool> {
    Ok(find(db, hash)?.is_some_and(|session| session.account == *account))
}

pub(super) fn end(db: &dyn Db, hash: &TokenHash) -> Result<()> {
    rows::change(
        db,
        "DELETE FROM browser_sessions WHERE hash = ?",
        params![hash.as_bytes()],
    )
    .map(drop)
}

pub(super) fn end_but(db: &dyn Db, account: &BareJid, but: Option<&TokenHash>) -> Result<usize> {
    rows::change(
        db,
        "DELETE FROM browser_sessions WHERE host = ?1 AND localpart = ?2
             AND (?3 IS NULL OR hash <> ?3)",
        params![
            account.domain().as_str(),
            rows::localpart(account),
            but.map(TokenHash::as_bytes)
        ],
    )
}

pub(super) fn touch(db: &dyn Db, hash: &TokenHash, now: Timestamp) -> Result<()> {
    rows::change(
        db,
        "UPDATE browser_sessions SET last_seen_at = ?2 WHERE hash = ?1 AND last_seen_at < ?2",
        params![hash.as_bytes(), now.as_unix()],
    )
    .map(drop)
}

/// Ends an account's sessions, but those of the generation `unless` and of none.
pub(super) fn end_account(
    db: &dyn Db,
    host: &str,
    localpart: &str,
    unless: Option<&str>,
) -> Result<()> {
    rows::change(
        db,
        "DELETE FROM browser_sessions WHERE host = ?1 AND localpart = ?2
             AND (?3 IS NULL OR generation <> ?3)",
        params![host, localpart, unless],
    )
    .map(drop)
}
