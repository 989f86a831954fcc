//! Sending what an earlier run could not.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::time::Instant;

use super::{
    report::{Refusal, Report},
    spool::Spool,
};
use crate::{client::Client, failure::Failure, output::clean};

/// After so many reports in a row that the server cannot take now, the others are not tried either.
const ENOUGH: u32 = 3;

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Replayed {
    /// How many reports the server has now.
    pub(super) sent: usize,
    /// What somebody should know.
    pub(super) notes: Vec<String>,
}

/// What becomes of one waiting report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The server has it.
    Sent,
    /// It goes on waiting; others may fare better.
    Waits,
    /// It goes on waiting, and so do all the others.
    AllWait,
    /// It will never be sent.
    Refused,
}

impl Fate {
    fn of<T>(result: &Result<T, Failure>) -> Self {
        match result.as_ref().map_err(Refusal::of) {
            Ok(_) | Err(Refusal::Known) => Self::Sent,
            Err(Refusal::NotNow) => Self::Waits,
            // A wrong token says nothing about the reports, and it is said where this run is reported.
            Err(Refusal::Unreachable | Refusal::NotUs) => Self::AllWait,
            Err(Refusal::Never) => Self::Refused,
        }
    }
}

/// Sends what waits for this server, oldest first, until `deadline`. Does nothing where another process does it.
pub(super) async fn replay(spool: &Spool, client: &Client, deadline: Instant) -> Replayed {
    let mut replayed = Replayed::default();
    if let Err(error) = send_all(spool, client, deadline, &mut replayed).await {
        replayed.notes.push(format!("what waits in {} cannot be sent: {error}", spool.dir().display()));
    }
    replayed
}

async fn send_all(spool: &Spool, client: &Client, deadline: Instant, replayed: &mut Replayed) -> std::io::Result<()> {
    // Most runs find nothing, and should not leave a lock either.
    if spool.waiting()?.is_empty() {
        return Ok(());
    }
    let Some(_claim) = spool.claim()? else { return Ok(()) };
    spool.tidy(SystemTime::now())?;
    let mut in_vain = 0;
    // Read again: another process may have sent some before it gave the claim back.
    for path in spool.waiting()? {
        let left = deadline.saturating_duration_since(Instant::now());
        if left == Duration::ZERO || in_vain == ENOUGH {
            break;
        }
        let report = match spool.read(&path) {
            Ok(Some(report)) if report.server == client.server() => report,
            // What waits for another server waits until that one is reported to.
            Ok(_) => continue,
            Err(why) => {
                let place = spool.put_aside(&path)?;
                replayed
                    .notes
                    .push(format!("a file that waited to be sent is put aside: {why}. It is {}", shown(&place)));
                continue;
            }
        };
        let result = report.send(client, left).await;
        match Fate::of(&result) {
            Fate::Sent => {
                spool.done(&path)?;
                (replayed.sent, in_vain) = (replayed.sent + 1, 0);
            }
            Fate::Waits => in_vain += 1,
            Fate::AllWait => break,
            Fate::Refused => {
                let place = spool.put_aside(&path)?;
                replayed.notes.push(refused(&report, result.err(), &place));
            }
        }
    }
    Ok(())
}

fn refused(report: &Report, failure: Option<Failure>, place: &Path) -> String {
    let time = report.run.get("occurred_at").and_then(|time| time.as_str()).unwrap_or("an unknown time");
    let why = failure.and_then(|failure| failure.words()).unwrap_or_default();
    let (job, time) = (clean(&report.job), clean(time));
    format!("an earlier run of {job:?}, of {time}, is refused for good: {why}\n  Its report is {}", shown(place))
}

fn shown(path: &Path) -> String {
    clean(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::StatusCode;

    use super::{super::report::sample, *};
    use crate::problem::Problem;

    fn status(status: u16) -> Result<(), Failure> {
        Err(Failure::Refused(Problem { status: StatusCode::from_u16(status).unwrap(), body: Bytes::new() }))
    }

    #[test]
    fn a_report_is_sent_or_waits_or_is_put_aside() {
        assert_eq!(Fate::of(&Ok(())), Fate::Sent);
        for (code, fate) in [
            (409, Fate::Sent),
            (404, Fate::Refused),
            (422, Fate::Refused),
            (401, Fate::AllWait),
            (403, Fate::AllWait),
            (429, Fate::AllWait),
            (500, Fate::Waits),
            (503, Fate::Waits),
        ] {
            assert_eq!(Fate::of(&status(code)), fate, "{code}");
        }
        let unreachable: Result<(), _> = Err(Failure::Unreachable("nobody".into()));
        assert_eq!(Fate::of(&unreachable), Fate::AllWait);
    }

    #[test]
    fn a_refusal_names_the_run() {
        let words = refused(&sample("a\u{1b}b"), status(404).err(), Path::new("/spool/refused/x.json"));
        assert!(
            words.starts_with("an earlier run of \"a\u{fffd}b\", of 2026-03-29T01:30:04.2Z, is refused"),
            "{words}"
        );
        assert!(words.ends_with("Its report is /spool/refused/x.json"), "{words}");
    }
}
