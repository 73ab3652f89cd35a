//! The threads that hold the connections, and how work gets to them and answers back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{Mutex as Turn, mpsc, oneshot};
use tokio::time::sleep;

use super::changes::Noted;
use super::counts::Counts;
use super::db::Transaction;
use super::failure::Failure;
use super::session::{Server, Session, runtime};
use super::{PATIENCE, schema};
use crate::storage::sql::Db;
use crate::storage::{Result, StoreError};

/// Callers who find this many jobs waiting wait to hand theirs over.
const QUEUE: usize = 1024;
/// How often a table may refuse a row before it is believed.
const REFUSALS: u32 = 3;
/// The longest pause before something is tried again.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What an operation needs of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: it is one statement that reads.
    LookUp,
    /// To see everything as it was at one moment.
    List,
    /// To be alone.
    Write,
    /// To be alone with the rows that it writes.
    WriteOwn,
    /// Nothing: it is one statement that writes.
    Once,
}

impl Kind {
    fn begin(self) -> Option<&'static str> {
        match self {
            Self::LookUp | Self::Once => None,
            Self::List => Some("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
            Self::Write => Some("BEGIN ISOLATION LEVEL SERIALIZABLE"),
            Self::WriteOwn => Some("BEGIN ISOLATION LEVEL REPEATABLE READ"),
        }
    }
}

/// Something to do within a transaction, and somebody who waits for what comes of it.
trait Job: Send {
    fn kind(&self) -> Kind;

    /// When it was asked for.
    fn since(&self) -> Instant;

    /// Does it, for the first time or again. An error is the job's own: what it has written must be undone.
    fn run(&mut self, db: &dyn Db) -> bool;

    /// Tells what came of it; or what it failed by.
    fn answer(self: Box<Self>, failure: Option<StoreError>);
}

enum Message {
    Work(Box<dyn Job>),
    Close,
}

struct Work<T, F> {
    kind: Kind,
    since: Instant,
    work: F,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: Fn(&dyn Db) -> Result<T> + Send,
{
    fn kind(&self) -> Kind {
        self.kind
    }

    fn since(&self) -> Instant {
        self.since
    }

    fn run(&mut self, db: &dyn Db) -> bool {
        // A job that panics is a bug of its own and must not take its thread down.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(db))).unwrap_or_else(|_| {
            Err(StoreError::Database(
                "this request panicked; nothing of it was stored".to_owned(),
            ))
        });
        self.outcome.insert(outcome).is_ok()
    }

    fn answer(self: Box<Self>, failure: Option<StoreError>) {
        let outcome = match (failure, self.outcome) {
            (Some(failure), _) => Err(failure),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(StoreError::Closed),
        };
        // Whoever asked may have left.
        let _ = self.reply.send(outcome);
    }
}

/// Threads that take their work from one queue.
#[derive(Debug)]
pub(super) struct Pool {
    /// Taken when the pool is dropped.
    queue: Option<mpsc::Sender<Message>>,
    /// Taken by the one who waits for their end.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

type Waiting = Arc<Turn<mpsc::Receiver<Message>>>;

impl Pool {
    /// Starts so many threads. The first one logs in and brings the schema up to date before anything is
    /// done.
    pub(super) async fn start(
        connections: usize,
        server: &Arc<Server>,
        noted: &Arc<Noted>,
        counts: &Arc<Counts>,
    ) -> Result<Self> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let waiting = Arc::new(Turn::new(waiting));
        let mut pool = Self {
            queue: Some(queue),
            threads: Mutex::default(),
        };
        let (ready, is_ready) = oneshot::channel();
        let mut ready = Some(ready);
        for no in 0..connections.max(1) {
            let mut thread = Thread {
                runtime: runtime()?,
                session: None,
                server: Arc::clone(server),
                noted: Arc::clone(noted),
                counts: Arc::clone(counts),
            };
            let (waiting, ready) = (Arc::clone(&waiting), ready.take());
            let thread = std::thread::Builder::new()
                .name(format!("postgres-{no}"))
                .spawn(move || {
                    if let Some(ready) = ready {
                        let prepared = thread.prepare();
                        let go_on = prepared.is_ok();
                        if ready.send(prepared).is_err() || !go_on {
                            return;
                        }
                    }
                    thread.work_off(&waiting);
                })
                .map_err(|error| StoreError::Database(format!("no thread for it: {error}")))?;
            let threads = pool.threads.get_mut();
            threads.unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        is_ready.await.map_err(|_| StoreError::Closed)??;
        Ok(pool)
    }

    /// Has `work` done and waits for what comes of it; if it writes, until that is durable.
    pub(super) async fn run<T, F>(&self, kind: Kind, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&dyn Db) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work {
            kind,
            since: Instant::now(),
            work,
            outcome: None,
            reply,
        });
        let queue = self.queue.as_ref().ok_or(StoreError::Closed)?;
        queue
            .send(Message::Work(job))
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Lets them finish the queue, and waits for that.
    pub(super) async fn close(&self) {
        if let Some(queue) = &self.queue {
            // An error says that it was closed before.
            let _ = queue.send(Message::Close).await;
        }
        let threads = self.take_threads();
        let _ = tokio::task::spawn_blocking(move || join(threads)).await;
    }

    fn take_threads(&self) -> Vec<JoinHandle<()>> {
        let threads = self.threads.lock();
        std::mem::take(&mut *threads.unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue = None;
        join(self.take_threads());
    }
}

fn join(threads: Vec<JoinHandle<()>>) {
    for thread in threads {
        if thread.join().is_err() {
            tracing::error!("a thread of the database panicked");
        }
    }
}

/// A thread and its connection.
struct Thread {
    runtime: Runtime,
    session: Option<Session>,
    server: Arc<Server>,
    noted: Arc<Noted>,
    counts: Arc<Counts>,
}

impl Thread {
    fn prepare(&mut self) -> Result<()> {
        let session = self.session().map_err(|error| self.server.failed(&error))?;
        let session = self.session.insert(session);
        let client = &session.client;
        let migrated = self.runtime.block_on(async {
            schema::refuse_unfinished(client).await?;
            schema::migrate(client).await
        });
        migrated.map_err(|error| error.named(&self.server))
    }

    fn session(&self) -> std::result::Result<Session, Failure> {
        let session = self.runtime.block_on(Session::open(&self.server))?;
        self.counts.connections.inc();
        Ok(session)
    }

    /// Works until the queue is closed and empty. Waiting for work carries the connection on, too.
    fn work_off(mut self, waiting: &Waiting) {
        loop {
            let message = self.runtime.block_on(async {
                let mut waiting = waiting.lock().await;
                let message = waiting.recv().await;
                if matches!(message, Some(Message::Close)) {
                    // What is in the queue is still done.
                    waiting.close();
                }
                message
            });
            match message {
                Some(Message::Work(job)) => self.carry_out(job),
                Some(Message::Close) => {}
                None => break,
            }
        }
    }

    fn carry_out(&mut self, mut job: Box<dyn Job>) {
        let since = Instant::now();
        let mut tries = 0;
        let failure = loop {
            tries += 1;
            let Err(failure) = self.attempt(job.as_mut()) else {
                break None;
            };
            match &failure {
                Failure::Conflict(_) => self.counts.conflicts.inc(),
                Failure::Refused(_) if tries < REFUSALS => self.counts.conflicts.inc(),
                Failure::Refused(_) | Failure::Final(_) => break Some(failure),
                Failure::Lost(_) => self.session = None,
                Failure::Unknown(_) => {
                    self.session = None;
                    break Some(failure);
                }
            }
            if job.since().elapsed() > PATIENCE {
                break Some(failure);
            }
            // A connection that was lost while it lay idle costs no pause.
            if tries > 1 || !matches!(failure, Failure::Lost(_)) {
                let pause = Duration::from_millis(1 << tries.min(9)).min(LONGEST_PAUSE);
                self.runtime.block_on(async { sleep(pause).await });
            }
        };
        let seconds = since.elapsed().as_secs_f64();
        match (&failure, job.kind()) {
            (None, Kind::Write | Kind::WriteOwn | Kind::Once) => {
                self.counts.all.commit_seconds.observe(seconds);
            }
            (None, _) => self.counts.all.read_seconds.observe(seconds),
            (Some(failure), _) => {
                self.counts.all.failures.inc();
                tracing::error!(error = %failure.text(), tries, "the database failed");
            }
        }
        job.answer(failure.map(|failure| self.server.failed(&failure)));
    }

    /// One transaction. Without a failure of the database, what came of it is in the job.
    fn attempt(&mut self, job: &mut dyn Job) -> std::result::Result<(), Failure> {
        if self
            .session
            .as_ref()
            .is_none_or(|session| session.client.is_closed())
        {
            self.session = Some(self.session()?);
        }
        let Some(session) = &self.session else {
            return Ok(());
        };
        let transaction = Transaction::new(&self.runtime, session, job.kind().begin());
        let is_good = job.run(&transaction);
        let failure = match transaction.failure() {
            None if is_good => {
                let committed = transaction.commit();
                // Also where nobody knows whether it is.
                if transaction.has_noted() {
                    self.noted.tell();
                }
                return committed;
            }
            failure => failure,
        };
        if !transaction.undo() {
            self.session = None;
        }
        failure.map_or(Ok(()), Err)
    }
}
