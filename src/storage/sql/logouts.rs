//! Which clients a browser session signed its person in to, and which of them have still to be told that it
//! has ended.

use jid::BareJid;

use super::{Db, Row, Value, params, rows};
use crate::clock::Timestamp;
use crate::model::{ClientId, GrantId, PendingLogout, SignIn};
use crate::secrets::TokenHash;
use crate::storage::{MOST_PENDING_LOGOUTS, Result};

/// How many of one client are remembered of a session: as many as may be under way at once.
const OF_ONE_CLIENT: i64 = 3;
/// How many of all clients.
const OF_ONE_SESSION: i64 = 200;

pub(super) fn save_sign_in(
    db: &dyn Db,
    sign_in: &SignIn,
    session: &TokenHash,
    now: Timestamp,
) -> Result<bool> {
    let saved = rows::change(
        db,
        "INSERT INTO sign_ins
             (grant_id, session, client_id, host, localpart, sid, signed_in_at, gone_at)
         SELECT ?1, hash, ?3, host, localpart, ?6, ?7, expires_at
         FROM browser_sessions WHERE hash = ?2 AND host = ?4 AND localpart = ?5",
        params![
            sign_in.grant_id.as_str(),
            session.as_bytes(),
            sign_in.client_id.as_str(),
            sign_in.account.domain().as_str(),
            rows::localpart(&sign_in.account),
            &sign_in.sid,
            now.as_unix()
        ],
    )?;
    rows::change(
        db,
        "DELETE FROM sign_ins WHERE grant_id IN
             (SELECT grant_id FROM sign_ins WHERE session = ? AND sid = ?
              ORDER BY signed_in_at DESC, grant_id LIMIT 1000 OFFSET ?)",
        params![session.as_bytes(), &sign_in.sid, OF_ONE_CLIENT],
    )?;
    rows::change(
        db,
        "DELETE FROM sign_ins WHERE grant_id IN
             (SELECT grant_id FROM sign_ins WHERE session = ?
              ORDER BY signed_in_at DESC, grant_id LIMIT 1000 OFFSET ?)",
        params![session.as_bytes(), OF_ONE_SESSION],
    )?;
    Ok(saved > 0)
}

pub(super) fn sid(db: &dyn Db, grant: &GrantId) -> Result<Option<String>> {
    rows::find(
        db,
        "SELECT sid FROM sign_ins WHERE grant_id = ?",
        params![grant.as_str()],
        |row| row.get(0),
    )
}

/// Hands over what a session knows to another one of its account.
pub(super) fn succeed(db: &dyn Db, old: &TokenHash, new: &TokenHash) -> Result<()> {
    rows::change(
        db,
        "UPDATE sign_ins SET session = ?2,
             gone_at = (SELECT expires_at FROM browser_sessions WHERE hash = ?2)
         WHERE session = ?1 AND EXISTS
             (SELECT 1 FROM browser_sessions s WHERE s.hash = ?2
                  AND s.host = sign_ins.host AND s.localpart = sign_ins.localpart)",
        params![old.as_bytes(), new.as_bytes()],
    )
    .map(drop)
}

/// A browser session ends.
pub(super) fn of_session(db: &dyn Db, session: &TokenHash) -> Result<()> {
    queue(
        db,
        "SELECT grant_id FROM sign_ins WHERE session = ?",
        params![session.as_bytes()],
    )
}

/// An account's browser sessions end, all `but` one.
pub(super) fn of_sessions(db: &dyn Db, account: &BareJid, but: Option<&TokenHash>) -> Result<()> {
    queue(
        db,
        "SELECT grant_id FROM sign_ins WHERE host = ?1 AND localpart = ?2
             AND (?3 IS NULL OR session <> ?3)",
        params![
            account.domain().as_str(),
            rows::localpart(account),
            but.map(TokenHash::as_bytes),
        ],
    )
}

/// All that an account has given ends, but what sessions of the generation `unless`, or of none, gave.
pub(super) fn of_account(
    db: &dyn Db,
    host: &str,
    localpart: &str,
    unless: Option<&str>,
) -> Result<()> {
    queue(
        db,
        "SELECT grant_id FROM sign_ins WHERE host = ?1 AND localpart = ?2
             AND (?3 IS NULL OR session IN
                 (SELECT hash FROM browser_sessions
                  WHERE host = ?1 AND localpart = ?2 AND generation <> ?3))",
        params![host, localpart, unless],
    )
}

/// What an account gave a grant's client is taken back.
pub(super) fn of_grant(db: &dyn Db, id: &GrantId) -> Result<()> {
    queue(
        db,
        "SELECT grant_id FROM sign_ins WHERE (host, localpart, client_id) =
             (SELECT g.host, g.localpart, c.client_id
              FROM grants g JOIN clients c ON c.no = g.client_no WHERE g.grant_id = ?)",
        params![id.as_str()],
    )
}

/// What all accounts gave a client is taken back.
pub(super) fn of_client(db: &dyn Db, id: &ClientId) -> Result<()> {
    queue(
        db,
        "SELECT grant_id FROM sign_ins WHERE client_id = ?",
        params![id.as_str()],
    )
}

/// Makes of sign-ins what their clients have to be told. A code that was not redeemed yet goes: it would
/// sign the person in again behind that.
fn queue(db: &dyn Db, select: &str, params: &[Value<'_>]) -> Result<()> {
    let grants = rows::list(db, select, params, |row| {
        Ok(GrantId::new(rows::text(row, 0)?))
    })?;
    for grant in &grants {
        rows::change(
            db,
            "INSERT INTO pending_logouts (sid, client_id, host, localpart)
             SELECT sid, client_id, host, localpart FROM sign_ins WHERE grant_id = ?
             ON CONFLICT (sid) DO UPDATE SET
                 tries = 0, next_at = 0, round = pending_logouts.round + 1",
            params![grant.as_str()],
        )?;
        rows::change(
            db,
            "DELETE FROM codes WHERE grant_id = ?1 AND consumed_at IS NULL AND (host, localpart) =
                 (SELECT host, localpart FROM sign_ins WHERE grant_id = ?1)",
            params![grant.as_str()],
        )?;
        rows::change(
            db,
            "DELETE FROM sign_ins WHERE grant_id = ?",
            params![grant.as_str()],
        )?;
    }
    match grants.is_empty() {
        true => Ok(()),
        false => make_room(db),
    }
}

fn make_room(db: &dyn Db) -> Result<()> {
    let most = i64::try_from(MOST_PENDING_LOGOUTS).unwrap_or(i64::MAX);
    let count = "SELECT count(*) FROM pending_logouts";
    let waiting = rows::find(db, count, params![], |row| row.get::<i64>(0))?;
    let too_many = waiting.unwrap_or_default() - most;
    if too_many <= 0 {
        return Ok(());
    }
    tracing::warn!(
        too_many,
        "very many clients have to be told that somebody has logged out: those that could not be told are given up"
    );
    rows::change(
        db,
        "DELETE FROM pending_logouts WHERE sid IN
             (SELECT sid FROM pending_logouts ORDER BY tries DESC, sid LIMIT ?)",
        params![too_many],
    )
    .map(drop)
}

pub(super) fn due(db: &dyn Db, now: Timestamp, limit: usize) -> Result<Vec<PendingLogout>> {
    // One of each client: who answers slowly, or not at all, holds up nobody else's.
    rows::list(
        db,
        "SELECT sid, client_id, host, localpart, tries, round FROM pending_logouts p
         WHERE next_at <= ?1 AND sid =
             (SELECT q.sid FROM pending_logouts q
              WHERE q.client_id = p.client_id AND q.next_at <= ?1
              ORDER BY q.tries, q.sid LIMIT 1)
         ORDER BY tries, next_at, sid LIMIT ?2",
        params![now.as_unix(), i64::try_from(limit).unwrap_or(i64::MAX)],
        pending,
    )
}

fn pending(row: &dyn Row) -> Result<PendingLogout> {
    Ok(PendingLogout {
        sid: row.get(0)?,
        client_id: ClientId::new(rows::text(row, 1)?),
        account: rows::account(row, 2)?,
        tries: row.get(4)?,
        round: row.get(5)?,
    })
}

pub(super) fn finish(db: &dyn Db, logout: &PendingLogout) -> Result<()> {
    rows::change(
        db,
        "DELETE FROM pending_logouts WHERE sid = ? AND round = ?",
        params![&logout.sid, logout.round],
    )
    .map(drop)
}

pub(super) fn postpone(db: &dyn Db, logout: &PendingLogout, until: Timestamp) -> Result<()> {
    rows::change(
        db,
        "UPDATE pending_logouts SET tries = tries + 1, next_at = ?3 WHERE sid = ?1 AND round = ?2",
        params![&logout.sid, logout.round, until.as_unix()],
    )
    .map(drop)
}

/// Sessions that have expired: nobody can log out of them any more.
pub(super) fn purge(db: &dyn Db, now: i64, limit: i64) -> Result<usize> {
    rows::change(
        db,
        "DELETE FROM sign_ins WHERE grant_id IN
             (SELECT grant_id FROM sign_ins WHERE gone_at <= ? LIMIT ?)",
        params![now, limit],
    )
}
