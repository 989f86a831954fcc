//! Statements over rows, as text: the writer's own. On PostgreSQL rows come as a table of values; on SQLite a
//! statement is for one row.

use sea_orm::{DbBackend, Statement, Value};

/// Rows in one statement at the most. More rows would save little and make every prepared statement larger.
pub(crate) const MOST_ROWS: usize = 64;

/// A row of values: its columns in their order, each with the type that PostgreSQL is told.
#[derive(Debug)]
pub(crate) struct Columns<const N: usize>(pub(crate) [(&'static str, &'static str); N]);

impl<const N: usize> Columns<N> {
    /// The names, separated by commas.
    pub(crate) fn names(&self) -> String {
        self.0.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    }

    /// The INSERT of one row, for SQLite; `ending` is what follows, such as what to do about a row that is there
    /// already.
    pub(crate) fn insert_one(&self, table: &str, ending: &str) -> String {
        format!("INSERT INTO {table} ({}) VALUES ({}){ending}", self.names(), ["?"; N].join(", "))
    }

    /// One INSERT of many rows, for PostgreSQL.
    pub(crate) fn insert(
        &self,
        table: &str,
        rows: impl ExactSizeIterator<Item = [Value; N]>,
        ending: &str,
    ) -> Statement {
        let sql = format!("INSERT INTO {table} ({}) VALUES {}{ending}", self.names(), self.marks(rows.len()));
        statement(sql, rows)
    }

    /// A statement for PostgreSQL that begins with these rows as the table `v`.
    pub(crate) fn with(&self, rows: impl ExactSizeIterator<Item = [Value; N]>, rest: &str) -> Statement {
        let sql = format!("WITH v ({}) AS (VALUES {}) {rest}", self.names(), self.marks(rows.len()));
        statement(sql, rows)
    }

    /// Placeholders for so many rows. Where PostgreSQL cannot guess their types, it is told.
    fn marks(&self, rows: usize) -> String {
        use std::fmt::Write as _;
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

fn statement<const N: usize>(sql: String, rows: impl ExactSizeIterator<Item = [Value; N]>) -> Statement {
    let mut values = Vec::with_capacity(rows.len() * N);
    rows.for_each(|row| values.extend(row));
    Statement::from_sql_and_values(DbBackend::Postgres, sql, values)
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
    fn sqlite_is_given_one_row_at_a_time() {
        assert_eq!(PAIR.insert_one("t", ""), "INSERT INTO t (id, name) VALUES (?, ?)");
        assert_eq!(
            PAIR.insert_one("t", " ON CONFLICT DO NOTHING"),
            "INSERT INTO t (id, name) VALUES (?, ?) ON CONFLICT DO NOTHING"
        );
    }

    #[test]
    fn postgresql_is_told_the_types() {
        let statement = PAIR.with(rows(3), "SELECT * FROM v");
        assert_eq!(
            statement.sql,
            "WITH v (id, name) AS (VALUES ($1::uuid, $2::text), ($3::uuid, $4::text), ($5::uuid, $6::text)) \
             SELECT * FROM v"
        );
        assert_eq!(statement.values.map(|values| values.0.len()), Some(6));
        assert_eq!(PAIR.insert("t", rows(1), "").sql, "INSERT INTO t (id, name) VALUES ($1::uuid, $2::text)");
    }
}
