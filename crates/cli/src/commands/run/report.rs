//! What is told to the server of a run, and what its answer means.

use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use serde::{
    Deserialize, Serialize,
    de::{self, IgnoredAny},
};
use serde_json::{Map, Value};

use crate::{client::Client, failure::Failure};

/// The report of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    /// The server that it is for. The token is never part of it.
    pub(super) server: String,
    /// The job's name or id.
    pub(super) job: String,
    /// What is sent, with the run's own times and idempotency key, so that a repeat is the same request.
    pub(super) run: Map<String, Value>,
}

/// What is known of a run.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    /// How it ended: `success`, `partial` or `failure`.
    pub(super) outcome: String,
    /// What it worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    /// When it began.
    pub(super) started_at: Timestamp,
    /// When it ended.
    pub(super) occurred_at: Timestamp,
    /// How long it took, in milliseconds, by a clock that nobody sets.
    pub(super) duration_ms: u64,
    /// How much it made, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size_bytes: Option<u64>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
    /// What recognises a repeat.
    pub(super) idempotency_key: String,
}

/// That the server has a report.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Receipt {
    /// Whether it had it before.
    pub(super) duplicate: bool,
    /// How many are told.
    #[serde(rename = "deliveries", deserialize_with = "count")]
    pub(super) told: usize,
}

/// Why the server does not have a report, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Nobody is there, or nobody can answer: everything has to wait.
    Unreachable,
    /// The server cannot take this report now.
    NotNow,
    /// The server does not know or does not trust who asks; that says nothing about the report.
    NotUs,
    /// The server has the report under this key, as it was worded before.
    Known,
    /// The server will never take it.
    Never,
}

impl Refusal {
    /// What a failure to report means.
    pub(super) fn of(failure: &Failure) -> Self {
        let problem = match failure {
            Failure::Unreachable(_) => return Self::Unreachable,
            Failure::Refused(problem) => problem,
            Failure::WrongUse(_) | Failure::Failed(_) | Failure::Told => return Self::Never,
        };
        match problem.status {
            StatusCode::TOO_MANY_REQUESTS => Self::Unreachable,
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY => Self::NotNow,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::NotUs,
            StatusCode::CONFLICT => Self::Known,
            status if status.is_server_error() => Self::NotNow,
            _ => Self::Never,
        }
    }

    /// Whether a report that has just been made is kept and sent later.
    pub(super) fn is_passing(self) -> bool {
        matches!(self, Self::Unreachable | Self::NotNow)
    }
}

impl Report {
    /// The report of a run of this job.
    pub(super) fn new(server: String, job: String, run: &Run) -> Result<Self, Failure> {
        match serde_json::to_value(run) {
            Ok(Value::Object(run)) => Ok(Self { server, job, run }),
            _ => Err(Failure::Failed("the report cannot be written as JSON".into())),
        }
    }

    /// Sends it, and waits for the answer no longer than `limit`. Gives what the server said, and what it means.
    pub(super) async fn send(&self, client: &Client, limit: Duration) -> Result<(String, Receipt), Failure> {
        let body = Value::Object(self.run.clone());
        let path = ["jobs", &self.job, "runs"];
        let sending = tokio::time::timeout(limit, client.post(&path, Some(&body)));
        let answer = sending.await.unwrap_or_else(|_| {
            let seconds = limit.as_secs_f64().ceil();
            Err(Failure::Unreachable(format!("{} has not answered within {seconds} s", self.server)))
        })?;
        // Somebody else answers in the server's place, such as the sign-in page of a network.
        let foreign = |_| Failure::Unreachable(format!("what answers at {} is not a Fanfare server", self.server));
        let receipt = answer.read().map_err(foreign)?;
        Ok((answer.text(), receipt))
    }
}

/// Whether a job of this name can be addressed: a path cannot hold these, in no spelling.
pub(super) fn check_job(name: &str) -> Result<(), Failure> {
    match name {
        "" => Err(Failure::WrongUse("--job needs the name of a job".into())),
        "." | ".." => Err(Failure::WrongUse(format!("a job called {name:?} can be named by its id only: --job ID"))),
        _ => Ok(()),
    }
}

fn count<'de, D: de::Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Vec::<IgnoredAny>::deserialize(deserializer).map(|all| all.len())
}

#[cfg(test)]
pub(super) fn sample(job: &str) -> Report {
    let run = Run {
        outcome: "failure".into(),
        source: None,
        started_at: "2026-03-29T01:30:00Z".parse().unwrap(),
        occurred_at: "2026-03-29T01:30:04.2Z".parse().unwrap(),
        duration_ms: 4_200,
        size_bytes: None,
        error: Some("exit code 3\nno".into()),
        idempotency_key: format!("key of {job}"),
    };
    Report::new("http://127.0.0.1:8600".into(), job.into(), &run).unwrap()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::json;

    use super::*;
    use crate::problem::Problem;

    #[test]
    fn what_is_unknown_is_not_said() {
        let expected = json!({
            "outcome": "failure", "started_at": "2026-03-29T01:30:00Z", "occurred_at": "2026-03-29T01:30:04.2Z",
            "duration_ms": 4200, "error": "exit code 3\nno", "idempotency_key": "key of nightly",
        });
        assert_eq!(Value::Object(sample("nightly").run), expected);
    }

    fn refusal(status: u16) -> Refusal {
        let status = StatusCode::from_u16(status).unwrap();
        Refusal::of(&Failure::Refused(Problem { status, body: Bytes::new() }))
    }

    #[test]
    fn what_passes_is_kept_and_what_is_final_is_not() {
        for (status, expected) in [
            (400, Refusal::Never),
            (401, Refusal::NotUs),
            (403, Refusal::NotUs),
            (404, Refusal::Never),
            (408, Refusal::NotNow),
            (409, Refusal::Known),
            (413, Refusal::Never),
            (422, Refusal::Never),
            (425, Refusal::NotNow),
            (429, Refusal::Unreachable),
            (500, Refusal::NotNow),
            (503, Refusal::NotNow),
            (301, Refusal::Never),
        ] {
            assert_eq!(refusal(status), expected, "{status}");
            assert_eq!(refusal(status).is_passing(), matches!(status, 408 | 425 | 429 | 500..), "{status}");
        }
        assert!(Refusal::of(&Failure::Unreachable("no connection".into())).is_passing());
        assert!(!Refusal::of(&Failure::WrongUse("no address".into())).is_passing());
    }

    #[test]
    fn an_answer_says_how_many_are_told() {
        let answer = r#"{"id":"x","duplicate":false,"deliveries":[{"id":"a"},{"id":"b"}],"skipped":[]}"#;
        let receipt: Receipt = serde_json::from_str(answer).unwrap();
        assert_eq!(receipt, Receipt { duplicate: false, told: 2 });
    }

    #[test]
    fn names_that_no_path_can_hold_are_refused() {
        for (name, fine) in
            [("nightly", true), ("a/b c", true), ("...", true), ("", false), (".", false), ("..", false)]
        {
            assert_eq!(check_job(name).is_ok(), fine, "{name:?}");
        }
    }
}
