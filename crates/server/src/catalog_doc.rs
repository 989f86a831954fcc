//! The event types in the API's document: what can be sent is seen where it is sent, also what an operator added.

use fanfare::core::{Catalog, catalog::Layer};
use serde_json::{Map, Value, json};

/// Where an event is sent.
const SENT: [&str; 2] = ["/paths/~1api~1v1~1events/post", "/paths/~1api~1v1~1events~1explain/post"];

/// Where an event type is named.
const NAMED: [&str; 2] = ["/components/schemas/EventInput", "/components/schemas/ExplainEventInput"];

/// Where an event type stands in a path.
const IN_PATHS: [&str; 2] = [
    "/paths/~1api~1v1~1event-types~1{type}~1test/post",
    "/paths/~1api~1v1~1settings~1notifications~1events~1{type}/patch",
];

/// The document, with an example of every event type that can be sent and the names of all.
pub(crate) fn with_event_types(mut document: Value, catalog: &Catalog) -> Value {
    let sent = || catalog.iter().filter(|event_type| event_type.layer == Layer::System);
    let examples: Map<String, Value> = sent()
        .map(|event_type| {
            let value = json!({ "type": event_type.id, "data": event_type.sample });
            let example = json!({ "summary": event_type.name, "description": event_type.description, "value": value });
            (event_type.id.to_string(), example)
        })
        .collect();
    let names: Vec<_> = sent().map(|event_type| event_type.id.as_str()).collect();
    for place in SENT {
        put(&mut document, &format!("{place}/requestBody/content/application~1json"), "examples", json!(examples));
    }
    for place in NAMED {
        put(&mut document, &format!("{place}/properties/type"), "enum", json!(names));
    }
    for place in IN_PATHS {
        put(&mut document, &format!("{place}/parameters/0/schema"), "enum", json!(names));
    }
    document
}

fn put(document: &mut Value, place: &str, member: &str, value: Value) {
    if let Some(Value::Object(members)) = document.pointer_mut(place) {
        members.insert(member.to_owned(), value);
    }
}
