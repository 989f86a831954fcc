//! `fanfare audit`

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::{Session, answers::List};
use crate::{
    args::{AuditFilters, ExportFormat, Stretch, word},
    failure::Failure,
    output::{Cell, Screen, Table, exact},
};

/// An entry of the audit.
#[derive(Debug, Deserialize)]
struct Entry {
    at: Timestamp,
    actor: String,
    address: Option<String>,
    action: String,
    object: String,
    before: Option<Value>,
    after: Option<Value>,
}

pub(super) async fn list(filters: AuditFilters, stretch: Stretch, session: &Session) -> Result<(), Failure> {
    let mut query = query(filters);
    query.push(("limit", stretch.limit.map(|limit| limit.to_string())));
    query.push(("cursor", stretch.cursor));
    let answer = session.client.get(&["audit"], &query).await?;
    session.show(&answer, |entries: &List<Entry>, screen| table(&entries.items, screen))
}

pub(super) async fn export(filters: AuditFilters, format: ExportFormat, session: &Session) -> Result<(), Failure> {
    let mut query = query(filters);
    query.push(("format", Some(word(&format))));
    let answer = session.client.get(&["audit"], &query).await?;
    session.print(&answer.text())
}

fn query(filters: AuditFilters) -> Vec<(&'static str, Option<String>)> {
    let AuditFilters { actor, action, object, since, until } = filters;
    vec![("actor", actor), ("action", action), ("object", object), ("since", since), ("until", until)]
}

fn table(entries: &[Entry], screen: &Screen) -> String {
    let mut table = Table::new(["WHEN", "WHO", "FROM", "WHAT", "TO WHAT", "~CHANGE"]);
    for entry in entries {
        let (kind, id) = entry.object.split_once(':').unwrap_or((&entry.object, ""));
        let object = if id.is_empty() { kind.to_owned() } else { format!("{kind} {}", screen.id(id)) };
        table.row([
            Cell::from(exact(entry.at, screen.now)),
            (&entry.actor).into(),
            entry.address.as_deref().unwrap_or_default().into(),
            (&entry.action).into(),
            object.into(),
            change(entry).into(),
        ]);
    }
    table.render(screen, "Nothing was changed yet.")
}

/// What is different, in short: `--json` shows all of it.
fn change(entry: &Entry) -> String {
    let text = |value: &Option<Value>| value.as_ref().map(Value::to_string);
    match (text(&entry.before), text(&entry.after)) {
        (Some(before), Some(after)) => format!("{before} -> {after}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::test_screen;

    #[test]
    fn entries_say_who_did_what() {
        let entries: Vec<Entry> = serde_json::from_value(json!([
            { "at": "2026-03-29T10:00:00Z", "actor": "user:ada@b.example", "address": "192.0.2.1",
              "action": "channel.update", "object": "channel:01987a5e-1234-7000-8000-000011112222",
              "before": { "name": "a", "enabled": true }, "after": { "name": "a", "enabled": false } },
            { "at": "2026-03-29T09:00:00Z", "actor": "anonymous", "address": null, "action": "session.refuse",
              "object": "session", "before": null, "after": null },
        ]))
        .unwrap();
        let text = table(&entries, &test_screen(None));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].contains("user:ada@b.example  192.0.2.1  channel.update  channel 01987a5e"), "{text}");
        assert!(lines[1].ends_with(r#"{"name":"a","enabled":true} -> {"name":"a","enabled":false}"#), "{text}");
        assert!(lines[2].contains("anonymous"), "{text}");
    }
}
