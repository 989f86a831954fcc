//! The token bucket of a lane: so many deliveries a second on average, and a few at once after a pause.

use fanfare_core::LaneDefaults;
use jiff::{SignedDuration, Timestamp};

use super::state::moved;
use crate::LaneSettings;

/// How fast deliveries may leave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// How long one token takes to come.
    interval: SignedDuration,
    /// How long it takes to fill the bucket.
    depth: SignedDuration,
}

/// Nothing lives longer than a day, so a slower pace than one a day makes no difference.
const SLOWEST: f64 = 86_400.0;

impl Pace {
    /// So many a second on average, and `burst` at once when nothing has left for a while.
    pub(crate) fn new(per_second: f64, burst: u32) -> Self {
        let interval = SignedDuration::from_secs_f64((1.0 / per_second).min(SLOWEST));
        let depth = interval.saturating_mul(i32::try_from(burst.max(1)).unwrap_or(i32::MAX));
        Self { interval, depth }
    }

    /// What is set, else the kind's default. A kind that is not limited by itself gets a burst of one second.
    pub(crate) fn of(settings: &LaneSettings, kind: &LaneDefaults) -> Option<Self> {
        let rate = settings.rate.or(kind.rate)?;
        let default = if kind.rate.is_some() { kind.burst } else { (rate.ceil() as u32).max(1) };
        Some(Self::new(rate, settings.burst.unwrap_or(default)))
    }
}

/// A bucket of tokens, kept as the moment at which it is full again.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket(Option<Timestamp>);

impl Bucket {
    /// The clock was set by so many milliseconds.
    pub(crate) fn leap(&mut self, by: i64) {
        self.0 = self.0.map(|full| moved(full, by));
    }

    /// Takes a token; else says when there is one.
    pub(crate) fn take(&mut self, pace: Pace, now: Timestamp) -> Result<(), Timestamp> {
        let empty = later(now, pace.depth);
        // An empty bucket is as far from full as it gets, also after the clock was set back or the pace was changed.
        let full = self.0.unwrap_or(now).clamp(now, empty);
        let then = later(full, pace.interval);
        if then > empty {
            self.0 = Some(full);
            return Err(then.checked_sub(pace.depth).unwrap_or(Timestamp::MIN));
        }
        self.0 = Some(then);
        Ok(())
    }
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    /// How many leave at these times, in milliseconds.
    fn leave(pace: Pace, times: impl IntoIterator<Item = i64>) -> usize {
        let mut bucket = Bucket::default();
        times.into_iter().filter(|&time| bucket.take(pace, at(time)).is_ok()).count()
    }

    #[test]
    fn a_burst_leaves_at_once_and_then_the_rate_counts() {
        let (pace, mut bucket) = (Pace::new(2.0, 3), Bucket::default());
        let mut take = |time| bucket.take(pace, at(time)).map_err(|at| at.as_millisecond());
        assert_eq!([take(0), take(0), take(0)], [Ok(()), Ok(()), Ok(())]);
        assert_eq!(take(0), Err(500));
        assert_eq!(take(499), Err(500));
        assert_eq!(take(500), Ok(()));
        assert_eq!(take(500), Err(1_000));
        // After a rest the bucket is full, and no fuller.
        assert_eq!([take(60_000), take(60_000), take(60_000)], [Ok(()), Ok(()), Ok(())]);
        assert_eq!(take(60_000), Err(60_500));
    }

    #[test]
    fn a_clock_that_is_set_back_costs_one_burst_at_the_most() {
        let (pace, mut bucket) = (Pace::new(1.0, 2), Bucket::default());
        assert_eq!(bucket.take(pace, at(90_000_000)), Ok(()));
        assert_eq!(bucket.take(pace, at(90_000_000)), Ok(()));
        assert_eq!(bucket.take(pace, at(0)), Err(at(1_000)));
        assert_eq!(bucket.take(pace, at(1_000)), Ok(()));
    }

    #[test]
    fn settings_come_before_the_kind() {
        let set = |rate, burst| LaneSettings { rate, burst, ..LaneSettings::default() };
        let (free, slack) = (LaneDefaults::ONE_BY_ONE, LaneDefaults::paced(1.0, 5));
        assert_eq!(Pace::of(&set(None, None), &free), None);
        assert_eq!(Pace::of(&set(None, Some(9)), &free), None);
        assert_eq!(Pace::of(&set(Some(2.5), None), &free), Some(Pace::new(2.5, 3)));
        assert_eq!(Pace::of(&set(None, None), &slack), Some(Pace::new(1.0, 5)));
        assert_eq!(Pace::of(&set(Some(2.0), None), &slack), Some(Pace::new(2.0, 5)));
        assert_eq!(Pace::of(&set(None, Some(1)), &slack), Some(Pace::new(1.0, 1)));
    }

    proptest! {
        /// In any stretch of time no more leaves than a burst and what the rate gives.
        #[test]
        fn no_window_holds_more(rate in 0.01f64..2_000.0, burst in 1u32..50, steps in prop::collection::vec(0i64..2_000, 1..200)) {
            let times: Vec<i64> = steps.iter().scan(0, |time, step| { *time += step; Some(*time) }).collect();
            let length = times[times.len() - 1] - times[0];
            let most = f64::from(burst) + rate * length as f64 / 1_000.0;
            prop_assert!(leave(Pace::new(rate, burst), times) as f64 <= most + 1e-6);
        }

        /// Who comes when told is not sent away again.
        #[test]
        fn the_time_that_is_told_is_kept(rate in 0.001f64..2_000.0, burst in 1u32..50) {
            let (pace, mut bucket, mut now) = (Pace::new(rate, burst), Bucket::default(), at(0));
            for _ in 0..200 {
                if let Err(then) = bucket.take(pace, now) {
                    prop_assert!(then > now);
                    now = then;
                    prop_assert_eq!(bucket.take(pace, now), Ok(()));
                }
            }
        }

        /// Any settings that are accepted can be counted with.
        #[test]
        fn extreme_settings_do_no_harm(rate in prop_oneof![Just(f64::MIN_POSITIVE), Just(100_000.0)], burst in prop_oneof![Just(1), Just(100_000)]) {
            let mut bucket = Bucket::default();
            prop_assert_eq!(bucket.take(Pace::new(rate, burst), at(0)), Ok(()));
            let _ = bucket.take(Pace::new(rate, burst), Timestamp::MAX);
        }
    }
}
