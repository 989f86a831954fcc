//! What the writer writes, column by column.

use sea_orm::Value;

use crate::{AttemptRow, Attempted, DeliveryRow, EventRow, KnownKey, Next, rows::Columns};

pub(crate) const EVENT: Columns<10> = Columns([
    ("id", "uuid"),
    ("event_type", "text"),
    ("job_id", "uuid"),
    ("test", "boolean"),
    ("occurred_at", "bigint"),
    ("created_at", "bigint"),
    ("event", "text"),
    ("notification", "text"),
    ("user_notification", "text"),
    ("plan", "text"),
]);

pub(crate) fn event(row: EventRow) -> [Value; 10] {
    [
        row.id.into(),
        clean(row.event_type).into(),
        row.job_id.into(),
        row.test.into(),
        row.occurred_at.into(),
        row.created_at.into(),
        row.event.into(),
        row.notification.into(),
        row.user_notification.into(),
        row.plan.into(),
    ]
}

pub(crate) const DELIVERY: Columns<26> = Columns([
    ("id", "uuid"),
    ("event_id", "uuid"),
    ("event_type", "text"),
    ("job_id", "uuid"),
    ("channel_id", "uuid"),
    ("channel_name", "text"),
    ("kind", "text"),
    ("target", "text"),
    ("recipients", "text"),
    ("reason", "text"),
    ("title", "text"),
    ("test", "boolean"),
    ("state", "smallint"),
    ("attempts", "integer"),
    ("due_at", "bigint"),
    ("owner", "bigint"),
    ("expires_at", "bigint"),
    ("held_at", "bigint"),
    ("possibly_duplicate", "boolean"),
    ("created_at", "bigint"),
    ("delivered_at", "bigint"),
    ("last_attempt_at", "bigint"),
    ("last_duration_ms", "bigint"),
    ("last_status", "integer"),
    ("last_outcome", "text"),
    ("last_detail", "text"),
]);

pub(crate) fn delivery(row: DeliveryRow) -> [Value; 26] {
    [
        row.id.into(),
        row.event_id.into(),
        clean(row.event_type).into(),
        row.job_id.into(),
        row.channel_id.into(),
        clean(row.channel_name).into(),
        row.kind.into(),
        clean(row.target).into(),
        row.recipients.into(),
        row.reason.into(),
        clean(row.title).into(),
        row.test.into(),
        row.state.number().into(),
        row.attempts.into(),
        row.due_at.into(),
        row.owner.into(),
        row.expires_at.into(),
        row.held_at.into(),
        row.possibly_duplicate.into(),
        row.created_at.into(),
        row.delivered_at.into(),
        row.last_attempt_at.into(),
        row.last_duration_ms.into(),
        row.last_status.into(),
        row.last_outcome.into(),
        row.last_detail.map(clean).into(),
    ]
}

pub(crate) const ATTEMPT: Columns<8> = Columns([
    ("id", "uuid"),
    ("delivery_id", "uuid"),
    ("at", "bigint"),
    ("duration_ms", "bigint"),
    ("status", "integer"),
    ("outcome", "text"),
    ("detail", "text"),
    ("payload", "text"),
]);

pub(crate) fn attempt(row: AttemptRow) -> [Value; 8] {
    [
        row.id.into(),
        row.delivery_id.into(),
        row.at.into(),
        row.duration_ms.into(),
        row.status.into(),
        row.outcome.into(),
        clean(row.detail).into(),
        row.payload.map(clean).into(),
    ]
}

/// How an attempt ended, for the UPDATE of its delivery.
pub(crate) const OUTCOME: Columns<9> = Columns([
    ("id", "uuid"),
    ("counts", "integer"),
    ("due_at", "bigint"),
    ("at", "bigint"),
    ("duration_ms", "bigint"),
    ("status", "integer"),
    ("outcome", "text"),
    ("detail", "text"),
    ("possibly_duplicate", "boolean"),
]);

pub(crate) fn outcome(row: Attempted) -> [Value; 9] {
    let due_at = match row.next {
        Next::Again(at) => Some(at),
        Next::Delivered | Next::Held | Next::Suppressed | Next::Dead => None,
    };
    [
        row.delivery_id.into(),
        row.counts.into(),
        due_at.into(),
        row.at.into(),
        row.duration_ms.into(),
        row.status.into(),
        row.outcome.into(),
        clean(row.detail).into(),
        row.possibly_duplicate.into(),
    ]
}

/// The same, and whose the delivery must be.
pub(crate) fn outcome_for(row: Attempted, owner: i64) -> [Value; 10] {
    let [id, counts, due_at, at, duration_ms, status, outcome, detail, possibly_duplicate] = outcome(row);
    [id, counts, due_at, at, duration_ms, status, outcome, detail, possibly_duplicate, owner.into()]
}

pub(crate) const KEY: Columns<5> =
    Columns([("scope", "text"), ("key", "text"), ("body_hash", "bytea"), ("answer", "text"), ("created_at", "bigint")]);

pub(crate) fn key(row: KnownKey, created_at: i64) -> [Value; 5] {
    [row.scope.into(), row.key.into(), row.body_hash.into(), row.answer.into(), created_at.into()]
}

/// A run of a job, and what is expected of the job after it.
pub(crate) const LAST_RUN: Columns<5> = Columns([
    ("id", "uuid"),
    ("last_run", "text"),
    ("expected_at", "bigint"),
    ("alarm_at", "bigint"),
    ("reported_at", "bigint"),
]);

/// U+0000 cannot be stored in PostgreSQL's text.
pub(crate) fn clean(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}
