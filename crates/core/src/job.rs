//! Jobs, their runs, and who hears of them.

use serde::{Deserialize, Serialize};

use crate::ChannelId;

/// How a run of a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All of it went well.
    Success,
    /// Some of it went wrong.
    Partial,
    /// It went wrong.
    Failure,
}

impl Outcome {
    /// The event type that tells of it.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Success => "backup_success",
            Self::Partial => "backup_partial",
            Self::Failure => "backup_failure",
        }
    }

    /// The word as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failure => "failure",
        }
    }
}

/// One channel that hears of a job's runs, and of which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// Who hears.
    pub channel_id: ChannelId,
    /// Of which runs.
    pub condition: RunCondition,
}

/// Which runs of a job an assignment tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunCondition {
    /// Every run, and missed ones.
    Always,
    /// Runs that succeeded.
    OnSuccess,
    /// Runs that failed or partly failed, and missed ones.
    OnFailure,
}

impl RunCondition {
    /// Whether an event of the job layer meets this condition.
    ///
    /// `run_recovered` ends what `run_missed` began, so whoever would have heard of the miss hears of it.
    pub fn is_met_by(self, event_type: &str) -> bool {
        match self {
            Self::Always => true,
            Self::OnSuccess => event_type == "backup_success",
            Self::OnFailure => event_type != "backup_success",
        }
    }
}
