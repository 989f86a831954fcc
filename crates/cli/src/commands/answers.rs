//! What the API answers, as far as it is shown. What a server of another version adds is ignored.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A stretch of a long list.
#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) items: Vec<T>,
    pub(super) next_cursor: Option<String>,
}

/// What an import changes, or would change.
#[derive(Debug, Deserialize)]
pub(super) struct ImportReport {
    pub(super) applied: bool,
    pub(super) sections: Vec<SectionReport>,
    pub(super) warnings: Vec<Warning>,
}

/// What changes in one section of a configuration.
#[derive(Debug, Deserialize)]
pub(super) struct SectionReport {
    pub(super) name: String,
    pub(super) created: Vec<ItemChange>,
    pub(super) changed: Vec<ItemChange>,
    pub(super) removed: Vec<ItemChange>,
    pub(super) unchanged: usize,
}

/// One thing that changes.
#[derive(Debug, Deserialize)]
pub(super) struct ItemChange {
    pub(super) name: String,
    pub(super) pointers: Vec<String>,
}

/// Something that is not as it should be, and where.
#[derive(Debug, Deserialize)]
pub(super) struct Warning {
    pub(super) pointer: String,
    pub(super) detail: String,
}

impl ImportReport {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        let none = |section: &SectionReport| {
            section.created.is_empty() && section.changed.is_empty() && section.removed.is_empty()
        };
        self.sections.iter().all(none)
    }
}

/// That all secrets are encrypted anew.
#[derive(Debug, Deserialize)]
pub(super) struct KeysRotated {
    pub(super) secrets: u64,
    pub(super) key: String,
    pub(super) new: bool,
}

/// Which networks the server may reach besides public addresses.
#[derive(Debug, Deserialize)]
pub(super) struct Outbound {
    pub(super) allow_networks: Vec<String>,
    pub(super) locked: bool,
}

/// A kind of channel.
#[derive(Debug, Deserialize)]
pub(super) struct Kind {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) description: String,
    /// The JSON Schema of its configuration.
    pub(super) config_schema: Value,
}

/// A channel.
#[derive(Debug, Deserialize)]
pub(super) struct Channel {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) config: Map<String, Value>,
    pub(super) enabled: bool,
    pub(super) delivery: Map<String, Value>,
    pub(super) health: Health,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
}

/// Whether deliveries get through.
#[derive(Debug, Deserialize)]
pub(super) struct Health {
    pub(super) state: String,
    pub(super) since: Option<Timestamp>,
    pub(super) last_error: Option<String>,
}

/// How a test went.
#[derive(Debug, Deserialize)]
pub(super) struct Test {
    #[serde(default)]
    pub(super) channel_name: String,
    #[serde(default)]
    pub(super) target: String,
    pub(super) ok: bool,
    pub(super) detail: String,
    pub(super) latency_ms: u64,
    pub(super) blocked_network: Option<String>,
}

/// How the tests of an event type went.
#[derive(Debug, Deserialize)]
pub(super) struct EventTest {
    pub(super) results: Vec<Test>,
    pub(super) event_enabled: bool,
}

/// An event type.
#[derive(Debug, Deserialize)]
pub(super) struct EventType {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) category: String,
    pub(super) default_enabled: bool,
    pub(super) notify_user: bool,
    pub(super) reminder: Option<Reminder>,
    /// Absent from servers of before it was there.
    #[serde(default)]
    pub(super) condition: Vec<String>,
    #[serde(default)]
    pub(super) resolves: Vec<String>,
    pub(super) fields: Vec<DataField>,
    pub(super) sample: Map<String, Value>,
    pub(super) builtin: bool,
}

/// When a lasting state is told of again.
#[derive(Debug, Deserialize)]
pub(super) struct Reminder {
    pub(super) default_hours: f64,
}

/// One datum of an event type.
#[derive(Debug, Deserialize)]
pub(super) struct DataField {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) required: bool,
    pub(super) description: String,
    pub(super) unit: Option<String>,
    #[serde(default)]
    pub(super) values: Option<Vec<String>>,
}

/// Who hears of system events.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) global_channels: Vec<String>,
    pub(super) events: BTreeMap<String, EventSettings>,
}

/// What holds for one event type.
#[derive(Debug, Deserialize)]
pub(super) struct EventSettings {
    pub(super) enabled: bool,
    pub(super) channels: Option<Vec<String>>,
    pub(super) notify_user: String,
    pub(super) reminder_hours: Option<f64>,
    pub(super) wording: Option<Value>,
}

/// A job.
#[derive(Debug, Deserialize)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) notifications: Vec<Assignment>,
    pub(super) expect_every_s: Option<u64>,
    pub(super) grace_s: Option<u64>,
    pub(super) ping_key: Option<String>,
    pub(super) last_run: Option<LastRun>,
    pub(super) next_expected_at: Option<Timestamp>,
    pub(super) created_at: Option<Timestamp>,
    pub(super) updated_at: Option<Timestamp>,
}

/// Who hears of a job's runs.
#[derive(Debug, Deserialize)]
pub(super) struct Assignment {
    pub(super) channel_id: String,
    pub(super) condition: String,
}

/// A job's latest run.
#[derive(Debug, Deserialize)]
pub(super) struct LastRun {
    pub(super) outcome: String,
    pub(super) at: Timestamp,
    pub(super) duration_ms: Option<u64>,
    pub(super) error: Option<String>,
}

/// That an event is accepted.
#[derive(Debug, Deserialize)]
pub(super) struct Accepted {
    pub(super) id: String,
    pub(super) duplicate: bool,
    pub(super) deliveries: Vec<AcceptedDelivery>,
    pub(super) skipped: Vec<Skip>,
}

/// One delivery of an accepted event.
#[derive(Debug, Deserialize)]
pub(super) struct AcceptedDelivery {
    pub(super) id: String,
    pub(super) channel_name: String,
    pub(super) target: String,
    pub(super) reason: String,
    pub(super) state: String,
}

/// Somebody who is not told.
#[derive(Debug, Deserialize)]
pub(super) struct Skip {
    pub(super) reason: String,
    pub(super) detail: String,
}

/// Who hears of an event, and what.
#[derive(Debug, Deserialize)]
pub(super) struct Explained {
    pub(super) plan: Plan,
    pub(super) notification: Notification,
    pub(super) payloads: Map<String, Value>,
    #[serde(default)]
    pub(super) payload_errors: Map<String, Value>,
    pub(super) user: Option<ExplainedUser>,
    pub(super) wording_error: Option<String>,
}

/// What the user would be told.
#[derive(Debug, Deserialize)]
pub(super) struct ExplainedUser {
    pub(super) notification: Notification,
    pub(super) payload: Option<Value>,
    pub(super) payload_error: Option<String>,
}

/// The result of routing.
#[derive(Debug, Deserialize)]
pub(super) struct Plan {
    pub(super) targets: Vec<Target>,
    pub(super) skips: Vec<Skip>,
}

/// Somebody who is told.
#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) channel_id: String,
    pub(super) channel_name: String,
    pub(super) target: String,
    pub(super) reason: String,
    #[serde(default)]
    pub(super) held: bool,
}

/// What an event says.
#[derive(Debug, Deserialize)]
pub(super) struct Notification {
    pub(super) title: String,
    pub(super) message: String,
    pub(super) fields: Vec<Field>,
    pub(super) status: String,
    pub(super) link: Option<String>,
}

/// A named fact.
#[derive(Debug, Deserialize)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) value: String,
}

/// An event in the ledger; its deliveries where it is shown by itself.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) test: bool,
    pub(super) occurred_at: Timestamp,
    pub(super) created_at: Timestamp,
    pub(super) data: Map<String, Value>,
    pub(super) user: Option<User>,
    pub(super) condition: Option<Condition>,
    pub(super) notification: Notification,
    pub(super) user_notification: Option<Notification>,
    pub(super) wording_error: Option<String>,
    pub(super) plan: Plan,
    #[serde(default)]
    pub(super) deliveries: Vec<Delivery>,
}

/// The user that an event is about.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
}

/// A lasting state.
#[derive(Debug, Deserialize)]
pub(super) struct Condition {
    pub(super) key: String,
    pub(super) state: String,
}

/// A delivery in a list.
#[derive(Debug, Deserialize)]
pub(super) struct Delivery {
    pub(super) id: String,
    pub(super) event_type: String,
    pub(super) channel_name: String,
    pub(super) target: String,
    pub(super) state: String,
    pub(super) title: String,
    pub(super) attempts: u32,
    pub(super) next_attempt_at: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    pub(super) test: bool,
    pub(super) created_at: Timestamp,
}

/// A delivery by itself.
#[derive(Debug, Deserialize)]
pub(super) struct DeliveryDetail {
    pub(super) id: String,
    pub(super) event_id: String,
    pub(super) event_type: String,
    pub(super) channel_name: String,
    pub(super) kind: String,
    pub(super) target: String,
    pub(super) reason: String,
    pub(super) state: String,
    pub(super) attempts: Vec<Attempt>,
    pub(super) next_attempt_at: Option<Timestamp>,
    pub(super) last_error: Option<String>,
    pub(super) possibly_duplicate: bool,
    pub(super) test: bool,
    pub(super) digest: Option<Digest>,
    pub(super) created_at: Timestamp,
    pub(super) delivered_at: Option<Timestamp>,
    pub(super) notification: Notification,
    pub(super) payload: Option<Value>,
    #[serde(default)]
    pub(super) rebuilt: Value,
}

/// Several deliveries told as one.
#[derive(Debug, Deserialize)]
pub(super) struct Digest {
    pub(super) id: String,
    pub(super) count: u64,
}

/// One attempt to deliver.
#[derive(Debug, Deserialize)]
pub(super) struct Attempt {
    pub(super) at: Timestamp,
    pub(super) duration_ms: u64,
    pub(super) outcome: String,
    pub(super) detail: String,
}

/// How many deliveries are tried again.
#[derive(Debug, Deserialize)]
pub(super) struct Retried {
    #[serde(default)]
    pub(super) retried: Option<u64>,
}
