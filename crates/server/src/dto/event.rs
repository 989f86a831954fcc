//! Events: what comes in, what is answered, what the ledger shows.

use fanfare::{Accepted as EngineAccepted, AcceptedDelivery, EventView, Run, Submission, core};
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
    pub(super) event_type: String,
    /// The facts, as the event type declares them. Null equals absent for optional ones.
    #[serde(default)]
    #[schema(value_type = Object, required = false)]
    pub(super) data: Members,
    /// The user it is about.
    pub(super) user: Option<User>,
    /// A lasting state that it begins or ends.
    pub(super) condition: Option<Condition>,
    /// When it happened; now where absent.
    #[serde(default, deserialize_with = "rfc3339")]
    pub(super) occurred_at: Option<Timestamp>,
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
    /// Why the administrator's own wording was not used: it failed on these data.
    #[serde(skip_serializing_if = "Option::is_none")]
    wording_error: Option<String>,
    /// What it said.
    notification: Notification,
    /// What it said to the user it was about, where one was told directly and in other words.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_notification: Option<Notification>,
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
            wording_error,
            notification,
            user_notification,
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
            wording_error,
            notification: notification.into(),
            user_notification: user_notification.map(Into::into),
            plan: plan.into(),
        }
    }
}
