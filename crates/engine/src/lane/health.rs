//! The health of a lane: whether deliveries get through, and when somebody must hear that they do not.

use std::time::Duration;

use fanfare_core::whole_millis;
use jiff::Timestamp;

use crate::{Health, HealthState};

/// How many attempts in a row must have failed.
const IN_A_ROW: u32 = 5;

/// What a lane knows of its health.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneHealth {
    /// Unknown, ok or failing.
    state: HealthState,
    since: Option<Timestamp>,
    last_error: Option<String>,
    /// Since when deliveries wait for a time that the service named, or for their turn.
    limited_since: Option<Timestamp>,
    /// Attempts that failed in a row, and when the first of them did.
    failures: u32,
    failed_since: Option<Timestamp>,
    /// Whether somebody was told that it fails, and not yet that it works again.
    told: bool,
    /// Whether the lane's breaker is open.
    is_open: bool,
}

/// What somebody must hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Deliveries do not get through any more; the words of the latest failure.
    Failing(String),
    /// They do again.
    Recovered,
}

/// A failed attempt, as health sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    /// The other side's words.
    pub(crate) detail: &'a str,
    /// Whether the breaker is open.
    pub(crate) is_open: bool,
    /// Whether the delivery tells of a channel's health itself; nobody hears of such a failure.
    pub(crate) is_own: bool,
}

impl LaneHealth {
    /// What an earlier start knew.
    pub(crate) fn restored(
        state: HealthState,
        since: Option<Timestamp>,
        last_error: Option<String>,
        told: bool,
        is_open: bool,
    ) -> Self {
        Self { state, since, last_error, told, is_open, ..Self::default() }
    }

    /// As it is shown.
    pub(crate) fn shown(&self) -> Health {
        match self.limited_since {
            Some(since) if self.state != HealthState::Failing => {
                Health { state: HealthState::Limited, since: Some(since), last_error: self.last_error.clone() }
            }
            _ => Health { state: self.state, since: self.since, last_error: self.last_error.clone() },
        }
    }

    /// Unknown, ok or failing, whatever limits it.
    pub(crate) fn state(&self) -> HealthState {
        self.state
    }

    /// Since when it is so.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Whether somebody was told that it fails.
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }

    /// Whether the lane's breaker is open.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open
    }

    /// What the lane's breaker is now.
    pub(crate) fn set_open(&mut self, is_open: bool) {
        self.is_open = is_open;
    }

    /// An attempt got through.
    pub(crate) fn succeeded(&mut self, now: Timestamp) -> Option<Turn> {
        (self.failures, self.failed_since) = (0, None);
        if self.state != HealthState::Ok {
            (self.state, self.since, self.last_error) = (HealthState::Ok, Some(whole_millis(now)), None);
        }
        std::mem::take(&mut self.told).then_some(Turn::Recovered)
    }

    /// An attempt failed. Failing is a lane whose breaker is open, or five attempts in a row that failed over at least
    /// `long`, until one gets through.
    pub(crate) fn failed(&mut self, failure: Failure<'_>, now: Timestamp, long: Duration) -> Option<Turn> {
        self.last_error = Some(failure.detail.to_owned());
        self.failures = self.failures.saturating_add(1);
        let lasts = now.duration_since(*self.failed_since.get_or_insert(now));
        let is_long = Duration::try_from(lasts).is_ok_and(|lasts| lasts >= long);
        if self.state != HealthState::Failing && (failure.is_open || (self.failures >= IN_A_ROW && is_long)) {
            (self.state, self.since) = (HealthState::Failing, Some(whole_millis(now)));
        }
        let tell = self.state == HealthState::Failing && !self.told && !failure.is_own;
        self.told |= tell;
        tell.then(|| Turn::Failing(failure.detail.to_owned()))
    }

    /// The service asked to wait.
    pub(crate) fn turned_away(&mut self, detail: &str) {
        self.last_error = Some(detail.to_owned());
    }

    /// Whether deliveries wait for a time that the service named, or for their turn.
    pub(crate) fn limit(&mut self, is_limited: bool, now: Timestamp) {
        self.limited_since = is_limited.then(|| self.limited_since.unwrap_or(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn fail(health: &mut LaneHealth, second: i64) -> Option<Turn> {
        health.failed(Failure { detail: "503", is_open: false, is_own: false }, at(second), MINUTE)
    }

    fn told() -> Option<Turn> {
        Some(Turn::Failing("503".into()))
    }

    #[test]
    fn five_failures_over_a_minute_are_failing_until_one_success() {
        let mut health = LaneHealth::default();
        let turns: Vec<_> = [0, 1, 2, 3, 59].map(|second| fail(&mut health, second)).into();
        assert_eq!(turns, [None, None, None, None, None], "under a minute");
        assert_eq!(health.shown().state, HealthState::Unknown);
        assert_eq!(fail(&mut health, 60), told());
        assert_eq!(
            health.shown(),
            Health { state: HealthState::Failing, since: Some(at(60)), last_error: Some("503".into()) }
        );
        assert_eq!(fail(&mut health, 70), None, "once");
        assert_eq!(health.succeeded(at(80)), Some(Turn::Recovered));
        assert_eq!(health.shown(), Health { state: HealthState::Ok, since: Some(at(80)), last_error: None });
        assert_eq!(health.succeeded(at(90)), None, "once");
        assert_eq!(health.since(), Some(at(80)));
    }

    #[test]
    fn four_failures_are_not_enough_and_a_success_begins_anew() {
        let mut health = LaneHealth::default();
        assert_eq!([0, 60, 120, 180].map(|second| fail(&mut health, second)), [None, None, None, None]);
        assert_eq!(health.succeeded(at(181)), None);
        assert_eq!([200, 260, 320, 380].map(|second| fail(&mut health, second)), [None, None, None, None]);
        assert_eq!(fail(&mut health, 440), told());
    }

    #[test]
    fn an_open_breaker_is_failing_at_once() {
        let mut health = LaneHealth::default();
        let open = Failure { detail: "404", is_open: true, is_own: false };
        assert_eq!(health.failed(open, at(0), MINUTE), Some(Turn::Failing("404".into())));
    }

    #[test]
    fn what_tells_of_health_is_not_told_of() {
        let mut health = LaneHealth::default();
        let own = Failure { detail: "404", is_open: true, is_own: true };
        assert_eq!(health.failed(own, at(0), MINUTE), None);
        assert_eq!(health.shown().state, HealthState::Failing);
        // Another delivery that fails is reason enough.
        assert_eq!(fail(&mut health, 1), told());
        assert_eq!(health.failed(own, at(2), MINUTE), None);
    }

    #[test]
    fn nobody_hears_of_a_recovery_who_did_not_hear_of_the_failure() {
        let mut health = LaneHealth::default();
        let own = Failure { detail: "404", is_open: true, is_own: true };
        assert_eq!(health.failed(own, at(0), MINUTE), None);
        assert_eq!(health.succeeded(at(1)), None);
    }

    #[test]
    fn limited_shows_unless_it_fails() {
        let mut health = LaneHealth::default();
        assert_eq!(health.succeeded(at(0)), None);
        health.turned_away("429");
        health.limit(true, at(1));
        health.limit(true, at(2));
        assert_eq!(
            health.shown(),
            Health { state: HealthState::Limited, since: Some(at(1)), last_error: Some("429".into()) }
        );
        health.limit(false, at(3));
        assert_eq!(health.shown().state, HealthState::Ok);
        assert_eq!(health.shown().since, Some(at(0)));
    }

    #[test]
    fn an_earlier_start_is_gone_on_from() {
        let mut health = LaneHealth::restored(HealthState::Failing, Some(at(5)), Some("404".into()), true, false);
        assert_eq!(fail(&mut health, 9), None);
        assert_eq!(health.shown().since, Some(at(5)));
        assert_eq!(health.succeeded(at(10)), Some(Turn::Recovered));
    }
}
