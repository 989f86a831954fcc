//! Events: what comes in, what is answered, what the ledger shows.

use std::collections::BTreeMap;

use fanfare::{Accepted as EngineAccepted, AcceptedDelivery, EventView, Explanation, Run, Submission, core};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    delivery::DeliveryItem,
    plan::{Notification, Plan, Skip},
    words::{ConditionState, DeliveryState, Outcome, TargetReason},
};
use crate::{
    extract::{Members, at_most, rfc3339},
    problem::ProblemBody,
};

/// Something that happened.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EventInput {
    /// The event type, as `GET /api/v1/event-types` lists them. Those of a job's runs are reported to the job.
    #[serde(rename = "type")]
    #[schema(example = "system_error")]
    event_type: String,
    /// The facts, as the event type declares them. Null equals absent for optional ones.
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
    /// Recognises a repeat of this request for 24 hours; the header `Idempotency-Key` does the same.
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) idempotency_key: Option<String>,
}

/// The user that an event is about.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct User {
    /// The account's id.
    id: Option<String>,
    /// The name to show.
    name: Option<String>,
    /// The address to write to.
    email: Option<String>,
}

/// A lasting state that an event begins or ends.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Condition {
    /// What identifies the state among those of the same event type.
    key: String,
    /// Whether it lasts or is over.
    state: ConditionState,
}

/// Many events at once. Each is accepted or refused by itself.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchInput<'a> {
    /// 1 to 1,000 events.
    #[serde(borrow, deserialize_with = "at_most::<1000, _, _>")]
    #[schema(value_type = Vec<EventInput>, min_items = 1, max_items = 1000)]
    pub(crate) events: Vec<&'a RawValue>,
}

/// One completion of a job's work.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunInput {
    /// How it ended.
    outcome: Outcome,
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
    /// Recognises a repeat of this request for 24 hours; the header `Idempotency-Key` does the same.
    #[schema(min_length = 1, max_length = 255)]
    pub(crate) idempotency_key: Option<String>,
}

/// A run to be explained: as it is reported, with its job.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplainRunInput {
    /// The job's id or name.
    pub(crate) job: String,
    /// How it ended.
    outcome: Outcome,
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
}

/// An event, or a run with its job, of which to know who would hear.
#[derive(Debug, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body; which of the two it is, is seen from the member `job`")]
pub(crate) enum ExplainInput {
    Event(EventInput),
    Run(ExplainRunInput),
}

/// That an event is stored, and what becomes of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Accepted {
    /// The event.
    id: Uuid,
    /// Whether this repeats an earlier request with the same idempotency key.
    duplicate: bool,
    /// Who is told.
    deliveries: Vec<DeliveryOfEvent>,
    /// Who is not, and why.
    skipped: Vec<Skip>,
}

/// One delivery of an accepted event.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryOfEvent {
    /// Its identity.
    id: Uuid,
    /// The channel that tells.
    channel_id: Uuid,
    /// Its name.
    channel_name: String,
    /// `channel`, or `user:ADDRESS`.
    target: String,
    /// Why.
    reason: TargetReason,
    /// Where it stood when the event was accepted.
    state: DeliveryState,
}

/// What became of each event of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResults {
    /// One for each event, in the order of the batch.
    pub(crate) results: Vec<BatchResult>,
}

/// What became of one event of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum BatchResult {
    /// It is stored.
    Accepted(BatchAccepted),
    /// It is not.
    Refused(BatchRefused),
}

/// That one event of a batch is stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAccepted {
    /// 202.
    pub(crate) status: u16,
    #[serde(flatten)]
    pub(crate) accepted: Accepted,
}

/// That one event of a batch is not stored.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchRefused {
    /// The status that the event alone would have been answered with.
    pub(crate) status: u16,
    /// What is wrong; pointers are into this event.
    pub(crate) problem: ProblemBody,
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

/// An event in the ledger, with its plan.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventItem {
    /// Its identity.
    id: Uuid,
    /// Its type.
    #[serde(rename = "type")]
    event_type: String,
    /// The job whose run it was.
    job_id: Option<Uuid>,
    /// Whether it was a test.
    test: bool,
    /// When it happened.
    occurred_at: Timestamp,
    /// When it was accepted.
    created_at: Timestamp,
    /// Its data.
    #[schema(value_type = Object)]
    data: Map<String, Value>,
    /// The user it was about.
    user: Option<User>,
    /// The state it began or ended.
    condition: Option<Condition>,
    /// What it said.
    notification: Notification,
    /// Who was to be told, and who not.
    plan: Plan,
}

/// An event in the ledger, with what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventDetail {
    #[serde(flatten)]
    pub(crate) event: EventItem,
    /// Its deliveries as they stand now.
    pub(crate) deliveries: Vec<DeliveryItem>,
}

impl EventInput {
    /// The name of its event type.
    pub(crate) fn event_type(&self) -> &str {
        &self.event_type
    }
}

impl From<EventInput> for Submission {
    fn from(event: EventInput) -> Self {
        let EventInput { event_type, data, user, condition, occurred_at, idempotency_key: _ } = event;
        let user = user.map(|User { id, name, email }| core::User { id, name, email });
        let condition = condition.map(|Condition { key, state }| core::Condition { key, state: state.into() });
        Self { event_type, data: data.0, user, condition, occurred_at }
    }
}

impl From<RunInput> for Run {
    fn from(run: RunInput) -> Self {
        let RunInput { outcome, source, started_at, occurred_at, duration_ms, size_bytes, error, idempotency_key: _ } =
            run;
        Self { outcome: outcome.into(), source, started_at, occurred_at, duration_ms, size_bytes, error }
    }
}

impl From<ExplainRunInput> for (String, Run) {
    fn from(input: ExplainRunInput) -> Self {
        let ExplainRunInput {
            job,
            outcome,
            source,
            started_at,
            occurred_at,
            duration_ms,
            size_bytes,
            error,
            _idempotency_key,
        } = input;
        let outcome = outcome.into();
        (job, Run { outcome, source, started_at, occurred_at, duration_ms, size_bytes, error })
    }
}

impl From<EngineAccepted> for Accepted {
    fn from(accepted: EngineAccepted) -> Self {
        let EngineAccepted { id, duplicate, deliveries, skipped } = accepted;
        Self {
            id: id.0,
            duplicate,
            deliveries: deliveries.into_iter().map(DeliveryOfEvent::from).collect(),
            skipped: skipped.into_iter().map(Skip::from).collect(),
        }
    }
}

impl From<AcceptedDelivery> for DeliveryOfEvent {
    fn from(delivery: AcceptedDelivery) -> Self {
        let AcceptedDelivery { id, channel_id, channel_name, target, reason, state } = delivery;
        Self { id: id.0, channel_id: channel_id.0, channel_name, target, reason: reason.into(), state: state.into() }
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
        Self { plan, notification, payloads, payload_errors, user }
    }
}

/// What is JSON as JSON, all else as a text.
fn document(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

impl From<EventView> for EventItem {
    fn from(event: EventView) -> Self {
        let EventView {
            id,
            event_type,
            job_id,
            test,
            occurred_at,
            created_at,
            data,
            user,
            condition,
            notification,
            plan,
        } = event;
        Self {
            id: id.0,
            event_type: event_type.as_str().to_owned(),
            job_id: job_id.map(|id| id.0),
            test,
            occurred_at,
            created_at,
            data,
            user: user.map(|core::User { id, name, email }| User { id, name, email }),
            condition: condition.map(|core::Condition { key, state }| Condition { key, state: state.into() }),
            notification: notification.into(),
            plan: plan.into(),
        }
    }
}
