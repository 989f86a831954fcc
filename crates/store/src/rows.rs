//! Statements over many rows, as text: the writer's own.

use sea_orm::{DbBackend, Statement, Value};

use crate::{DeliveryRow, EventRow, commit::clean};

/// Rows in one statement at the most: a power of two that keeps the widest table under SQLite's 32,766 values.
pub(crate) const MOST_ROWS: usize = 512;

/// The columns of an event.
pub(crate) const EVENT: [&str; 10] = [
    "id",
    "event_type",
    "job_id",
    "test",
    "occurred_at",
    "created_at",
    "event",
    "notification",
    "user_notification",
    "plan",
];

/// The columns of a delivery.
pub(crate) const DELIVERY: [&str; 26] = [
    "id",
    "event_id",
    "event_type",
    "job_id",
    "channel_id",
    "channel_name",
    "kind",
    "target",
    "recipients",
    "reason",
    "title",
    "test",
    "state",
    "attempts",
    "due_at",
    "owner",
    "expires_at",
    "held_at",
    "possibly_duplicate",
    "created_at",
    "delivered_at",
    "last_attempt_at",
    "last_duration_ms",
    "last_status",
    "last_outcome",
    "last_detail",
];

/// The values of an event, in the order of [`EVENT`].
pub(crate) fn event_values(row: EventRow) -> [Value; EVENT.len()] {
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

/// The values of a delivery, in the order of [`DELIVERY`].
pub(crate) fn delivery_values(row: DeliveryRow) -> [Value; DELIVERY.len()] {
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

/// One INSERT of many rows.
pub(crate) fn insert<const N: usize>(
    backend: DbBackend,
    table: &str,
    columns: &[&str; N],
    rows: impl ExactSizeIterator<Item = [Value; N]>,
) -> Statement {
    let marks = marks(backend, rows.len(), &[""; N]);
    let sql = format!("INSERT INTO {table} ({}) VALUES {marks}", columns.join(", "));
    Statement::from_sql_and_values(backend, sql, rows.flatten())
}

/// Placeholders for a table of values. Where PostgreSQL cannot guess their types, it is told.
pub(crate) fn marks<const N: usize>(backend: DbBackend, rows: usize, types: &[&str; N]) -> String {
    use std::fmt::Write as _;
    let mut marks = String::with_capacity(rows * N * 8);
    for row in 0..rows {
        marks.push_str(if row == 0 { "(" } else { ", (" });
        for (column, kind) in types.iter().enumerate() {
            if column > 0 {
                marks.push_str(", ");
            }
            match (backend, *kind) {
                (DbBackend::Postgres, kind) => {
                    let _ = write!(marks, "${}", row * N + column + 1);
                    if !kind.is_empty() {
                        marks.push_str("::");
                        marks.push_str(kind);
                    }
                }
                _ => marks.push('?'),
            }
        }
        marks.push(')');
    }
    marks
}

/// Up to here every number of rows has a statement of its own.
const FEW: usize = 32;

/// Cuts a list into few pieces of few lengths, so that a transaction needs few statements and all of them stay
/// prepared: whole up to 32 rows, powers of two above.
pub(crate) fn pieces<T>(mut rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    rows.reverse();
    std::iter::from_fn(move || {
        let size = match rows.len().min(MOST_ROWS) {
            0 => return None,
            few @ 1..=FEW => few,
            many => 1 << many.ilog2(),
        };
        let mut piece = rows.split_off(rows.len() - size);
        piece.reverse();
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_few_and_in_order() {
        let cut: Vec<Vec<i32>> = pieces((0..1_135).collect()).collect();
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [512, 512, 64, 32, 15]);
        assert_eq!(cut.concat(), (0..1_135).collect::<Vec<_>>());
        assert_eq!(pieces(Vec::<i32>::new()).count(), 0);
    }

    #[test]
    fn marks_are_those_of_the_database() {
        assert_eq!(marks(DbBackend::Sqlite, 2, &["uuid", "text"]), "(?, ?), (?, ?)");
        assert_eq!(marks(DbBackend::Postgres, 2, &["uuid", ""]), "($1::uuid, $2), ($3::uuid, $4)");
    }
}
