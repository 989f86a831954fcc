//! What a lane decides: whether something may leave, and what follows from an attempt. Time and chance are arguments.

use std::time::Duration;

use fanfare_core::{Decision, ErrorKind, RetryPolicy, SendError, spread};
use fanfare_store::Next;
use jiff::{SignedDuration, Timestamp};

use super::{
    breaker::Breaker,
    bucket::Bucket,
    health::{Failure, LaneHealth, Turn},
    policy::LanePolicy,
};

/// The state of a lane, but for its health, which others look at.
#[derive(Clone, Debug, Default)]
pub(crate) struct LaneState {
    pub(crate) bucket: Bucket,
    pub(crate) breaker: Breaker,
    /// Nothing leaves before this time, which the service named.
    pub(crate) paused_until: Option<Timestamp>,
    /// How often in a row it has asked to wait.
    pub(crate) turned_away: u32,
}

/// Whether something may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// As much as there is room for.
    Open,
    /// One delivery, when nothing else is under way.
    Probe,
    /// Nothing, before this time.
    Shut(Timestamp),
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome<'a> {
    /// What went wrong, if anything.
    pub(crate) error: Option<&'a SendError>,
    /// How many attempts were made before.
    pub(crate) attempts: u32,
    /// When the delivery's life ends.
    pub(crate) expires_at: Timestamp,
    /// Whether the delivery tells of a channel's health itself.
    pub(crate) is_own: bool,
    /// Whether the channel's configuration has changed since the attempt began.
    pub(crate) is_stale: bool,
    /// Whether it was a digest, which stands for many.
    pub(crate) is_digest: bool,
}

/// By what a lane decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) retry: &'a RetryPolicy,
    pub(crate) policy: &'a LanePolicy,
    /// Chance, uniform in `0.0..1.0`.
    pub(crate) random: f64,
}

/// What follows from an attempt.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) next: Next,
    /// What somebody must hear.
    pub(crate) turn: Option<Turn>,
    /// A wait that the service asked for and that is longer than the delivery lives.
    pub(crate) absurd: Option<Duration>,
}

impl LaneState {
    /// Whether something may leave now.
    pub(crate) fn gate(&mut self, now: Timestamp) -> Gate {
        if let Some(until) = self.paused_until {
            if now < until {
                return Gate::Shut(until);
            }
            self.paused_until = None;
        }
        match self.breaker.probe_at() {
            None => Gate::Open,
            Some(at) if at <= now => Gate::Probe,
            Some(at) => Gate::Shut(at),
        }
    }

    /// The clock was set by so many milliseconds: whatever is waited for is as far away as before.
    pub(crate) fn leap(&mut self, by: i64) {
        self.bucket.leap(by);
        self.breaker.leap(by);
        self.paused_until = self.paused_until.map(|until| moved(until, by));
    }

    /// The channel's configuration was changed: nothing that was found out counts any more.
    pub(crate) fn begin_anew(&mut self) {
        self.breaker.close();
        self.paused_until = None;
        self.turned_away = 0;
    }

    /// Something got through.
    pub(crate) fn succeeded(&mut self, health: &mut LaneHealth, now: Timestamp) -> Option<Turn> {
        self.breaker.close();
        self.turned_away = 0;
        health.succeeded(now)
    }

    /// What follows from an attempt, for its delivery and for the lane.
    pub(crate) fn judge(
        &mut self,
        outcome: Outcome<'_>,
        health: &mut LaneHealth,
        rules: Rules<'_>,
        now: Timestamp,
    ) -> Verdict {
        let verdict = |next, turn| Verdict { next, turn, absurd: None };
        let Some(error) = outcome.error else { return verdict(Next::Delivered, self.succeeded(health, now)) };
        let probe = |number| spread(&rules.policy.probes, number, rules.retry.jitter, rules.random);
        match error.kind {
            ErrorKind::RateLimited { after } => {
                health.turned_away(&error.detail);
                // Several that were under way together were turned away once.
                if self.paused_until.is_none_or(|until| until <= now) {
                    self.turned_away = self.turned_away.saturating_add(1);
                }
                let decision = rules.retry.decide(error, self.turned_away, now, outcome.expires_at, rules.random);
                if let Decision::Pause(until) = decision {
                    self.paused_until = self.paused_until.max(Some(until));
                }
                let left = Duration::try_from(outcome.expires_at.duration_since(now)).unwrap_or_default();
                Verdict { absurd: after.filter(|after| *after > left), ..verdict(next(decision), None) }
            }
            ErrorKind::Misconfigured { .. } if outcome.is_stale => verdict(Next::Again(now.as_millisecond()), None),
            ErrorKind::Misconfigured { .. } => {
                // What keeps waiting is due at once and stands before the gate, so that it leaves when that opens. A
                // digest is many in a row: it opens the breaker alone, so that not all of them die of one mistake.
                if outcome.is_digest {
                    self.breaker.open(now, probe);
                }
                let waits = self.breaker.misconfigured(now, probe) && now < outcome.expires_at;
                let next = if waits { Next::Again(now.as_millisecond()) } else { Next::Dead };
                verdict(next, self.failed(error, outcome.is_own, health, rules, now))
            }
            _ => {
                self.breaker.failed(now, probe);
                let failures = outcome.attempts.saturating_add(1);
                let decision = rules.retry.decide(error, failures, now, outcome.expires_at, rules.random);
                verdict(next(decision), self.failed(error, outcome.is_own, health, rules, now))
            }
        }
    }

    fn failed(
        &self,
        error: &SendError,
        is_own: bool,
        health: &mut LaneHealth,
        rules: Rules<'_>,
        now: Timestamp,
    ) -> Option<Turn> {
        let failure = Failure { detail: &error.detail, is_open: self.breaker.probe_at().is_some(), is_own };
        health.failed(failure, now, rules.policy.failing_after)
    }
}

/// A time that is so many milliseconds later.
pub(crate) fn moved(time: Timestamp, by: i64) -> Timestamp {
    time.saturating_add(SignedDuration::from_millis(by)).unwrap_or(time)
}

fn next(decision: Decision) -> Next {
    match decision {
        Decision::Again(at) | Decision::Pause(at) => Next::Again(at.as_millisecond()),
        Decision::Dead => Next::Dead,
    }
}

#[cfg(test)]
mod tests;
