//! Where the time and chance come from, so that tests can choose them.

use std::{
    fmt,
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, Instant},
};

use jiff::Timestamp;

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
    began: Instant,
    /// When that was by the clock behind, as both have agreed since, in microseconds since 1970. One number, written
    /// rarely: every thread asks for the time, several times for an event.
    agreed: AtomicI64,
}

/// By how much the clocks may differ before they agree anew, in microseconds.
const DRIFT: u64 = 1_000;

impl<C: Clock> SteadyClock<C> {
    /// A steady clock that begins at the time of this one.
    pub fn new(behind: C) -> Self {
        let agreed = AtomicI64::new(behind.now().as_microsecond());
        Self { behind, began: Instant::now(), agreed }
    }

    /// The time by the clock behind this one, and when this one began by it, in microseconds since 1970.
    fn ask(&self) -> (Timestamp, i64) {
        let now = self.behind.now();
        let passed = i64::try_from(self.began.elapsed().as_micros()).unwrap_or(i64::MAX);
        (now, now.as_microsecond().saturating_sub(passed))
    }

    /// The time that is told, and by how much the clock behind it is ahead, in milliseconds, if it was set.
    fn look(&self) -> (Timestamp, Option<i64>) {
        let ((now, began), agreed) = (self.ask(), self.agreed.load(Ordering::Relaxed));
        let ahead = began.saturating_sub(agreed);
        if u128::from(ahead.unsigned_abs()) > LEAP.as_micros() {
            let steady = Timestamp::from_microsecond(now.as_microsecond().saturating_sub(ahead));
            return (steady.unwrap_or(now), Some(ahead / 1_000));
        }
        if ahead.unsigned_abs() > DRIFT {
            self.agreed.store(began, Ordering::Relaxed);
        }
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
        self.agreed.store(self.ask().1, Ordering::Relaxed);
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
