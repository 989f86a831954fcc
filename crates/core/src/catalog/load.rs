//! From the text of a file to an event type.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{CatalogError, DataField, EventType, FieldKind, FieldWording, Layer, UserFields, When, Wording};
use crate::EventTypeId;

/// An event type's file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    id: String,
    name: String,
    description: String,
    category: String,
    #[serde(default)]
    layer: Layer,
    default_enabled: bool,
    notify_user: Option<UserFields>,
    reminder_hours: Option<f64>,
    #[serde(default)]
    condition: Vec<String>,
    #[serde(default)]
    resolves: Vec<EventTypeId>,
    #[serde(default)]
    data: Vec<DataField>,
    wording: Wording,
    user: Option<Wording>,
    #[serde(default)]
    sample: Map<String, Value>,
}

/// The event type that a file declares, checked in itself.
pub(super) fn event_type(file: &str, text: &str, builtin: bool) -> Result<EventType, CatalogError> {
    let parser = toml::Deserializer::parse(text).map_err(|error| CatalogError::parse(file, text, "", &error))?;
    let parsed: File = serde_path_to_error::deserialize(parser)
        .map_err(|error| CatalogError::parse(file, text, &error.path().to_string(), error.inner()))?;
    check(file, &parsed, builtin).map_err(|(key, detail)| CatalogError::at(file, text, &key, detail))?;
    let mut event_type = EventType {
        id: parsed.id.into(),
        name: parsed.name,
        description: parsed.description,
        category: parsed.category,
        layer: parsed.layer,
        default_enabled: parsed.default_enabled,
        notify_user: parsed.notify_user,
        reminder_hours: parsed.reminder_hours,
        fields: parsed.data,
        condition: parsed.condition,
        resolves: parsed.resolves,
        wording: parsed.wording,
        user_wording: parsed.user,
        sample: Map::new(),
        builtin,
        file: file.to_owned(),
        text: text.into(),
    };
    let mut sample = event_type.check(parsed.sample, None).map_err(|faults| {
        let (key, detail) = faults.into_iter().next().map(|fault| (fault.pointer, fault.detail)).unwrap_or_default();
        let key = key.replacen("/data", "sample", 1).replace('/', ".");
        CatalogError::at(file, text, &key, detail)
    })?;
    // Tables of a file come sorted; a sample is read by people, in the order of the declaration.
    event_type.sample = event_type.fields.iter().filter_map(|f| sample.swap_remove_entry(&f.name)).collect();
    Ok(event_type)
}

/// The key, and what is wrong with it.
pub(super) type Problem = (String, String);

fn problem<T>(key: impl Into<String>, detail: impl Into<String>) -> Result<T, Problem> {
    Err((key.into(), detail.into()))
}

/// What the types of the file alone cannot say.
fn check(file: &str, parsed: &File, builtin: bool) -> Result<(), Problem> {
    if !is_name(&parsed.id) {
        return problem("id", "an id is lower-case letters, digits and _, and begins with a letter");
    }
    let base = file.rsplit(['/', '\\']).next().unwrap_or(file);
    if base.strip_suffix(".toml").unwrap_or(base) != parsed.id {
        return problem("id", format!("the file must be called {}.toml, after the event type in it", parsed.id));
    }
    for (key, text) in [("name", &parsed.name), ("description", &parsed.description), ("category", &parsed.category)] {
        if text.trim().is_empty() {
            return problem(key, format!("{key} must not be empty"));
        }
    }
    if let Some(hours) = parsed.reminder_hours
        && !(hours.is_finite() && hours >= 0.0)
    {
        return problem("reminder_hours", "this is a number of hours, 0 or more");
    }
    if parsed.layer == Layer::Job && !builtin {
        return problem("layer", "the runs of jobs are told by Fanfare's own types: leave this out");
    }
    check_fields(&parsed.data)?;
    check_roles(parsed)?;
    for (place, wording) in [("wording", Some(&parsed.wording)), ("user", parsed.user.as_ref())] {
        let Some(wording) = wording else { continue };
        check_wording(wording, &parsed.data).map_err(|(key, detail)| (format!("{place}.{key}"), detail))?;
    }
    Ok(())
}

fn check_fields(fields: &[DataField]) -> Result<(), Problem> {
    for (i, field) in fields.iter().enumerate() {
        let key = format!("data[{i}].name");
        if !is_name(&field.name) {
            return problem(key, "a name is lower-case letters, digits and _, and begins with a letter");
        }
        if matches!(field.name.as_str(), "occurred_at" | "timestamp") {
            return problem(key, "the time of an event is not one of its data: templates know it as occurred_at");
        }
        if fields[..i].iter().any(|other| other.name == field.name) {
            return problem(key, format!("{} is declared twice", field.name));
        }
        let FieldKind::List(items) = &field.kind else { continue };
        for (j, item) in items.iter().enumerate() {
            let key = format!("data[{i}].items[{j}].name");
            if !is_name(&item.name) {
                return problem(key, "a name is lower-case letters, digits and _, and begins with a letter");
            }
            if items[..j].iter().any(|other| other.name == item.name) {
                return problem(key, format!("{} is declared twice", item.name));
            }
        }
    }
    Ok(())
}

/// Checks the data that have a part to play: those that name the user and those that name the condition.
fn check_roles(parsed: &File) -> Result<(), Problem> {
    if let Some(user) = &parsed.notify_user {
        if parsed.layer == Layer::Job {
            return problem("notify_user", "an event of a job is about no user");
        }
        for (role, name) in [("name", &user.name), ("email", &user.email)] {
            let Some(name) = name else { continue };
            let key = format!("notify_user.{role}");
            if declared(&parsed.data, name, &key)?.kind != FieldKind::String {
                return problem(key, format!("{name} must be of type string to hold a user's {role}"));
            }
        }
    }
    if parsed.user.is_some() && parsed.notify_user.is_none() {
        return problem("user", "a wording for the user needs notify_user, the data that name the user");
    }
    for (i, name) in parsed.condition.iter().enumerate() {
        let key = format!("condition[{i}]");
        let field = declared(&parsed.data, name, &key)?;
        if !field.required || matches!(field.kind, FieldKind::List(_)) {
            return problem(key, format!("{name} must be required, and no list, to identify a condition"));
        }
    }
    if !parsed.resolves.is_empty() && parsed.condition.is_empty() {
        return problem("resolves", "what ends a condition needs condition, the data that identify it");
    }
    Ok(())
}

/// Checks what a wording asks of the data. Its templates are another crate's business.
pub(super) fn check_wording(wording: &Wording, fields: &[DataField]) -> Result<(), Problem> {
    check_lines("", &wording.fields, fields)?;
    for (i, variant) in wording.variants.iter().enumerate() {
        let place = format!("variants[{i}].");
        check_when(&format!("{place}when"), &variant.when, fields)?;
        check_lines(&place, variant.overlay.fields.as_deref().unwrap_or_default(), fields)?;
    }
    Ok(())
}

fn check_lines(place: &str, lines: &[FieldWording], fields: &[DataField]) -> Result<(), Problem> {
    lines.iter().enumerate().try_for_each(|(i, line)| match &line.when {
        Some(when) => check_when(&format!("{place}fields[{i}].when"), when, fields),
        None => Ok(()),
    })
}

fn check_when(key: &str, when: &When, fields: &[DataField]) -> Result<(), Problem> {
    match when {
        When::Present(name) => declared(fields, name, key).map(drop),
        When::Equal(wanted) if wanted.is_empty() => problem(key, "this names no datum"),
        When::Equal(wanted) => wanted.iter().try_for_each(|(name, value)| {
            let key = format!("{key}.{name}");
            let mut faults = Vec::new();
            declared(fields, name, &key)?.check(&mut value.clone(), &mut faults);
            faults.pop().map_or(Ok(()), |fault| problem(key, fault.detail))
        }),
    }
}

fn declared<'a>(fields: &'a [DataField], name: &str, key: &str) -> Result<&'a DataField, Problem> {
    let field = fields.iter().find(|field| field.name == name);
    field.ok_or_else(|| (key.to_owned(), format!("no datum is called {name}")))
}

/// Whether a text can be the name of an event type or of a datum.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
