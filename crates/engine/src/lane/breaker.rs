//! The breaker of a lane: where nothing can pass until somebody mends the configuration, or the other side, what waits
//! keeps waiting, and one delivery at a time tries whether that has happened.

use std::time::Duration;

use jiff::Timestamp;

use super::state::moved;

/// How many misconfigurations in a row open it.
const IN_A_ROW: u32 = 2;

/// Whether deliveries may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Breaker {
    /// They may; so many misconfigurations have come in a row.
    Closed(u32),
    /// One may, at this time; so many have tried in vain.
    Open { probes: u32, next: Timestamp },
}

impl Default for Breaker {
    fn default() -> Self {
        Self::Closed(0)
    }
}

impl Breaker {
    /// The clock was set by so many milliseconds.
    pub(crate) fn leap(&mut self, by: i64) {
        if let Self::Open { next, .. } = self {
            *next = moved(*next, by);
        }
    }

    /// Open since an earlier start: one delivery tries at once.
    pub(crate) fn reopened(now: Timestamp) -> Self {
        Self::Open { probes: 0, next: now }
    }

    /// When the next delivery may try, while it is open.
    pub(crate) fn probe_at(&self) -> Option<Timestamp> {
        match self {
            Self::Closed(_) => None,
            Self::Open { next, .. } => Some(*next),
        }
    }

    /// Something got through, or the configuration was changed.
    pub(crate) fn close(&mut self) {
        *self = Self::Closed(0);
    }

    /// Opens it, where it is not.
    pub(crate) fn open(&mut self, now: Timestamp, wait: impl Fn(u32) -> Duration) {
        if let Self::Closed(_) = self {
            *self = Self::Open { probes: 0, next: later(now, wait(1)) };
        }
    }

    /// An attempt found the configuration wrong. Says whether its delivery keeps waiting, which it does from the moment
    /// on at which the breaker is open: what was under way by then does not die of what is known already.
    /// `wait` gives the wait before the nth probe.
    pub(crate) fn misconfigured(&mut self, now: Timestamp, wait: impl Fn(u32) -> Duration) -> bool {
        match *self {
            Self::Closed(count) if count + 1 < IN_A_ROW => {
                *self = Self::Closed(count + 1);
                false
            }
            Self::Closed(_) => {
                self.open(now, wait);
                false
            }
            Self::Open { .. } => {
                self.probed(now, wait);
                true
            }
        }
    }

    /// An attempt failed for another reason.
    pub(crate) fn failed(&mut self, now: Timestamp, wait: impl Fn(u32) -> Duration) {
        match self {
            Self::Closed(count) => *count = 0,
            Self::Open { .. } => self.probed(now, wait),
        }
    }

    /// Counts a probe; an attempt that ends before its time was none.
    fn probed(&mut self, now: Timestamp, wait: impl Fn(u32) -> Duration) {
        if let Self::Open { probes, next } = self
            && *next <= now
        {
            *probes += 1;
            *next = later(now, wait(*probes + 1));
        }
    }
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    /// 10 s, 20 s, 30 s …
    fn wait(number: u32) -> Duration {
        Duration::from_secs(10 * u64::from(number))
    }

    fn open(probes: u32, next: i64) -> Breaker {
        Breaker::Open { probes, next: at(next) }
    }

    #[test]
    fn two_in_a_row_open_it() {
        let mut breaker = Breaker::default();
        assert!(!breaker.misconfigured(at(0), wait));
        breaker.failed(at(1), wait);
        assert!(!breaker.misconfigured(at(2), wait), "not in a row");
        assert_eq!(breaker, Breaker::Closed(1));
        breaker.close();
        assert!(!breaker.misconfigured(at(3), wait));
        assert!(!breaker.misconfigured(at(4), wait), "the second dies as well");
        assert_eq!(breaker, open(0, 14));
    }

    #[test]
    fn one_that_stands_for_many_opens_it_alone() {
        let mut breaker = Breaker::default();
        breaker.open(at(0), wait);
        assert_eq!(breaker, open(0, 10));
        assert!(breaker.misconfigured(at(0), wait), "it keeps waiting");
        assert_eq!(breaker, open(0, 10));
        breaker.open(at(9), wait);
        assert_eq!(breaker, open(0, 10), "open already");
    }

    #[test]
    fn what_was_under_way_keeps_waiting_and_is_no_probe() {
        let mut breaker = open(0, 10);
        assert!(breaker.misconfigured(at(1), wait));
        breaker.failed(at(2), wait);
        assert_eq!(breaker, open(0, 10));
    }

    #[test]
    fn probes_become_rarer_until_one_gets_through() {
        let mut breaker = open(0, 10);
        assert!(breaker.misconfigured(at(10), wait));
        assert_eq!(breaker, open(1, 30));
        breaker.failed(at(31), wait);
        assert_eq!(breaker, open(2, 61));
        breaker.close();
        assert_eq!(breaker.probe_at(), None);
    }
}
