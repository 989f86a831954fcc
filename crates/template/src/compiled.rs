//! One wording, compiled: from an event's data to a notification.

use std::{cell::OnceCell, sync::Arc};

use fanfare_core::{
    Color, EventType, Field, Notification, Status,
    catalog::{DataField, FieldWording, When, Wording},
};
use handlebars::Handlebars;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    RenderError,
    limit::{self, Budget},
    text::{Facts, Text},
};

/// A compiled wording. It needs nothing else to render an event of its type.
#[derive(Clone)]
pub struct Compiled {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Arc<Handlebars<'static>>,
    fields: Vec<DataField>,
    variants: Vec<(When, Sheet)>,
    otherwise: Sheet,
}

/// A wording without variants.
struct Sheet {
    title: Text,
    message: Text,
    lines: Vec<Line>,
    status: Status,
    color: Color,
    badge: Option<Text>,
    link: Option<Text>,
    time: bool,
    /// Where the texts stand in the wording, for errors: empty, or such as `variants[0].`.
    place: String,
}

struct Line {
    name: Text,
    value: Text,
    inline: bool,
    when: Option<When>,
}

/// The key, and what is wrong with it.
type Problem = (String, String);

impl Compiled {
    pub(crate) fn new(
        registry: Arc<Handlebars<'static>>,
        event_type: &EventType,
        wording: &Wording,
    ) -> Result<Self, Problem> {
        let fields = &event_type.fields;
        let otherwise = Sheet::new(String::new(), wording, fields)?;
        let variants = wording.variants.iter().enumerate().map(|(i, variant)| {
            let sheet = Sheet::new(format!("variants[{i}]."), &wording.variant(variant), fields)?;
            Ok((variant.when.clone(), sheet))
        });
        let variants = variants.collect::<Result<_, Problem>>()?;
        Ok(Self { inner: Arc::new(Inner { registry, fields: fields.clone(), variants, otherwise }) })
    }

    /// What an event with these data says.
    pub fn render(&self, data: &Map<String, Value>, occurred_at: Timestamp) -> Result<Notification, RenderError> {
        self.say(data, occurred_at, &Budget::unhurried()).map(|(notification, _)| notification)
    }

    /// The same within a budget, and whether it had to be shortened.
    pub(crate) fn say(
        &self,
        data: &Map<String, Value>,
        occurred_at: Timestamp,
        budget: &Budget,
    ) -> Result<(Notification, bool), RenderError> {
        let Inner { registry, fields, variants, otherwise } = &*self.inner;
        let variant = variants.iter().find(|(when, _)| when.holds(data));
        let sheet = variant.map_or(otherwise, |(_, sheet)| sheet);
        let facts = Facts { registry, fields, data, occurred_at, budget, context: OnceCell::new() };
        let mut notification = sheet.render(&facts)?;
        let is_shortened = limit::shorten(&mut notification);
        Ok((notification, is_shortened))
    }
}

impl std::fmt::Debug for Compiled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiled").field("title", &self.inner.otherwise.title).finish_non_exhaustive()
    }
}

impl Sheet {
    fn new(place: String, wording: &Wording, fields: &[DataField]) -> Result<Self, Problem> {
        let text =
            |key: &str, source: &str| Text::compile(source, fields).map_err(|detail| (format!("{place}{key}"), detail));
        let line = |(i, line): (usize, &FieldWording)| {
            Ok(Line {
                name: text(&format!("fields[{i}].name"), &line.name)?,
                value: text(&format!("fields[{i}].value"), &line.value)?,
                inline: line.inline,
                when: line.when.clone(),
            })
        };
        Ok(Self {
            title: text("title", &wording.title)?,
            message: text("message", &wording.message)?,
            lines: wording.fields.iter().enumerate().map(line).collect::<Result<_, Problem>>()?,
            status: wording.status,
            color: wording.color,
            badge: wording.badge.as_deref().map(|badge| text("badge", badge)).transpose()?,
            link: wording.link.as_deref().map(|link| text("link", link)).transpose()?,
            time: wording.time,
            place,
        })
    }

    fn render(&self, facts: &Facts<'_>) -> Result<Notification, RenderError> {
        let error = |key: &str, trouble| RenderError::new(format!("{}{key}", self.place), trouble);
        let text = |key: &str, text: &Text| text.render(facts).map_err(|trouble| error(key, trouble));
        let optional = |key: &str, source: &Option<Text>| source.as_ref().map(|source| text(key, source)).transpose();
        let mut fields = Vec::with_capacity(self.lines.len() + usize::from(self.time));
        for (i, line) in self.lines.iter().enumerate() {
            if line.when.as_ref().is_some_and(|when| !when.holds(facts.data)) {
                continue;
            }
            let at = |key, trouble| error(&format!("fields[{i}].{key}"), trouble);
            let name = line.name.render(facts).map_err(|trouble| at("name", trouble))?;
            let value = line.value.render(facts).map_err(|trouble| at("value", trouble))?;
            fields.push(Field { name, value, inline: line.inline });
        }
        if self.time {
            fields.push(Field { name: "Time".into(), value: facts.occurred_at.to_string(), inline: true });
        }
        Ok(Notification {
            title: text("title", &self.title)?,
            message: text("message", &self.message)?,
            fields,
            status: self.status,
            color: self.color,
            badge: optional("badge", &self.badge)?.filter(|badge| !badge.is_empty()),
            link: optional("link", &self.link)?.filter(|link| is_web_address(link)),
            time: facts.occurred_at,
        })
    }
}

/// Whether a text is an address that a reader may be offered to open. It comes from an event's data.
fn is_web_address(text: &str) -> bool {
    let rest = ["https://", "http://"].iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    rest.is_some_and(|rest| !rest.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control()))
}
