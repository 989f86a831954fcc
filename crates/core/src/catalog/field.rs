//! One datum of an event type: its name, its kind, and whether a value fits.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Fault, escape_pointer};

/// One datum of an event type.
///
/// As JSON: `{name, type, required, description}`, and where they apply `unit`, `minimum`, `values`
/// (of an `enum`) and `items` (the members of a `list`'s objects).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct DataField {
    /// Its key in the data.
    pub name: String,
    /// What its values are.
    pub kind: FieldKind,
    /// Whether every event has it. An optional one may be absent or null.
    pub required: bool,
    /// What it is, for people.
    pub description: String,
    /// The unit of a number, such as `bytes`.
    pub unit: Option<String>,
}

/// What the values of a datum are.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldKind {
    /// A text.
    String,
    /// A whole number.
    Integer {
        /// The least one allowed.
        minimum: Option<i64>,
    },
    /// A finite number.
    Number {
        /// The least one allowed.
        minimum: Option<i64>,
    },
    /// `true` or `false`.
    Boolean,
    /// A point in time as RFC 3339 writes it, with its offset.
    Timestamp,
    /// One of these words.
    Enum(Vec<String>),
    /// A list of objects with these members.
    List(Vec<Member>),
}

/// One text member of a list's objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its key.
    pub name: String,
    /// Whether every object has it.
    #[serde(default = "yes")]
    pub required: bool,
    /// What it is, for people.
    pub description: String,
}

impl DataField {
    /// Checks a value that is not null and notes what is wrong. Members that are null are taken out.
    pub(super) fn check(&self, value: &mut Value, faults: &mut Vec<Fault>) {
        let fits = match (&self.kind, &mut *value) {
            (FieldKind::String, Value::String(_)) | (FieldKind::Boolean, Value::Bool(_)) => true,
            (FieldKind::Integer { minimum }, Value::Number(number)) => match (number.as_i64(), minimum) {
                (Some(number), Some(minimum)) => number >= *minimum,
                (Some(_), None) => true,
                // Beyond an i64 there are whole numbers still, all of them above any minimum.
                (None, _) => number.is_u64(),
            },
            (FieldKind::Number { minimum }, Value::Number(number)) => number
                .as_f64()
                .is_some_and(|number| number.is_finite() && minimum.is_none_or(|minimum| number >= minimum as f64)),
            (FieldKind::Timestamp, Value::String(text)) => is_timestamp(text),
            (FieldKind::Enum(words), Value::String(text)) => words.iter().any(|word| word == text),
            (FieldKind::List(members), Value::Array(items)) => {
                for (i, item) in items.iter_mut().enumerate() {
                    self.check_item(members, i, item, faults);
                }
                true
            }
            _ => false,
        };
        if !fits {
            faults.push(Fault::new(
                format!("/data/{}", self.name),
                format!(
                    "{} must be {}, not {}",
                    self.name,
                    self.kind.expected(self.unit.as_deref()),
                    found(value, &self.kind)
                ),
            ));
        }
    }

    fn check_item(&self, members: &[Member], i: usize, item: &mut Value, faults: &mut Vec<Fault>) {
        let place = |key: &str| format!("/data/{}/{i}/{}", self.name, escape_pointer(key));
        let Value::Object(item) = item else {
            let detail = format!(
                "each of {} must be an object with {}, not {}",
                self.name,
                names(members),
                found(item, &self.kind)
            );
            return faults.push(Fault::new(format!("/data/{}/{i}", self.name), detail));
        };
        item.retain(|key, value| !value.is_null() || !members.iter().any(|member| member.name == *key));
        for (key, value) in item.iter() {
            if !members.iter().any(|member| member.name == *key) {
                let detail = format!("each of {} has only {}", self.name, names(members));
                faults.push(Fault::new(place(key), detail));
            } else if !value.is_string() {
                faults.push(Fault::new(
                    place(key),
                    format!("{key} must be a text, not {}", found(value, &FieldKind::String)),
                ));
            }
        }
        for member in members.iter().filter(|member| member.required && !item.contains_key(&member.name)) {
            faults.push(Fault::new(place(&member.name), format!("each of {} needs {}", self.name, member.name)));
        }
    }

    /// The fault of an event that lacks this datum.
    pub(super) fn missing(&self) -> Fault {
        let detail = format!("{} is required: {}", self.name, self.kind.expected(self.unit.as_deref()));
        Fault::new(format!("/data/{}", self.name), detail)
    }
}

impl FieldKind {
    /// What was expected, to stand behind "must be".
    fn expected(&self, unit: Option<&str>) -> String {
        let number = |what: &str, minimum: &Option<i64>| {
            let unit = unit.map(|unit| format!(" ({unit})")).unwrap_or_default();
            let minimum = minimum.map(|minimum| format!(", {minimum} or more")).unwrap_or_default();
            format!("{what}{unit}{minimum}")
        };
        match self {
            Self::String => "a text".into(),
            Self::Integer { minimum } => number("a whole number", minimum),
            Self::Number { minimum } => number("a number", minimum),
            Self::Boolean => "true or false".into(),
            Self::Timestamp => "a time such as 2026-03-29T01:30:00Z (RFC 3339)".into(),
            Self::Enum(words) => match words.as_slice() {
                [word] => format!("\"{word}\""),
                words => format!("one of \"{}\"", words.join("\", \"")),
            },
            Self::List(members) => format!("a list of objects with {}", names(members)),
        }
    }
}

/// What a value is, to stand behind "not". A text is not repeated: it may be long, and confidential.
fn found(value: &Value, kind: &FieldKind) -> Cow<'static, str> {
    let numeric = matches!(kind, FieldKind::Integer { .. } | FieldKind::Number { .. });
    let word = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if numeric => return Cow::Owned(number.to_string()),
        Value::Number(_) => "a number",
        Value::String(_) if matches!(kind, FieldKind::Enum(_)) => "another text",
        Value::String(_) if matches!(kind, FieldKind::Timestamp) => "such a text",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    };
    Cow::Borrowed(word)
}

fn names(members: &[Member]) -> String {
    members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether a text is a time as RFC 3339 writes it. The parser alone would also take shorter and longer forms.
fn is_timestamp(text: &str) -> bool {
    let bytes = text.as_bytes();
    let has = |at: usize, among: &[u8]| bytes.get(at).is_some_and(|byte| among.contains(byte));
    has(4, b"-")
        && has(7, b"-")
        && has(10, b"Tt ")
        && has(13, b":")
        && has(16, b":")
        && !text.contains('[')
        && text.parse::<jiff::Timestamp>().is_ok()
}

fn yes() -> bool {
    true
}

/// A [`DataField`] as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    #[serde(rename = "type")]
    kind: Word,
    #[serde(default = "yes")]
    required: bool,
    description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minimum: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Member>>,
}

#[derive(Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    String,
    Integer,
    Number,
    Boolean,
    Timestamp,
    Enum,
    List,
}

impl TryFrom<Raw> for DataField {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        let numeric = matches!(raw.kind, Word::Integer | Word::Number);
        if !numeric && raw.minimum.is_some() {
            return Err("minimum is for the types integer and number");
        }
        if !numeric && raw.unit.is_some() {
            return Err("unit is for the types integer and number");
        }
        if raw.kind != Word::Enum && raw.values.is_some() {
            return Err("values is for the type enum");
        }
        if raw.kind != Word::List && raw.items.is_some() {
            return Err("items is for the type list");
        }
        let kind = match raw.kind {
            Word::String => FieldKind::String,
            Word::Integer => FieldKind::Integer { minimum: raw.minimum },
            Word::Number => FieldKind::Number { minimum: raw.minimum },
            Word::Boolean => FieldKind::Boolean,
            Word::Timestamp => FieldKind::Timestamp,
            Word::Enum => {
                let values = raw.values.filter(|values| !values.is_empty());
                FieldKind::Enum(values.ok_or("the type enum needs values, the words that it can be")?)
            }
            Word::List => {
                let items = raw.items.filter(|items| !items.is_empty());
                FieldKind::List(items.ok_or("the type list needs items, the members of its objects")?)
            }
        };
        let Raw { name, required, description, unit, .. } = raw;
        Ok(Self { name, kind, required, description, unit })
    }
}

impl From<DataField> for Raw {
    fn from(field: DataField) -> Self {
        let DataField { name, kind, required, description, unit } = field;
        let (word, minimum, values, items) = match kind {
            FieldKind::String => (Word::String, None, None, None),
            FieldKind::Integer { minimum } => (Word::Integer, minimum, None, None),
            FieldKind::Number { minimum } => (Word::Number, minimum, None, None),
            FieldKind::Boolean => (Word::Boolean, None, None, None),
            FieldKind::Timestamp => (Word::Timestamp, None, None, None),
            FieldKind::Enum(values) => (Word::Enum, None, Some(values), None),
            FieldKind::List(items) => (Word::List, None, None, Some(items)),
        };
        Self { name, kind: word, required, description, unit, minimum, values, items }
    }
}
