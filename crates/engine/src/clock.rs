//! Where the time and chance come from, so that tests can choose them.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// From when on the clock counts as set, and not only as inexact.
pub(crate) const LEAP: Duration = Duration::from_secs(5 * 60);

/// A source of the present time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// By how much the clock behind this one was set, in milliseconds, where [`now`](Self::now) does not follow it yet.
    fn leap(&self) -> Option<i64> {
        None
    }

    /// Follows from now on: everything that was to happen at some time has been moved.
    fn follow(&self) {}
}

/// The machine's clock, as it is.
#[derive(Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that goes on evenly when the clock behind it is set, by more than five minutes, until it is told to
/// [`follow`](Clock::follow). What is to happen in an hour is then neither due at once nor a day late.
#[derive(Debug)]
pub struct SteadyClock<C> {
    behind: C,
    /// The latest time that both agreed on.
    agreed: Mutex<(Timestamp, Instant)>,
}

impl<C: Clock> SteadyClock<C> {
    /// A steady clock that begins at the time of this one.
    pub fn new(behind: C) -> Self {
        let agreed = Mutex::new((behind.now(), Instant::now()));
        Self { behind, agreed }
    }

    /// The time that is told, and by how much the clock behind it is ahead, in milliseconds, if it was set.
    fn look(&self) -> (Timestamp, Option<i64>) {
        let mut agreed = self.agreed.lock().unwrap_or_else(PoisonError::into_inner);
        let (now, instant) = (self.behind.now(), Instant::now());
        let passed = SignedDuration::try_from(instant.saturating_duration_since(agreed.1)).unwrap_or_default();
        let steady = agreed.0.checked_add(passed).unwrap_or(now);
        let ahead = now.as_millisecond().saturating_sub(steady.as_millisecond());
        if u128::from(ahead.unsigned_abs()) > LEAP.as_millis() {
            return (steady, Some(ahead));
        }
        *agreed = (now, instant);
        (now, None)
    }
}

impl<C: Clock> Clock for SteadyClock<C> {
    fn now(&self) -> Timestamp {
        self.look().0
    }

    fn leap(&self) -> Option<i64> {
        self.look().1
    }

    fn follow(&self) {
        *self.agreed.lock().unwrap_or_else(PoisonError::into_inner) = (self.behind.now(), Instant::now());
    }
}

/// A source of chance.
pub trait Random: fmt::Debug + Send + Sync {
    /// A number from `0.0` up to but not including `1.0`, all equally likely.
    fn unit(&self) -> f64;
}

/// The machine's randomness.
#[derive(Debug)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn unit(&self) -> f64 {
        rand::random()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    /// A clock that stands still and can be set.
    #[derive(Debug)]
    struct Hands(AtomicI64);

    impl Clock for &Hands {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(self.0.load(Ordering::Relaxed)).unwrap()
        }
    }

    #[test]
    fn a_clock_that_is_set_is_followed_when_that_is_said() {
        const DAY: i64 = 86_400_000;
        for by in [DAY, -DAY] {
            let hands = Hands(AtomicI64::new(10 * DAY));
            let clock = SteadyClock::new(&hands);
            let is_near = |time: i64| (clock.now().as_millisecond() - time).abs() < 60_000;
            // A correction by seconds is one.
            hands.0.fetch_add(2_000, Ordering::Relaxed);
            assert_eq!((clock.now().as_millisecond(), clock.leap()), (10 * DAY + 2_000, None));
            hands.0.fetch_add(by, Ordering::Relaxed);
            assert!(is_near(10 * DAY + 2_000));
            let leap = clock.leap().unwrap();
            assert!((leap - by).abs() < 60_000, "{leap}");
            clock.follow();
            assert_eq!((clock.now().as_millisecond(), clock.leap()), (10 * DAY + 2_000 + by, None));
        }
    }
}
