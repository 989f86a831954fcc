//! Jobs.

use fanfare::{
    JobSpec, JobView, LastRun as EngineRun,
    core::{Assignment as CoreAssignment, ChannelId},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    wording::JobWording,
    words::{Outcome, RunCondition},
};

/// A named piece of work whose runs are reported.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Job {
    /// Its identity.
    id: Uuid,
    /// Its name, unique.
    name: String,
    /// Who hears of its runs.
    notifications: Vec<Assignment>,
    /// How often a run is expected, in seconds.
    expect_every_s: Option<u32>,
    /// How late a run may be, in seconds.
    grace_s: Option<u32>,
    /// What its runs say instead of the event types' own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    wording: Option<JobWording>,
    /// What its check-in URL ends in. Only administrators see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ping_key: Option<String>,
    /// Its latest run.
    last_run: Option<LastRun>,
    /// When the next run is expected.
    next_expected_at: Option<Timestamp>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was last changed.
    updated_at: Timestamp,
}

/// One channel that hears of a job's runs, and of which.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    /// Who hears.
    channel_id: Uuid,
    /// Of which runs.
    condition: RunCondition,
}

/// The latest run of a job.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LastRun {
    /// The event that told of it.
    event_id: Uuid,
    /// How it ended.
    outcome: Outcome,
    /// When it ended.
    at: Timestamp,
    /// How long it took, in milliseconds.
    duration_ms: Option<u64>,
    /// How much it made, in bytes.
    size_bytes: Option<u64>,
    /// What went wrong.
    error: Option<String>,
}

/// A job to be made.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JobInput {
    /// Its name, unique.
    #[schema(example = "nightly")]
    name: String,
    /// Who hears of its runs.
    #[serde(default)]
    #[schema(required = false)]
    notifications: Option<Vec<Assignment>>,
    /// How often a run is expected, in seconds; absent: at no set times.
    expect_every_s: Option<u32>,
    /// How late a run may be, in seconds.
    grace_s: Option<u32>,
    /// What its runs say instead of the event types' own words.
    wording: Option<JobWording>,
}

/// Changes to a job (RFC 7396): what is absent stays, and null resets to the default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "checks and describes the body, which is then merged as it is")]
pub(crate) struct JobChange {
    /// A new name.
    name: Option<String>,
    /// Who hears of its runs: the whole list.
    notifications: Option<Vec<Assignment>>,
    /// How often a run is expected, in seconds.
    expect_every_s: Option<u32>,
    /// How late a run may be, in seconds.
    grace_s: Option<u32>,
    /// What its runs say instead of the event types' own words, member by member.
    wording: Option<JobWording>,
}

impl Job {
    /// The job as it may be shown.
    pub(crate) fn new(view: JobView, shows_key: bool) -> Self {
        let JobView {
            id,
            name,
            notifications,
            expect_every_s,
            grace_s,
            wording,
            ping_key,
            last_run,
            next_expected_at,
            created_at,
            updated_at,
        } = view;
        Self {
            id: id.0,
            name,
            notifications: notifications.into_iter().map(Assignment::from).collect(),
            expect_every_s,
            grace_s,
            wording: wording.map(Into::into),
            ping_key: shows_key.then_some(ping_key),
            last_run: last_run.map(LastRun::from),
            next_expected_at,
            created_at,
            updated_at,
        }
    }

    pub(crate) fn id(&self) -> Uuid {
        self.id
    }
}

impl JobInput {
    /// The document that would make this job.
    pub(crate) fn of(view: &JobView) -> Self {
        Self {
            name: view.name.clone(),
            notifications: Some(view.notifications.iter().copied().map(Assignment::from).collect()),
            expect_every_s: view.expect_every_s,
            grace_s: view.grace_s,
            wording: view.wording.clone().map(Into::into),
        }
    }
}

impl From<JobInput> for JobSpec {
    fn from(input: JobInput) -> Self {
        let JobInput { name, notifications, expect_every_s, grace_s, wording } = input;
        let notifications = notifications.unwrap_or_default().into_iter().map(CoreAssignment::from).collect();
        Self { name, notifications, expect_every_s, grace_s, wording: wording.map(Into::into) }
    }
}

impl From<CoreAssignment> for Assignment {
    fn from(CoreAssignment { channel_id, condition }: CoreAssignment) -> Self {
        Self { channel_id: channel_id.0, condition: condition.into() }
    }
}

impl From<Assignment> for CoreAssignment {
    fn from(Assignment { channel_id, condition }: Assignment) -> Self {
        Self { channel_id: ChannelId(channel_id), condition: condition.into() }
    }
}

impl From<EngineRun> for LastRun {
    fn from(run: EngineRun) -> Self {
        let EngineRun { event_id, outcome, at, duration_ms, size_bytes, error } = run;
        Self { event_id, outcome: outcome.into(), at, duration_ms, size_bytes, error }
    }
}
