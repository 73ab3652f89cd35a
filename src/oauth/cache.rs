//! A cache that never answers for what has been taken back, and takes no lock to answer.
//!
//! Each entry remembers the epoch of its key's shard at the time the store was *about* to be read. An
//! invalidation, made after the store has committed, moves the shard's epoch on, so an entry that was
//! read before it can never be answered after it, however the two were interleaved.
//!
//! Where other processes change the store, too, it answers only while what they change is heard ([`Trust`]).

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::metrics::Counter;

const SHARDS: usize = 4096;

/// The epoch of a key's shard, taken before the store is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Epoch(u64);

/// Says whether what is in memory may be answered with.
pub(crate) trait Trust: Send + Sync {
    /// Asked each time: it takes no lock.
    fn is_given(&self) -> bool;
}

struct Entry<V> {
    epoch: Epoch,
    value: Arc<V>,
    touched: AtomicBool,
}

/// Counts the changes to whatever keys stand for, shard by shard.
pub(crate) struct Epochs {
    shards: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for Epochs {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| AtomicU64::new(0)).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Epochs {
    fn shard(&self, key: &impl Hash) -> &AtomicU64 {
        let hash = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        &self.shards[hash]
    }

    /// Where the key's shard stands.
    pub(crate) fn of(&self, key: &impl Hash) -> Epoch {
        Epoch(self.shard(key).load(Ordering::SeqCst))
    }

    /// What was read before counts no more.
    pub(crate) fn advance(&self, key: &impl Hash) {
        self.shard(key).fetch_add(1, Ordering::SeqCst);
    }

    /// The same for all keys.
    pub(crate) fn advance_all(&self) {
        for shard in &self.shards {
            shard.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// At most `capacity` values, those not asked for since the last sweep go first.
pub(crate) struct EpochCache<K, V> {
    epochs: Epochs,
    entries: papaya::HashMap<K, Entry<V>, RandomState>,
    capacity: usize,
    made_room: Counter,
    trust: Arc<dyn Trust>,
    sweeping: AtomicBool,
}

impl<K: Hash + Eq + Clone, V> EpochCache<K, V> {
    pub(crate) fn new(capacity: usize, made_room: Counter, trust: Arc<dyn Trust>) -> Self {
        Self {
            epochs: Epochs::default(),
            entries: papaya::HashMap::new(),
            capacity: capacity.max(1),
            made_room,
            trust,
            sweeping: AtomicBool::new(false),
        }
    }

    /// To be taken before the store is read for `key`.
    pub(crate) fn epoch(&self, key: &K) -> Epoch {
        self.epochs.of(key)
    }

    /// The cached value, unless it has been invalidated since it was read, or could have been unheard.
    pub(crate) fn get(&self, key: &K) -> Option<Arc<V>> {
        if !self.trust.is_given() {
            return None;
        }
        let entries = self.entries.pin();
        let entry = entries.get(key)?;
        if entry.epoch != self.epoch(key) {
            return None;
        }
        if !entry.touched.load(Ordering::Relaxed) {
            entry.touched.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(&entry.value))
    }

    /// Keeps what was read from the store after `epoch` was taken.
    pub(crate) fn insert(&self, key: K, epoch: Epoch, value: Arc<V>) {
        if epoch != self.epoch(&key) {
            return;
        }
        self.entries.pin().insert(
            key,
            Entry {
                epoch,
                value,
                touched: AtomicBool::new(false),
            },
        );
        if self.entries.len() > self.capacity {
            self.sweep();
        }
    }

    /// To be called after the store has committed a change to what `key` stands for.
    pub(crate) fn invalidate(&self, key: &K) {
        self.epochs.advance(key);
        self.entries.pin().remove(key);
    }

    /// The same for all keys.
    pub(crate) fn invalidate_all(&self) {
        self.epochs.advance_all();
        self.entries.pin().clear();
    }

    /// Second chance: whatever was not touched since the last sweep goes; if that is not enough, so
    /// does the rest until a quarter is free.
    fn sweep(&self) {
        if self.sweeping.swap(true, Ordering::Acquire) {
            return;
        }
        let entries = self.entries.pin();
        let before = entries.len();
        entries.retain(|_, entry| entry.touched.swap(false, Ordering::Relaxed));
        let keep = self.capacity - self.capacity / 4;
        let surplus: Vec<K> = entries
            .keys()
            .take(entries.len().saturating_sub(keep))
            .cloned()
            .collect();
        for key in surplus {
            entries.remove(&key);
        }
        let gone = before.saturating_sub(entries.len());
        self.made_room.inc_by(u64::try_from(gone).unwrap_or(0));
        self.sweeping.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;

    impl Trust for AtomicBool {
        fn is_given(&self) -> bool {
            self.load(Ordering::SeqCst)
        }
    }

    fn cache<V>(capacity: usize) -> (EpochCache<u32, V>, Arc<AtomicBool>) {
        let counter = Metrics::default().limit("cached_tokens");
        let trust = Arc::new(AtomicBool::new(true));
        (
            EpochCache::new(capacity, counter, Arc::clone(&trust) as _),
            trust,
        )
    }

    #[test]
    fn nothing_is_answered_from_memory_while_others_are_not_heard() {
        let (cache, trust) = cache::<&str>(10);
        cache.insert(1, cache.epoch(&1), Arc::new("heard"));
        trust.store(false, Ordering::SeqCst);
        assert_eq!(cache.get(&1), None);
        trust.store(true, Ordering::SeqCst);
        assert_eq!(cache.get(&1).as_deref(), Some(&"heard"));
        let before = cache.epoch(&1);
        cache.invalidate_all();
        assert_eq!(cache.get(&1), None);
        cache.insert(1, before, Arc::new("read before"));
        assert_eq!(cache.get(&1), None);
    }

    #[test]
    fn what_was_read_before_an_invalidation_is_never_answered_after_it() {
        let (cache, _) = cache::<&str>(10);
        let before = cache.epoch(&1);
        cache.invalidate(&1);
        cache.insert(1, before, Arc::new("stale"));
        assert_eq!(cache.get(&1), None);

        let epoch = cache.epoch(&1);
        cache.insert(1, epoch, Arc::new("fresh"));
        assert_eq!(cache.get(&1).as_deref(), Some(&"fresh"));
        cache.invalidate(&1);
        assert_eq!(cache.get(&1), None);
    }

    #[test]
    fn it_never_grows_past_its_capacity_and_keeps_what_is_asked_for() {
        let (cache, _) = cache::<u32>(100);
        cache.insert(0, cache.epoch(&0), Arc::new(0));
        for key in 1..1000 {
            assert!(cache.get(&0).is_some(), "the hot entry was swept at {key}");
            cache.insert(key, cache.epoch(&key), Arc::new(key));
            assert!(cache.entries.len() <= 100);
        }
        let gone = 1000 - u64::try_from(cache.entries.len()).unwrap();
        assert_eq!(cache.made_room.get(), gone);
    }
}
