//! What an event says: templates, and the choices that depend on the data.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Map, Value};

use crate::{Color, Status};

/// What an event says. Every text is a template over the event's data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    /// One line.
    pub title: String,
    /// A sentence or a few lines.
    pub message: String,
    /// Named facts, in the order in which they are shown.
    #[serde(default)]
    pub fields: Vec<FieldWording>,
    /// Whether this is good news.
    pub status: Status,
    /// The accent.
    pub color: Color,
    /// A word that stands beside the title. None when it comes out empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub badge: Option<String>,
    /// Where to read more. None when it does not come out as an `http` or `https` address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Whether the last field is `Time`, the event's time.
    #[serde(default = "yes")]
    pub time: bool,
    /// What is said instead, depending on the data. The first that applies is used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variants: Vec<Variant>,
}

/// One named fact of a [`Wording`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldWording {
    /// The label.
    pub name: String,
    /// The fact.
    pub value: String,
    /// Whether it may share a line with its neighbours.
    #[serde(default = "yes")]
    pub inline: bool,
    /// On which data it is shown; always, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<When>,
}

/// What is said instead of some of a [`Wording`] on certain data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "RawVariant", into = "RawVariant")]
pub struct Variant {
    /// On which data.
    pub when: When,
    /// What is said instead.
    pub overlay: Overlay,
}

/// Some keys of a [`Wording`], to stand in place of what it says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overlay {
    /// Replaces [`Wording::title`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Replaces [`Wording::message`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Replaces [`Wording::fields`], all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<FieldWording>>,
    /// Replaces [`Wording::status`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Replaces [`Wording::color`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<Color>,
    /// Replaces [`Wording::badge`]; an empty text takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub badge: Option<String>,
    /// Replaces [`Wording::link`]; an empty text takes it away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Replaces [`Wording::time`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<bool>,
}

/// A condition on an event's data.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum When {
    /// The datum of this name [is present](is_present).
    Present(String),
    /// Each of these data has this value.
    Equal(Map<String, Value>),
}

impl Wording {
    /// The same wording with the keys of `overlay` in place of its own, whatever the data.
    #[must_use]
    pub fn with(mut self, overlay: &Overlay) -> Self {
        for variant in &mut self.variants {
            variant.overlay.give_way_to(overlay);
        }
        self.apply(overlay);
        self
    }

    /// The wording that one variant makes of this one; it has no variants of its own.
    #[must_use]
    pub fn variant(&self, variant: &Variant) -> Self {
        let mut wording = Self { variants: Vec::new(), ..self.clone() };
        wording.apply(&variant.overlay);
        wording
    }

    fn apply(&mut self, overlay: &Overlay) {
        fn put<T: Clone>(to: &mut T, from: &Option<T>) {
            if let Some(from) = from {
                to.clone_from(from);
            }
        }
        put(&mut self.title, &overlay.title);
        put(&mut self.message, &overlay.message);
        put(&mut self.fields, &overlay.fields);
        put(&mut self.status, &overlay.status);
        put(&mut self.color, &overlay.color);
        put(&mut self.time, &overlay.time);
        self.badge = overlay.badge.clone().or(self.badge.take());
        self.link = overlay.link.clone().or(self.link.take());
    }
}

impl Overlay {
    /// Takes out what `stronger` says as well.
    fn give_way_to(&mut self, stronger: &Self) {
        fn take<T>(mine: &mut Option<T>, theirs: &Option<T>) {
            if theirs.is_some() {
                *mine = None;
            }
        }
        take(&mut self.title, &stronger.title);
        take(&mut self.message, &stronger.message);
        take(&mut self.fields, &stronger.fields);
        take(&mut self.status, &stronger.status);
        take(&mut self.color, &stronger.color);
        take(&mut self.badge, &stronger.badge);
        take(&mut self.link, &stronger.link);
        take(&mut self.time, &stronger.time);
    }
}

impl When {
    /// Whether the condition is met.
    pub fn holds(&self, data: &Map<String, Value>) -> bool {
        match self {
            Self::Present(name) => data.get(name).is_some_and(is_present),
            Self::Equal(wanted) => wanted.iter().all(|(name, value)| data.get(name) == Some(value)),
        }
    }
}

/// Whether a datum says something: not null, not an empty text, not an empty list. 0 and false do.
pub fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = When;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "the name of a datum that must be present, or a table of data and the values they must have",
                )
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<When, E> {
                Ok(When::Present(name.to_owned()))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<When, A::Error> {
                Map::deserialize(de::value::MapAccessDeserializer::new(map)).map(When::Equal)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn yes() -> bool {
    true
}

/// A [`Variant`] as it is written: serde cannot both flatten a struct and refuse unknown keys.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVariant {
    when: When,
    title: Option<String>,
    message: Option<String>,
    fields: Option<Vec<FieldWording>>,
    status: Option<Status>,
    color: Option<Color>,
    badge: Option<String>,
    link: Option<String>,
    time: Option<bool>,
}

impl From<RawVariant> for Variant {
    fn from(raw: RawVariant) -> Self {
        let RawVariant { when, title, message, fields, status, color, badge, link, time } = raw;
        Self { when, overlay: Overlay { title, message, fields, status, color, badge, link, time } }
    }
}

impl From<Variant> for RawVariant {
    fn from(Variant { when, overlay }: Variant) -> Self {
        let Overlay { title, message, fields, status, color, badge, link, time } = overlay;
        Self { when, title, message, fields, status, color, badge, link, time }
    }
}
