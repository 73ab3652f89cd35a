//! Signing keys and the program's own secrets. They stand in the file as they are: the file is its
//! owner's alone.

use rusqlite::Connection;

use super::rows;
use crate::clock::Timestamp;
use crate::storage::{Result, StoreError, StoredKey};

pub(super) fn list(db: &Connection) -> Result<Vec<StoredKey>> {
    rows::list(
        db,
        "SELECT kid, algorithm, private_key, created_at, retired_at FROM signing_keys
         ORDER BY created_at, kid",
        [],
        |row| {
            Ok(StoredKey {
                kid: row.get(0)?,
                algorithm: row.get(1)?,
                private_key: row.get(2)?,
                created_at: rows::moment(row, 3)?,
                retired_at: rows::moment_if_any(row, 4)?,
            })
        },
    )
}

pub(super) fn add(db: &Connection, key: &StoredKey, now: Timestamp) -> Result<()> {
    rows::change(
        db,
        "UPDATE signing_keys SET retired_at = ? WHERE algorithm = ? AND retired_at IS NULL",
        (now.as_unix(), &key.algorithm),
    )?;
    rows::change(
        db,
        "INSERT INTO signing_keys (kid, algorithm, private_key, created_at, retired_at)
         VALUES (?, ?, ?, ?, ?)",
        (
            &key.kid,
            &key.algorithm,
            &key.private_key,
            key.created_at.as_unix(),
            key.retired_at.map(Timestamp::as_unix),
        ),
    )
    .map(drop)
}

pub(super) fn remove(db: &Connection, kid: &str) -> Result<()> {
    rows::change(db, "DELETE FROM signing_keys WHERE kid = ?", [kid]).map(drop)
}

pub(super) fn secret(db: &Connection, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32]> {
    rows::change(
        db,
        "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        (name, fresh),
    )?;
    rows::find(
        db,
        "SELECT value FROM secrets WHERE name = ?",
        [name],
        |row| Ok(row.get(0)?),
    )?
    .ok_or_else(|| StoreError::Corrupt(format!("the secret {name:?} is gone")))
}
