//! Brakes for whoever comes from outside: they count for all processes on a database. Each looks into its own
//! memory first, which knows of this process's tries alone: whom it holds back costs the database nothing.
//! Where one process has the database to itself, its memory is all there is.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use super::OauthError;
use crate::clock::Timestamp;
use crate::limits::{Brake, RetryAfter};
use crate::metrics::Counter;
use crate::secrets::{TokenHash, mac};
use crate::storage::{Store, StoreError, Try};

/// Why there is no try.
#[derive(Debug)]
pub(super) enum Held {
    /// They are used up.
    TooMany(RetryAfter),
    /// It could not be counted: what is not counted is not to be had.
    Unavailable(StoreError),
}

impl Held {
    /// For a client; `what` is the sentence's beginning.
    pub(super) fn told(self, what: &str) -> OauthError {
        match self {
            Self::TooMany(wait) => OauthError::too_many(wait, what),
            Self::Unavailable(error) => error.into(),
        }
    }
}

/// What brakes of all processes stand on.
#[derive(Clone)]
pub(super) struct Together {
    store: Arc<dyn Store>,
    /// Whoever reads the table alone learns no address and no name.
    key: [u8; 32],
}

impl Together {
    pub(super) fn new(store: Arc<dyn Store>, key: [u8; 32]) -> Self {
        Self { store, key }
    }

    /// The brake of that name: `burst` tries at once, and then one each `refill_every`. All processes must say
    /// the same. `hits` counts whom it holds back.
    pub(super) fn brake<K: Clone + Eq + Hash + Ord + fmt::Display>(
        &self,
        name: &'static str,
        burst: u32,
        refill_every: Duration,
        hits: &Counter,
    ) -> SharedBrake<K> {
        SharedBrake {
            name,
            memory: Brake::new(burst, refill_every),
            together: self.clone(),
            hits: hits.clone(),
        }
    }
}

/// See [`Brake`].
pub(super) struct SharedBrake<K> {
    name: &'static str,
    memory: Brake<K>,
    together: Together,
    hits: Counter,
}

impl<K: Clone + Eq + Hash + Ord + fmt::Display> SharedBrake<K> {
    /// Takes a try, if one is left, whichever process the others were taken at.
    pub(super) async fn take(&self, key: &K, now: Timestamp) -> Result<(), Held> {
        self.take_many(key, 1, now).await
    }

    /// Takes as many at once, or none.
    pub(super) async fn take_many(&self, key: &K, tries: u32, now: Timestamp) -> Result<(), Held> {
        let tally = self.together.store.tally();
        if tally.is_some() {
            // The database holds it as well, and lets go of it for all processes at once.
            self.memory.forget_if_set_back(key, now);
        }
        let taken = self.memory.take_many(key, tries, now);
        taken.map_err(|wait| self.too_many(wait))?;
        let Some(tally) = tally else {
            return Ok(());
        };
        let held = match tally.take_try(self.tries(key, tries), now).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(wait)) => self.too_many(RetryAfter(wait)),
            Err(error) => Held::Unavailable(error),
        };
        self.memory.give_back_many(key, tries, now);
        Err(held)
    }

    /// Gives a try back that was taken: the answer was good.
    pub(super) async fn give_back(&self, key: &K, now: Timestamp) {
        self.give_back_many(key, 1, now).await;
    }

    /// Gives as many back.
    pub(super) async fn give_back_many(&self, key: &K, tries: u32, now: Timestamp) {
        self.memory.give_back_many(key, tries, now);
        if let Some(tally) = self.together.store.tally()
            && let Err(error) = tally.give_try_back(self.tries(key, tries), now).await
        {
            // it comes back by itself
            tracing::warn!(%error, brake = self.name, "a try could not be given back");
        }
    }

    fn too_many(&self, wait: RetryAfter) -> Held {
        self.hits.inc();
        Held::TooMany(wait)
    }

    fn tries(&self, key: &K, tries: u32) -> Try {
        let key = key.to_string();
        let parts = [b"try".as_slice(), self.name.as_bytes(), key.as_bytes()];
        Try {
            brake: self.name,
            key: TokenHash::from_bytes(mac(&self.together.key, &parts)),
            costs: self.memory.one_back().saturating_mul(tries),
            burst: self.memory.all_back(),
        }
    }
}
