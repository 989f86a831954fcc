//! `fanfare event-types`

use serde_json::{Value, json};

use super::{
    Session,
    answers::{EventTest, EventType},
    channels::{blocked, plain},
    send::who,
};
use crate::{
    args::TestArgs,
    failure::Failure,
    output::{Cell, Screen, Table, Tone, details, duration, indented},
};

pub(super) async fn list(session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&["event-types"], &[]).await?;
    session.show(&answer, |types: &Vec<EventType>, screen| table(types, screen))
}

pub(super) async fn show(id: &str, session: &Session) -> Result<(), Failure> {
    let types: Vec<Value> = session.client.get(&["event-types"], &[]).await?.read()?;
    let found = types.iter().find(|event_type| event_type["id"] == id);
    let advice = "fanfare event-types list shows them all";
    session.show_part(found.ok_or_else(|| Failure::Failed(format!("there is no event type {id:?}; {advice}")))?, one)
}

pub(super) async fn test(args: TestArgs, session: &Session) -> Result<(), Failure> {
    let body = args.user_email.map(|email| json!({ "user": { "email": email } }));
    let answer = session.client.post(&["event-types", &args.event_type, "test"], body.as_ref()).await?;
    session.show(&answer, tested)?;
    let test: EventTest = answer.read()?;
    if test.results.iter().all(|result| result.ok) { Ok(()) } else { Err(Failure::Told) }
}

fn table(types: &[EventType], screen: &Screen) -> String {
    let mut table = Table::new(["ID", "CATEGORY", "DEFAULT", "~DESCRIPTION"]);
    for event_type in types {
        table.row([
            Cell::from(&event_type.id),
            (&event_type.category).into(),
            if event_type.default_enabled { "on".into() } else { Cell::toned("off", Tone::Faint) },
            (&event_type.description).into(),
        ]);
    }
    table.render(screen, "There are no event types.")
}

fn one(event_type: &EventType, screen: &Screen) -> String {
    let reminder = event_type.reminder.as_ref().map(|reminder| format!("after {} h", reminder.default_hours));
    let head = details(
        screen,
        [
            ("id", Cell::from(&event_type.id)),
            ("name", (&event_type.name).into()),
            ("category", (&event_type.category).into()),
            ("about", (&event_type.description).into()),
            ("by default", if event_type.default_enabled { "on" } else { "off" }.into()),
            ("tells the user", if event_type.notify_user { "if wanted" } else { "" }.into()),
            ("reminder", reminder.unwrap_or_default().into()),
            ("condition", event_type.condition.join(", ").into()),
            ("ends", event_type.resolves.join(", ").into()),
            ("defined", if event_type.builtin { "" } else { "here" }.into()),
        ],
    );
    let mut table = Table::new(["KEY", "TYPE", "REQUIRED", "?SAMPLE", "~DESCRIPTION"]).inner();
    for field in &event_type.fields {
        let kind = match (&field.values, &field.unit) {
            (Some(words), _) => words.join("|"),
            (None, Some(unit)) => format!("{} ({unit})", field.kind),
            (None, None) => field.kind.clone(),
        };
        let sample =
            event_type.sample.get(&field.name).map(plain).filter(|sample| sample.chars().count() <= LONG_SAMPLE);
        table.row([
            Cell::from(&field.name),
            kind.into(),
            if field.required { "yes" } else { "" }.into(),
            Cell::toned(sample.unwrap_or_default(), Tone::Faint),
            (&field.description).into(),
        ]);
    }
    format!("{head}\n\n{}\n{}", screen.heading("Data"), table.render(screen, "none"))
}

/// A sample beyond this would leave no room for the description.
const LONG_SAMPLE: usize = 24;

fn tested(test: &EventTest, screen: &Screen) -> String {
    let mut table = Table::new(["CHANNEL", "TARGET", "RESULT", "TOOK", "~DETAIL"]).wrapped();
    for result in &test.results {
        table.row([
            Cell::from(&result.channel_name),
            who(&result.target).into(),
            Cell::state(if result.ok { "ok" } else { "failed" }),
            duration(result.latency_ms).into(),
            (&result.detail).into(),
        ]);
    }
    let mut text = table.render(screen, "Nobody would hear of this event.");
    let mut advice: Vec<_> = test.results.iter().filter_map(blocked).collect();
    advice.dedup();
    for advice in advice {
        text += "\n";
        text += &indented(&advice);
    }
    if !test.event_enabled {
        text += "\n";
        text += &screen.toned("This event type is off: only tests are sent.", Tone::Waiting);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    #[test]
    fn a_type_is_shown_with_its_data() {
        let event_type = serde_json::from_value(json!({
            "id": "storage_limit_warning", "name": "Storage Limit Warning", "description": "A storage is close to its limit.",
            "category": "storage", "layer": "system", "default_enabled": true, "notify_user": false,
            "reminder": { "default_hours": 24.0 }, "condition": ["storage_name"], "resolves": [], "builtin": true,
            "fields": [
                { "name": "storage_name", "type": "string", "required": true, "description": "The storage." },
                { "name": "limit_bytes", "type": "integer", "required": false, "description": "What it may hold.",
                  "unit": "bytes", "minimum": 0 },
                { "name": "level", "type": "enum", "required": true, "description": "How bad.", "values": ["low", "high"] }],
            "sample": { "storage_name": "Offsite S3", "limit_bytes": 10737418240_u64, "level": "low" },
        }))
        .unwrap();
        let expected = "\
id          storage_limit_warning
name        Storage Limit Warning
category    storage
about       A storage is close to its limit.
by default  on
reminder    after 24 h
condition   storage_name

Data
  KEY           TYPE             REQUIRED  SAMPLE       DESCRIPTION
  storage_name  string           yes       Offsite S3   The storage.
  limit_bytes   integer (bytes)            10737418240  What it may hold.
  level         low|high         yes       low          How bad.";
        assert_eq!(one(&event_type, &test_screen(Some(120))), expected);
    }

    #[test]
    fn a_test_shows_every_target() {
        let test = serde_json::from_value(json!({
            "results": [
                { "channel_id": "a", "channel_name": "ops", "target": "channel", "ok": true, "detail": "204 No Content", "latency_ms": 12 },
                { "channel_id": "b", "channel_name": "on-call", "target": "channel", "ok": false, "detail": "500 Internal Server Error: no", "latency_ms": 1500 }],
            "event_enabled": false,
        }))
        .unwrap();
        let expected = "\
CHANNEL  RESULT  TOOK   DETAIL
ops      ok      12 ms  204 No Content
on-call  failed  1.5 s  500 Internal Server Error: no
This event type is off: only tests are sent.";
        assert_eq!(tested(&test, &test_screen(Some(80))), expected);
    }
}
