//! How often something may be done: so many at once, and one more in a while.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

/// Above so many keys, those that are at rest are looked for and forgotten.
const MANY: usize = 4_096;

/// The network that an address counts for: whoever has one address of IPv6 usually has all 64 bits behind the network's.
pub(crate) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

/// So many at once for each key, and one more each time that `every` has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rate {
    /// How many at once.
    pub(crate) burst: u32,
    /// How long it takes until there may be one more.
    pub(crate) every: Duration,
}

/// Keeps each key to a rate. It notes one time for each: until when all that was taken is earned again.
#[derive(Debug)]
pub(crate) struct Throttle<K> {
    every: i64,
    span: i64,
    notes: Mutex<Notes<K>>,
}

#[derive(Debug)]
struct Notes<K> {
    until: HashMap<K, i64>,
    tidy_at: usize,
}

impl<K: Eq + Hash> Throttle<K> {
    /// Keeps each key to this rate.
    pub(crate) fn new(rate: Rate) -> Self {
        let every = i64::try_from(rate.every.as_micros()).unwrap_or(i64::MAX / 2).max(1);
        let span = every.saturating_mul(i64::from(rate.burst.max(1)));
        Self { every, span, notes: Mutex::new(Notes { until: HashMap::new(), tidy_at: MANY }) }
    }

    /// Takes one, or says how long to wait for it.
    pub(crate) fn take(&self, key: K, now: Timestamp) -> Result<(), Duration> {
        let now = now.as_microsecond();
        let mut notes = self.notes();
        if notes.until.len() >= notes.tidy_at {
            notes.until.retain(|_, until| *until > now);
            notes.tidy_at = (notes.until.len() * 2).max(MANY);
        }
        let until = notes.until.entry(key).or_insert(now);
        // A clock that was set back must not make anybody wait for longer than the rate says.
        let taken = (*until).clamp(now, now.saturating_add(self.span)).saturating_add(self.every);
        let too_much = taken - now - self.span;
        if too_much > 0 {
            return Err(Duration::from_micros(too_much.unsigned_abs()));
        }
        *until = taken;
        Ok(())
    }

    /// Gives back one that was taken.
    pub(crate) fn give_back(&self, key: &K) {
        if let Some(until) = self.notes().until.get_mut(key) {
            *until = until.saturating_sub(self.every);
        }
    }

    fn notes(&self) -> MutexGuard<'_, Notes<K>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_000_000 + ms).unwrap()
    }

    fn three_then_one_a_second() -> Throttle<u32> {
        Throttle::new(Rate { burst: 3, every: Duration::from_secs(1) })
    }

    #[test]
    fn so_many_at_once_and_one_more_in_a_while() {
        let throttle = three_then_one_a_second();
        for _ in 0..3 {
            throttle.take(1, at(0)).unwrap();
        }
        assert_eq!(throttle.take(1, at(0)), Err(Duration::from_secs(1)));
        assert_eq!(throttle.take(1, at(400)), Err(Duration::from_millis(600)), "asking in vain costs nothing");
        throttle.take(2, at(400)).unwrap();
        throttle.take(1, at(1_000)).unwrap();
        assert_eq!(throttle.take(1, at(1_000)), Err(Duration::from_secs(1)));
        for _ in 0..3 {
            throttle.take(1, at(60_000)).unwrap();
        }
        assert!(throttle.take(1, at(60_000)).is_err(), "more than the burst is never saved up");
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let throttle = three_then_one_a_second();
        for _ in 0..10 {
            throttle.take(1, at(0)).unwrap();
            throttle.give_back(&1);
        }
        throttle.give_back(&2);
        for _ in 0..3 {
            throttle.take(1, at(0)).unwrap();
        }
        assert!(throttle.take(1, at(0)).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nobody_wait_longer() {
        let throttle = three_then_one_a_second();
        for _ in 0..3 {
            throttle.take(1, at(3_600_000)).unwrap();
        }
        assert_eq!(throttle.take(1, at(0)), Err(Duration::from_secs(1)));
    }

    #[test]
    fn keys_at_rest_are_forgotten() {
        let throttle = Throttle::new(Rate { burst: 1, every: Duration::from_millis(1) });
        for key in 0..100_000_u32 {
            throttle.take(key, at(i64::from(key))).unwrap();
        }
        assert!(throttle.notes().until.len() <= MANY + 1);
    }
}
