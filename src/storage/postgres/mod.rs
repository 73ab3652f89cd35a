//! [`Store`](super::Store) on PostgreSQL: a pool of connections, each with a thread of its own.
//!
//! An operation that writes is one transaction that is `SERIALIZABLE`: it happens as if it were alone,
//! whichever processes work on the database. Where the database finds that two could not have happened one
//! after the other, one of them is done again. It finds that too often where tables are small, since it goes
//! by pages of indices; what is done most is therefore `REPEATABLE READ`, where that is as good: see
//! `Backend::write_own`. What is answered is on the database's disk
//! (`synchronous_commit`), and seen by whoever asks afterwards.
//!
//! A connection that is lost is made anew, and what it certainly had not committed is done again. Where it
//! was lost during a commit nobody knows, and the caller is told that.

mod changes;
mod copy;
mod counts;
mod db;
mod failure;
mod pool;
mod schema;
mod session;

use std::sync::Arc;
use std::time::Duration;

use self::changes::{Follower, Noted};
pub(super) use self::copy::Alone;
use self::counts::Counts;
use self::pool::{Kind, Pool};
use self::session::Server;
use super::sql::{Backend, Db};
use super::{Changes, Result, Tally};
use crate::config::Postgres;
use crate::metrics::Metrics;

/// How long from its call an operation may wait for the database to come back, or be done again.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database of a PostgreSQL server.
///
/// A call whose future is dropped may still be carried out. Dropping the store waits until what it was
/// given has been done.
#[derive(Debug)]
pub struct PostgresStore {
    pool: Pool,
    server: Arc<Server>,
    noted: Arc<Noted>,
    counts: Arc<Counts>,
}

impl PostgresStore {
    /// Logs in, brings the schema up to date, and holds as many connections as the settings say, each made
    /// when it is first needed.
    ///
    /// # Errors
    /// The server cannot be reached, or lets nobody in: which one, and why. Or see [`StoreError::TooNew`](super::StoreError::TooNew).
    pub async fn open(settings: &Postgres) -> Result<Self> {
        let server = Arc::new(Server::new(settings)?);
        let (counts, noted) = (Arc::default(), Arc::default());
        let pool = Pool::start(settings.connections, &server, &noted, &counts).await?;
        Ok(Self {
            pool,
            server,
            noted,
            counts,
        })
    }
}

impl Backend for PostgresStore {
    const IS_SHARED: bool = true;

    async fn look_up<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.pool.run(Kind::LookUp, work).await
    }

    async fn list<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.pool.run(Kind::List, work).await
    }

    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.pool.run(Kind::Write, work).await
    }

    async fn write_own<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.pool.run(Kind::WriteOwn, work).await
    }

    async fn once<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        self.pool.run(Kind::Once, work).await
    }

    fn shared_tally(&self) -> Option<&dyn Tally> {
        Some(self)
    }

    fn follow(&self) -> Option<Box<dyn Changes>> {
        let (server, noted) = (Arc::clone(&self.server), Arc::clone(&self.noted));
        Some(Box::new(Follower::new(server, noted)))
    }

    async fn shut(&self) {
        self.pool.close().await;
    }

    fn counted(&self) -> &Metrics {
        &self.counts.all.metrics
    }
}
