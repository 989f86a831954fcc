//! Statements over many rows, as text: the writer's own.
//!
//! Rows come as a table of values. On SQLite the table is filled up with empty rows to a power of two, so that few
//! different statements do for every number of rows, and all of them stay prepared.

use sea_orm::{DbBackend, Statement, Value};

/// Rows in one statement at the most. More rows would save little and make every prepared statement larger.
pub(crate) const MOST_ROWS: usize = 64;

/// A table of values: its columns in their order, each with the type that PostgreSQL is told. The first is never
/// null in a row that is meant.
#[derive(Debug)]
pub(crate) struct Columns<const N: usize>(pub(crate) [(&'static str, &'static str); N]);

impl<const N: usize> Columns<N> {
    /// The names, separated by commas.
    pub(crate) fn names(&self) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// One INSERT of many rows; `ending` is what follows, such as what to do about a row that is there already.
    pub(crate) fn insert(
        &self,
        backend: DbBackend,
        table: &str,
        rows: impl ExactSizeIterator<Item = [Value; N]>,
        ending: &str,
    ) -> Statement {
        // Whatever fails ends the whole transaction; SQLite need not remember how to undo one statement alone.
        let or = if backend == DbBackend::Sqlite { " OR ROLLBACK" } else { "" };
        let (names, marks) = (self.names(), self.marks(backend, rows.len()));
        let sql = format!(
            "INSERT{or} INTO {table} ({names}) SELECT * FROM (VALUES {marks}) AS v WHERE column1 IS NOT NULL{ending}"
        );
        self.statement(backend, sql, rows)
    }

    /// A statement that begins with these rows as the table `v`.
    pub(crate) fn with(
        &self,
        backend: DbBackend,
        rows: impl ExactSizeIterator<Item = [Value; N]>,
        rest: &str,
    ) -> Statement {
        let (names, marks) = (self.names(), self.marks(backend, rows.len()));
        self.statement(backend, format!("WITH v ({names}) AS (VALUES {marks}) {rest}"), rows)
    }

    fn statement(&self, backend: DbBackend, sql: String, rows: impl ExactSizeIterator<Item = [Value; N]>) -> Statement {
        let all = filled(backend, rows.len()) * N;
        let mut values = Vec::with_capacity(all);
        rows.for_each(|row| values.extend(row));
        values.resize(all, Value::Int(None));
        Statement::from_sql_and_values(backend, sql, values)
    }

    /// Placeholders for so many rows. Where PostgreSQL cannot guess their types, it is told.
    fn marks(&self, backend: DbBackend, rows: usize) -> String {
        use std::fmt::Write as _;
        let rows = filled(backend, rows);
        if backend != DbBackend::Postgres {
            let row = format!("({})", ["?"; N].join(", "));
            return vec![row; rows].join(", ");
        }
        let mut marks = String::with_capacity(rows * N * 12);
        for row in 0..rows {
            marks.push_str(if row == 0 { "(" } else { ", (" });
            for (column, (_, kind)) in self.0.iter().enumerate() {
                let separator = if column == 0 { "" } else { ", " };
                // Writing to a string cannot fail.
                let _ = write!(marks, "{separator}${}::{kind}", row * N + column + 1);
            }
            marks.push(')');
        }
        marks
    }
}

/// Of how many rows the statement is.
fn filled(backend: DbBackend, rows: usize) -> usize {
    match backend {
        DbBackend::Sqlite => rows.next_power_of_two(),
        _ => rows,
    }
}

/// Cuts a list into pieces that one statement can take.
pub(crate) fn pieces<T>(rows: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let mut rows = rows.into_iter();
    std::iter::from_fn(move || {
        let piece: Vec<T> = rows.by_ref().take(MOST_ROWS).collect();
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Columns<2> = Columns([("id", "uuid"), ("name", "text")]);

    fn rows(count: i32) -> impl ExactSizeIterator<Item = [Value; 2]> {
        (0..count).map(|i| [i.into(), i.to_string().into()])
    }

    #[test]
    fn pieces_are_whole_and_in_order() {
        let cut: Vec<Vec<usize>> = pieces((0..150).collect()).collect();
        assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64, 22]);
        assert_eq!(cut.concat(), (0..150).collect::<Vec<_>>());
        assert_eq!(pieces(Vec::<i32>::new()).count(), 0);
    }

    #[test]
    fn few_statements_do_for_every_number_of_rows() {
        let text = |count| PAIR.insert(DbBackend::Sqlite, "t", rows(count), "").sql;
        assert_eq!(
            text(2),
            "INSERT OR ROLLBACK INTO t (id, name) SELECT * FROM (VALUES (?, ?), (?, ?)) AS v WHERE column1 IS NOT NULL"
        );
        assert_eq!(text(3), text(4));
        let three = PAIR.insert(DbBackend::Sqlite, "t", rows(3), "");
        assert_eq!(three.values.map(|values| values.0.len()), Some(8), "a value for every placeholder");
    }

    #[test]
    fn postgresql_is_told_the_types() {
        let statement = PAIR.with(DbBackend::Postgres, rows(3), "SELECT * FROM v");
        assert_eq!(
            statement.sql,
            "WITH v (id, name) AS (VALUES ($1::uuid, $2::text), ($3::uuid, $4::text), ($5::uuid, $6::text)) \
             SELECT * FROM v"
        );
        assert_eq!(statement.values.map(|values| values.0.len()), Some(6));
    }
}
