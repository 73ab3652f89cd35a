//! What may be shown once: the names (`jti`) of what clients sign, for as long as it would be good.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use super::{ErrorCode, OauthError};
use crate::clock::Timestamp;
use crate::secrets::TokenHash;

/// How many are remembered: some tens of megabytes at the most.
const MOST: usize = 200_000;

/// What was shown, in memory alone: a restart forgets it, and what is signed lives for minutes.
#[derive(Default)]
pub(super) struct Seen(Mutex<Names>);

#[derive(Default)]
struct Names {
    known: HashSet<TokenHash>,
    by_end: BTreeSet<(i64, TokenHash)>,
}

impl Seen {
    /// Remembers that `owner` showed `name`, which is good until `until`. `false` if it had been shown.
    ///
    /// # Errors
    /// Too much is remembered already: rather than to forget one, no more is taken.
    pub(super) fn is_first(
        &self,
        owner: &str,
        name: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, OauthError> {
        let hash = TokenHash::of(&format!("{}:{owner}{name}", owner.len()));
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((end, gone)) = names.by_end.first().copied()
            && end <= now.as_unix()
        {
            names.by_end.pop_first();
            names.known.remove(&gone);
        }
        if names.known.contains(&hash) {
            return Ok(false);
        }
        if names.known.len() >= MOST {
            let busy = "very many signed messages come in just now; try again in a minute";
            return Err(OauthError::new(ErrorCode::TemporarilyUnavailable, busy));
        }
        names.known.insert(hash);
        names.by_end.insert((until.as_unix(), hash));
        Ok(true)
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
}
