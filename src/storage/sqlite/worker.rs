//! The threads that hold the connections, and how work gets to them and answers back.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::storage::counts::Counts;
use crate::storage::{Result, StoreError};

/// Callers who find this many jobs waiting wait to hand theirs over.
const QUEUE: usize = 1024;
/// The most jobs that are carried out in one transaction.
const BATCH: usize = 256;

/// Something to do with a connection, and somebody who waits for what comes of it.
trait Job: Send {
    /// Does it. An error is the job's own: what it has written must be undone.
    fn run(&mut self, db: &Connection) -> std::result::Result<(), String>;

    /// Tells what came of it; or of all the jobs of its transaction, if that failed.
    fn answer(self: Box<Self>, failure: Option<&str>);
}

enum Message {
    Work(Box<dyn Job>),
    Close,
}

struct Work<T, F> {
    work: Option<F>,
    outcome: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Job for Work<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T> + Send,
{
    fn run(&mut self, db: &Connection) -> std::result::Result<(), String> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        // A job that panics is a bug of its own and must not take the store down with it: what it
        // wrote is rolled back, and no statement outlives it.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(db))).unwrap_or_else(|_| {
            Err(StoreError::Database(
                "this request panicked; nothing of it was stored".to_owned(),
            ))
        });
        let result = outcome.as_ref().map(drop).map_err(ToString::to_string);
        self.outcome = Some(outcome);
        result
    }

    fn answer(self: Box<Self>, failure: Option<&str>) {
        let outcome = match (failure, self.outcome) {
            (Some(failure), _) => Err(StoreError::Database(failure.to_owned())),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(StoreError::Closed),
        };
        // Whoever asked may have left.
        let _ = self.reply.send(outcome);
    }
}

/// A thread with a connection and a queue.
#[derive(Debug)]
pub(super) struct Worker {
    /// Taken when the worker is dropped.
    queue: Option<mpsc::Sender<Message>>,
    /// Taken by the one who waits for its end.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Worker {
    /// Carries out jobs that only read.
    pub(super) fn reader(name: &str, db: Connection, counts: &Arc<Counts>) -> Result<Self> {
        Self::start(name, db, counts, read_together)
    }

    /// Carries out jobs that write.
    pub(super) fn writer(name: &str, db: Connection, counts: &Arc<Counts>) -> Result<Self> {
        Self::start(name, db, counts, write_together)
    }

    fn start(
        name: &str,
        db: Connection,
        counts: &Arc<Counts>,
        carry_out: impl Fn(&Connection, VecDeque<Box<dyn Job>>, &Counts) + Send + 'static,
    ) -> Result<Self> {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let counts = Arc::clone(counts);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut messages = Vec::with_capacity(BATCH);
                while waiting.blocking_recv_many(&mut messages, BATCH) > 0 {
                    let mut jobs = VecDeque::with_capacity(messages.len());
                    for message in messages.drain(..) {
                        match message {
                            Message::Work(job) => jobs.push_back(job),
                            // What is in the queue is still done.
                            Message::Close => waiting.close(),
                        }
                    }
                    if !jobs.is_empty() {
                        carry_out(&db, jobs, &counts);
                    }
                }
            })
            .map_err(|error| StoreError::Database(format!("no thread for it: {error}")))?;
        Ok(Self {
            queue: Some(queue),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Has `work` done and waits for what comes of it; if it writes, until that is durable.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(Work {
            work: Some(work),
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

    /// Lets it finish its queue, and waits for that.
    pub(super) async fn close(&self) {
        if let Some(queue) = &self.queue {
            // An error says that it was closed before.
            let _ = queue.send(Message::Close).await;
        }
        if let Some(thread) = self.take_thread() {
            let _ = tokio::task::spawn_blocking(move || join(thread)).await;
        }
    }

    fn take_thread(&self) -> Option<JoinHandle<()>> {
        self.thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.take_thread() {
            join(thread);
        }
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a thread of the database panicked");
    }
}

/// Workers that take turns.
#[derive(Debug)]
pub(super) struct Pool {
    workers: Vec<Worker>,
    turn: AtomicUsize,
}

impl Pool {
    /// A pool of at least one.
    pub(super) fn new(workers: Vec<Worker>) -> Self {
        Self {
            workers,
            turn: AtomicUsize::new(0),
        }
    }

    /// Has one of them do it.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.workers.len();
        self.workers[turn].run(work).await
    }

    /// Closes them all.
    pub(super) async fn close(&self) {
        for worker in &self.workers {
            worker.close().await;
        }
    }
}

/// One snapshot serves all that wait: it is younger than each of their questions, so everyone sees
/// what was answered to them before.
fn read_together(db: &Connection, jobs: VecDeque<Box<dyn Job>>, counts: &Counts) {
    let _time = counts.read_seconds.start_timer();
    let begun = execute(db, "BEGIN").map_err(|error| error.to_string());
    for mut job in jobs {
        if begun.is_ok() {
            // Its own error is in its answer.
            let _ = job.run(db);
        }
        job.answer(begun.as_ref().err().map(String::as_str));
    }
    if !db.is_autocommit()
        && let Err(error) = execute(db, "ROLLBACK")
    {
        tracing::error!(%error, "the database would not end a reading transaction");
    }
}

/// Does all the jobs in one transaction and answers when it is durable. A job that fails undoes only
/// itself; if the transaction fails, all do.
fn write_together(db: &Connection, mut jobs: VecDeque<Box<dyn Job>>, counts: &Counts) {
    let since = Instant::now();
    let failure = commit(db, &mut jobs).err();
    match &failure {
        None => {
            counts.commit_seconds.observe(since.elapsed().as_secs_f64());
            counts.commit_jobs.observe(jobs.len() as f64);
        }
        Some(error) => {
            counts.failures.inc();
            tracing::error!(%error, jobs = jobs.len(), "the database could not write");
            // SQLite has ended it by itself after some errors, a full disk among them.
            if !db.is_autocommit()
                && let Err(error) = execute(db, "ROLLBACK")
            {
                tracing::error!(%error, "the database would not roll back");
            }
        }
    }
    for job in jobs {
        job.answer(failure.as_deref());
    }
}

fn commit(db: &Connection, jobs: &mut VecDeque<Box<dyn Job>>) -> std::result::Result<(), String> {
    let step = |sql| execute(db, sql).map_err(|error| error.to_string());
    step("BEGIN IMMEDIATE")?;
    for job in jobs {
        step("SAVEPOINT job")?;
        if let Err(cause) = job.run(db) {
            // If that fails, the transaction is gone, and the job's error is the reason.
            step("ROLLBACK TO job").map_err(|_| cause)?;
        }
        step("RELEASE job")?;
    }
    step("COMMIT")
}

fn execute(db: &Connection, sql: &str) -> rusqlite::Result<()> {
    db.prepare_cached(sql)?.execute([]).map(drop)
}
