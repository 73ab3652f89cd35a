//! Notices: how many an account was sent today, and who wants none.

use jid::BareJid;

use super::{Db, params, rows};
use crate::clock::Timestamp;
use crate::model::NoticeKind;
use crate::storage::Result;

const DAY: i64 = 24 * 3600;

pub(super) fn take(
    db: &dyn Db,
    account: &BareJid,
    kind: NoticeKind,
    most: u32,
    now: Timestamp,
) -> Result<bool> {
    // Anybody can give a wrong password for any name: names that nothing is kept of get no row.
    let taken = rows::change(
        db,
        "INSERT INTO notices (host, localpart, kind, day, count)
         SELECT ?1, ?2, ?3, ?4, 1
         WHERE NOT EXISTS (SELECT 1 FROM unnoticed WHERE host = ?1 AND localpart = ?2)
             AND (EXISTS (SELECT 1 FROM grants WHERE host = ?1 AND localpart = ?2)
                 OR EXISTS (SELECT 1 FROM browser_sessions WHERE host = ?1 AND localpart = ?2))
         ON CONFLICT (host, localpart, kind) DO UPDATE SET
             count = CASE WHEN notices.day = excluded.day THEN notices.count + 1 ELSE 1 END,
             day = excluded.day
             WHERE notices.day <> excluded.day OR notices.count < ?5",
        params![
            account.domain().as_str(),
            rows::localpart(account),
            kind.as_str(),
            now.as_unix().div_euclid(DAY),
            most
        ],
    )?;
    Ok(taken > 0)
}

pub(super) fn wanted(db: &dyn Db, account: &BareJid) -> Result<bool> {
    let off = rows::find(
        db,
        "SELECT 1 FROM unnoticed WHERE host = ? AND localpart = ?",
        params![account.domain().as_str(), rows::localpart(account)],
        |_| Ok(()),
    )?;
    Ok(off.is_none())
}

pub(super) fn want(db: &dyn Db, account: &BareJid, wanted: bool) -> Result<()> {
    let sql = match wanted {
        true => "DELETE FROM unnoticed WHERE host = ? AND localpart = ?",
        false => {
            "INSERT INTO unnoticed (host, localpart) VALUES (?, ?)
             ON CONFLICT (host, localpart) DO NOTHING"
        }
    };
    let account = params![account.domain().as_str(), rows::localpart(account)];
    rows::change(db, sql, account).map(drop)
}

/// For an account that is gone: whoever has its name next begins anew.
pub(super) fn forget_account(db: &dyn Db, account: &BareJid) -> Result<()> {
    want(db, account, true)?;
    rows::change(
        db,
        "DELETE FROM notices WHERE host = ? AND localpart = ?",
        params![account.domain().as_str(), rows::localpart(account)],
    )
    .map(drop)
}

/// What was sent before today counts for nothing.
pub(super) fn purge(db: &dyn Db, now: i64, limit: i64) -> Result<usize> {
    rows::change(
        db,
        "DELETE FROM notices WHERE no IN (SELECT no FROM notices WHERE day < ? LIMIT ?)",
        params![now.div_euclid(DAY), limit],
    )
}
