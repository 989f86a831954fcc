//! Retries do not come in waves: an outage of an hour on a thousand channels, in simulated time.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;

use fanfare_core::{Decision, RetryPolicy, SendError};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

const CHANNELS: usize = 1_000;
const OUTAGE_S: i64 = 3_600;

/// Chance that can be repeated (SplitMix64).
struct Chance(u64);

impl Chance {
    /// Uniform in `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap()
}

/// How many retries each second of the outage sees, with one delivery for each channel whose first attempt is made at a
/// time of its own in milliseconds, and whether each is the first retry of its delivery.
fn retries(chance: &mut Chance, first: impl Fn(&mut Chance) -> i64) -> BTreeMap<i64, [usize; 2]> {
    let policy = RetryPolicy::default();
    let error = SendError::temporary("503 Service Unavailable").with_status(503);
    let mut seconds: BTreeMap<i64, [usize; 2]> = BTreeMap::new();
    for _ in 0..CHANNELS {
        let mut now = at(first(chance));
        let expires_at = now + SignedDuration::from_hours(24);
        for failures in 1.. {
            let Decision::Again(next) = policy.decide(&error, failures, now, expires_at, chance.unit()) else {
                panic!("an hour is shorter than a delivery lives");
            };
            if next.as_second() >= OUTAGE_S {
                break;
            }
            now = next;
            seconds.entry(now.as_second()).or_default()[usize::from(failures > 1)] += 1;
        }
    }
    seconds
}

/// The largest share of all retries that one second holds: of all of them, and of those but the first.
fn largest(seconds: &BTreeMap<i64, [usize; 2]>) -> (f64, f64) {
    let total: usize = seconds.values().flatten().sum();
    let share = |of: fn(&[usize; 2]) -> usize| seconds.values().map(of).max().unwrap_or(0) as f64 / total as f64;
    (share(|[first, later]| first + later), share(|[_, later]| *later))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// What fails while the outage lasts comes back at all times of it.
    #[test]
    fn no_second_holds_more_than_a_twentieth_of_the_retries(seed: u64) {
        let (all, _) = largest(&retries(&mut Chance(seed), |chance| (chance.unit() * OUTAGE_S as f64 * 1_000.0) as i64));
        println!("failures over the whole outage: the fullest second holds {:.2} % of the retries", all * 100.0);
        prop_assert!(all <= 0.05, "{all}");
        // Within six seconds is enough: one event to a thousand channels, as a node sends it.
        let (all, _) = largest(&retries(&mut Chance(seed), |chance| (chance.unit() * 6_000.0) as i64));
        println!("failures within 6 s: {:.2} %", all * 100.0);
        prop_assert!(all <= 0.05, "{all}");
    }

    /// All in the same instant is the worst that there can be. The first retry comes within 4 s to 6 s, so however it is
    /// spread, one of three seconds has a third of that wave; from the second retry on no second holds a twentieth.
    #[test]
    fn failures_of_one_instant_are_spread_as_far_as_the_schedule_lets_them(seed: u64) {
        let (all, later) = largest(&retries(&mut Chance(seed), |_| 500));
        println!("failures of one instant: {:.2} %, without the first retry {:.2} %", all * 100.0, later * 100.0);
        prop_assert!(all <= 0.12, "{all}");
        prop_assert!(later <= 0.05, "{later}");
    }
}
