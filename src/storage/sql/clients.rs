//! Clients that were used, updated, configured or removed.

use super::{Db, Row, grants, params, rows};
use crate::clock::Timestamp;
use crate::model::{Client, ClientId, ClientOrigin, EndReason};
use crate::storage::{Change, Ended, Result, StoreError, StoredClient};

pub(super) fn find(db: &dyn Db, id: &ClientId) -> Result<Option<StoredClient>> {
    rows::find(
        db,
        "SELECT client_id, metadata, issued_at, expires_at, origin FROM clients WHERE client_id = ?",
        params![id.as_str()],
        |row| {
            if row.get::<Option<&str>>(1)?.is_none() {
                Ok(StoredClient::Removed)
            } else {
                client(row).map(StoredClient::Known)
            }
        },
    )
}

pub(super) fn put(db: &dyn Db, client: &Client) -> Result<()> {
    save(
        db,
        "INSERT INTO clients (client_id, metadata, issued_at, expires_at, purge_at, origin, unused)
         VALUES (?1, ?2, ?3, ?4, ?4, ?5, 1)
         ON CONFLICT (client_id) DO UPDATE SET metadata = excluded.metadata,
             issued_at = excluded.issued_at, expires_at = excluded.expires_at,
             purge_at = excluded.purge_at, origin = excluded.origin
         WHERE clients.metadata IS NOT NULL",
        client,
    )?;
    db.note(&Change::Client(client.id.clone()))
}

pub(super) fn take_over(db: &dyn Db, client: &Client) -> Result<()> {
    save(
        db,
        "UPDATE clients SET metadata = ?2, issued_at = ?3, expires_at = ?4, purge_at = ?4,
             origin = ?5, unused = 0
         WHERE client_id = ?1",
        client,
    )?;
    db.note(&Change::Client(client.id.clone()))
}

/// The client's row, made from `client` if there is none; `None` if it was removed. A row that is there
/// already is only read: many are given grants of one client at once.
pub(super) fn row_of(db: &dyn Db, client: &Client) -> Result<Option<i64>> {
    let found = rows::find(
        db,
        "SELECT no, metadata IS NOT NULL, unused FROM clients WHERE client_id = ?",
        params![client.id.as_str()],
        |row| Ok((row.get::<i64>(0)?, row.get::<bool>(1)?, row.get::<bool>(2)?)),
    )?;
    match found {
        Some((no, true, false)) => Ok(Some(no)),
        Some((no, true, true)) => {
            let sql = "UPDATE clients SET unused = 0 WHERE no = ?";
            rows::change(db, sql, params![no])?;
            Ok(Some(no))
        }
        Some((_, false, _)) => Ok(None),
        None => {
            save(
                db,
                "INSERT INTO clients (client_id, metadata, issued_at, expires_at, purge_at, origin, unused)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5, 0) ON CONFLICT (client_id) DO NOTHING",
                client,
            )?;
            rows::find(
                db,
                "SELECT no FROM clients WHERE client_id = ?",
                params![client.id.as_str()],
                |row| row.get(0),
            )
        }
    }
}

pub(super) fn has_room(db: &dyn Db, id: &ClientId, most: usize) -> Result<bool> {
    let (stored, unused) = rows::find(
        db,
        "SELECT EXISTS (SELECT 1 FROM clients WHERE client_id = ?),
                (SELECT count(*) FROM clients WHERE unused = 1)",
        params![id.as_str()],
        |row| Ok((row.get::<bool>(0)?, row.get::<i64>(1)?)),
    )?
    .unwrap_or((false, 0));
    Ok(stored || usize::try_from(unused).unwrap_or(0) < most)
}

/// How long until a client that has expired and still has grants is looked at again.
const LOOKED_AT_AGAIN: i64 = 24 * 3600;

/// Deletes expired clients that have no grants, looking at no more than `limit`.
pub(super) fn purge(db: &dyn Db, now: i64, limit: i64) -> Result<usize> {
    let due = rows::list(
        db,
        "SELECT no FROM clients WHERE purge_at <= ? LIMIT ?",
        params![now, limit],
        |row| row.get::<i64>(0),
    )?;
    let mut gone = 0;
    for no in due {
        let deleted = rows::change(
            db,
            "DELETE FROM clients WHERE no = ?1
                 AND NOT EXISTS (SELECT 1 FROM grants WHERE client_no = ?1)",
            params![no],
        )?;
        if deleted == 0 {
            let sql = "UPDATE clients SET purge_at = ? WHERE no = ?";
            rows::change(db, sql, params![now + LOOKED_AT_AGAIN, no])?;
        }
        gone += deleted;
    }
    Ok(gone)
}

pub(super) fn remove(
    db: &dyn Db,
    id: &ClientId,
    expires_at: Option<Timestamp>,
    reason: EndReason,
    now: Timestamp,
) -> Result<Ended> {
    rows::change(
        db,
        "INSERT INTO clients (client_id, expires_at, unused) VALUES (?, ?, 1)
         ON CONFLICT (client_id) DO UPDATE SET metadata = NULL, expires_at = excluded.expires_at,
             purge_at = NULL",
        params![id.as_str(), expires_at.map(Timestamp::as_unix)],
    )?;
    db.note(&Change::Client(id.clone()))?;
    grants::end_client(db, id, reason, now)
}

pub(super) fn list(db: &dyn Db) -> Result<Vec<Client>> {
    rows::list(
        db,
        "SELECT client_id, metadata, issued_at, expires_at, origin FROM clients
         WHERE metadata IS NOT NULL ORDER BY issued_at, no",
        params![],
        client,
    )
}

fn save(db: &dyn Db, sql: &str, client: &Client) -> Result<()> {
    let metadata = serde_json::to_string(&client.metadata)
        .map_err(|error| StoreError::Database(format!("a client's metadata: {error}")))?;
    rows::change(
        db,
        sql,
        params![
            client.id.as_str(),
            metadata,
            client.issued_at.as_unix(),
            client.expires_at.map(Timestamp::as_unix),
            client.origin.as_str()
        ],
    )
    .map(drop)
}

fn client(row: &dyn Row) -> Result<Client> {
    let metadata = serde_json::from_str(rows::text(row, 1)?)
        .map_err(|error| StoreError::Corrupt(format!("a client's metadata: {error}")))?;
    Ok(Client {
        id: ClientId::new(rows::text(row, 0)?),
        metadata,
        issued_at: rows::moment(row, 2)?,
        expires_at: rows::moment_if_any(row, 3)?,
        origin: {
            let word = rows::text(row, 4)?;
            ClientOrigin::from_word(word).ok_or_else(|| rows::unexpected(word))?
        },
    })
}
