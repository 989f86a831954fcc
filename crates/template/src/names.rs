//! Whether a template asks only for what there is, on every way through it: no sample of the data takes them all.

use fanfare_core::catalog::{DataField, FieldKind, Member};
use handlebars::{
    Template,
    template::{HelperTemplate, Parameter, TemplateElement},
};

use crate::helpers;

/// What is wrong, with line and column where they are known.
pub(crate) type Mistake = (Option<(usize, usize)>, String);

/// Looks at every name in a template.
pub(crate) fn check(template: &Template, fields: &[DataField]) -> Result<(), Mistake> {
    Scope { fields, item: None }.template(template)
}

/// What names mean at a place of a template.
#[derive(Clone, Copy)]
struct Scope<'a> {
    fields: &'a [DataField],
    /// In a loop: the members of its objects.
    item: Option<&'a [Member]>,
}

impl Scope<'_> {
    fn template(self, template: &Template) -> Result<(), Mistake> {
        for (i, element) in template.elements.iter().enumerate() {
            let place = template.mapping.get(i).map(|mapping| (mapping.0, mapping.1));
            // What stands deeper knows its own place better.
            self.element(element).map_err(|(inner, detail)| (inner.or(place), detail))?;
        }
        Ok(())
    }

    fn element(self, element: &TemplateElement) -> Result<(), Mistake> {
        use TemplateElement::{Comment, Expression, HelperBlock, HtmlExpression, RawString};
        match element {
            RawString(_) | Comment(_) => Ok(()),
            Expression(call) | HtmlExpression(call) if call.params.is_empty() && call.hash.is_empty() => {
                let name = self.name(call)?;
                if helpers::is_helper(name) {
                    mistake(format!("{name} needs a value: {{{{{name} …}}}}"))
                } else {
                    self.datum(name)
                }
            }
            Expression(call) | HtmlExpression(call) => self.call(call),
            HelperBlock(call) => self.block(call),
            _ => mistake("partials and decorators are not available"),
        }
    }

    fn name(self, call: &HelperTemplate) -> Result<&str, Mistake> {
        call.name.as_name().map_or_else(|| mistake("a tag begins with the name of a datum or of a helper"), Ok)
    }

    /// A helper and its values.
    fn call(self, call: &HelperTemplate) -> Result<(), Mistake> {
        let name = self.name(call)?;
        if !helpers::is_helper(name) {
            return mistake(format!("no helper is called {name}; there are {}", helpers::names()));
        }
        if !call.hash.is_empty() || call.block_param.is_some() {
            return mistake(format!("{name} takes values alone, without names"));
        }
        call.params.iter().try_for_each(|param| self.param(param))
    }

    fn param(self, param: &Parameter) -> Result<(), Mistake> {
        match param {
            Parameter::Literal(_) => Ok(()),
            Parameter::Subexpression(inner) => self.element(inner.as_element()),
            Parameter::Name(name) => self.datum(name),
            // `as_name` is the path as it is written.
            path @ Parameter::Path(_) => self.datum(path.as_name().unwrap_or_default()),
            _ => mistake("this is not understood"),
        }
    }

    fn block(self, call: &HelperTemplate) -> Result<(), Mistake> {
        self.call(call)?;
        let (name, inner) = match self.name(call)? {
            name @ ("if" | "unless") => (name, self),
            "each" => ("each", self.looped(call)?),
            name => return mistake(format!("{name} is no block: blocks are if, unless and each")),
        };
        if call.params.len() != 1 {
            return mistake(format!("{name} needs one value: {{{{#{name} …}}}}"));
        }
        call.template.as_ref().map_or(Ok(()), |body| inner.template(body))?;
        call.inverse.as_ref().map_or(Ok(()), |otherwise| self.template(otherwise))
    }

    /// What names mean within a loop.
    fn looped(self, call: &HelperTemplate) -> Result<Self, Mistake> {
        if self.item.is_some() {
            return mistake("a loop must not stand in another one");
        }
        let name = call.params.first().and_then(Parameter::as_name).unwrap_or_default();
        let field = self.fields.iter().find(|field| field.name == bare(name));
        match field.map(|field| &field.kind) {
            Some(FieldKind::List(members)) => Ok(Self { item: Some(members), ..self }),
            _ => mistake(format!("each needs a list: {}", self.lists())),
        }
    }

    /// A datum, a member of a list's object, or what a loop says of itself.
    fn datum(self, path: &str) -> Result<(), Mistake> {
        let at_root = |name: &str| name == "occurred_at" || self.fields.iter().any(|field| field.name == name);
        let outer =
            path.strip_prefix("../").or_else(|| path.strip_prefix("@root/")).or_else(|| path.strip_prefix("@root."));
        let found = match (self.item, outer) {
            (Some(_), Some(name)) => at_root(name),
            (None, Some(name)) => path.starts_with("@root") && at_root(name),
            (Some(members), None) => {
                matches!(path, "@index" | "@first" | "@last") || members.iter().any(|member| member.name == bare(path))
            }
            (None, None) => at_root(bare(path)),
        };
        if found { Ok(()) } else { mistake(self.unknown(path)) }
    }

    fn unknown(self, path: &str) -> String {
        match self.item {
            None => {
                let names = self.fields.iter().map(|field| field.name.as_str()).chain(["occurred_at"]);
                format!("no datum is called {path}; there are {}", names.collect::<Vec<_>>().join(", "))
            }
            Some(members) => {
                let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
                let names = names.join(", ");
                format!("the objects of this list have no {path}; they have {names}; the event's data are ../NAME here")
            }
        }
    }

    fn lists(self) -> String {
        let lists = self.fields.iter().filter(|field| matches!(field.kind, FieldKind::List(_)));
        match lists.map(|field| field.name.as_str()).collect::<Vec<_>>().as_slice() {
            [] => "this type has none".into(),
            lists => format!("there are {}", lists.join(", ")),
        }
    }
}

/// A path without what changes nothing at its beginning.
fn bare(path: &str) -> &str {
    ["this.", "this/", "./"].iter().find_map(|start| path.strip_prefix(start)).unwrap_or(path)
}

fn mistake<T>(detail: impl Into<String>) -> Result<T, Mistake> {
    Err((None, detail.into()))
}

#[cfg(test)]
mod tests {
    use fanfare_core::Catalog;

    use super::*;

    fn checked(source: &str) -> Result<(), Mistake> {
        let catalog = Catalog::builtin().unwrap();
        let fields = &catalog.get("integrity_check_failure").unwrap().fields;
        check(&Template::compile(source).unwrap(), fields)
    }

    #[test]
    fn what_there_is_can_be_asked_for() {
        for source in [
            "{{failed}} {{this.failed}} {{./failed}} {{@root.failed}} {{occurred_at}} {{{failed}}} {{! failed }}",
            "{{bytes failed}} {{list errors \"file\" 3}} {{default trigger_type (upper trigger_type)}}",
            "{{#if (gt (len errors) 3)}}{{failed}}{{else if failed}}{{passed}}{{else}}{{skipped}}{{/if}}",
            "{{#each errors}}{{@index}}{{file}}{{this.file}}{{../failed}}{{@root/failed}}{{#unless @last}}, {{/unless}}{{else}}none{{/each}}",
        ] {
            assert_eq!(checked(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn what_there_is_not_is_found_wherever_it_stands() {
        for (source, place, words) in [
            ("{{fail}}", (1, 1), "no datum is called fail; there are total_files, failed"),
            ("a\n  {{#if failed}}{{#if (eq failed 7777)}}\n{{typo}}{{/if}}{{/if}}", (3, 1), "no datum is called typo"),
            ("{{#if failed}}{{else}}{{typo}}{{/if}}", (1, 23), "typo"),
            ("{{shout failed}}", (1, 1), "no helper is called shout; there are abs_percent, and"),
            ("{{upper}}", (1, 1), "upper needs a value"),
            ("{{lookup errors 0}}", (1, 1), "no helper is called lookup"),
            ("{{#with errors}}{{/with}}", (1, 1), "no helper is called with"),
            ("{{#upper failed}}{{/upper}}", (1, 1), "upper is no block"),
            ("{{#each failed}}{{/each}}", (1, 1), "each needs a list: there are errors"),
            ("{{#each errors}}{{passed}}{{/each}}", (1, 17), "../NAME"),
            ("{{#each errors}}{{this}}{{/each}}", (1, 17), "have no this"),
            ("{{#each errors}}{{#each ../errors}}{{/each}}{{/each}}", (1, 17), "must not stand in another"),
            ("{{#each errors as |e|}}{{/each}}", (1, 1), "without names"),
            ("{{errors.[0].file}}", (1, 1), "errors.[0].file"),
            ("{{../failed}}", (1, 1), "../failed"),
            ("{{this}}", (1, 1), "this"),
            ("{{bytes failed x=1}}", (1, 1), "without names"),
            ("{{> failed}}", (1, 1), "partials"),
            ("{{#*inline \"a\"}}{{/inline}}", (1, 1), "decorators"),
        ] {
            let (found, detail) = checked(source).unwrap_err();
            assert!(detail.contains(words), "{source}: {detail}");
            assert_eq!(found, Some(place), "{source}: {detail}");
        }
    }
}
