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
