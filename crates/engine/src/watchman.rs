//! Notices runs that did not come, and those that come at last.
//!
//! When somebody must look at a job stands in the database, so a stop forgets nothing. Whoever looks first moves that
//! time by a little, which only one of several nodes can; then the event is raised; then the time is moved for good. A
//! crash in between repeats the event a moment later, and who knows of it already is not told again.

use std::{
    sync::{Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use fanfare_store::{JobRow, StoreError, Watch};
use jiff::Timestamp;
use tokio::{sync::oneshot, time::sleep};
use uuid::Uuid;

use crate::{
    AcceptError, Engine,
    clock::LEAP,
    engine::Inner,
    expect::{Alarm, Expectation, RECHECK},
    intake::{Intake, Prepared},
    writer::Write,
};

/// How long whoever looks at a job has it for itself, in milliseconds.
const CLAIM: i64 = 30_000;

/// How often the clock is looked at; it may be set.
const TICK: Duration = Duration::from_secs(1);

/// How often the database is looked at, since other nodes change it too.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Jobs that are looked at in one go.
const SLICE: u64 = 100;

/// Why a round ends early.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Accept(#[from] AcceptError),
    #[error("the engine is stopping")]
    Stopping,
}

/// Looks as long as there is an engine.
pub(crate) async fn run(engine: Weak<Inner>) {
    let mut clock: Option<(Timestamp, Instant)> = None;
    loop {
        let Some(inner) = engine.upgrade().filter(|inner| !inner.stopping.load(Ordering::Acquire)) else { return };
        let (alarms, outside) = (inner.alarms.clone(), inner.outside.clone());
        let looked = Instant::now();
        let next = match Engine::of(inner).look(&mut clock).await {
            Ok(next) => next,
            Err(WatchError::Stopping) => return,
            Err(error) => {
                tracing::warn!(%error, "missed runs could not be looked for; it is tried again");
                None
            }
        };
        let mut changed = std::pin::pin!(alarms.notified());
        loop {
            let now = outside.clock.now();
            let jumped = clock.is_some_and(|before| drift(before, (now, Instant::now())).is_some());
            if jumped || looked.elapsed() >= LONGEST_WAIT || next.is_some_and(|next| next <= now.as_millisecond()) {
                break;
            }
            let wait = next.map_or(TICK, |next| {
                Duration::from_millis(u64::try_from(next - now.as_millisecond()).unwrap_or(1)).min(TICK)
            });
            clock = Some((now, Instant::now()));
            tokio::select! {
                () = &mut changed => break,
                () = sleep(wait) => {}
            }
        }
    }
}

/// By how much the clock was set between two looks at it; `None` where it was not.
fn drift(before: (Timestamp, Instant), now: (Timestamp, Instant)) -> Option<i64> {
    let by_clock = now.0.as_millisecond() - before.0.as_millisecond();
    let passed = i64::try_from(now.1.saturating_duration_since(before.1).as_millis()).unwrap_or(i64::MAX);
    let drift = by_clock.saturating_sub(passed);
    (drift.unsigned_abs() > LEAP.as_millis() as u64).then_some(drift)
}

impl Engine {
    /// Does all that is due; says when the next look is.
    async fn look(&self, clock: &mut Option<(Timestamp, Instant)>) -> Result<Option<i64>, WatchError> {
        let now = self.inner.outside.clock.now();
        let before = clock.replace((now, Instant::now()));
        match before.map(|before| drift(before, (now, Instant::now()))) {
            None => self.again(now, Expectation::after_stop).await?,
            Some(Some(_)) => {
                tracing::info!("the clock was set: runs that it would make overdue are expected anew");
                self.again(now, Expectation::after_jump).await?;
            }
            Some(None) => {}
        }
        let now = now.as_millisecond();
        loop {
            let due = self.inner.store.alarms(now, SLICE).await?;
            for job in &due {
                self.alarm(job, now).await?;
            }
            if due.len() < SLICE as usize {
                return Ok(self.inner.store.next_alarm().await?);
            }
        }
    }

    /// Looks at all expectations after a time in which nobody looked, or in which the time was not the time.
    async fn again(&self, now: Timestamp, after: fn(Expectation, &Watch, i64) -> Watch) -> Result<(), WatchError> {
        for job in self.inner.store.jobs().await? {
            let (Some(expectation), Some(watch)) = (Expectation::of(&job), job.watch) else { continue };
            let new = after(expectation, &watch, now.as_millisecond());
            if new != watch {
                self.change_watch(job.id, watch, new).await?;
            }
        }
        Ok(())
    }

    /// Looks at a job whose time has come.
    async fn alarm(&self, job: &JobRow, now: i64) -> Result<(), WatchError> {
        let (Some(expectation), Some(watch)) = (Expectation::of(job), job.watch) else { return Ok(()) };
        let alarm = expectation.at_alarm(&watch, now);
        let since = watch.missed_since.or((alarm == Alarm::Missed).then_some(watch.expected_at));
        let mine = Watch { alarm_at: now.saturating_add(CLAIM), missed_since: since, ..watch };
        if !self.change_watch(job.id, watch, mine).await? {
            return Ok(());
        }
        let missing = Watch { alarm_at: now.saturating_add(RECHECK), ..mine };
        let since = since.unwrap_or(watch.expected_at);
        let next = match alarm {
            Alarm::Early => expectation.watch(watch.expected_at),
            Alarm::Missed => {
                self.raise_run(|intake| intake.missed(job, since)).await?;
                missing
            }
            Alarm::Missing => {
                let prepared = self.planned(|intake| intake.missed(job, since)).await?;
                if !prepared.plan.targets.is_empty() {
                    self.raise_run(|intake| intake.missed(job, since)).await?;
                }
                missing
            }
            Alarm::Recovered => {
                self.raise_run(|intake| intake.recovered(job, since)).await?;
                expectation.watch(watch.expected_at)
            }
        };
        if !self.change_watch(job.id, mine, next).await? && alarm == Alarm::Recovered {
            self.end_miss(job.id, since).await?;
        }
        Ok(())
    }

    /// Another run has come while the end of a miss was told: the miss is over all the same.
    async fn end_miss(&self, id: Uuid, since: i64) -> Result<(), WatchError> {
        let job = self.inner.store.job(id).await?;
        let found = job.as_ref().and_then(|job| Some((Expectation::of(job)?, job.watch?)));
        if let Some((expectation, watch)) = found.filter(|(_, watch)| watch.missed_since == Some(since)) {
            self.change_watch(id, watch, expectation.watch(watch.expected_at)).await?;
        }
        Ok(())
    }

    async fn raise_run(
        &self,
        prepare: impl FnOnce(&Intake<'_>) -> Result<Prepared, AcceptError>,
    ) -> Result<(), WatchError> {
        Ok(self.store_prepared(None, prepare).await.map(drop)?)
    }

    async fn change_watch(&self, job: Uuid, seen: Watch, new: Watch) -> Result<bool, WatchError> {
        let (answer, done) = oneshot::channel();
        self.inner.writer.send(Write::Watch(job, seen, new, answer)).map_err(|_| WatchError::Stopping)?;
        Ok(done.await.map_err(|_| WatchError::Stopping)??)
    }
}
