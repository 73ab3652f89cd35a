//! A copy of the file while it is in use.

use std::fs::File;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};
use tempfile::NamedTempFile;

use super::schema::BUSY_TIMEOUT;
use crate::storage::{Result, StoreError};

/// One reading transaction sees the whole file as it was at one moment, and keeps nobody from writing
/// meanwhile; what has been deleted is not copied. The copy gets its name when it is on the disk.
pub(super) fn copy(database: &Path, to: &Path) -> Result<()> {
    let named = |path: &Path, error: &dyn std::fmt::Display| {
        StoreError::Database(format!("{}: {error}", path.display()))
    };
    if to.symlink_metadata().is_ok() {
        return Err(named(to, &"is there already and stays as it is"));
    }
    let folder = match to.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // no SQLITE_OPEN_CREATE: what is not there has no copy
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db =
        Connection::open_with_flags(database, flags).map_err(|error| named(database, &error))?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    // readable by its owner alone, and gone again if anything fails
    let copy = NamedTempFile::new_in(folder).map_err(|error| named(to, &error))?;
    let name = copy
        .path()
        .to_str()
        .ok_or_else(|| named(to, &"is no UTF-8"))?;
    db.execute("VACUUM INTO ?1", [name])
        .map_err(|error| named(database, &error))?;
    copy.as_file()
        .sync_all()
        .map_err(|error| named(to, &error))?;
    copy.persist_noclobber(to)
        .map_err(|error| named(to, &error.error))?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| named(to, &error))
}
