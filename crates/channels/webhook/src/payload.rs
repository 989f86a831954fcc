//! The default body.

use fanfare_core::{AttemptInfo, Color, EventId, EventTypeId, Field, Notification, Status};
use jiff::Timestamp;
use serde::Serialize;

/// The default body. Its names and their order are a promise to receivers.
#[derive(Serialize)]
pub(crate) struct Payload<'a> {
    title: &'a str,
    message: &'a str,
    success: bool,
    status: Status,
    color: Color,
    timestamp: Timestamp,
    event_type: &'a EventTypeId,
    event_id: EventId,
    fields: &'a [Field],
}

impl<'a> Payload<'a> {
    /// What `notification` says, for this attempt.
    pub(crate) fn new(notification: &'a Notification, info: &'a AttemptInfo<'_>) -> Self {
        Self {
            title: &notification.title,
            message: &notification.message,
            success: notification.status.is_success(),
            status: notification.status,
            color: notification.color,
            timestamp: notification.time,
            event_type: &info.event_type,
            event_id: info.event_id,
            fields: &notification.fields,
        }
    }
}
