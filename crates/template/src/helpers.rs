//! What templates can call.

use fanfare_core::{EventType, catalog::is_present};
use handlebars::{
    BlockContext, Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy, Output, PathAndJson, RenderContext,
    RenderError, RenderErrorReason, Renderable, no_escape,
};
use serde_json::Value;

use crate::format::{FORMATTERS, Formatter, append, plain};

/// Words with a meaning of their own in templates, besides the helpers of this module.
const RESERVED: &[&str] =
    &["as", "else", "false", "in", "log", "lookup", "null", "raw", "this", "true", "undefined", "with"];

/// What templates can call besides the formatters.
const OWN: &[&str] = &[
    "and", "default", "each", "eq", "gt", "gte", "if", "len", "list", "lt", "lte", "ne", "not", "or", "plural",
    "unless",
];

/// Handlebars with our helpers: nothing is escaped, and what is not declared is an error.
pub(crate) fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.register_escape_fn(no_escape);
    registry.set_strict_mode(true);
    for (name, formatter) in FORMATTERS {
        registry.register_helper(name, Box::new(Says(formatted(*formatter))));
    }
    registry.register_helper("default", Box::new(Says(default)));
    registry.register_helper("plural", Box::new(Says(plural)));
    registry.register_helper("list", Box::new(Says(list)));
    registry.register_helper("if", Box::new(If(true)));
    registry.register_helper("unless", Box::new(If(false)));
    registry.register_helper("each", Box::new(Each));
    // Data are not for the log, and what nobody needs cannot be misused.
    for name in ["log", "lookup", "raw", "with"] {
        registry.unregister_helper(name);
    }
    registry
}

/// Whether templates can call this.
pub(crate) fn is_helper(name: &str) -> bool {
    OWN.contains(&name) || FORMATTERS.iter().any(|(formatter, _)| *formatter == name)
}

/// All that templates can call, for somebody who called something else.
pub(crate) fn names() -> String {
    let formatters = FORMATTERS.iter().map(|(name, _)| *name);
    let mut names: Vec<_> = OWN.iter().copied().chain(formatters).collect();
    names.sort_unstable();
    names.join(", ")
}

/// A datum must not be called like a helper, which a template would call instead: the key and why.
pub(crate) fn check_names(event_type: &EventType) -> Result<(), (String, String)> {
    let taken = |name: &str| RESERVED.contains(&name) || is_helper(name);
    match event_type.fields.iter().position(|field| taken(&field.name)) {
        None => Ok(()),
        Some(i) => {
            let detail = format!("{} means something else in templates", event_type.fields[i].name);
            Err((format!("data[{i}].name"), detail))
        }
    }
}

/// A helper that stands for a text.
struct Says<F>(F);

impl<F: Fn(&Helper<'_>) -> Result<String, RenderError> + Send + Sync> HelperDef for Says<F> {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        Ok(out.write(&(self.0)(helper)?)?)
    }
}

/// `if` and `unless`. The ones that come with Handlebars take a name that is not declared for a false one.
struct If(bool);

impl HelperDef for If {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let holds = param(helper, 0)?.is_truthy(false) == self.0;
        let branch = if holds { helper.template() } else { helper.inverse() };
        branch.map_or(Ok(()), |branch| branch.render(registry, context, render, out))
    }
}

/// `each`, over lists alone. The one that comes with Handlebars cannot be stopped.
struct Each;

impl HelperDef for Each {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        render: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let list = param(helper, 0)?.as_array().map(Vec::as_slice).unwrap_or_default();
        if list.is_empty() {
            return helper.inverse().map_or(Ok(()), |otherwise| otherwise.render(registry, context, render, out));
        }
        let Some(body) = helper.template() else { return Ok(()) };
        let place = helper.param(0).and_then(PathAndJson::context_path).cloned();
        for (i, item) in list.iter().enumerate() {
            // Nothing is written; a rendering that has lasted too long ends here.
            out.write("")?;
            let mut block = BlockContext::new();
            match &place {
                Some(place) => *block.base_path_mut() = place.iter().cloned().chain([i.to_string()]).collect(),
                None => block.set_base_value(item.clone()),
            }
            block.set_local_var("index", i.into());
            block.set_local_var("first", (i == 0).into());
            block.set_local_var("last", (i + 1 == list.len()).into());
            render.push_block(block);
            let rendered = body.render(registry, context, render, out);
            render.pop_block();
            rendered?;
        }
        Ok(())
    }
}

/// A value in some form.
fn formatted(formatter: Formatter) -> impl Fn(&Helper<'_>) -> Result<String, RenderError> {
    move |helper| {
        let mut text = String::new();
        formatter(param(helper, 0)?, &mut text);
        Ok(text)
    }
}

fn default(helper: &Helper<'_>) -> Result<String, RenderError> {
    let (value, otherwise) = (param(helper, 0)?, param(helper, 1)?);
    let mut text = String::new();
    plain(if is_present(value) { value } else { otherwise }, &mut text);
    Ok(text)
}

fn plural(helper: &Helper<'_>) -> Result<String, RenderError> {
    let (count, one, many) = (param(helper, 0)?, param(helper, 1)?, param(helper, 2)?);
    let mut text = String::new();
    plain(if count.as_f64() == Some(1.0) { one } else { many }, &mut text);
    Ok(text)
}

fn list(helper: &Helper<'_>) -> Result<String, RenderError> {
    let (items, member, limit) = (param(helper, 0)?, param(helper, 1)?, param(helper, 2)?);
    let member = member.as_str().ok_or_else(|| wrong(helper, "needs the name of a member as its second value"))?;
    let limit = limit.as_u64().ok_or_else(|| wrong(helper, "needs a whole number as its third value"))?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let items = items.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = String::new();
    for (i, item) in items.iter().take(limit).enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        plain(item.get(member).unwrap_or(&Value::Null), &mut text);
    }
    if items.len() > limit {
        append(&mut text, format_args!(" (+{} more)", items.len() - limit));
    }
    Ok(text)
}

/// A value that a helper is given. That it is there is strict mode's business; a null one is a value.
fn param<'a>(helper: &'a Helper<'_>, index: usize) -> Result<&'a Value, RenderError> {
    match helper.param(index) {
        None => Err(wrong(helper, &format!("needs {} values", index + 1))),
        Some(param) if param.is_value_missing() => Err(RenderError::strict_error(param.relative_path())),
        Some(param) => Ok(param.value()),
    }
}

fn wrong(helper: &Helper<'_>, what: &str) -> RenderError {
    RenderErrorReason::Other(format!("{} {what}", helper.name())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_helper_is_on_the_page() {
        let page = include_str!("../../../docs/event-types.md");
        let formatters = FORMATTERS.iter().map(|(name, _)| *name);
        for name in OWN.iter().copied().chain(formatters) {
            let shown = [format!("{{{{{name} "), format!("{{{{#{name} "), format!("({name} ")];
            assert!(shown.iter().any(|tag| page.contains(tag)), "{name} is not in docs/event-types.md");
        }
    }
}
