//! A body of the operator's own: a text with placeholders.
//!
//! What stands around a placeholder decides how its value is written, and that is known when the template is
//! saved. Values are inserted once and never read again, so data cannot bring placeholders of its own.

use std::{fmt::Write, str::FromStr};

use fanfare_core::{AttemptInfo, Color, Field, NoVariables, Notification, Recipients, Status};
use jiff::Timestamp;
use serde::{Serialize, de::IgnoredAny};
use uuid::Uuid;

/// The longest template, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// How often a template may ask for texts of any length. A notification holds at most 256 KiB of text, and a template
/// must not multiply that without end.
const MAX_TEXTS: usize = 16;

/// A parsed template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Value(Name, Form),
}

/// The data that a template can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Title,
    Message,
    Success,
    Status,
    Color,
    Timestamp,
    EventType,
    EventId,
    Fields,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// As it is.
    Plain,
    /// Escaped, for the inside of a JSON string.
    InString,
    /// As a JSON value.
    Json,
}

const NAMES: &[(&str, Name)] = &[
    ("title", Name::Title),
    ("message", Name::Message),
    ("success", Name::Success),
    ("status", Name::Status),
    ("color", Name::Color),
    ("timestamp", Name::Timestamp),
    ("event_type", Name::EventType),
    ("event_id", Name::EventId),
    ("fields", Name::Fields),
];

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = NAMES.iter().find(|(name, _)| *name == text);
        known.map(|(_, name)| *name).ok_or_else(|| {
            let names: Vec<String> = NAMES.iter().map(|(name, _)| format!("{{{{{name}}}}}")).collect();
            format!("{{{{{text}}}}} is not a placeholder: there are {}", names.join(", "))
        })
    }
}

impl Template {
    /// Reads a template, for JSON or for plain text. The reason for a failure is a sentence for the operator.
    pub(crate) fn parse(text: &str, json: bool) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("a template may be {} KiB long at most", MAX_BYTES / 1024));
        }
        let mut place = Place::Outside;
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").ok_or("a placeholder is not closed: {{ needs }} after it")?;
            let name = name.trim().parse()?;
            let form = if json {
                place = place.after(literal);
                place.form().ok_or("a placeholder must not stand behind a backslash")?
            } else {
                Form::Plain
            };
            parts.push(Part::Literal(literal.into()));
            parts.push(Part::Value(name, form));
            rest = after;
        }
        parts.push(Part::Literal(rest.into()));
        let is_text = |part: &&Part| matches!(part, Part::Value(Name::Title | Name::Message | Name::Fields, _));
        if parts.iter().filter(is_text).count() > MAX_TEXTS {
            let names = "{{title}}, {{message}} and {{fields}}";
            return Err(format!("{names} may stand in a template {MAX_TEXTS} times altogether"));
        }
        let template = Self(parts);
        if json {
            template.check_json()?;
        }
        Ok(template)
    }

    /// The template with what `notification` says.
    pub(crate) fn render(&self, notification: &Notification, info: &AttemptInfo<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Value(name, form) => insert(&mut out, *name, *form, notification, info),
            }
        }
        out
    }

    /// Where a value may stand does not depend on the value, so one sample speaks for all.
    fn check_json(&self) -> Result<(), String> {
        let (notification, info) = sample();
        let body = self.render(&notification, &info);
        match serde_json::from_str::<IgnoredAny>(&body) {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("with values filled in, this is not valid JSON: {error}")),
        }
    }
}

/// Where in a JSON text a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Outside,
    InString,
    /// Behind a backslash, with this many characters of the escape to come.
    Escape(u8),
}

impl Place {
    fn after(self, text: &str) -> Self {
        text.chars().fold(self, |place, c| match (place, c) {
            (Self::Outside, '"') => Self::InString,
            (Self::Outside, _) => Self::Outside,
            (Self::InString, '"') => Self::Outside,
            (Self::InString, '\\') => Self::Escape(1),
            (Self::InString, _) => Self::InString,
            // The letter behind the backslash is the last of the escape, but for `\u` with its four digits.
            (Self::Escape(1), 'u') => Self::Escape(5),
            (Self::Escape(1 | 2), _) => Self::InString,
            (Self::Escape(left), _) => Self::Escape(left - 1),
        })
    }

    fn form(self) -> Option<Form> {
        match self {
            Self::Outside => Some(Form::Json),
            Self::InString => Some(Form::InString),
            Self::Escape(_) => None,
        }
    }
}

fn insert(out: &mut String, name: Name, form: Form, notification: &Notification, info: &AttemptInfo<'_>) {
    match name {
        Name::Title => text(out, form, &notification.title),
        Name::Message => text(out, form, &notification.message),
        Name::Status => text(out, form, notification.status.as_str()),
        Name::Color => text(out, form, &notification.color.to_string()),
        Name::Timestamp => text(out, form, &notification.time.to_string()),
        Name::EventType => text(out, form, info.event_type.as_str()),
        Name::EventId => text(out, form, &info.event_id.to_string()),
        Name::Success => out.push_str(if notification.status.is_success() { "true" } else { "false" }),
        Name::Fields if form == Form::Json => out.push_str(&to_json(&notification.fields)),
        Name::Fields => text(out, form, &lines(&notification.fields)),
    }
}

fn text(out: &mut String, form: Form, value: &str) {
    match form {
        Form::Plain => out.push_str(value),
        Form::Json => out.push_str(&to_json(value)),
        Form::InString => {
            let quoted = to_json(value);
            out.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
}

/// Fields as people read them: one `Name: value` a line, `-` for an empty value.
fn lines(fields: &[Field]) -> String {
    let mut out = String::new();
    for (i, field) in fields.iter().enumerate() {
        let separator = if i == 0 { "" } else { "\n" };
        let value = if field.value.is_empty() { "-" } else { &field.value };
        // Writing to a string cannot fail.
        let _ = write!(out, "{separator}{}: {value}", field.name);
    }
    out
}

/// Texts and lists of texts always have a JSON form.
fn to_json<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

fn sample() -> (Notification, AttemptInfo<'static>) {
    let notification = Notification {
        title: "Title".into(),
        message: "Message".into(),
        fields: vec![Field { name: "Name".into(), value: "Value".into(), inline: true }],
        status: Status::Success,
        color: Color { r: 0x22, g: 0xc5, b: 0x5e },
        badge: None,
        link: None,
        time: Timestamp::UNIX_EPOCH,
    };
    let info = AttemptInfo {
        delivery_id: Uuid::nil().into(),
        event_id: Uuid::nil().into(),
        event_type: "sample".into(),
        job: None,
        recipients: &Recipients::Configured,
        at: Timestamp::UNIX_EPOCH,
        variables: &NoVariables,
    };
    (notification, info)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_testkit::fixtures::{any_notification, info, storage_limit};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn render(template: &str, json: bool, notification: &Notification) -> String {
        Template::parse(template, json).unwrap().render(notification, &info())
    }

    #[test]
    fn what_stands_around_decides_the_form() {
        let mut said = storage_limit();
        said.message = "a \"b\"\n{{title}}".into();
        said.fields.truncate(2);
        said.fields[1].value.clear();
        let template = r#"{"text": "{{title}}: {{ message }} ({{success}})", "say \"{{title}}\"": {{message}},
            "ok": {{success}}, "fields": {{fields}}, "lines": "{{fields}}", "id": {{event_id}}, "t": {{timestamp}}}"#;
        let body: Value = serde_json::from_str(&render(template, true, &said)).unwrap();
        assert_eq!(
            body,
            json!({
                "text": "Storage Limit Warning: a \"b\"\n{{title}} (false)",
                "say \"Storage Limit Warning\"": "a \"b\"\n{{title}}",
                "ok": false,
                "fields": said.fields,
                "lines": "Storage: NAS\nUsage: -",
                "id": info().event_id,
                "t": "2026-03-14T01:02:03Z",
            })
        );
    }

    #[test]
    fn plain_text_takes_values_as_they_are() {
        let mut said = storage_limit();
        said.title = "\"{{message}}\"".into();
        said.fields.truncate(1);
        let text = render("{{title}} {{status}} {{color}} {{event_type}}\n{{fields}}", false, &said);
        assert_eq!(text, "\"{{message}}\" failure #ef4444 backup_success\nStorage: NAS");
    }

    fn refused(template: &str, says: &str) {
        let why = Template::parse(template, true).unwrap_err();
        assert!(why.contains(says), "{template}: {why}");
    }

    #[test]
    fn mistakes_are_explained() {
        refused(r#"{"a": "{{titel}}"}"#, "{{titel}} is not a placeholder: there are {{title}}, {{message}}");
        refused(r#"{"a": "{{}}"}"#, "is not a placeholder");
        refused(r#"{"a": "{{title"}"#, "not closed");
        refused(r#"{"a": {{title}}"#, "not valid JSON");
        refused(r#"{"a": {{title}}{{title}}}"#, "not valid JSON");
        refused(r#"{ {{success}}: 1 }"#, "not valid JSON");
        refused("Backup: {{title}}", "not valid JSON");
        refused(r#"{"a": "\{{title}}"}"#, "backslash");
        refused(r#"{"a": "\u00{{title}}"}"#, "backslash");
        refused(&format!("[{}0]", "{{title}},".repeat(17)), "16 times");
        refused(&format!("{{}}{}", " ".repeat(70_000)), "64 KiB");
    }

    #[test]
    fn as_much_as_is_allowed() {
        let body = render(&format!("[{}0]", "{{title}},{{status}},".repeat(16)), true, &storage_limit());
        assert_eq!(body.matches("Storage Limit Warning").count(), 16);
    }

    #[test]
    fn escapes_before_a_placeholder_are_understood() {
        let body =
            render(r#"["\\{{status}}", "\"{{status}}", "\u0041{{status}}", {{status}}]"#, true, &storage_limit());
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!(["\\failure", "\"failure", "Afailure", "failure"])
        );
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_json(said in any_notification()) {
            let template = r#"{"in": "<{{title}}|{{message}}|{{fields}}>", "out": [{{title}}, {{message}}, {{fields}}]}"#;
            let body: Value = serde_json::from_str(&render(template, true, &said)).unwrap();
            let inside = format!("<{}|{}|{}>", said.title, said.message, lines(&said.fields));
            prop_assert_eq!(body, json!({"in": inside, "out": [said.title, said.message, said.fields]}));
        }

        #[test]
        fn no_template_panics(template in "[\\PC{}\"\\\\]{0,60}|(\\{\\{(title|fields|x)\\}\\}|[\"\\\\{}:,u0]){0,12}", json: bool) {
            if let Ok(template) = Template::parse(&template, json) {
                let body = template.render(&storage_limit(), &info());
                prop_assert!(!json || serde_json::from_str::<IgnoredAny>(&body).is_ok());
            }
        }
    }
}
