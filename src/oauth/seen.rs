//! What may be shown once: the names (`jti`) of what clients sign, for as long as it would be good.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::{ErrorCode, OauthError};
use crate::clock::Timestamp;
use crate::secrets::TokenHash;

/// How many are remembered: some tens of megabytes at the most.
const MOST: usize = 200_000;
/// And of one owner, so that none takes the place of all.
const MOST_OF_OWNER: usize = 2_000;

/// What was shown, in memory alone: a restart forgets it, and what is signed lives for minutes.
#[derive(Default)]
pub(super) struct Seen(Mutex<Names>);

#[derive(Default)]
struct Names {
    known: HashSet<TokenHash>,
    /// Each with its owner.
    by_end: BTreeMap<(i64, TokenHash), TokenHash>,
    of_owner: HashMap<TokenHash, usize>,
}

impl Seen {
    /// Remembers that `owner` showed `name`, which is good until `until`. `false` if it had been shown.
    ///
    /// # Errors
    /// Too much is remembered already, of this owner or of all: rather than to forget one, no more is taken.
    pub(super) fn is_first(
        &self,
        owner: &str,
        name: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, OauthError> {
        let hash = TokenHash::of(&format!("{}:{owner}{name}", owner.len()));
        let owner = TokenHash::of(owner);
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = names.by_end.first_entry()
            && oldest.key().0 <= now.as_unix()
        {
            let ((_, gone), owner) = oldest.remove_entry();
            names.known.remove(&gone);
            names.forget_one_of(owner);
        }
        if names.known.contains(&hash) {
            return Ok(false);
        }
        let of_owner = names.of_owner.get(&owner).copied().unwrap_or(0);
        if names.known.len() >= MOST || of_owner >= MOST_OF_OWNER {
            let busy = "very many signed messages come in just now; try again in a minute";
            return Err(OauthError::new(ErrorCode::TemporarilyUnavailable, busy));
        }
        names.known.insert(hash);
        names.by_end.insert((until.as_unix(), hash), owner);
        names.of_owner.insert(owner, of_owner + 1);
        Ok(true)
    }
}

impl Names {
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

    #[test]
    fn a_name_is_good_once_for_each_owner_until_it_has_expired() {
        let (seen, now) = (Seen::default(), Timestamp::from_unix(1_800_000_000));
        let until = now + Duration::from_secs(60);
        assert!(seen.is_first("a", "1", until, now).unwrap());
        assert!(!seen.is_first("a", "1", until, now).unwrap());
        assert!(seen.is_first("b", "1", until, now).unwrap());
        assert!(seen.is_first("a", "2", until, now).unwrap());
        assert!(seen.is_first("a", "1", until, until).unwrap());
    }

    #[test]
    fn one_owner_cannot_fill_the_place_of_all() {
        let (seen, now) = (Seen::default(), Timestamp::from_unix(1_800_000_000));
        let until = now + Duration::from_secs(60);
        for n in 0..MOST_OF_OWNER {
            assert!(seen.is_first("a", &n.to_string(), until, now).unwrap());
        }
        let full = seen.is_first("a", "one more", until, now).unwrap_err();
        assert_eq!(full.code, ErrorCode::TemporarilyUnavailable);
        assert!(seen.is_first("b", "one", until, now).unwrap());
        assert!(seen.is_first("a", "one more", until, until).unwrap());
        let names = seen.0.lock().unwrap();
        assert_eq!((names.known.len(), names.of_owner.len()), (1, 1));
    }
}
