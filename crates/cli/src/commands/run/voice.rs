//! What `fanfare run` says itself, all of it on standard error: standard output is the command's.

use std::{
    io::{self, Write},
    time::Duration,
};

use http::StatusCode;
use jiff::Timestamp;

use super::{
    Link, Told,
    report::{Receipt, Refusal, Report},
};
use crate::{
    failure::Failure,
    output::{clean, duration},
};

/// Says things beside a command's output.
#[derive(Debug)]
pub(super) struct Voice {
    fresh_line: bool,
    json: bool,
    talkative: bool,
}

impl Voice {
    /// `fresh_line`: whether the command's output ended with a whole line. `json`: whether the server's answer is
    /// wanted as it is. `talkative`: whether it is said that all is well.
    pub(super) fn new(fresh_line: bool, json: bool, talkative: bool) -> Self {
        Self { fresh_line, json, talkative }
    }

    /// Says something.
    pub(super) fn say(&mut self, words: &str) {
        self.write(&format!("fanfare: {words}"));
    }

    fn write(&mut self, line: &str) {
        let start = if self.fresh_line { "" } else { "\n" };
        // Nobody may be listening, which is no reason to fail.
        let _ = io::stderr().write_all(format!("{start}{line}\n").as_bytes());
        self.fresh_line = true;
    }

    /// Says that a run is not reported.
    pub(super) fn not_reported(&mut self, what: &str, failure: &Failure) {
        self.say(&unreported(what, failure, None));
    }

    /// Says how reporting went, and keeps a report that is to be sent later.
    pub(super) fn sum_up(&mut self, link: &Link, report: &Report, told: Told, what: &str, took: Duration) {
        let result = match told {
            Told::Answered { replayed, result } => {
                replayed.notes.iter().for_each(|note| self.say(note));
                if self.talkative && replayed.sent > 0 {
                    self.say(&format!("reported of earlier runs: {}", replayed.sent));
                }
                result
            }
            Told::Interrupted => Err(Failure::Unreachable("a signal came before the server's answer".into())),
        };
        match result {
            Ok((answer, _)) if self.json => self.write(answer.trim_end()),
            Ok((_, receipt)) if self.talkative => self.say(&reported(what, took, &receipt)),
            Ok(_) => {}
            Err(failure) => {
                if let Failure::Refused(problem) = &failure
                    && self.json
                    && problem.is_json()
                {
                    self.write(String::from_utf8_lossy(&problem.body).trim_end());
                }
                let kept = Refusal::of(&failure).is_passing().then(|| keep(link, report));
                self.say(&unreported(what, &failure, kept.as_deref()));
            }
        }
    }
}

fn reported(what: &str, took: Duration, receipt: &Receipt) -> String {
    let took = duration(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    match receipt.duplicate {
        true => format!("reported {what} ({took}); the server knew"),
        false => format!("reported {what} ({took}); {} told", receipt.told),
    }
}

fn unreported(what: &str, failure: &Failure, kept: Option<&str>) -> String {
    let why = failure.words().unwrap_or_default();
    match (kept, failure) {
        (Some(kept), _) => format!("the {what} is not reported yet: {why}\n  {kept}"),
        (None, Failure::Refused(problem)) if problem.status == StatusCode::NOT_FOUND => {
            format!("the {what} is not reported: {why}\n  A run makes no job: check the name, or make the job first.")
        }
        (None, _) => format!("the {what} is not reported: {why}"),
    }
}

/// Keeps a report for later, and says what came of that.
fn keep(link: &Link, report: &Report) -> String {
    let Some(spool) = &link.spool else {
        return "The report is lost, since there is no home directory to keep it in: FANFARE_SPOOL_DIR can name a place."
            .into();
    };
    let place = clean(&spool.dir().display().to_string());
    match spool.keep(report, Timestamp::now()) {
        Ok(0) => format!("The report is kept in {place}, and a later fanfare run sends it."),
        Ok(dropped) => format!(
            "The report is kept in {place}, and a later fanfare run sends it. There was no room for more, so the oldest \
             had to go: {dropped}."
        ),
        Err(error) => format!("The report is lost, since it cannot be kept in {place}: {error}."),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::problem::Problem;

    #[test]
    fn what_is_said_fits_what_happened() {
        let receipt = Receipt { duplicate: false, told: 2 };
        let words = reported("success of \"nightly\"", Duration::from_secs(12), &receipt);
        assert_eq!(words, "reported success of \"nightly\" (12.0 s); 2 told");

        let refused = |status: u16| {
            let body = Bytes::from_static(br#"{"title":"There is nothing here","detail":"there is no such job"}"#);
            Failure::Refused(Problem { status: StatusCode::from_u16(status).unwrap(), body })
        };
        let words = unreported("failure of \"x\"", &refused(404), None);
        assert!(words.starts_with("the failure of \"x\" is not reported: There is nothing here: there is no such job"));
        assert!(words.ends_with("make the job first."), "{words}");
        let words = unreported("failure of \"x\"", &refused(503), Some("It is kept."));
        assert!(words.contains("is not reported yet") && words.ends_with("\n  It is kept."), "{words}");
    }
}
