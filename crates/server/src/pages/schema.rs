//! From a kind's JSON Schema to the fields of a form. Whatever a kind's configuration can be is one of a few inputs,
//! so that a new kind has its form without a line here.

use serde_json::{Map, Value};

/// One field of a form.
#[derive(Debug, PartialEq)]
pub(super) struct Field {
    /// Its name in the document.
    pub(super) name: String,
    /// What it is called.
    pub(super) label: String,
    /// What the schema says of it.
    pub(super) help: String,
    /// Whether it has to be filled in.
    pub(super) required: bool,
    /// How it is filled in.
    pub(super) input: Input,
    /// What holds while nothing is filled in.
    pub(super) default: Option<Value>,
}

/// How a field is filled in.
#[derive(Debug, PartialEq)]
pub(super) enum Input {
    /// One line.
    Text,
    /// An address of a server.
    Url,
    /// Many lines.
    Long,
    /// Confidential: written, never shown.
    Secret,
    /// A whole number.
    Integer { min: Option<i64>, max: Option<i64> },
    /// Yes or no.
    Switch,
    /// One of some words, each with what it means.
    Choice(Vec<(String, String)>),
    /// A list, one entry a line.
    Lines,
    /// Names with confidential values.
    Pairs,
}

/// The fields of a configuration, those that have to be filled in first.
pub(super) fn fields(schema: &Value) -> Vec<Field> {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let properties = schema["properties"].as_object();
    let mut fields: Vec<Field> = properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| field(name, schema, required.iter().any(|r| r.as_str() == Some(name))))
        .collect();
    fields.sort_by_key(|field| !field.required);
    fields
}

fn field(name: &str, schema: &Value, required: bool) -> Field {
    let help = schema["description"].as_str().unwrap_or_default().replace('\n', " ");
    Field {
        name: name.to_owned(),
        label: label(name),
        help,
        required,
        input: input(name, schema),
        default: schema.get("default").filter(|default| !default.is_null()).cloned(),
    }
}

fn input(name: &str, schema: &Value) -> Input {
    if is_secret(schema) {
        return Input::Secret;
    }
    if let Some(options) = schema["oneOf"].as_array() {
        let option = |option: &Value| {
            let value = option["const"].as_str()?.to_owned();
            Some((value, option["description"].as_str().unwrap_or_default().replace('\n', " ")))
        };
        return Input::Choice(options.iter().filter_map(option).collect());
    }
    if let Some(words) = schema["enum"].as_array() {
        let word = |word: &Value| Some((word.as_str()?.to_owned(), String::new()));
        return Input::Choice(words.iter().filter_map(word).collect());
    }
    match type_of(schema) {
        "boolean" => Input::Switch,
        "integer" => Input::Integer { min: schema["minimum"].as_i64(), max: schema["maximum"].as_i64() },
        "array" => Input::Lines,
        "object" => Input::Pairs,
        _ if schema["format"] == "uri" => Input::Url,
        _ if name.ends_with("_template") => Input::Long,
        _ => Input::Text,
    }
}

/// Whether a value is confidential, or may be absent and is confidential where it is not.
fn is_secret(schema: &Value) -> bool {
    let is_write_only = |schema: &Value| schema["writeOnly"] == true;
    is_write_only(schema) || schema["anyOf"].as_array().is_some_and(|any| any.iter().any(is_write_only))
}

/// The type besides null; of several, text, as which all of them can be written.
fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(name) => name,
        Value::Array(names) => names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("string"),
        _ => "string",
    }
}

/// A member's name as people would write it.
pub(super) fn label(name: &str) -> String {
    let word = |(i, word): (usize, &str)| match word {
        "url" | "id" | "sid" | "api" => word.to_uppercase(),
        _ if i == 0 => {
            let mut letters = word.chars();
            letters.next().map(char::to_uppercase).into_iter().flatten().chain(letters).collect()
        }
        _ => word.to_owned(),
    };
    name.split('_').enumerate().map(word).collect::<Vec<_>>().join(" ")
}

/// What a field says at first: what is configured, else its default.
pub(super) fn value<'a>(field: &'a Field, config: Option<&'a Map<String, Value>>) -> Option<&'a Value> {
    let configured = config.and_then(|config| config.get(&field.name)).filter(|value| !value.is_null());
    configured.or(field.default.as_ref())
}

/// A value as the text of an input.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join("\n"),
        Value::Null => String::new(),
        // A reference to a variable is written as $NAME.
        Value::Object(members) if members.contains_key("env") => format!("${}", text(&members["env"])),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(kind: &str) -> Vec<Field> {
        fields(&fanfare::registry().get(kind).unwrap().config_schema())
    }

    fn check(kind: &str, name: &str, input: Input) {
        let fields = of(kind);
        let field = fields.iter().find(|field| field.name == name).unwrap();
        assert_eq!(field.input, input, "{kind} {name}");
    }

    #[test]
    fn every_kind_has_inputs_that_fit() {
        check("discord", "webhook_url", Input::Secret);
        check("discord", "mention", Input::Text);
        check("discord", "avatar_url", Input::Url);
        check("email", "password", Input::Secret);
        check("email", "port", Input::Integer { min: Some(1), max: Some(65_535) });
        check("email", "to", Input::Lines);
        check("telegram", "chat_id", Input::Text);
        check("telegram", "disable_notification", Input::Switch);
        check("webhook", "headers", Input::Pairs);
        check("webhook", "body_template", Input::Long);
        let security = of("email").into_iter().find(|field| field.name == "security").unwrap();
        let Input::Choice(words) = security.input else { panic!("{:?}", security.input) };
        assert_eq!(words.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>(), ["none", "starttls", "tls"]);
        assert_eq!(security.default, Some(json!("starttls")));
    }

    #[test]
    fn what_must_be_filled_in_comes_first_and_everything_is_explained() {
        for kind in fanfare::registry().kinds() {
            let fields = of(kind.kind);
            assert!(fields.is_sorted_by_key(|field| !field.required), "{}", kind.kind);
            assert!(fields.iter().all(|field| !field.help.is_empty()), "{}: {fields:?}", kind.kind);
        }
    }

    #[test]
    fn names_are_written_as_people_do() {
        assert_eq!(label("webhook_url"), "Webhook URL");
        assert_eq!(label("account_sid"), "Account SID");
        assert_eq!(label("from"), "From");
    }
}
