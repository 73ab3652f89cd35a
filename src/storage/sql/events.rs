//! Security events: one row for what happens to a grant, or an account, on one day.

use jid::BareJid;

use super::{Db, params, rows};
use crate::clock::Timestamp;
use crate::model::{EndReason, Event, EventKind, GrantId, KeptEvent};
use crate::storage::{EVENTS_KEPT, Result};

const DAY: i64 = 24 * 3600;

pub(super) fn record(db: &dyn Db, event: &Event) -> Result<()> {
    let (host, localpart) = (
        event.account.domain().as_str(),
        rows::localpart(&event.account),
    );
    // Anybody can give a wrong password for any name: names that nobody uses get no row. What has ended may
    // be of another who had the name before.
    let anybody = event.kind == EventKind::LoginFailed;
    rows::change(
        db,
        "INSERT INTO events (host, localpart, day, kind, grant_id, reason, client_name, at, address)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, (SELECT client_name FROM grants WHERE grant_id = ?5), ?7, ?8
         WHERE NOT ?9
             OR EXISTS (SELECT 1 FROM grants
                        WHERE host = ?1 AND localpart = ?2 AND ended_at IS NULL)
             OR EXISTS (SELECT 1 FROM browser_sessions
                        WHERE host = ?1 AND localpart = ?2 AND expires_at > ?7)
         ON CONFLICT (host, localpart, day, kind, grant_id) DO UPDATE SET
             count = events.count + 1,
             at = CASE WHEN excluded.at > events.at THEN excluded.at ELSE events.at END,
             address = excluded.address",
        params![
            host,
            localpart,
            event.at.as_unix().div_euclid(DAY),
            event.kind.as_str(),
            event.grant_id.as_ref().map_or("", GrantId::as_str),
            event.kind.reason().map(EndReason::as_str),
            event.at.as_unix(),
            event.from.map(|from| from.to_string()),
            anybody],
    )?;
    let kept = i64::try_from(EVENTS_KEPT).unwrap_or(i64::MAX);
    rows::change(
        db,
        "DELETE FROM events WHERE host = ?1 AND localpart = ?2 AND no <=
             (SELECT no FROM events WHERE host = ?1 AND localpart = ?2
              ORDER BY no DESC LIMIT 1 OFFSET ?3)",
        params![host, localpart, kept],
    )
    .map(drop)
}

pub(super) fn list(db: &dyn Db, account: &BareJid) -> Result<Vec<KeptEvent>> {
    rows::list(
        db,
        "SELECT host, localpart, kind, reason, grant_id, at, address, client_name, count
         FROM events WHERE host = ? AND localpart = ? ORDER BY at DESC, no DESC",
        params![account.domain().as_str(), rows::localpart(account)],
        |row| {
            let word = rows::text(row, 2)?;
            let reason = row.get::<Option<String>>(3)?;
            let grant_id = rows::text(row, 4)?;
            Ok(KeptEvent {
                event: Event {
                    account: rows::account(row, 0)?,
                    kind: EventKind::from_words(word, reason.as_deref())
                        .ok_or_else(|| rows::unexpected(word))?,
                    grant_id: (!grant_id.is_empty()).then(|| GrantId::new(grant_id)),
                    at: rows::moment(row, 5)?,
                    from: rows::address(row, 6)?,
                },
                client_name: row.get(7)?,
                count: row.get(8)?,
            })
        },
    )
}

/// For an account that is gone: whoever has its name next sees nothing of it.
pub(super) fn forget_account(db: &dyn Db, account: &BareJid) -> Result<()> {
    rows::change(
        db,
        "DELETE FROM events WHERE host = ? AND localpart = ?",
        params![account.domain().as_str(), rows::localpart(account)],
    )
    .map(drop)
}

pub(super) fn purge(db: &dyn Db, before: Timestamp, limit: usize) -> Result<usize> {
    rows::change(
        db,
        "DELETE FROM events WHERE no IN (SELECT no FROM events WHERE at < ? LIMIT ?)",
        params![before.as_unix(), i64::try_from(limit).unwrap_or(i64::MAX)],
    )
}
