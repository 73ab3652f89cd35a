//! Hearing what other processes change: so that nothing is answered from memory that another one has taken
//! back, and what is to be done by one process is done by one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::Provider;
use super::cache::Trust;
use crate::storage::{Change, Changes, News, StoreError};

/// How often is read what has changed, if nothing says that something has.
const READ_EVERY: Duration = Duration::from_millis(250);
/// What comes within this time is read together.
const GATHER: Duration = Duration::from_millis(10);
/// For how long what is in memory is believed, from when the last reading began.
const BELIEVED: Duration = Duration::from_secs(1);
/// How long anybody waits to have heard all.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far this process has heard of all.
pub(super) struct Hearing {
    trust: Arc<Heard>,
    leads: AtomicBool,
    /// Somebody waits for the next reading.
    asked: Notify,
    as_of: watch::Sender<Instant>,
}

impl Hearing {
    /// `is_shared`: there may be other processes.
    pub(super) fn new(is_shared: bool) -> Self {
        Self {
            trust: Arc::new(Heard {
                began: Instant::now(),
                until: AtomicU64::new(if is_shared { 0 } else { ALWAYS }),
            }),
            leads: AtomicBool::new(!is_shared),
            asked: Notify::new(),
            as_of: watch::Sender::new(Instant::now()),
        }
    }

    /// Whether what is in memory may be believed just now.
    pub(super) fn trust(&self) -> Arc<dyn Trust> {
        Arc::clone(&self.trust) as _
    }

    fn heard(&self, news: &News) {
        self.leads.store(news.leads, Ordering::Release);
        self.trust.until(news.as_of + BELIEVED);
        self.as_of.send_replace(news.as_of);
    }
}

/// Until when what is in memory may be believed.
struct Heard {
    began: Instant,
    /// Milliseconds from `began` on.
    until: AtomicU64,
}

/// For a process that has the database to itself.
const ALWAYS: u64 = u64::MAX;

impl Heard {
    fn until(&self, at: Instant) {
        let until = at.saturating_duration_since(self.began).as_millis();
        let until = u64::try_from(until).unwrap_or(ALWAYS - 1);
        self.until.store(until, Ordering::Release);
    }
}

impl Trust for Heard {
    fn is_given(&self) -> bool {
        match self.until.load(Ordering::Acquire) {
            ALWAYS => true,
            until => self.began.elapsed().as_millis() < u128::from(until),
        }
    }
}

impl Provider {
    /// Hears what other processes change until `stop` turns true. Nothing, where there are none.
    pub async fn follow_changes(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let Some(mut changes) = self.store.changes() else {
            return;
        };
        let (mut is_well, mut has_other_keys) = (true, false);
        loop {
            let heard = tokio::select! {
                heard = self.hear(changes.as_mut(), &mut has_other_keys) => heard,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match heard {
                Ok(()) => is_well = true,
                // once, and not four times a second
                Err(error) if std::mem::replace(&mut is_well, false) => {
                    tracing::error!(
                        error,
                        "what other processes change cannot be heard: nothing is answered from memory until it is"
                    );
                }
                Err(_) => {}
            }
            let is_told = tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = changes.told(), if is_well => true,
                () = self.hearing.asked.notified(), if is_well => false,
                () = sleep(READ_EVERY) => false,
            };
            if is_told {
                sleep(GATHER).await;
            }
        }
    }

    /// `has_other_keys` stays until they could be read.
    async fn hear(
        &self,
        changes: &mut dyn Changes,
        has_other_keys: &mut bool,
    ) -> Result<(), String> {
        let news = changes.read().await.map_err(|error| error.to_string())?;
        if news.missed {
            self.tokens.invalidate_all();
            self.clients.invalidate_all();
            self.account_changes.advance_all();
        }
        *has_other_keys |= news.missed;
        for change in &news.changes {
            match change {
                Change::Token(hash) => self.tokens.invalidate(hash),
                Change::Client(id) => self.clients.invalidate(id),
                Change::Account(account) => self.account_changes.advance(account),
                Change::Keys => *has_other_keys = true,
            }
        }
        self.hearing.heard(&news);
        if *has_other_keys {
            let read = self.keys.reload().await;
            read.map_err(|error| error.to_string())?;
            *has_other_keys = false;
        }
        Ok(())
    }

    /// Whether what others change is heard just now.
    pub(super) fn hears(&self) -> bool {
        self.hearing.trust.is_given()
    }

    /// Waits until all has been heard that was committed before this was called.
    pub(super) async fn hear_all(&self) -> Result<(), StoreError> {
        if !self.is_shared {
            return Ok(());
        }
        let now = Instant::now();
        let mut as_of = self.hearing.as_of.subscribe();
        self.hearing.asked.notify_one();
        match timeout(PATIENCE, as_of.wait_for(|as_of| *as_of >= now)).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(StoreError::Database(
                "what other processes have changed could not be heard in time".to_owned(),
            )),
        }
    }

    /// Whether this process does what is to be done by one, just now.
    pub fn leads(&self) -> bool {
        self.hearing.leads.load(Ordering::Acquire) && self.hears()
    }
}
