//! What goes into the engine and what comes out.

use std::collections::BTreeMap;

use fanfare_core::{
    Assignment, ChannelId, Condition, DeliveryId, EventId, EventTypeId, Fault, JobId, Notification, Outcome, Plan,
    Skip, TargetReason, User, catalog::JobWording,
};
use fanfare_store::{DeliveryState, LastRun, StoreError};
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An event as somebody sends it.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// The name of its event type.
    pub event_type: String,
    /// Its data.
    pub data: Map<String, Value>,
    /// The user it is about.
    pub user: Option<User>,
    /// A lasting state that it begins or ends.
    pub condition: Option<Condition>,
    /// When it happened; now where absent.
    pub occurred_at: Option<Timestamp>,
}

/// One completion of a job's work, as somebody reports it.
#[derive(Clone, Debug)]
pub struct Run {
    /// How it ended.
    pub outcome: Outcome,
    /// What it worked on.
    pub source: Option<String>,
    /// When it began; gives the duration where that is absent.
    pub started_at: Option<Timestamp>,
    /// When it ended; now where absent.
    pub occurred_at: Option<Timestamp>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// How much it made, in bytes.
    pub size_bytes: Option<u64>,
    /// What went wrong.
    pub error: Option<String>,
}

impl Run {
    /// A run that ended like this, of which nothing more is known.
    pub fn new(outcome: Outcome) -> Self {
        Self {
            outcome,
            source: None,
            started_at: None,
            occurred_at: None,
            duration_ms: None,
            size_bytes: None,
            error: None,
        }
    }
}

/// What is told of a job besides the ends of its runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// A run that was expected has not come.
    Missed,
    /// One has come at last.
    Recovered,
}

impl Absence {
    /// The event type that tells of it.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Missed => "run_missed",
            Self::Recovered => "run_recovered",
        }
    }
}

/// What recognises a repeat of a request for 24 hours.
#[derive(Clone, Debug)]
pub struct Idempotency {
    /// The sender and endpoint within which the key counts.
    pub scope: String,
    /// The key that the sender chose.
    pub key: String,
    /// A hash of the request's body, which must be the same again.
    pub body_hash: Vec<u8>,
}

/// That an event is stored, and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accepted {
    /// The event.
    pub id: EventId,
    /// Whether this repeats an earlier request with the same idempotency key.
    pub duplicate: bool,
    /// Who is told.
    pub deliveries: Vec<AcceptedDelivery>,
    /// Who is not, and why.
    pub skipped: Vec<Skip>,
}

/// One delivery of an accepted event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AcceptedDelivery {
    /// Its identity.
    pub id: DeliveryId,
    /// The channel that tells.
    pub channel_id: ChannelId,
    /// Its name.
    pub channel_name: String,
    /// `channel`, or `user:ADDRESS`.
    pub target: String,
    /// Why.
    pub reason: TargetReason,
    /// Where it stands.
    pub state: DeliveryState,
}

/// Why an event is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It is wrong.
    #[error("the event is not valid")]
    Invalid(Vec<Fault>),
    /// The job does not exist.
    #[error("there is no job {0:?}")]
    NoJob(String),
    /// The idempotency key was used with another body.
    #[error("this idempotency key was used before with another body")]
    KeyReused,
    /// Nothing was stored; worth another try.
    #[error("the event could not be stored: {0}")]
    Unavailable(String),
    /// Whether it was stored is not known.
    #[error("the connection to the database broke, and whether the event was stored is not known")]
    Uncertain,
    /// Nothing was stored, because there is no space for it; worth another try once there is.
    #[error("the event could not be stored: the disk that holds the database is full")]
    Full,
}

/// Who would hear of an event, and what they would be told.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// Who, and who not.
    pub plan: Plan,
    /// What it says.
    pub notification: Notification,
    /// What would go out, by channel; an error's text where nothing can. Where a channel writes to the user alone,
    /// that is the user's mail.
    pub payloads: BTreeMap<ChannelId, Result<String, String>>,
    /// What the user would be told, where one is told directly.
    pub user: Option<UserExplanation>,
    /// Why the administrator's own wording would not be used, where there is one.
    pub wording_error: Option<String>,
}

/// What the user whom an event is about would be told.
#[derive(Clone, Debug)]
pub struct UserExplanation {
    /// What it says.
    pub notification: Notification,
    /// What would go out; an error's text where nothing can.
    pub payload: Result<String, String>,
}

/// How a test went at one target.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The channel; `None` where the user cannot be told because there is no e-mail channel.
    pub channel_id: Option<ChannelId>,
    /// Its name; empty where there is none.
    pub channel_name: String,
    /// `channel`, or `user:ADDRESS`.
    pub target: String,
    /// Whether it was taken.
    pub ok: bool,
    /// The service's own words, or what went wrong.
    pub detail: String,
    /// How long it took, in milliseconds.
    pub latency_ms: u64,
    /// The network to allow, where the address guard refused.
    pub blocked_network: Option<IpNet>,
}

/// The tests of all targets of an event type.
#[derive(Clone, Debug)]
pub struct EventTest {
    /// One per target.
    pub results: Vec<TestResult>,
    /// Whether the event type is on; a test works all the same.
    pub event_enabled: bool,
}

/// A channel as an administrator sees it. Holds no secret.
#[derive(Clone, Debug)]
pub struct ChannelView {
    /// Its identity.
    pub id: ChannelId,
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its configuration, with defaults filled in and secrets replaced.
    pub config: Value,
    /// Whether it may send.
    pub enabled: bool,
    /// How its lane works; members that are not there have the kind's default.
    pub delivery: LaneSettings,
    /// Whether deliveries get through.
    pub health: Health,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// How a channel's lane works. What is absent has the kind's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LaneSettings {
    /// How many deliveries may be under way at once: 1 to 256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u16>,
    /// How many deliveries a second on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// How many deliveries may leave at once before the rate counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Whether a storm of one event type is told in one digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<bool>,
}

/// Whether deliveries get through a channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// In one word.
    pub state: HealthState,
    /// Since when.
    pub since: Option<Timestamp>,
    /// What the last failure said.
    pub last_error: Option<String>,
}

/// How the lane of a channel stands at one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneView {
    /// The channel.
    pub channel_id: ChannelId,
    /// Its kind.
    pub kind: String,
    /// Whether deliveries get through.
    pub state: HealthState,
    /// Whether the breaker is open: what waits keeps waiting, and one delivery at a time tries.
    pub breaker_open: bool,
}

/// Whether deliveries get through a channel, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HealthState {
    /// Nothing was sent yet.
    #[default]
    Unknown,
    /// The last attempt got through.
    Ok,
    /// The service asked to wait.
    Limited,
    /// Attempts fail.
    Failing,
}

impl HealthState {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Ok, Self::Limited, Self::Failing];

    /// The word as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Limited => "limited",
            Self::Failing => "failing",
        }
    }
}

/// What a new channel is made of.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Its configuration.
    pub config: Value,
    /// Whether it may send.
    pub enabled: bool,
    /// How its lane works.
    pub delivery: LaneSettings,
}

/// What changes in a channel. What is absent stays.
#[derive(Clone, Debug, Default)]
pub struct ChannelPatch {
    /// A new name.
    pub name: Option<String>,
    /// Changes to the configuration (RFC 7396); a placeholder keeps the stored secret.
    pub config: Option<Value>,
    /// Whether it may send.
    pub enabled: Option<bool>,
    /// Changes to how its lane works (RFC 7396).
    pub delivery: Option<Value>,
}

/// A job as it is seen.
#[derive(Clone, Debug)]
pub struct JobView {
    /// Its identity.
    pub id: JobId,
    /// Its name, unique.
    pub name: String,
    /// Who hears of its runs.
    pub notifications: Vec<Assignment>,
    /// How often a run is expected, in seconds.
    pub expect_every_s: Option<u32>,
    /// How late a run may be, in seconds.
    pub grace_s: Option<u32>,
    /// The administrator's own wording.
    pub wording: Option<JobWording>,
    /// What its check-in URL ends in. For administrators only.
    pub ping_key: String,
    /// Its latest run.
    pub last_run: Option<LastRun>,
    /// When the next run is expected.
    pub next_expected_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a job is made of.
#[derive(Clone, Debug, Default)]
pub struct JobSpec {
    /// Its name, unique.
    pub name: String,
    /// Who hears of its runs.
    pub notifications: Vec<Assignment>,
    /// How often a run is expected, in seconds.
    pub expect_every_s: Option<u32>,
    /// How late a run may be, in seconds.
    pub grace_s: Option<u32>,
    /// The administrator's own wording.
    pub wording: Option<JobWording>,
}

/// Which networks outbound connections may reach besides public addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundSettings {
    /// The networks.
    pub allow_networks: Vec<IpNet>,
    /// Whether the operator has fixed them, so that the settings cannot change them.
    pub locked: bool,
}

/// Why a change of the configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// Something in it is wrong.
    #[error("the change is not valid")]
    Invalid(Vec<Fault>),
    /// There is nothing of this id or name.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The name is another's.
    #[error("the name {0:?} is taken: choose another")]
    NameTaken(String),
    /// The channel is used; the uses are named.
    #[error("the channel is in use: {}", .0.join(", "))]
    InUse(Vec<String>),
    /// There is nothing to do it with.
    #[error("{0}")]
    Conflict(String),
    /// What somebody else changed meanwhile would be lost.
    #[error("the document has changed since it was read: read it again")]
    Changed,
    /// The database failed; nothing has changed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An event in the ledger, with its plan.
#[derive(Clone, Debug)]
pub struct EventView {
    /// Its identity.
    pub id: EventId,
    /// Its type.
    pub event_type: EventTypeId,
    /// The job whose run it was.
    pub job_id: Option<JobId>,
    /// Whether it was a test.
    pub test: bool,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// Its data.
    pub data: Map<String, Value>,
    /// The user it was about.
    pub user: Option<User>,
    /// The state it began or ended.
    pub condition: Option<Condition>,
    /// Why the administrator's own wording was not used, where there is one.
    pub wording_error: Option<String>,
    /// What it said.
    pub notification: Notification,
    /// What it said to the user it was about, where one was told directly and in other words.
    pub user_notification: Option<Notification>,
    /// Who was to be told, and who not.
    pub plan: Plan,
}
