//! Questions about who would hear of an event, and the answers.

use std::collections::BTreeMap;

use fanfare::{
    Absence, Explanation, Run, Submission,
    core::{
        Fault, Outcome as CoreOutcome,
        catalog::{JobWording as CoreJobWording, OwnWording as CoreOwnWording},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    event::{Condition, EventInput, User},
    plan::{Notification, Plan},
    wording::{JobWording, OwnWording},
};
use crate::extract::{Members, rfc3339};

/// An event to be explained: as it is sent.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainEventInput {
    /// The event type, as `GET /api/v1/event-types` lists them.
    #[serde(rename = "type")]
    #[schema(example = "system_error")]
    event_type: String,
    /// The facts, as the event type declares them.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    data: Members,
    /// The user it is about.
    user: Option<User>,
    /// A lasting state that it begins or ends.
    condition: Option<Condition>,
    /// When it happened; now where absent.
    #[serde(default, deserialize_with = "rfc3339")]
    occurred_at: Option<Timestamp>,
    /// Accepted and without effect, so that what would be sent can be explained as it is.
    idempotency_key: Option<String>,
    /// To be tried out in place of what the settings have for this type; `{}` for the type's own words. It is checked
    /// as when it is saved.
    wording: Option<OwnWording>,
}

/// What is told of a job: how a run ended, or, only here, that one is `missed`, or that the job has `recovered` from that.
/// Nobody reports these two, so they have no other members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ExplainedOutcome {
    Success,
    Partial,
    Failure,
    Missed,
    Recovered,
}

/// A run to be explained: as it is reported, with its job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainRunInput {
    /// The job's id or name.
    job: String,
    /// How it ended, or that it did not come.
    outcome: ExplainedOutcome,
    /// What it worked on.
    source: Option<String>,
    /// When it began; gives the duration where that is absent.
    #[serde(default, deserialize_with = "rfc3339")]
    started_at: Option<Timestamp>,
    /// When it ended; now where absent.
    #[serde(default, deserialize_with = "rfc3339")]
    occurred_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    duration_ms: Option<u64>,
    /// How much it made, in bytes.
    size_bytes: Option<u64>,
    /// What went wrong.
    error: Option<String>,
    /// Accepted and without effect, so that what would be reported can be explained as it is.
    #[serde(rename = "idempotency_key")]
    _idempotency_key: Option<String>,
    /// To be tried out in place of the job's; `{}` for the event types' own words. It is checked as when it is saved.
    wording: Option<JobWording>,
}

/// An event, or a run with its job, of which to know who would hear.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; which of the two it is, is seen from the member `job`")]
pub(crate) enum ExplainInput {
    Event(ExplainEventInput),
    Run(ExplainRunInput),
}

/// Who would hear of an event, and what they would be told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explained {
    /// Who, and who not.
    plan: Plan,
    /// What it says.
    notification: Notification,
    /// What would go out, by channel: as JSON where it is JSON, else as a text.
    payloads: BTreeMap<Uuid, Value>,
    /// Why nothing can go out through a channel.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false)]
    payload_errors: BTreeMap<Uuid, String>,
    /// What the user would be told, where one is told directly.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<ExplainedUser>,
    /// Why the wording that is saved would not be used: it fails on these data.
    #[serde(skip_serializing_if = "Option::is_none")]
    wording_error: Option<String>,
}

/// What the user whom an event is about would be told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplainedUser {
    /// What it says.
    notification: Notification,
    /// What would go out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    payload: Option<Value>,
    /// Why nothing can go out.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_error: Option<String>,
}

impl From<ExplainEventInput> for (Submission, Option<CoreOwnWording>) {
    fn from(input: ExplainEventInput) -> Self {
        let ExplainEventInput { event_type, data, user, condition, occurred_at, idempotency_key, wording } = input;
        let event = EventInput { event_type, data, user, condition, occurred_at, idempotency_key };
        (event.into(), wording.map(Into::into))
    }
}

/// What is asked about a job.
#[derive(Debug)]
pub(crate) enum JobQuestion {
    Run(Run),
    Absence(Absence),
}

impl ExplainRunInput {
    /// The job, what is asked about it, and the wording to be tried out; or what does not fit together.
    pub(crate) fn question(self) -> Result<(String, JobQuestion, Option<CoreJobWording>), Vec<Fault>> {
        let Self { job, outcome, source, started_at, occurred_at, duration_ms, size_bytes, error, wording, .. } = self;
        let wording = wording.map(Into::into);
        let absence = match outcome.what() {
            Ok(outcome) => {
                let run = Run { outcome, source, started_at, occurred_at, duration_ms, size_bytes, error };
                return Ok((job, JobQuestion::Run(run), wording));
            }
            Err(absence) => absence,
        };
        let members = [
            ("/source", source.is_some()),
            ("/started_at", started_at.is_some()),
            ("/occurred_at", occurred_at.is_some()),
            ("/duration_ms", duration_ms.is_some()),
            ("/size_bytes", size_bytes.is_some()),
            ("/error", error.is_some()),
        ];
        let given = members.into_iter().filter(|(_, is_given)| *is_given);
        let detail = "only a run that was reported has this: leave it out";
        let faults: Vec<_> = given.map(|(place, _)| Fault::new(place, detail)).collect();
        if faults.is_empty() { Ok((job, JobQuestion::Absence(absence), wording)) } else { Err(faults) }
    }
}

impl ExplainedOutcome {
    /// How a run ended, or else what is told without one.
    fn what(self) -> Result<CoreOutcome, Absence> {
        match self {
            Self::Success => Ok(CoreOutcome::Success),
            Self::Partial => Ok(CoreOutcome::Partial),
            Self::Failure => Ok(CoreOutcome::Failure),
            Self::Missed => Err(Absence::Missed),
            Self::Recovered => Err(Absence::Recovered),
        }
    }
}

impl From<Explanation> for Explained {
    fn from(explanation: Explanation) -> Self {
        let (mut payloads, mut payload_errors) = (BTreeMap::new(), BTreeMap::new());
        for (channel, payload) in explanation.payloads {
            match payload {
                Ok(text) => {
                    payloads.insert(channel.0, document(text));
                }
                Err(why) => {
                    payload_errors.insert(channel.0, why);
                }
            }
        }
        let user = explanation.user.map(|user| {
            let (payload, payload_error) = match user.payload {
                Ok(text) => (Some(document(text)), None),
                Err(why) => (None, Some(why)),
            };
            ExplainedUser { notification: user.notification.into(), payload, payload_error }
        });
        let (plan, notification) = (explanation.plan.into(), explanation.notification.into());
        let wording_error = explanation.wording_error;
        Self { plan, notification, payloads, payload_errors, user, wording_error }
    }
}

/// What is JSON as JSON, all else as a text.
fn document(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
