//! The file: how it is opened, its tables, and how older ones become today's.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, TransactionBehavior};

use crate::storage::copy::{PATIENCE, UNFINISHED};
use crate::storage::{Result, StoreError};

/// How long to wait for another process, say a command beside `serve`, to let go of the file.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// More than there are different statements.
const STATEMENTS: usize = 128;
/// Pages that a connection keeps in memory, if it needs them; below zero, in KiB.
const CACHE: i64 = -16 * 1024;
/// The same for one that only reads: what it lacks is in the system's own cache of the file.
const READERS_CACHE: i64 = -2 * 1024;
/// Pages of log after which it is worked into the file. A page that changes often in between is
/// then written there once: 16 MiB of log make rotations twice as fast as the 4 MiB of the default.
const CHECKPOINT: i64 = 4096;
/// The log is cut back to this after a burst.
const LOG_SIZE: i64 = 64 << 20;

/// Each brings the schema from the version of its index to the next. Never change one that was
/// released; add another.
const MIGRATIONS: [&str; 10] = [
    VERSION_1,
    VERSION_2,
    DEVICE_CODES,
    CLIENTS,
    CLAIMS,
    DPOP,
    NOTICES,
    LOGOUTS,
    CHANGES,
    SHARED,
];

/// `no` is a row's short name inside the file. Accounts are two columns, so that a host's stand
/// together. `gone_at` is when a row has served its purpose and may be purged; `NULL` for not yet.
pub(super) const VERSION_1: &str = "
-- A removed client has no metadata.
CREATE TABLE clients (
    no INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL UNIQUE,
    metadata TEXT,
    issued_at INTEGER,
    expires_at INTEGER
) STRICT;
CREATE INDEX tombstones_by_expiry ON clients (expires_at) WHERE metadata IS NULL;

CREATE TABLE codes (
    hash BLOB PRIMARY KEY,
    grant_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    scopes TEXT NOT NULL,
    redirect_uri TEXT,
    challenge_method TEXT,
    challenge TEXT,
    nonce TEXT,
    auth_time INTEGER NOT NULL,
    generation TEXT,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    consumed_at INTEGER,
    gone_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX codes_by_end ON codes (gone_at);
CREATE INDEX codes_by_account ON codes (host, localpart) WHERE consumed_at IS NULL;

-- A grant has one pair of tokens at a time, and its access token stands here. access_scopes: NULL
-- for all of the grant's. unconfirmed: the refresh token of a pair of which nothing has been used
-- yet; predecessor: the one that it was given for, which may be shown again until then. idle_at:
-- when the last token of a grant that opens no sessions expires.
CREATE TABLE grants (
    no INTEGER PRIMARY KEY,
    grant_id TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    client_no INTEGER NOT NULL REFERENCES clients (no),
    client_name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    auth_time INTEGER NOT NULL,
    nonce TEXT,
    generation TEXT,
    ended_at INTEGER,
    end_reason TEXT,
    access_hash BLOB UNIQUE,
    access_scopes TEXT,
    access_issued_at INTEGER,
    access_expires_at INTEGER,
    unconfirmed BLOB,
    predecessor BLOB,
    idle_at INTEGER
) STRICT;
CREATE INDEX grants_by_account ON grants (host, localpart, ended_at);
CREATE INDEX grants_by_client ON grants (client_no);
CREATE INDEX grants_by_end ON grants (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX grants_by_idleness ON grants (idle_at) WHERE idle_at IS NOT NULL;

-- spent_at: when it was exchanged, or when another took its place.
CREATE TABLE refresh_tokens (
    hash BLOB PRIMARY KEY,
    grant_no INTEGER NOT NULL REFERENCES grants (no),
    issued_at INTEGER NOT NULL,
    expires_at INTEGER,
    spent_at INTEGER,
    gone_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_no);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (gone_at) WHERE gone_at IS NOT NULL;

-- What the server has still to be told. It outlives its grant.
CREATE TABLE pending_ends (
    no INTEGER PRIMARY KEY,
    grant_id TEXT NOT NULL UNIQUE,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL
) STRICT;
CREATE INDEX pending_ends_by_host ON pending_ends (host);

CREATE TABLE browser_sessions (
    hash BLOB PRIMARY KEY,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    generation TEXT,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX browser_sessions_by_account ON browser_sessions (host, localpart);
CREATE INDEX browser_sessions_by_end ON browser_sessions (expires_at);

CREATE TABLE signing_keys (
    kid TEXT PRIMARY KEY,
    algorithm TEXT NOT NULL,
    private_key BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE secrets (
    name TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row, for the health check to write.
CREATE TABLE checks (done INTEGER NOT NULL) STRICT;
INSERT INTO checks VALUES (0);
";

/// What people are shown of what they allowed: where from, and when it was last used.
const VERSION_2: &str = "
ALTER TABLE codes ADD COLUMN granted_from TEXT;
ALTER TABLE grants ADD COLUMN granted_from TEXT;
ALTER TABLE grants ADD COLUMN last_used_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE grants ADD COLUMN last_used_from TEXT;
UPDATE grants SET last_used_at = ifnull(access_issued_at, created_at);
ALTER TABLE browser_sessions ADD COLUMN last_seen_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE browser_sessions ADD COLUMN address TEXT;
ALTER TABLE browser_sessions ADD COLUMN user_agent TEXT;
UPDATE browser_sessions SET last_seen_at = auth_time;

-- day: since 1970, of the first that is counted here; grant_id: empty where it is about none.
CREATE TABLE events (
    no INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    day INTEGER NOT NULL,
    kind TEXT NOT NULL,
    grant_id TEXT NOT NULL,
    reason TEXT,
    client_name TEXT,
    at INTEGER NOT NULL,
    address TEXT,
    count INTEGER NOT NULL DEFAULT 1,
    UNIQUE (host, localpart, day, kind, grant_id)
) STRICT;
CREATE INDEX events_by_account ON events (host, localpart, no);
CREATE INDEX events_by_end ON events (at);
";

/// decision: 'approved', 'denied' or none yet. The columns behind it are an approval's.
const DEVICE_CODES: &str = "
CREATE TABLE device_codes (
    hash BLOB PRIMARY KEY,
    user_code BLOB NOT NULL UNIQUE,
    client_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    asked_from TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    decision TEXT,
    grant_id TEXT,
    host TEXT,
    localpart TEXT,
    granted TEXT,
    auth_time INTEGER,
    generation TEXT,
    granted_from TEXT,
    consumed_at INTEGER,
    gone_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX device_codes_by_end ON device_codes (gone_at);
CREATE INDEX device_codes_waiting ON device_codes (gone_at) WHERE consumed_at IS NULL;
CREATE INDEX device_codes_by_account ON device_codes (host, localpart)
    WHERE decision = 'approved' AND consumed_at IS NULL;
";

/// Clients: how they became known; whether a row is there though no grant ever needed it; and when to look
/// at whether it is still needed.
const CLIENTS: &str = "
ALTER TABLE clients ADD COLUMN origin TEXT NOT NULL DEFAULT 'registered';
ALTER TABLE clients ADD COLUMN unused INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clients ADD COLUMN purge_at INTEGER;
UPDATE clients SET purge_at = expires_at WHERE metadata IS NOT NULL;
CREATE INDEX unused_clients ON clients (no) WHERE unused = 1;
CREATE INDEX clients_by_purge ON clients (purge_at) WHERE purge_at IS NOT NULL;
";

/// What the `claims` parameter asked for; `NULL` for nothing.
const CLAIMS: &str = "
ALTER TABLE codes ADD COLUMN id_token_claims TEXT;
ALTER TABLE grants ADD COLUMN id_token_claims TEXT;
";

/// The keys that codes and tokens are bound to, by their thumbprints; `NULL` for none.
const DPOP: &str = "
ALTER TABLE codes ADD COLUMN dpop_jkt TEXT;
ALTER TABLE grants ADD COLUMN access_jkt TEXT;
ALTER TABLE refresh_tokens ADD COLUMN jkt TEXT;
";

/// How often an account was told of something on the last day that it was; and who wants to be told of
/// nothing.
const NOTICES: &str = "
CREATE TABLE notices (
    no INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    kind TEXT NOT NULL,
    day INTEGER NOT NULL,
    count INTEGER NOT NULL,
    UNIQUE (host, localpart, kind)
) STRICT;
CREATE INDEX notices_by_day ON notices (day);
CREATE TABLE unnoticed (
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    PRIMARY KEY (host, localpart)
) STRICT, WITHOUT ROWID;
";

/// Which clients were given something by a browser session whose end they want to hear of; and what they
/// have still to be told. A sid is one client's name for one session.
const LOGOUTS: &str = "
CREATE TABLE sign_ins (
    grant_id TEXT PRIMARY KEY,
    session BLOB NOT NULL,
    client_id TEXT NOT NULL,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    sid TEXT NOT NULL,
    signed_in_at INTEGER NOT NULL,
    gone_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_by_session ON sign_ins (session, sid);
CREATE INDEX sign_ins_by_account ON sign_ins (host, localpart);
CREATE INDEX sign_ins_by_client ON sign_ins (client_id);
CREATE INDEX sign_ins_by_end ON sign_ins (gone_at);
CREATE TABLE pending_logouts (
    sid TEXT PRIMARY KEY,
    client_id TEXT NOT NULL,
    host TEXT NOT NULL,
    localpart TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    round INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX pending_logouts_by_client ON pending_logouts (client_id, tries, sid);
";

/// What several processes have to hear of each other is for databases that several share.
const CHANGES: &str = "";

/// Pushed requests that no browser has brought yet. What several processes count together is, again, for
/// databases that they share.
const SHARED: &str = "
CREATE TABLE pushed_requests (
    hash BLOB PRIMARY KEY,
    client BLOB NOT NULL,
    request TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pushed_requests_by_client ON pushed_requests (client, expires_at);
CREATE INDEX pushed_requests_by_end ON pushed_requests (expires_at);
";

/// Opens or makes the file, for the one connection that writes.
pub(super) fn open_to_write(path: &Path) -> Result<Connection> {
    let named = |error: &dyn std::fmt::Display| {
        StoreError::Database(format!("{}: {error}", path.display()))
    };
    make(path).map_err(|error| named(&error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags).map_err(|error| named(&error))?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    set_up(&db, CACHE).map_err(|error| named(&error))?;
    // Of several that make a new file's log at once, SQLite lets one and has no other wait.
    let until = Instant::now() + BUSY_TIMEOUT;
    let mode = loop {
        match set_up_to_write(&db) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && Instant::now() < until =>
            {
                std::thread::sleep(Duration::from_millis(5));
            }
            set_up => break set_up.map_err(|error| named(&error))?,
        }
    };
    if mode != "wal" {
        return Err(named(
            &"its file system cannot share memory, which WAL needs",
        ));
    }
    refuse_unfinished(&db)?;
    migrate(&mut db)?;
    Ok(db)
}

/// Makes the file if there is none. SQLite would make it readable for all; its log and index take over the
/// file's mode and owner.
pub(super) fn make(path: &Path) -> std::io::Result<()> {
    let is_new = !path.exists();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)?;
    match is_new {
        true => belong_to_folder(&file, path),
        false => Ok(()),
    }
}

/// Answers in which mode its log is then.
pub(super) fn set_up_to_write(db: &Connection) -> rusqlite::Result<String> {
    let mode = db.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    db.pragma_update(None, "synchronous", "full")?;
    db.pragma_update(None, "foreign_keys", true)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT)?;
    db.pragma_update(None, "journal_size_limit", LOG_SIZE)?;
    Ok(mode)
}

/// A file that root makes, by a command before the first `serve`, is for whoever the folder belongs to.
fn belong_to_folder(file: &File, path: &Path) -> std::io::Result<()> {
    let folder = std::path::absolute(path)?;
    let folder = std::fs::metadata(folder.parent().unwrap_or(Path::new("/")))?;
    if file.metadata()?.uid() != 0 || folder.uid() == 0 {
        return Ok(());
    }
    fchown(file, Some(folder.uid()), Some(folder.gid()))
}

/// Opens the file for a connection that only reads. The writing one has been opened before.
pub(super) fn open_to_read(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    set_up(&db, READERS_CACHE)?;
    Ok(db)
}

/// Opens the file for a connection beside which there is no other, of whichever process, as long as it lives.
/// What is there stays as it is.
///
/// # Errors
/// `SQLITE_BUSY`, where there is another.
pub(super) fn open_alone(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(PATIENCE)?;
    // Before anything is read: locks are kept then. With a log, the first reading takes the whole file.
    db.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
    set_up(&db, CACHE)?;
    // Without one, as a backup has none, this does.
    db.execute_batch("BEGIN EXCLUSIVE; COMMIT")?;
    Ok(db)
}

fn set_up(db: &Connection, cache: i64) -> rusqlite::Result<()> {
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // A plan must not hang on the values that are bound, or statements are planned anew each time.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.pragma_update(None, "cache_size", cache)?;
    db.pragma_update(None, "trusted_schema", false)
}

/// Half a database is not to be served.
fn refuse_unfinished(db: &Connection) -> Result<()> {
    let sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?";
    let found: i64 = db.query_row(sql, [UNFINISHED], |row| row.get(0))?;
    if found == 0 {
        return Ok(());
    }
    let sql = format!("SELECT of_database FROM {UNFINISHED}");
    let of = db.query_row(&sql, [], |row| row.get(0)).optional()?;
    Err(StoreError::Unfinished(of.unwrap_or_default()))
}

/// The version that this program brings a schema to.
pub(super) fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The version of what is there; 0 where there is nothing.
pub(super) fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}

pub(super) fn migrate(db: &mut Connection) -> Result<()> {
    let known = known();
    loop {
        // Each in its own transaction that holds the lock from the start: two processes that open
        // the file at once do it once.
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        if found > known {
            return Err(StoreError::TooNew { found, known });
        }
        let Some(migration) = usize::try_from(found)
            .ok()
            .and_then(|at| MIGRATIONS.get(at))
        else {
            return Ok(());
        };
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", found + 1)?;
        transaction.commit()?;
    }
}
