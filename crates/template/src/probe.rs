//! Data to try a wording on, derived from the sample of its type.

use fanfare_core::{
    EventType,
    catalog::{FieldKind, When, Wording},
};
use serde_json::{Map, Value, json};

/// The sample; all data; the required ones alone; every word and both booleans; each variant's condition.
pub(crate) fn data(event_type: &EventType, wording: &Wording) -> Vec<Map<String, Value>> {
    let sample = event_type.sample.clone();
    let mut all = sample.clone();
    for field in &event_type.fields {
        if !all.contains_key(&field.name) {
            all.insert(field.name.clone(), invented(&field.kind));
        }
    }
    let mut bare = sample.clone();
    bare.retain(|name, _| event_type.field(name).is_some_and(|field| field.required));

    let mut probes = vec![sample, bare];
    for field in &event_type.fields {
        let values = match &field.kind {
            FieldKind::Boolean => vec![Value::Bool(false), Value::Bool(true)],
            FieldKind::Enum(words) => words.iter().cloned().map(Value::String).collect(),
            FieldKind::List(_) => vec![json!([])],
            _ => continue,
        };
        probes.extend(values.into_iter().map(|value| with(&all, [(&field.name, &value)])));
    }
    for variant in &wording.variants {
        if let When::Equal(wanted) = &variant.when {
            probes.push(with(&all, wanted));
        }
    }
    probes.push(all);
    probes
}

fn with<'a>(
    data: &Map<String, Value>,
    changes: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> Map<String, Value> {
    let mut data = data.clone();
    data.extend(changes.into_iter().map(|(name, value)| (name.clone(), value.clone())));
    data
}

/// A value of a kind, for a datum that the sample lacks.
fn invented(kind: &FieldKind) -> Value {
    match kind {
        FieldKind::String => json!("text"),
        FieldKind::Integer { minimum } | FieldKind::Number { minimum } => json!(minimum.unwrap_or(1).max(1)),
        FieldKind::Boolean => json!(true),
        FieldKind::Timestamp => json!("1970-01-01T00:00:00Z"),
        FieldKind::Enum(words) => json!(words.first()),
        FieldKind::List(members) => {
            let item: Map<String, Value> = members.iter().map(|member| (member.name.clone(), json!("text"))).collect();
            json!([item])
        }
    }
}

/// The hardest data that a wording may meet, and what they are, to stand behind "where".
pub(crate) fn worst(event_type: &EventType) -> Vec<(&'static str, Map<String, Value>)> {
    let all = |text: &str, largest: bool, items: usize| -> Map<String, Value> {
        let fields = event_type.fields.iter();
        fields.map(|field| (field.name.clone(), extreme(&field.kind, text, largest, items))).collect()
    };
    vec![
        ("all data are absent", Map::new()),
        ("all texts are long", all(&"W".repeat(LONG_TEXT), true, 1)),
        ("lists are long", all("a text of some length", true, LONG_LIST)),
        ("texts are strange and numbers small", all(STRANGE, false, 2)),
        ("texts are empty", all("", false, 1)),
    ]
}

/// A long text, in bytes. An event has at most 256 KiB, for all of its data.
const LONG_TEXT: usize = 16 * 1024;

/// A long list.
const LONG_LIST: usize = 200;

/// Right to left, combining, beyond the basic plane, joined, controlling, and what templates and markup are made of.
const STRANGE: &str =
    "\u{202e}abc\u{202c} e\u{301} 👩\u{200d}👩\u{200d}👧 𝕏 \u{0}\u{7}\r\n\t{{title}} {{#if}} \\ <b>&amp;</b> @everyone";

fn extreme(kind: &FieldKind, text: &str, largest: bool, items: usize) -> Value {
    match kind {
        FieldKind::String => json!(text),
        FieldKind::Integer { .. } if largest => json!(i64::MAX),
        FieldKind::Integer { minimum } => json!(minimum.unwrap_or(i64::MIN)),
        FieldKind::Number { .. } if largest => json!(f64::MAX),
        FieldKind::Number { minimum } => minimum.map_or(json!(f64::MIN), Value::from),
        FieldKind::Boolean => json!(largest),
        FieldKind::Timestamp if largest => json!("9999-12-30T22:00:00.999999999Z"),
        FieldKind::Timestamp => json!("-009999-01-02T01:59:59Z"),
        FieldKind::Enum(words) => json!(if largest { words.last() } else { words.first() }),
        FieldKind::List(members) => {
            let members = members.iter().filter(|member| largest || member.required);
            let item: Map<String, Value> = members.map(|member| (member.name.clone(), json!(text))).collect();
            json!(vec![Value::Object(item); items])
        }
    }
}
