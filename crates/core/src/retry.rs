//! Whether and when to try again.

use std::time::Duration;

use jiff::Timestamp;

use crate::{ErrorKind, SendError};

/// When a failed delivery is tried again.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// The wait after the first, second, … failed attempt; the last one repeats.
    pub schedule: Vec<Duration>,
    /// By how much a wait may vary, as a share of it.
    pub jitter: f64,
    /// How long a delivery lives.
    pub lifetime: Duration,
}

impl Default for RetryPolicy {
    /// 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, 3 h, 6 h, 12 h, 12 h … ±20 % within 24 h.
    fn default() -> Self {
        let seconds = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200];
        Self {
            schedule: seconds.into_iter().map(Duration::from_secs).collect(),
            jitter: 0.2,
            lifetime: Duration::from_secs(24 * 3_600),
        }
    }
}

/// What follows from a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again at this time.
    Again(Timestamp),
    /// As above, and nothing else goes out through this channel before.
    Pause(Timestamp),
    /// Never again, unless somebody asks for it.
    Dead,
}

impl RetryPolicy {
    /// What follows from the `failures`-th failed attempt in a row (1 for the first). `random` is uniform in
    /// `0.0..1.0`. A wait that the service asked for is kept in full, up to the end of the delivery's life.
    pub fn decide(
        &self,
        error: &SendError,
        failures: u32,
        now: Timestamp,
        expires_at: Timestamp,
        random: f64,
    ) -> Decision {
        let (asked, pause) = match error.kind {
            ErrorKind::Rejected | ErrorKind::Misconfigured { .. } => return Decision::Dead,
            ErrorKind::Temporary { after, .. } => (after, false),
            ErrorKind::RateLimited { after } => (after, true),
        };
        if now >= expires_at {
            return Decision::Dead;
        }
        let at = match asked {
            Some(wait) => add(now, wait).min(expires_at),
            None => {
                let at = add(now, self.wait(failures, random));
                if at > expires_at {
                    return Decision::Dead;
                }
                at
            }
        };
        if pause { Decision::Pause(at) } else { Decision::Again(at) }
    }

    /// The wait after the `failures`-th failed attempt in a row.
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        spread(&self.schedule, failures, self.jitter, random)
    }
}

/// The `number`-th wait of a schedule (1 for the first; the last one repeats), longer or shorter by up to `jitter` as a
/// share of it. `random` is uniform in `0.0..1.0`.
pub fn spread(schedule: &[Duration], number: u32, jitter: f64, random: f64) -> Duration {
    let index = (number.max(1) as usize - 1).min(schedule.len().saturating_sub(1));
    let base = schedule.get(index).copied().unwrap_or(Duration::from_secs(60));
    base.mul_f64(1.0 + jitter * (2.0 * random - 1.0))
}

/// `time` and a wait later, at the latest the end of time.
fn add(time: Timestamp, wait: Duration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn limited(after: Option<u64>) -> SendError {
        let kind = ErrorKind::RateLimited { after: after.map(Duration::from_secs) };
        SendError { kind, status: Some(429), detail: "429".into() }
    }

    #[test]
    fn the_schedule_is_as_documented() {
        let policy = RetryPolicy::default();
        let waits: Vec<_> = (1..=11).map(|n| policy.wait(n, 0.5).as_secs()).collect();
        assert_eq!(waits, [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 43_200, 43_200]);
        assert_eq!(policy.wait(1, 0.0), Duration::from_secs(4));
        assert_eq!(policy.wait(1, 1.0), Duration::from_secs(6));
    }

    #[test]
    fn a_life_ends() {
        let policy = RetryPolicy::default();
        let error = SendError::temporary("503");
        assert_eq!(policy.decide(&error, 1, START, at(86_400), 0.5), Decision::Again(at(5)));
        assert_eq!(policy.decide(&error, 9, at(80_000), at(86_400), 0.5), Decision::Dead);
        assert_eq!(policy.decide(&limited(Some(1)), 1, at(86_400), at(86_400), 0.5), Decision::Dead);
    }

    #[test]
    fn a_wait_that_was_asked_for_is_kept_in_full_up_to_the_end_of_life() {
        let policy = RetryPolicy::default();
        let decide = |after| policy.decide(&limited(after), 2, START, at(86_400), 0.0);
        assert_eq!(decide(Some(77)), Decision::Pause(at(77)));
        assert_eq!(decide(Some(u64::MAX)), Decision::Pause(at(86_400)));
        assert_eq!(decide(None), Decision::Pause(at(24)));
    }

    #[test]
    fn what_cannot_pass_is_dead_at_once() {
        let policy = RetryPolicy::default();
        for error in [SendError::rejected("no"), SendError::misconfigured("no")] {
            assert_eq!(policy.decide(&error, 1, START, at(86_400), 0.5), Decision::Dead);
        }
    }
}
