//! One occurrence of an event type.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{EventId, EventTypeId, JobId, User};

/// Something that happened, checked against its event type.
#[derive(Clone, Debug)]
pub struct Event {
    /// Its identity; sorts by time of acceptance.
    pub id: EventId,
    /// What kind of thing happened.
    pub event_type: EventTypeId,
    /// The facts, as the event type declares them. Absent ones are not there.
    pub data: Map<String, Value>,
    /// The user it is about.
    pub user: Option<User>,
    /// The job whose run this is.
    pub job: Option<JobRef>,
    /// A lasting state that it begins or ends.
    pub condition: Option<Condition>,
    /// When it happened, in whole milliseconds.
    pub occurred_at: Timestamp,
}

/// The job that a run belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    /// Its identity.
    pub id: JobId,
    /// Its name at that moment.
    pub name: String,
}

/// A lasting state that an event begins or ends, as the sender names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What identifies the state among those of the same event type.
    pub key: String,
    /// Whether it lasts or is over.
    pub state: ConditionState,
}

/// Whether a [`Condition`] lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConditionState {
    /// It lasts.
    Firing,
    /// It is over.
    Resolved,
}
