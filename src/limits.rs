//! Rate limits: how often something may be tried by one address, or against one account.
//!
//! A [`Brake`] counts in its own memory and is handed the time. What a try is, and what is answered
//! to one too many, is for the caller to say. Where several processes are to count together, `oauth`
//! keeps the same count in their database.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock::Timestamp;

/// The keys that a brake remembers at once, if nothing else is said: some ten megabytes at the most.
const MOST_KEYS: usize = 65_536;

/// One try too many. The next is possible after this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries: again in {} s", self.as_secs())]
pub struct RetryAfter(pub Duration);

impl RetryAfter {
    /// In whole seconds, rounded up: a `Retry-After` header (RFC 9110 §10.2.3).
    pub fn as_secs(self) -> u64 {
        self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0)
    }
}

/// Limits tries by key: `burst` of them at once, and then one each `refill_every`.
///
/// A try is taken *before* the question is asked, so that many at once cannot outrun the count, and
/// given back when the answer was good: only bad ones count.
///
/// Memory is bounded. A key is forgotten as soon as all its tries are back. When there are too many
/// even so, the one goes that would be forgotten next. To make the brake forget a key that it holds
/// back, an attacker must therefore use as many other keys, and each of them as hard.
pub struct Brake<K> {
    /// Milliseconds that all tries of a key take to come back.
    all_back: i64,
    /// Milliseconds that one takes.
    one_back: i64,
    most_keys: usize,
    keys: Mutex<Keys<K>>,
}

/// When all tries of each key are back, in milliseconds since 1970: as a table and in order. This is
/// the theoretical arrival time of the generic cell rate algorithm (ITU-T I.371).
struct Keys<K> {
    back_at: HashMap<K, i64>,
    in_order: BTreeSet<(i64, K)>,
}

impl<K: Clone + Eq + Hash + Ord> Brake<K> {
    /// A brake that lets `burst` tries (at least one) through at once.
    pub fn new(burst: u32, refill_every: Duration) -> Self {
        Self::with_most_keys(burst, refill_every, MOST_KEYS)
    }

    /// The same, with its own bound on the number of keys (at least one).
    pub fn with_most_keys(burst: u32, refill_every: Duration, most_keys: usize) -> Self {
        let one_back = i64::try_from(refill_every.as_millis()).unwrap_or(i64::MAX);
        Self {
            all_back: one_back.saturating_mul(i64::from(burst.max(1))),
            one_back,
            most_keys: most_keys.max(1),
            keys: Mutex::new(Keys {
                back_at: HashMap::new(),
                in_order: BTreeSet::new(),
            }),
        }
    }

    /// How long one try takes to come back.
    pub fn one_back(&self) -> Duration {
        Duration::from_millis(self.one_back.unsigned_abs())
    }

    /// How long all of them take.
    pub fn all_back(&self) -> Duration {
        Duration::from_millis(self.all_back.unsigned_abs())
    }

    /// Takes a try, if one is left.
    pub fn take(&self, key: &K, now: Timestamp) -> Result<(), RetryAfter> {
        self.take_many(key, 1, now)
    }

    /// Takes as many at once, or none.
    pub fn take_many(&self, key: &K, tries: u32, now: Timestamp) -> Result<(), RetryAfter> {
        let now = millis(now);
        let mut keys = self.keys();
        keys.forget_until(now);
        let latest = now.saturating_add(self.all_back);
        let mut back_at = keys.get(key).map_or(now, |at| at.max(now));
        if back_at > latest {
            // A clock that was set back must not hold anyone for longer than a whole burst takes: not just
            // at this try, but from now on.
            back_at = latest;
            keys.set(key, back_at, now);
        }
        let then = back_at.saturating_add(self.one_back.saturating_mul(i64::from(tries)));
        if then > latest {
            let wait = u64::try_from(then - latest).unwrap_or(0);
            return Err(RetryAfter(Duration::from_millis(wait)));
        }
        keys.set(key, then, now);
        while keys.back_at.len() > self.most_keys {
            keys.forget_one_but(key);
        }
        Ok(())
    }

    /// Gives a try back that was taken: the answer was good.
    pub fn give_back(&self, key: &K, now: Timestamp) {
        self.give_back_many(key, 1, now);
    }

    /// Gives as many back.
    pub fn give_back_many(&self, key: &K, tries: u32, now: Timestamp) {
        let now = millis(now);
        let back = self.one_back.saturating_mul(i64::from(tries));
        let mut keys = self.keys();
        if let Some(back_at) = keys.get(key) {
            keys.set(key, back_at.saturating_sub(back), now);
        }
    }

    /// Forgets a key of which more is held than a burst, which says that the clock was set back: for a caller
    /// who has the same count elsewhere.
    pub fn forget_if_set_back(&self, key: &K, now: Timestamp) {
        let now = millis(now);
        let mut keys = self.keys();
        if keys
            .get(key)
            .is_some_and(|back_at| back_at > now.saturating_add(self.all_back))
        {
            keys.set(key, now, now);
        }
    }

    /// How many keys are remembered.
    pub fn remembered(&self) -> usize {
        self.keys().back_at.len()
    }

    fn keys(&self) -> MutexGuard<'_, Keys<K>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash + Ord> Keys<K> {
    fn get(&self, key: &K) -> Option<i64> {
        self.back_at.get(key).copied()
    }

    fn set(&mut self, key: &K, back_at: i64, now: i64) {
        if let Some(before) = self.back_at.remove(key) {
            self.in_order.remove(&(before, key.clone()));
        }
        if back_at > now {
            self.back_at.insert(key.clone(), back_at);
            self.in_order.insert((back_at, key.clone()));
        }
    }

    /// Forgets the keys whose tries are all back. Each was put in once, so this costs no more than
    /// that did.
    fn forget_until(&mut self, now: i64) {
        while let Some((back_at, key)) = self.in_order.first()
            && *back_at <= now
        {
            self.back_at.remove(key);
            self.in_order.pop_first();
        }
    }

    /// Forgets the key that would be forgotten next, other than `kept`.
    fn forget_one_but(&mut self, kept: &K) {
        let next = self.in_order.iter().find(|(_, key)| key != kept).cloned();
        if let Some((back_at, key)) = next {
            self.back_at.remove(&key);
            self.in_order.remove(&(back_at, key));
        }
    }
}

impl<K> fmt::Debug for Brake<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brake")
            .field("all_back", &self.all_back)
            .field("one_back", &self.one_back)
            .finish_non_exhaustive()
    }
}

fn millis(at: Timestamp) -> i64 {
    at.as_unix().saturating_mul(1000)
}

/// Whom an address belongs to, as far as limits go: an IPv4 address, or an IPv6 network of 64 bits,
/// which is what one person is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressKey(IpAddr);

/// The key of an address. IPv4 in IPv6 (RFC 4291 §2.5.5.2) is IPv4.
pub fn address_key(address: IpAddr) -> AddressKey {
    AddressKey(match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    })
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);
    const SECOND: Duration = Duration::from_secs(1);

    fn brake() -> Brake<&'static str> {
        Brake::new(3, 10 * SECOND)
    }

    #[test]
    fn a_burst_goes_through_and_the_next_try_is_told_when() {
        let brake = brake();
        for _ in 0..3 {
            brake.take(&"a", NOW).unwrap();
        }
        let late = brake.take(&"a", NOW + 4 * SECOND).unwrap_err();
        assert_eq!(late, RetryAfter(6 * SECOND));
        assert_eq!(late.to_string(), "too many tries: again in 6 s");
        brake.take(&"b", NOW).unwrap();
    }

    #[test]
    fn tries_come_back_one_by_one_and_no_more_than_a_burst() {
        let brake = brake();
        for _ in 0..3 {
            brake.take(&"a", NOW).unwrap();
        }
        brake.take(&"a", NOW + 10 * SECOND).unwrap();
        brake.take(&"a", NOW + 10 * SECOND).unwrap_err();
        let rested = NOW + 1000 * SECOND;
        for _ in 0..3 {
            brake.take(&"a", rested).unwrap();
        }
        brake.take(&"a", rested).unwrap_err();
    }

    #[test]
    fn a_refused_try_costs_nothing() {
        let brake = brake();
        for _ in 0..3 {
            brake.take(&"a", NOW).unwrap();
        }
        for _ in 0..100 {
            brake.take(&"a", NOW).unwrap_err();
        }
        brake.take(&"a", NOW + 10 * SECOND).unwrap();
    }

    #[test]
    fn good_answers_do_not_count() {
        let brake = brake();
        for _ in 0..100 {
            brake.take(&"a", NOW).unwrap();
            brake.give_back(&"a", NOW);
        }
        assert_eq!(brake.remembered(), 0);
    }

    #[test]
    fn a_try_given_back_forgives_no_other() {
        let brake = brake();
        brake.take(&"a", NOW).unwrap();
        brake.take(&"a", NOW).unwrap();
        brake.take(&"a", NOW).unwrap();
        brake.give_back(&"a", NOW);
        brake.take(&"a", NOW).unwrap();
        brake.take(&"a", NOW).unwrap_err();
    }

    #[test]
    fn as_many_as_are_left_may_be_taken_at_once_and_no_more() {
        let brake = brake();
        brake.take_many(&"a", 4, NOW).unwrap_err();
        brake.take_many(&"a", 2, NOW).unwrap();
        brake.take_many(&"a", 2, NOW).unwrap_err();
        brake.take_many(&"a", 1, NOW).unwrap();
        brake.give_back_many(&"a", 2, NOW);
        brake.take_many(&"a", 2, NOW).unwrap();
        brake.take(&"a", NOW).unwrap_err();
    }

    #[test]
    fn giving_back_what_was_not_taken_gives_no_more_than_a_burst() {
        let brake = brake();
        for _ in 0..5 {
            brake.give_back(&"a", NOW);
        }
        for _ in 0..3 {
            brake.take(&"a", NOW).unwrap();
        }
        brake.take(&"a", NOW).unwrap_err();
    }

    #[test]
    fn many_at_once_cannot_outrun_the_count() {
        let brake = Brake::new(10, SECOND);
        let passed: usize = std::thread::scope(|scope| {
            let tries: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..100).filter(|_| brake.take(&"a", NOW).is_ok()).count()))
                .collect();
            tries.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(passed, 10);
    }

    #[test]
    fn keys_are_forgotten_when_their_tries_are_back() {
        let brake = Brake::new(3, 10 * SECOND);
        for key in 0..100 {
            brake.take(&key, NOW).unwrap();
        }
        assert_eq!(brake.remembered(), 100);
        brake.take(&100, NOW + 10 * SECOND).unwrap();
        assert_eq!(brake.remembered(), 1);
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_frees_nobody_who_is_held() {
        let brake = Brake::with_most_keys(3, 10 * SECOND, 50);
        for _ in 0..3 {
            brake.take(&0, NOW).unwrap();
        }
        for key in 1..10_000 {
            brake.take(&key, NOW).unwrap();
            assert!(brake.remembered() <= 50);
        }
        brake.take(&0, NOW).unwrap_err();
    }

    #[test]
    fn a_new_key_is_counted_even_when_all_others_are_held() {
        let brake = Brake::with_most_keys(3, 10 * SECOND, 5);
        for key in 0..5 {
            for _ in 0..3 {
                brake.take(&key, NOW).unwrap();
            }
        }
        for _ in 0..3 {
            brake.take(&9, NOW).unwrap();
        }
        brake.take(&9, NOW).unwrap_err();
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_for_longer_than_a_burst() {
        let brake = brake();
        for _ in 0..3 {
            brake.take(&"a", NOW + 9999 * SECOND).unwrap();
        }
        let held = brake.take(&"a", NOW).unwrap_err();
        assert_eq!(held, RetryAfter(10 * SECOND));
        brake.take(&"a", NOW + 10 * SECOND).unwrap();
        brake.take(&"a", NOW + 10 * SECOND).unwrap_err();
        for _ in 0..3 {
            brake.take(&"a", NOW + 40 * SECOND).unwrap();
        }
    }

    #[test]
    fn only_what_a_clock_that_was_set_back_makes_too_long_is_forgotten() {
        let brake = brake();
        for _ in 0..3 {
            brake.take(&"a", NOW + SECOND).unwrap();
        }
        brake.forget_if_set_back(&"a", NOW + SECOND);
        brake.take(&"a", NOW + SECOND).unwrap_err();
        brake.forget_if_set_back(&"a", NOW);
        brake.take(&"a", NOW).unwrap();
    }

    #[test]
    fn part_of_a_second_is_rounded_up() {
        assert_eq!(RetryAfter(Duration::from_millis(1001)).as_secs(), 2);
        assert_eq!(RetryAfter(SECOND).as_secs(), 1);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_and_mapped_ones_are_ipv4() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.7"), key("192.0.2.7"));
        assert_ne!(key("192.0.2.7"), key("192.0.2.8"));
        assert_eq!(key("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
        assert_eq!(key("192.0.2.7").to_string(), "192.0.2.7");
    }
}
