//! What may be shown once: the names (`jti`) of what clients sign, for as long as it would be good.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::{ErrorCode, OauthError};
use crate::clock::Timestamp;
use crate::metrics::Counter;
use crate::secrets::TokenHash;
use crate::storage::Store;

/// How many are remembered: some tens of megabytes at the most.
const MOST: usize = 200_000;
/// And of one owner, so that none takes the place of all.
const MOST_OF_OWNER: usize = 2_000;

/// What was shown: in memory, and where several processes share a database, there too.
///
/// A process that has its database to itself forgets it when it ends, which keeps all logins off the disk:
/// whoever would use that must have got hold of something signed, within the minutes that it lives for, and
/// of a restart. With several processes there is always another one to show it to, and no need of a restart.
pub(super) struct Seen {
    kind: &'static str,
    memory: Mutex<Names>,
    store: Arc<dyn Store>,
    /// How often there was no room.
    full: Counter,
}

#[derive(Default)]
struct Names {
    known: HashSet<TokenHash>,
    /// Each with its owner.
    by_end: BTreeMap<(i64, TokenHash), TokenHash>,
    of_owner: HashMap<TokenHash, usize>,
}

/// Too much is remembered already, of one owner or of all: rather than to forget one, no more is taken.
#[derive(Debug)]
struct Full;

impl Seen {
    /// For what is of this kind.
    pub(super) fn new(kind: &'static str, store: Arc<dyn Store>, full: &Counter) -> Self {
        Self {
            kind,
            memory: Mutex::default(),
            store,
            full: full.clone(),
        }
    }

    /// Remembers that `owner` showed `name`, which is good until `until`. `false` if it had been shown, to
    /// whichever process.
    ///
    /// # Errors
    /// Too much is remembered already; or the database failed, and it is not known.
    pub(super) async fn is_first(
        &self,
        owner: &str,
        name: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, OauthError> {
        if !self.is_first_here(owner, name, until, now)? {
            return Ok(false);
        }
        match self.store.tally() {
            Some(tally) => Ok(tally.show_once(self.hash(owner, name), until, now).await?),
            None => Ok(true),
        }
    }

    /// The same, of what was shown to this process.
    ///
    /// # Errors
    /// Too much is remembered already.
    pub(super) fn is_first_here(
        &self,
        owner: &str,
        name: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, OauthError> {
        let (hash, owner) = (self.hash(owner, name), TokenHash::of(owner));
        let mut names = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        names.is_first(hash, owner, until, now).map_err(|Full| {
            self.full.inc();
            let busy = "very many signed messages come in just now; try again in a minute";
            OauthError::new(ErrorCode::TemporarilyUnavailable, busy)
        })
    }

    fn hash(&self, owner: &str, name: &str) -> TokenHash {
        TokenHash::of(&format!("{}:{}:{owner}{name}", self.kind, owner.len()))
    }
}

impl Names {
    fn is_first(
        &mut self,
        hash: TokenHash,
        owner: TokenHash,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, Full> {
        while let Some(oldest) = self.by_end.first_entry()
            && oldest.key().0 <= now.as_unix()
        {
            let ((_, gone), owner) = oldest.remove_entry();
            self.known.remove(&gone);
            self.forget_one_of(owner);
        }
        if self.known.contains(&hash) {
            return Ok(false);
        }
        let of_owner = self.of_owner.get(&owner).copied().unwrap_or(0);
        if self.known.len() >= MOST || of_owner >= MOST_OF_OWNER {
            return Err(Full);
        }
        self.known.insert(hash);
        self.by_end.insert((until.as_unix(), hash), owner);
        self.of_owner.insert(owner, of_owner + 1);
        Ok(true)
    }

    fn forget_one_of(&mut self, owner: TokenHash) {
        if let Entry::Occupied(mut entry) = self.of_owner.entry(owner) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn show(names: &mut Names, owner: &str, name: &str, now: Timestamp) -> Result<bool, Full> {
        let hash = TokenHash::of(&format!("{owner} {name}"));
        let until = NOW + Duration::from_secs(60);
        names.is_first(hash, TokenHash::of(owner), until, now)
    }

    #[test]
    fn a_name_is_good_once_for_each_owner_until_it_has_expired() {
        let names = &mut Names::default();
        assert!(show(names, "a", "1", NOW).unwrap());
        assert!(!show(names, "a", "1", NOW).unwrap());
        assert!(show(names, "b", "1", NOW).unwrap());
        assert!(show(names, "a", "2", NOW).unwrap());
        assert!(show(names, "a", "1", NOW + Duration::from_secs(60)).unwrap());
    }

    #[test]
    fn one_owner_cannot_fill_the_place_of_all() {
        let names = &mut Names::default();
        for n in 0..MOST_OF_OWNER {
            assert!(show(names, "a", &n.to_string(), NOW).unwrap());
        }
        show(names, "a", "one more", NOW).unwrap_err();
        assert!(show(names, "b", "one", NOW).unwrap());
        let later = NOW + Duration::from_secs(60);
        assert!(show(names, "a", "one more", later).unwrap());
        assert_eq!((names.known.len(), names.of_owner.len()), (1, 1));
    }
}
