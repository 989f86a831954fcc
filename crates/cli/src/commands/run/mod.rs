//! `fanfare run`: a command as a run of a job.
//!
//! The command comes first: whatever goes wrong with the report, it runs, its output goes through, and its exit code
//! is ours.

mod ended;
mod pass;
mod progress;
mod replay;
mod report;
mod signals;
mod size;
mod spool;
mod supervise;
mod tail;
mod voice;

use std::{
    env,
    io::{self, IsTerminal},
    path::Path,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{sync::mpsc::UnboundedReceiver, time::Instant};
use uuid::Uuid;

use crate::{
    args::{Outcome, RunArgs, word},
    client::Client,
    config::Settings,
    failure::Failure,
    output::clean,
};
use ended::Ended;
use progress::Progress;
use replay::{Replayed, replay};
use report::{Receipt, Report, Run, check_job};
use signals::Signal;
use spool::Spool;
use supervise::{Course, supervise};
use voice::Voice;

/// How long reporting may take, what waits included. What is not through by then is kept.
const PATIENCE: Duration = Duration::from_secs(15);

/// How much of that what waits may take, so that this run has its turn.
const PATIENCE_WITH_OLD: Duration = Duration::from_secs(5);

/// The way to the server, and the place for what cannot be sent.
#[derive(Debug)]
pub(crate) struct Link {
    client: Client,
    spool: Option<Spool>,
}

/// What came of reporting.
enum Told {
    /// What the server said.
    Answered { replayed: Replayed, result: Result<(String, Receipt), Failure> },
    /// A signal asked us to end first.
    Interrupted,
}

impl Link {
    /// As the settings say.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let client = Client::new(settings)?;
        let state_home = env::var_os("XDG_STATE_HOME").filter(|path| !path.is_empty());
        let home = env::home_dir();
        let dir =
            spool::directory(settings.spool_dir.as_deref(), state_home.as_deref().map(Path::new), home.as_deref());
        Ok(Self { client, spool: dir.map(Spool::new) })
    }
}

/// Runs the command, reports how it ended, and gives the exit code. Fails only before the command has begun.
pub(crate) async fn run(args: RunArgs, json: bool, link: Result<Link, Failure>) -> Result<u8, Failure> {
    check_job(&args.job)?;
    let job = clean(&args.job);
    let terminal = io::stderr().is_terminal();
    if let Err(failure) = &link {
        let why = failure.words().unwrap_or_default();
        Voice::new(true, json, false).say(&format!("the run of {job:?} will not be reported: {why}"));
    }
    let mut signals =
        signals::catch().map_err(|error| Failure::Failed(format!("the system gives no threads or events: {error}")))?;
    let wanted = terminal && !json && !args.no_progress && env::var_os("TERM").is_none_or(|term| term != "dumb");
    let progress = Arc::new(Progress::new(wanted, &args.job));

    let course = supervise(&args.command, &progress, &mut signals).await;

    let mut voice = Voice::new(progress.end(), json, args.verbose || (terminal && !json));
    if let Ended::NotFound(_) | Ended::NotRun(_) = course.ended {
        voice.say(&course.ended.words());
    }
    let size_bytes = size::size_of(&args.size_of).unwrap_or_else(|why| {
        voice.say(&why);
        None
    });
    if let Ok(link) = link {
        let outcome = course.ended.outcome(&args.partial_exit);
        let run = described(&course, outcome, args.source, size_bytes);
        let what = format!("{} of {job:?}", run.outcome);
        match Report::new(link.client.server(), args.job, &run) {
            Ok(report) => {
                let told = tell(&link, &report, &mut signals).await;
                voice.sum_up(&link, &report, told, &what, course.took);
            }
            Err(failure) => voice.not_reported(&what, &failure),
        }
    }
    Ok(course.ended.exit_code())
}

/// What is reported of a run.
fn described(course: &Course, outcome: Outcome, source: Option<String>, size_bytes: Option<u64>) -> Run {
    // What the server keeps of a time.
    let millis = |time: Timestamp| Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time);
    Run {
        outcome: word(&outcome),
        source,
        started_at: millis(course.started_at),
        occurred_at: millis(course.ended_at),
        duration_ms: u64::try_from(course.took.as_millis()).unwrap_or(u64::MAX),
        size_bytes,
        error: course.ended.error(&course.last_lines),
        idempotency_key: Uuid::now_v7().to_string(),
    }
}

/// Sends what waits and then this report, so that the server hears of runs in their order.
async fn tell(link: &Link, report: &Report, signals: &mut UnboundedReceiver<Signal>) -> Told {
    // Those that came while the command ran have had their effect.
    while signals.try_recv().is_ok() {}
    let began = Instant::now();
    let sending = async {
        let replayed = match &link.spool {
            Some(spool) => replay(spool, &link.client, began + PATIENCE_WITH_OLD).await,
            None => Replayed::default(),
        };
        let left = (began + PATIENCE).saturating_duration_since(Instant::now());
        let result = report.send(&link.client, left).await;
        Told::Answered { replayed, result }
    };
    tokio::select! {
        told = sending => told,
        () = asked_to_end(signals) => Told::Interrupted,
    }
}

async fn asked_to_end(signals: &mut UnboundedReceiver<Signal>) {
    while let Some(signal) = signals.recv().await {
        if signal.ends() {
            return;
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_described() {
        let course = Course {
            ended: Ended::Exited(3),
            started_at: "2026-03-29T01:30:00.123456Z".parse().unwrap(),
            ended_at: "2026-03-29T01:30:04.999999Z".parse().unwrap(),
            took: Duration::from_micros(4_876_543),
            last_lines: "one source is missing".into(),
        };
        let run = described(&course, Outcome::Partial, Some("shop".into()), Some(42));
        assert_eq!((run.outcome.as_str(), run.duration_ms, run.size_bytes), ("partial", 4_876, Some(42)));
        assert_eq!(run.started_at.to_string(), "2026-03-29T01:30:00.123Z");
        assert_eq!(run.occurred_at.to_string(), "2026-03-29T01:30:04.999Z");
        assert_eq!(run.error.as_deref(), Some("exit code 3\none source is missing"));
        let other = described(&course, Outcome::Partial, None, None);
        assert_ne!(run.idempotency_key, other.idempotency_key);
    }
}
