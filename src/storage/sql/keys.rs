//! Signing keys and the program's own secrets. They stand in the file as they are: the file is its
//! owner's alone.

use super::{Db, params, rows};
use crate::clock::Timestamp;
use crate::storage::{Change, Result, StoreError, StoredKey};

pub(super) fn list(db: &dyn Db) -> Result<Vec<StoredKey>> {
    rows::list(
        db,
        "SELECT kid, algorithm, private_key, created_at, retired_at FROM signing_keys
         ORDER BY created_at, kid",
        params![],
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

pub(super) fn add(db: &dyn Db, key: &StoredKey, now: Timestamp) -> Result<()> {
    rows::change(
        db,
        "UPDATE signing_keys SET retired_at = ? WHERE algorithm = ? AND retired_at IS NULL",
        params![now.as_unix(), &key.algorithm],
    )?;
    rows::change(
        db,
        "INSERT INTO signing_keys (kid, algorithm, private_key, created_at, retired_at)
         VALUES (?, ?, ?, ?, ?)",
        params![
            &key.kid,
            &key.algorithm,
            &key.private_key,
            key.created_at.as_unix(),
            key.retired_at.map(Timestamp::as_unix)
        ],
    )?;
    db.note(&Change::Keys)
}

pub(super) fn replace(
    db: &dyn Db,
    key: &StoredKey,
    in_place_of: Option<&str>,
    now: Timestamp,
) -> Result<bool> {
    // As who signs chooses: the newest.
    let in_use = rows::find(
        db,
        "SELECT kid FROM signing_keys WHERE algorithm = ? AND retired_at IS NULL
         ORDER BY created_at DESC, kid DESC LIMIT 1",
        params![&key.algorithm],
        |row| row.get::<String>(0),
    )?;
    if in_use.as_deref() != in_place_of {
        return Ok(false);
    }
    add(db, key, now)?;
    Ok(true)
}

pub(super) fn remove(db: &dyn Db, kid: &str) -> Result<()> {
    rows::change(db, "DELETE FROM signing_keys WHERE kid = ?", params![kid])?;
    db.note(&Change::Keys)
}

pub(super) fn secret(db: &dyn Db, name: &str, fresh: &[u8; 32]) -> Result<[u8; 32]> {
    rows::change(
        db,
        "INSERT INTO secrets (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING",
        params![name, fresh],
    )?;
    rows::find(
        db,
        "SELECT value FROM secrets WHERE name = ?",
        params![name],
        |row| row.get(0),
    )?
    .ok_or_else(|| StoreError::Corrupt(format!("the secret {name:?} is gone")))
}
