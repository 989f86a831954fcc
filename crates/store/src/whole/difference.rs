//! How two states of a table differ.

use std::fmt;

use serde_json::Value;

use super::{Column, ConfigRow, ConfigTable};

/// What has to happen to the rows of one table.
#[derive(Clone, Default, PartialEq)]
pub struct Difference {
    /// Rows that are new.
    pub created: Vec<ConfigRow>,
    /// Rows that change.
    pub changed: Vec<RowChange>,
    /// Rows that go.
    pub removed: Vec<ConfigRow>,
    /// Rows that stay as they are.
    pub unchanged: Vec<ConfigRow>,
}

/// A row that changes.
#[derive(Clone, PartialEq)]
pub struct RowChange {
    /// As it is.
    pub before: ConfigRow,
    /// As it will be.
    pub after: ConfigRow,
    /// The columns that differ.
    pub columns: Vec<&'static str>,
}

impl Difference {
    /// Whether nothing has to happen.
    pub fn is_empty(&self) -> bool {
        self.created.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

// Rows hold secrets in clear, so they are only counted.
impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { created, changed, removed, unchanged } = self;
        write!(f, "+{} ~{} -{} ={}", created.len(), changed.len(), removed.len(), unchanged.len())
    }
}

impl fmt::Debug for RowChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.columns)
    }
}

/// What makes `new` of `old`. A changed row gets a time of change that is later than before, at `now` at the earliest.
pub fn difference(table: &ConfigTable, old: &[ConfigRow], new: Vec<ConfigRow>, now: i64) -> Difference {
    let key = table.columns[0].0;
    let mut difference = Difference::default();
    let is_same = |row: &&ConfigRow, other: &ConfigRow| row.get(key) == other.get(key);
    difference.removed = old.iter().filter(|row| !new.iter().any(|other| is_same(row, other))).cloned().collect();
    for mut row in new {
        let Some(before) = old.iter().find(|before| is_same(before, &row)) else {
            difference.created.push(row);
            continue;
        };
        let differs = |(name, column): &&(&'static str, Column)| match column {
            Column::ChangedAt => false,
            Column::Sealed => !is_same_secret(before.get(*name), row.get(*name)),
            _ => before.get(*name) != row.get(*name),
        };
        let columns: Vec<_> = table.columns.iter().filter(differs).map(|(name, _)| *name).collect();
        if columns.is_empty() {
            difference.unchanged.push(before.clone());
            continue;
        }
        for (name, _) in table.columns.iter().filter(|(_, column)| *column == Column::ChangedAt) {
            let was = before.get(*name).and_then(Value::as_i64).unwrap_or(0);
            row.insert((*name).to_owned(), now.max(was + 1).into());
        }
        difference.changed.push(RowChange { before: before.clone(), after: row, columns });
    }
    difference
}

/// Secrets that are JSON are the same where they mean the same.
fn is_same_secret(one: Option<&Value>, other: Option<&Value>) -> bool {
    let read = |value: Option<&Value>| value?.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    one == other || matches!((read(one), read(other)), (Some(one), Some(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::whole::TABLES;

    fn job(id: u8, name: &str, updated_at: i64) -> ConfigRow {
        let row = json!({"id": format!("00000000-0000-7000-8000-0000000000{id:02x}"), "name": name,
            "updated_at": updated_at});
        row.as_object().unwrap().clone()
    }

    #[test]
    fn rows_are_compared_by_what_identifies_them() {
        let table = &TABLES[1];
        let old = [job(1, "a", 10), job(2, "b", 10), job(3, "c", 99)];
        let new = vec![job(1, "a", 5), job(3, "d", 5), job(4, "e", 5)];
        let found = difference(table, &old, new, 50);
        assert_eq!(found.unchanged, [job(1, "a", 10)], "the time of a change is no change");
        assert_eq!(found.removed, [job(2, "b", 10)]);
        assert_eq!(found.created, [job(4, "e", 5)]);
        assert_eq!(found.changed[0].columns, ["name"]);
        assert_eq!(found.changed[0].after, job(3, "d", 100), "later than it was");
    }

    #[test]
    fn a_secret_is_the_same_however_it_is_written() {
        let text = |text: &str| Some(Value::from(text));
        assert!(is_same_secret(text(r#"{"a":1,"b":2}"#).as_ref(), text(r#"{"b": 2, "a": 1}"#).as_ref()));
        assert!(!is_same_secret(text(r#"{"a":1}"#).as_ref(), text(r#"{"a":2}"#).as_ref()));
        assert!(!is_same_secret(text("abc").as_ref(), text("abd").as_ref()));
    }
}
