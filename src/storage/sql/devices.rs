//! Device codes (RFC 8628): asked for by a device, answered by a person, redeemed once.

use super::{Db, Row, codes, grants, params, rows, sessions};
use crate::clock::Timestamp;
use crate::model::{
    Approval, Client, ClientId, DeviceCode, DeviceState, Generation, Grant, GrantId, Pair,
};
use crate::secrets::TokenHash;
use crate::storage::{
    DeviceAnswered, DeviceSaved, EXPIRED_DEVICE_KEPT, REDEEMED_CODE_KEPT, Redeemed, Result,
};

/// What [`device`] reads, as the first columns of a row.
macro_rules! device_columns {
    () => {
        "client_id, scopes, asked_from, issued_at, expires_at, decision, consumed_at, grant_id, host,
         localpart, granted, auth_time, generation, granted_from"
    };
}

pub(super) fn save(
    db: &dyn Db,
    hash: &TokenHash,
    user_code: &TokenHash,
    device: &DeviceCode,
    most: usize,
) -> Result<DeviceSaved> {
    // Whoever has not been answered when it ends stays for a while: all count that take room.
    let waiting = rows::find(
        db,
        "SELECT count(*) FROM device_codes WHERE consumed_at IS NULL AND gone_at > ?",
        params![device.issued_at.as_unix()],
        |row| row.get::<i64>(0),
    )?;
    if waiting.is_some_and(|waiting| usize::try_from(waiting).is_ok_and(|it| it >= most)) {
        return Ok(DeviceSaved::TooMany);
    }
    let saved = rows::change(
        db,
        "INSERT INTO device_codes (hash, user_code, client_id, scopes, asked_from, issued_at,
             expires_at, gone_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_code) DO NOTHING",
        params![
            hash.as_bytes(),
            user_code.as_bytes(),
            device.client_id.as_str(),
            device.scopes.to_string(),
            &device.asked_from,
            device.issued_at.as_unix(),
            device.expires_at.as_unix(),
            (device.expires_at + EXPIRED_DEVICE_KEPT).as_unix()
        ],
    )?;
    Ok(match saved {
        0 => DeviceSaved::Taken,
        _ => DeviceSaved::Done,
    })
}

pub(super) fn find(db: &dyn Db, hash: &TokenHash) -> Result<Option<DeviceCode>> {
    rows::find(
        db,
        concat!(
            "SELECT ",
            device_columns!(),
            " FROM device_codes WHERE hash = ?"
        ),
        params![hash.as_bytes()],
        device,
    )
}

pub(super) fn find_by_user_code(
    db: &dyn Db,
    user_code: &TokenHash,
) -> Result<Option<(TokenHash, DeviceCode)>> {
    rows::find(
        db,
        concat!(
            "SELECT ",
            device_columns!(),
            ", hash FROM device_codes WHERE user_code = ?"
        ),
        params![user_code.as_bytes()],
        |row| Ok((TokenHash::from_bytes(row.get(14)?), device(row)?)),
    )
}

pub(super) fn approve(
    db: &dyn Db,
    hash: &TokenHash,
    approval: &Approval,
    session: &TokenHash,
    now: Timestamp,
) -> Result<DeviceAnswered> {
    if !sessions::is_of(db, session, &approval.account)? {
        return Ok(DeviceAnswered::SessionEnded);
    }
    // where it asked from was for the page alone
    rows::change(
        db,
        "UPDATE device_codes SET decision = 'approved', asked_from = '', grant_id = ?3, host = ?4, localpart = ?5,
             granted = ?6, auth_time = ?7, generation = ?8, granted_from = ?9
         WHERE hash = ?1 AND decision IS NULL AND expires_at > ?2",
        params![
            hash.as_bytes(),
            now.as_unix(),
            approval.grant_id.as_str(),
            approval.account.domain().as_str(),
            rows::localpart(&approval.account),
            approval.scopes.to_string(),
            approval.auth_time.map(Timestamp::as_unix),
            approval.generation.as_ref().map(Generation::as_str),
            approval.granted_from.map(|from| from.to_string())],
    )
    .map(answered)
}

pub(super) fn deny(
    db: &dyn Db,
    hash: &TokenHash,
    session: &TokenHash,
    now: Timestamp,
) -> Result<DeviceAnswered> {
    if sessions::find(db, session)?.is_none() {
        return Ok(DeviceAnswered::SessionEnded);
    }
    rows::change(
        db,
        "UPDATE device_codes SET decision = 'denied', asked_from = ''
         WHERE hash = ?1 AND decision IS NULL AND expires_at > ?2",
        params![hash.as_bytes(), now.as_unix()],
    )
    .map(answered)
}

fn answered(rows: usize) -> DeviceAnswered {
    match rows {
        0 => DeviceAnswered::TooLate,
        _ => DeviceAnswered::Done,
    }
}

pub(super) fn redeem(
    db: &dyn Db,
    hash: &TokenHash,
    client: &Client,
    grant: &Grant,
    pair: &Pair,
    now: Timestamp,
) -> Result<Redeemed> {
    let consumed = rows::change(
        db,
        "UPDATE device_codes SET consumed_at = ?2, gone_at = ?3
         WHERE hash = ?1 AND decision = 'approved' AND grant_id = ?4 AND consumed_at IS NULL
             AND expires_at > ?2",
        params![
            hash.as_bytes(),
            now.as_unix(),
            (now + REDEEMED_CODE_KEPT).as_unix(),
            grant.id.as_str()
        ],
    )?;
    if consumed == 0 {
        let given = rows::find(
            db,
            "SELECT grant_id FROM device_codes WHERE hash = ? AND consumed_at IS NOT NULL",
            params![hash.as_bytes()],
            |row| Ok(GrantId::new(rows::text(row, 0)?)),
        )?;
        return codes::replayed(db, given, now);
    }
    // Removed since the caller looked: the code stays used and gives nothing.
    match grants::save(db, client, grant, pair, None)? {
        true => Ok(Redeemed::Done),
        false => Ok(Redeemed::Unknown),
    }
}

/// Takes back what an account has allowed to devices that have not fetched it.
pub(super) fn end_account(
    db: &dyn Db,
    host: &str,
    localpart: &str,
    unless: Option<&str>,
) -> Result<()> {
    rows::change(
        db,
        "UPDATE device_codes SET decision = 'denied'
         WHERE host = ?1 AND localpart = ?2 AND decision = 'approved' AND consumed_at IS NULL
             AND (?3 IS NULL OR generation <> ?3)",
        params![host, localpart, unless],
    )
    .map(drop)
}

/// The same of what a grant's account has allowed to its client's devices.
pub(super) fn end_with_grant(db: &dyn Db, id: &GrantId) -> Result<()> {
    rows::change(
        db,
        "UPDATE device_codes SET decision = 'denied'
         WHERE decision = 'approved' AND consumed_at IS NULL AND (host, localpart, client_id) =
             (SELECT g.host, g.localpart, c.client_id
              FROM grants g JOIN clients c ON c.no = g.client_no WHERE g.grant_id = ?)",
        params![id.as_str()],
    )
    .map(drop)
}

/// The same of all that was allowed to a client's devices.
pub(super) fn end_client(db: &dyn Db, id: &ClientId) -> Result<()> {
    rows::change(
        db,
        "UPDATE device_codes SET decision = 'denied'
         WHERE client_id = ? AND decision = 'approved' AND consumed_at IS NULL",
        params![id.as_str()],
    )
    .map(drop)
}

fn device(row: &dyn Row) -> Result<DeviceCode> {
    let consumed = rows::moment_if_any(row, 6)?.is_some();
    let decision = row.get::<Option<String>>(5)?;
    let state = match decision.as_deref() {
        None => DeviceState::Pending,
        Some("denied") => DeviceState::Denied,
        Some("approved") => {
            let approval = Approval {
                grant_id: GrantId::new(rows::text(row, 7)?),
                account: rows::account(row, 8)?,
                scopes: rows::scopes(row, 10)?,
                auth_time: rows::moment_if_any(row, 11)?,
                generation: rows::generation(row, 12)?,
                granted_from: rows::address(row, 13)?,
            };
            match consumed {
                true => DeviceState::Redeemed(approval),
                false => DeviceState::Approved(approval),
            }
        }
        Some(other) => return Err(rows::unexpected(other)),
    };
    Ok(DeviceCode {
        client_id: ClientId::new(rows::text(row, 0)?),
        scopes: rows::scopes(row, 1)?,
        asked_from: row.get(2)?,
        issued_at: rows::moment(row, 3)?,
        expires_at: rows::moment(row, 4)?,
        state,
    })
}
