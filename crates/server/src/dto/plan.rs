//! Who is told and who is not, and what they are told.

use fanfare::core;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{SkipReason, Status, TargetReason};

/// The result of routing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Plan {
    /// Who is told.
    targets: Vec<Target>,
    /// Who is not, and why.
    skips: Vec<Skip>,
}

/// Somebody who is told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Target {
    /// The channel that tells.
    channel_id: Uuid,
    /// Its name at that moment.
    channel_name: String,
    /// Its kind.
    kind: String,
    /// `channel`, or `user:ADDRESS`.
    target: String,
    /// Why.
    reason: TargetReason,
    /// Whether the channel is disabled, so that the delivery waits until it is enabled.
    held: bool,
}

/// Somebody who is not told.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Skip {
    /// Why not.
    reason: SkipReason,
    /// The channel that is left out; absent where the reason concerns the event as a whole, or the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<Uuid>,
    /// The same in a sentence.
    detail: String,
}

/// What an event says, before any channel gives it a form.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Notification {
    /// One line.
    title: String,
    /// A sentence or a few lines; may be empty.
    message: String,
    /// Named facts, in the order in which they are shown.
    fields: Vec<NotificationField>,
    /// Whether this is good news.
    status: Status,
    /// The accent, as `#rrggbb`.
    #[schema(pattern = "^#[0-9a-f]{6}$")]
    color: String,
    /// A word that stands beside the title.
    badge: Option<String>,
    /// Where to read more.
    link: Option<String>,
    /// When the event occurred.
    time: Timestamp,
}

/// A named fact.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotificationField {
    /// The label.
    name: String,
    /// The fact; may be empty.
    value: String,
    /// Whether it may share a line with its neighbours.
    inline: bool,
}

impl From<core::Plan> for Plan {
    fn from(plan: core::Plan) -> Self {
        Self {
            targets: plan.targets.into_iter().map(Target::from).collect(),
            skips: plan.skips.into_iter().map(Skip::from).collect(),
        }
    }
}

impl From<core::Target> for Target {
    fn from(target: core::Target) -> Self {
        let label = target.label();
        let core::Target { channel_id, channel_name, kind, recipients: _, reason, held } = target;
        Self { channel_id: channel_id.0, channel_name, kind, target: label, reason: reason.into(), held }
    }
}

impl From<core::Skip> for Skip {
    fn from(skip: core::Skip) -> Self {
        let core::Skip { reason, channel_id, detail } = skip;
        Self { reason: reason.into(), channel_id: channel_id.map(|id| id.0), detail }
    }
}

impl From<core::Notification> for Notification {
    fn from(notification: core::Notification) -> Self {
        let core::Notification { title, message, fields, status, color, badge, link, time } = notification;
        let field = |core::Field { name, value, inline }| NotificationField { name, value, inline };
        let fields = fields.into_iter().map(field).collect();
        Self { title, message, fields, status: status.into(), color: color.to_string(), badge, link, time }
    }
}
