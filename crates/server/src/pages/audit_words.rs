//! What people read for the entries of the audit.

use std::collections::BTreeMap;

use fanfare::Engine;
use serde_json::Value;

use crate::accounts::Entry;

/// The kinds of things that something can be done to, and their names.
pub(super) const KINDS: [(&str, &str); 9] = [
    ("channel", "Channels"),
    ("job", "Jobs"),
    ("settings", "Settings"),
    ("delivery", "Deliveries"),
    ("configuration", "Export and import"),
    ("keys", "Keys"),
    ("session", "Sign-ins"),
    ("token", "API tokens"),
    ("user", "Accounts"),
];

/// What was done, in a few words; as it stands where there are none.
pub(super) fn action(action: &str) -> &str {
    match action {
        "channel.create" => "Channel added",
        "channel.update" => "Channel changed",
        "channel.delete" => "Channel deleted",
        "configuration.apply" => "Configuration applied",
        "configuration.export" => "Configuration exported",
        "configuration.import" => "Configuration imported",
        "delivery.retry" => "Tried again",
        "job.create" => "Job added",
        "job.update" => "Job changed",
        "job.delete" => "Job deleted",
        "job.ping_key" => "New check-in URL",
        "keys.rotate" => "Key rotated",
        "session.create" => "Signed in",
        "session.delete" => "Signed out",
        "session.refuse" => "Sign-in refused",
        "settings.update" => "Settings changed",
        "token.create" => "Token added",
        "token.delete" => "Token deleted",
        "user.create" => "Account added",
        "user.update" => "Account changed",
        "user.password" => "Password changed",
        "user.delete" => "Account deleted",
        other => other,
    }
}

/// What it was done to: its name where it has one, and the page where it can be seen, if it is there still.
pub(super) fn thing(entry: &Entry, engine: &Engine) -> (Option<String>, Option<String>) {
    let (kind, id) = entry.object.split_once(':').unwrap_or((&entry.object, ""));
    let text = |document: &Option<Value>, member: &str| Some(document.as_ref()?[member].as_str()?.to_owned());
    let named = |member| text(&entry.after, member).or_else(|| text(&entry.before, member));
    let mut name = named("name");
    let page = match kind {
        "channel" => {
            let present = id.parse().ok().and_then(|id| engine.channel(id));
            name = name.or(present.as_ref().map(|channel| channel.name.clone()));
            present.map(|channel| format!("/channels/{}", channel.id))
        }
        "job" if !entry.action.ends_with(".delete") => Some(format!("/jobs/{id}")),
        "delivery" if !id.is_empty() => {
            name = Some("Its page".into());
            Some(format!("/history/{id}"))
        }
        "settings" => {
            name = name.or_else(|| Some(super::schema::label(id)));
            Some(format!("/settings/{id}"))
        }
        _ => None,
    };
    (name, page)
}

/// A value that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where in the document.
    pub(super) place: String,
    /// As it was; absent where there was nothing.
    pub(super) before: Option<String>,
    /// As it is; absent where nothing is left.
    pub(super) after: Option<String>,
}

/// What differs between two documents, value by value.
pub(super) fn differences(before: Option<&Value>, after: Option<&Value>) -> Vec<Difference> {
    let mut places: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    for (i, document) in [before, after].into_iter().enumerate() {
        if let Some(document) = document {
            collect(document, String::new(), &mut |place, text| places.entry(place).or_default()[i] = Some(text));
        }
    }
    let differences = places.into_iter().filter(|(_, [before, after])| before != after);
    differences.map(|(place, [before, after])| Difference { place, before, after }).collect()
}

/// Every value of a document that holds no others by name, with its place.
fn collect(value: &Value, place: String, put: &mut impl FnMut(String, String)) {
    match value {
        Value::Object(members) => {
            for (name, inner) in members {
                let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
                collect(inner, place, put);
            }
        }
        Value::Null => {}
        Value::String(text) => put(place, text.clone()),
        other => put(place, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let before = json!({"name": "a", "config": {"url": "x", "method": "POST"}, "to": [1]});
        let after = json!({"name": "a", "config": {"url": "x", "method": "PUT", "port": 25}, "to": null});
        let told = differences(Some(&before), Some(&after));
        let one = |place: &str, before: Option<&str>, after: Option<&str>| Difference {
            place: place.into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
        };
        assert_eq!(
            told,
            [
                one("config.method", Some("POST"), Some("PUT")),
                one("config.port", None, Some("25")),
                one("to", Some("[1]"), None)
            ]
        );
    }

    #[test]
    fn what_is_made_and_what_goes_is_told_whole() {
        let document = json!({"name": "a", "enabled": true});
        assert_eq!(differences(None, Some(&document)).len(), 2);
        assert_eq!(differences(Some(&document), None)[1].before.as_deref(), Some("a"));
        assert_eq!(differences(None, None), []);
    }
}
