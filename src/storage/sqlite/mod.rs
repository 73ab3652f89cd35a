//! [`Store`](super::Store) on SQLite: one file in WAL mode, one thread that writes, a few that read.
//!
//! The writer commits the work of all callers that wait together, and answers each only when that is
//! on the disk (`synchronous=FULL`). Readers see whatever was answered before they were asked. What a
//! statement does stands in `sql`; this room says which thread it runs on.

mod backup;
mod copy;
mod db;
mod schema;
#[cfg(test)]
mod tests;
mod worker;

use std::path::Path;
use std::sync::Arc;

pub(super) use self::copy::Alone;
use self::worker::{Pool, Worker};
use super::Result;
use super::counts::Counts;
use super::sql::{Backend, Db};
use crate::metrics::Metrics;

/// More lookup threads than this gain nothing: one answers over 100,000 lookups a second.
const MOST_READERS: usize = 4;

/// A database file.
///
/// A call whose future is dropped may still be carried out. Dropping the store waits until the
/// writer has done what it was given.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the writer is the last to close the file, and leaves no log beside it.
    lookups: Pool,
    lists: Worker,
    writer: Worker,
    counts: Arc<Counts>,
}

impl SqliteStore {
    /// Opens the file at `path`, and makes it (readable by its owner alone) if there is none. Brings
    /// its schema up to date.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let writer = schema::open_to_write(path)?;
        let counts = Arc::default();
        let readers = std::thread::available_parallelism().map_or(1, usize::from);
        let lookups = (0..readers.min(MOST_READERS))
            .map(|_| Worker::reader("sqlite-lookups", schema::open_to_read(path)?, &counts))
            .collect::<Result<_>>()?;
        Ok(Self {
            lookups: Pool::new(lookups),
            lists: Worker::reader("sqlite-lists", schema::open_to_read(path)?, &counts)?,
            writer: Worker::writer("sqlite-writer", writer, &counts)?,
            counts,
        })
    }

    /// Copies the database file `database`, used by whom it may be, to the new file `to`: all that was
    /// answered before, readable by the file's owner alone. Blocks as long as that takes.
    ///
    /// # Errors
    /// There is no such database, something stands at `to` already, or it cannot be written; then
    /// nothing stands there that was not there before.
    pub fn back_up(database: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        backup::copy(database.as_ref(), to.as_ref())
    }

    /// How often the writer has committed. Many callers share one commit.
    pub fn commits(&self) -> u64 {
        self.counts.commit_seconds.get_sample_count()
    }
}

impl Backend for SqliteStore {
    async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.lookups.run(move |db| work(db)).await
    }

    async fn list<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.lists.run(move |db| work(db)).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.writer.run(move |db| work(db)).await
    }

    async fn write_own<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.write(work).await
    }

    async fn once<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.write(work).await
    }

    async fn shut(&self) {
        self.lookups.close().await;
        self.lists.close().await;
        self.writer.close().await;
    }

    fn counted(&self) -> &Metrics {
        &self.counts.metrics
    }
}
