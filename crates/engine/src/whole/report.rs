//! What an import changes, for a person to read.

use fanfare_core::{Fault, escape_pointer};
use fanfare_store::{Column, ConfigRow, ConfigTable, RowChange};
use serde_json::Value;

use super::Changes;

/// What an import changes, or would change.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportReport {
    /// Whether it was written.
    pub applied: bool,
    /// By section of the document.
    pub sections: Vec<SectionReport>,
    /// What is taken over although it is not as it should be: pointers into `{document}`.
    pub warnings: Vec<Fault>,
}

/// What changes in one section.
#[derive(Clone, Debug, PartialEq)]
pub struct SectionReport {
    /// The section, such as `channels`.
    pub name: &'static str,
    /// What is new.
    pub created: Vec<ItemChange>,
    /// What changes.
    pub changed: Vec<ItemChange>,
    /// What goes.
    pub removed: Vec<ItemChange>,
    /// How many stay as they are.
    pub unchanged: usize,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemChange {
    /// What identifies it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// What changes in it: pointers, and never values. Empty for what is new or goes.
    pub pointers: Vec<String>,
}

impl ImportReport {
    pub(super) fn new(changes: &Changes, warnings: Vec<Fault>, applied: bool) -> Self {
        let sections = changes.iter().map(|(table, difference)| {
            let all = |rows: &[ConfigRow]| rows.iter().map(|row| item(table, row, Vec::new())).collect();
            let changed = difference.changed.iter();
            SectionReport {
                name: table.name,
                created: all(&difference.created),
                changed: changed.map(|change| item(table, &change.after, pointers(table, change))).collect(),
                removed: all(&difference.removed),
                unchanged: difference.unchanged.len(),
            }
        });
        Self { applied, sections: sections.collect(), warnings }
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        let changes = |section: &SectionReport| {
            !section.created.is_empty() || !section.changed.is_empty() || !section.removed.is_empty()
        };
        !self.sections.iter().any(changes)
    }
}

fn item(table: &ConfigTable, row: &ConfigRow, pointers: Vec<String>) -> ItemChange {
    let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    ItemChange { id: text(table.columns[0].0), name: text(table.label), pointers }
}

fn pointers(table: &ConfigTable, change: &RowChange) -> Vec<String> {
    let mut found = Vec::new();
    for (name, column) in table.columns.iter().filter(|(name, _)| change.columns.contains(name)) {
        let value = |row: &ConfigRow| {
            let value = row.get(*name).cloned().unwrap_or(Value::Null);
            match (column, value.as_str().map(serde_json::from_str)) {
                (Column::Sealed, Some(Ok(document))) => document,
                _ => value,
            }
        };
        differing(&value(&change.before), &value(&change.after), format!("/{name}"), &mut found);
    }
    found
}

/// The places in which two documents differ.
fn differing(before: &Value, after: &Value, place: String, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let new = after.keys().filter(|name| !before.contains_key(*name));
            for name in before.keys().chain(new) {
                let place = format!("{place}/{}", escape_pointer(name));
                let of = |members: &serde_json::Map<String, Value>| members.get(name).cloned().unwrap_or(Value::Null);
                differing(&of(before), &of(after), place, found);
            }
        }
        (before, after) if before != after => found.push(place),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_places_are_told() {
        let mut found = Vec::new();
        let before = json!({"url": "https://a.example/s3cret", "headers": {"A/B": "x", "C": "y"}, "list": [1, 2]});
        let after = json!({"url": "https://a.example/other", "headers": {"A/B": "z", "C": "y"}, "list": [1], "new": 1});
        differing(&before, &after, "/config".into(), &mut found);
        assert_eq!(found, ["/config/url", "/config/headers/A~1B", "/config/list", "/config/new"]);
    }
}
