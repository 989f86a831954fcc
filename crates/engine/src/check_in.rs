//! Check-ins: a job says by an address of its own that a run begins or has ended.

use fanfare_core::{Outcome, text};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::{
    AcceptError, Engine, Run,
    writer::{Change, Write},
};

/// How many bytes of text are kept of a run.
const TEXT: usize = 8 * 1024;

/// What a job says when it checks in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckIn {
    /// A run begins.
    Started,
    /// A run has ended.
    Ended(Outcome),
}

/// What a check-in key is found by: comparing it tells nothing of the key by the time it takes.
pub(crate) fn fingerprint(key: &str) -> [u8; 32] {
    Sha256::digest(key).into()
}

impl Engine {
    /// Whether this check-in key is a job's.
    pub fn knows_ping_key(&self, key: &str) -> bool {
        self.inner.current.get().job_by_key(key).is_some()
    }

    /// Reports by a job's check-in key that a run begins or has ended. `said` is kept as the run's error text: the end
    /// of it. False where the key is nobody's.
    pub async fn check_in(&self, key: &str, check_in: CheckIn, said: &[u8]) -> Result<bool, AcceptError> {
        let Some(id) = self.inner.current.get().job_by_key(key) else { return Ok(false) };
        let unavailable = |error: fanfare_store::StoreError| AcceptError::Unavailable(error.to_string());
        let now = self.inner.outside.clock.now();
        let outcome = match check_in {
            CheckIn::Ended(outcome) => outcome,
            CheckIn::Started => {
                let stopping = || AcceptError::Unavailable("Fanfare is stopping; try again in a moment".into());
                let (answer, done) = oneshot::channel();
                let change = Change::StartRun(id.0, now.as_millisecond());
                self.inner.writer.send(Write::Change(change, None, answer)).map_err(|_| stopping())?;
                done.await.map_err(|_| stopping())?.map_err(unavailable)?;
                return Ok(true);
            }
        };
        let job = self.inner.store.job(id.0).await.map_err(unavailable)?;
        let started_at = job.and_then(|job| job.started_at).map(crate::configure::time);
        let run = Run {
            // A start that lies ahead was written before the clock was put back.
            started_at: started_at.filter(|started| *started <= now),
            error: last_lines(&String::from_utf8_lossy(said)),
            ..Run::new(outcome)
        };
        match self.report_run(&id.to_string(), run, None).await {
            Err(AcceptError::NoJob(_)) => Ok(false),
            result => result.map(|_| true),
        }
    }
}

/// The end of a text, without what is no text; `None` where nothing is left.
fn last_lines(said: &str) -> Option<String> {
    let clean = text::lines(said);
    let clean = clean.trim_matches('\n').trim_end();
    let from = clean.len().saturating_sub(TEXT);
    let from = (from..=clean.len()).find(|&at| clean.is_char_boundary(at)).unwrap_or(clean.len());
    let mut end = &clean[from..];
    if from > 0
        && let Some((_, whole_lines)) = end.split_once('\n').filter(|(_, rest)| !rest.is_empty())
    {
        end = whole_lines;
    }
    (!text::is_blank(end)).then(|| end.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_was_said_is_kept_as_text() {
        assert_eq!(last_lines(""), None);
        assert_eq!(last_lines(" \r\n\n"), None);
        assert_eq!(last_lines("no space\r\nleft\n").as_deref(), Some("no space\nleft"));
        assert_eq!(last_lines("a\u{7}b\0c").map(|text| text.contains(['\u{7}', '\0'])), Some(false));
        let long = format!("{}\nthe end\n", "ä".repeat(TEXT));
        assert_eq!(last_lines(&long).as_deref(), Some("the end"));
        let one_line = "ä".repeat(TEXT);
        assert_eq!(last_lines(&one_line).unwrap().len(), TEXT, "cut between characters");
    }
}
