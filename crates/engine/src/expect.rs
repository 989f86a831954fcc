//! When a job's next run is expected, and what follows where it does not come. Pure: times are milliseconds since 1970.

use fanfare_store::{JobRow, Watch};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// How long after an alarm, while a run is missing, somebody looks again whether a reminder is due.
pub(crate) const RECHECK: i64 = 5 * MINUTE;

/// How often a job is to report a run, and how late it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expectation {
    every: i64,
    grace: i64,
}

/// What an alarm says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// It is not time yet.
    Early,
    /// The run that was expected has not come.
    Missed,
    /// It is missing still.
    Missing,
    /// A run has come at last.
    Recovered,
}

impl Expectation {
    /// What is expected of a job; `None` for one that is to report at no set times.
    pub(crate) fn of(job: &JobRow) -> Option<Self> {
        let every = job.expect_every_s?.saturating_mul(SECOND);
        let grace = job.grace_s.map_or_else(|| default_grace(every), |grace| grace.saturating_mul(SECOND));
        Some(Self { every, grace })
    }

    /// What is expected from now on, of a job that last ran at this time.
    pub(crate) fn begin(self, last_run: Option<i64>, now: i64) -> Watch {
        // Whatever is overdue by a new expectation has the whole grace still.
        let expected_at = last_run.map_or(now.saturating_add(self.every), |at| self.after(at, now).max(now));
        self.watch(expected_at)
    }

    /// When the run after one is expected that ended at this time. A run cannot have ended later than it is reported.
    pub(crate) fn after(self, ended: i64, now: i64) -> i64 {
        ended.min(now).saturating_add(self.every)
    }

    /// A run that is expected at this time, and none is missing.
    pub(crate) fn watch(self, expected_at: i64) -> Watch {
        Watch { expected_at, alarm_at: expected_at.saturating_add(self.grace), missed_since: None }
    }

    /// What an alarm says.
    pub(crate) fn at_alarm(self, watch: &Watch, now: i64) -> Alarm {
        let in_time = now < self.watch(watch.expected_at).alarm_at;
        match watch.missed_since {
            // Only a run moves what is expected while one is missing.
            Some(since) if in_time && watch.expected_at != since => Alarm::Recovered,
            Some(_) => Alarm::Missing,
            None if now < watch.alarm_at => Alarm::Early,
            None => Alarm::Missed,
        }
    }

    /// What is expected after nobody could report for a while: what came due meanwhile has its grace once more.
    pub(crate) fn after_stop(self, watch: &Watch, now: i64) -> Watch {
        let mut after = self.within_reach(watch, now);
        if after.missed_since.is_none() && after.alarm_at <= now {
            after.alarm_at = now.saturating_add(self.grace);
        }
        after
    }

    /// What is expected after the clock was set while somebody was listening: how much time has really passed is not
    /// known, so where the new time would raise an alarm, waiting begins anew.
    pub(crate) fn after_jump(self, watch: &Watch, now: i64) -> Watch {
        if watch.missed_since.is_none() && watch.alarm_at <= now {
            return self.watch(now.saturating_add(self.every));
        }
        self.within_reach(watch, now)
    }

    /// No run is expected later than one interval from now. It may be where the clock was put back.
    fn within_reach(self, watch: &Watch, now: i64) -> Watch {
        match watch.missed_since {
            Some(_) => Watch { alarm_at: watch.alarm_at.min(now.saturating_add(RECHECK)), ..*watch },
            None if watch.expected_at > now.saturating_add(self.every) => self.watch(now.saturating_add(self.every)),
            None => *watch,
        }
    }
}

/// A tenth of the interval, at least a minute and at most an hour.
fn default_grace(every: i64) -> i64 {
    (every / 10).clamp(MINUTE, HOUR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * HOUR;
    const DAILY: Expectation = Expectation { every: DAY, grace: HOUR };

    #[test]
    fn grace_follows_the_interval() {
        assert_eq!(default_grace(5 * SECOND), MINUTE);
        assert_eq!(default_grace(HOUR), 6 * MINUTE);
        assert_eq!(default_grace(DAY), HOUR);
        assert_eq!(default_grace(30 * DAY), HOUR);
    }

    #[test]
    fn waiting_begins_now_or_with_the_last_run() {
        assert_eq!(DAILY.begin(None, 0), Watch { expected_at: DAY, alarm_at: DAY + HOUR, missed_since: None });
        assert_eq!(DAILY.begin(Some(0), HOUR).expected_at, DAY);
        assert_eq!(DAILY.begin(Some(0), 9 * DAY).alarm_at, 9 * DAY + HOUR, "not overdue at once");
        assert_eq!(DAILY.after(5 * DAY, DAY), 2 * DAY, "a run does not end in the future");
    }

    #[test]
    fn an_alarm_is_raised_once_and_ends_with_a_run_that_counts() {
        let watch = DAILY.watch(DAY);
        assert_eq!(DAILY.at_alarm(&watch, DAY + HOUR - 1), Alarm::Early);
        assert_eq!(DAILY.at_alarm(&watch, DAY + HOUR), Alarm::Missed);
        let missed = Watch { missed_since: Some(DAY), ..watch };
        assert_eq!(DAILY.at_alarm(&missed, 2 * DAY), Alarm::Missing);
        assert_eq!(DAILY.at_alarm(&missed, 0), Alarm::Missing, "a clock that is put back is no run");
        let with_run = |ended| Watch { expected_at: DAILY.after(ended, 3 * DAY), ..missed };
        assert_eq!(DAILY.at_alarm(&with_run(3 * DAY), 3 * DAY), Alarm::Recovered);
        assert_eq!(DAILY.at_alarm(&with_run(DAY - 1), 3 * DAY), Alarm::Missing, "a report that was kept for days");
    }

    #[test]
    fn a_stop_neither_forgets_nor_storms() {
        let watch = DAILY.watch(DAY);
        assert_eq!(DAILY.after_stop(&watch, DAY), watch, "not due yet");
        let after = DAILY.after_stop(&watch, 9 * DAY);
        assert_eq!(after, Watch { alarm_at: 9 * DAY + HOUR, ..watch }, "what is said stays true");
        assert_eq!(DAILY.after_stop(&after, 9 * DAY + HOUR - 1), after, "starting again does not move it");
        let missed = Watch { missed_since: Some(DAY), ..watch };
        assert_eq!(DAILY.after_stop(&missed, 9 * DAY), missed, "a reminder waits for nothing");
    }

    #[test]
    fn a_clock_that_jumps_raises_no_alarm() {
        let watch = DAILY.watch(5 * DAY);
        assert_eq!(DAILY.after_jump(&watch, 6 * DAY), DAILY.watch(7 * DAY), "forward");
        assert_eq!(DAILY.after_jump(&watch, 3 * DAY), DAILY.watch(4 * DAY), "back");
        assert_eq!(DAILY.after_jump(&watch, 4 * DAY + HOUR), watch, "by too little to matter");
        let missed = Watch { missed_since: Some(5 * DAY), alarm_at: 6 * DAY, ..watch };
        assert_eq!(DAILY.after_jump(&missed, 5 * DAY).alarm_at, 5 * DAY + RECHECK);
        assert_eq!(DAILY.after_jump(&missed, 7 * DAY), missed);
    }
}
