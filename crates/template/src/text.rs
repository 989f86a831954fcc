//! One text of a wording, compiled, and the event that it is rendered with.

use std::cell::OnceCell;

use fanfare_core::catalog::{DataField, FieldKind, Member};
use handlebars::{
    Context, Handlebars, RenderContext, RenderError, RenderErrorReason, Renderable, Template, TemplateError,
};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    format::{FORMATTERS, Formatter, plain},
    guard,
    limit::{Bounded, Budget, Stop},
    names,
};

/// One compiled text. The first two forms are what most texts are, and need no template engine.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    /// Always the same.
    Fixed(String),
    /// Literals and single data.
    Parts(Vec<Part>),
    /// Anything else.
    Template(Template),
}

/// How long most texts are, in bytes; starting there saves the growing.
const MOST_ARE: usize = 64;

/// A piece of a [`Text::Parts`].
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Literal(String),
    Datum(String, Formatter),
}

impl Text {
    pub(crate) fn compile(source: &str, fields: &[DataField]) -> Result<Self, String> {
        guard::check(source)?;
        if !source.contains("{{") {
            return Ok(Self::Fixed(source.to_owned()));
        }
        if let Some(parts) = parts(source, fields) {
            return Ok(Self::Parts(parts));
        }
        let template = Template::compile(source).map_err(|error| syntax(&error))?;
        names::check(&template, fields).map_err(|(place, detail)| match place {
            Some((line, column)) => at(line, column, &detail),
            None => detail,
        })?;
        Ok(Self::Template(template))
    }

    pub(crate) fn render(&self, facts: &Facts<'_>) -> Result<String, Trouble> {
        match self {
            Self::Fixed(text) => Ok(text.clone()),
            Self::Parts(parts) => {
                let mut out = String::with_capacity(MOST_ARE);
                let stopped = parts.iter().try_for_each(|part| match part {
                    Part::Literal(text) => facts.budget.write(text, &mut out),
                    Part::Datum(name, formatter) => {
                        let before = out.len();
                        formatter(facts.datum(name), &mut out);
                        facts.budget.spend(before, &mut out)
                    }
                });
                finished(out, stopped.err(), facts.budget)
            }
            Self::Template(template) => {
                let mut out = Bounded::new(facts.budget);
                let result = template.render(facts.registry, facts.context(), &mut RenderContext::new(None), &mut out);
                match result {
                    Err(error) if out.stop.is_none() => Err(Trouble::Failed(reason(&error))),
                    _ => finished(out.text, out.stop, facts.budget),
                }
            }
        }
    }
}

/// Why a text could not be rendered.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The template failed.
    Failed(String),
    /// It was stopped.
    Stopped(Stop),
}

/// What was written, unless it should not have been cut off.
fn finished(text: String, stop: Option<Stop>, budget: &Budget) -> Result<String, Trouble> {
    match stop {
        Some(stop) if budget.is_strict() => Err(Trouble::Stopped(stop)),
        _ => Ok(text),
    }
}

fn at(line: usize, column: usize, detail: &str) -> String {
    format!("line {line}, column {column}: {detail}")
}

/// What is wrong with a template's syntax, in one line.
fn syntax(error: &TemplateError) -> String {
    // The parser draws a picture of several lines; the sentence at its end is what it says.
    let picture = error.reason().to_string();
    let sentence = picture.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    let sentence = sentence.trim_start_matches("= ");
    match error.pos() {
        Some((line, column)) => at(line, column, sentence),
        None => sentence.to_owned(),
    }
}

/// Why a template could not be rendered, in the words of somebody who writes one.
fn reason(error: &RenderError) -> String {
    let detail = match error.reason() {
        RenderErrorReason::MissingVariable(Some(name)) => format!("no datum is called {name}"),
        RenderErrorReason::HelperNotFound(name) => format!("no helper is called {name}"),
        other => other.to_string(),
    };
    match (error.line_no, error.column_no) {
        (Some(line), Some(column)) => at(line, column, &detail),
        _ => detail,
    }
}

/// The pieces of a text whose tags are all `{{name}}` or `{{formatter name}}`; `None` for every other text.
fn parts(source: &str, fields: &[DataField]) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut rest = source;
    while let Some((literal, tag)) = rest.split_once("{{") {
        let (tag, after) = tag.split_once("}}")?;
        // A backslash in front of a tag takes its meaning away, and a third brace changes it.
        if literal.ends_with('\\') || literal.contains("}}") || tag.starts_with('{') || after.starts_with('}') {
            return None;
        }
        let mut words = tag.split_ascii_whitespace();
        let (first, second) = (words.next()?, words.next());
        let (name, formatter) = match second {
            None => (first, plain as Formatter),
            Some(name) => (name, FORMATTERS.iter().find(|(formatter, _)| *formatter == first)?.1),
        };
        let field = fields.iter().find(|field| field.name == name)?;
        if words.next().is_some() || matches!(field.kind, FieldKind::List(_)) {
            return None;
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.to_owned()));
        }
        parts.push(Part::Datum(name.to_owned(), formatter));
        rest = after;
    }
    if rest.contains("}}") {
        return None;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Some(parts)
}

/// What texts are rendered with: one event.
pub(crate) struct Facts<'a> {
    pub(crate) registry: &'a Handlebars<'static>,
    pub(crate) fields: &'a [DataField],
    pub(crate) data: &'a Map<String, Value>,
    pub(crate) occurred_at: Timestamp,
    pub(crate) budget: &'a Budget,
    /// Made for the first text that needs it; most events have none.
    pub(crate) context: OnceCell<Context>,
}

impl Facts<'_> {
    fn datum(&self, name: &str) -> &Value {
        self.data.get(name).unwrap_or(&Value::Null)
    }

    fn context(&self) -> &Context {
        self.context.get_or_init(|| {
            let data = self.fields.iter().map(|field| (field.name.clone(), present(field, self.data.get(&field.name))));
            let time = [("occurred_at".to_owned(), Value::String(self.occurred_at.to_string()))];
            Context::from(Value::Object(data.chain(time).collect()))
        })
    }
}

/// A datum as templates see it. What may be absent is null; a list is an empty one, so that `{{#each}}` needs no
/// `{{#if}}` around it.
fn present(field: &DataField, value: Option<&Value>) -> Value {
    let FieldKind::List(members) = &field.kind else { return value.cloned().unwrap_or_default() };
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let item = |item: &Value| {
        let member = |member: &Member| (member.name.clone(), item.get(&member.name).cloned().unwrap_or_default());
        Value::Object(members.iter().map(member).collect())
    };
    Value::Array(items.iter().map(item).collect())
}
