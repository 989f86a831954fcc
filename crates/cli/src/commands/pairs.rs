//! `key=value` and `key:=json`: data on the command line.

use serde_json::{Map, Value};

use super::answers::DataField;
use crate::failure::Failure;

/// Data as it was written.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Pairs(Vec<(String, Given)>);

#[derive(Debug, PartialEq)]
enum Given {
    /// `key=value`: a text, unless the event type declares something else.
    Text(String),
    /// `key:=json`: exactly this.
    Json(Value),
}

impl Pairs {
    /// Reads arguments.
    pub(super) fn parse<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Result<Self, Failure> {
        let mut pairs: Vec<(String, Given)> = Vec::new();
        for arg in args {
            let (key, given) = pair(arg.as_ref())?;
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(Failure::WrongUse(format!("{key} is given twice")));
            }
            pairs.push((key, given));
        }
        Ok(Self(pairs))
    }

    /// Whether some value may be meant as something else than a text, so that its declaration has to be known.
    pub(super) fn need_declaration(&self) -> bool {
        self.0.iter().any(|(_, given)| matches!(given, Given::Text(text) if literal(text).is_some()))
    }

    /// The data, with every text that its declaration wants as something else turned into that.
    pub(super) fn data(self, fields: &[DataField]) -> Map<String, Value> {
        let kind = |key: &str| fields.iter().find(|field| field.name == key).map(|field| field.kind.as_str());
        let value = |key: &str, given| match given {
            Given::Json(value) => value,
            Given::Text(text) => typed(text, kind(key)),
        };
        self.0.into_iter().map(|(key, given)| (key.clone(), value(&key, given))).collect()
    }
}

fn pair(arg: &str) -> Result<(String, Given), Failure> {
    let wrong = |why: &str| Failure::WrongUse(format!("{why}: data is written key=value, or key:=json"));
    let (key, value) = arg.split_once('=').ok_or_else(|| wrong(&format!("{arg:?} has no value")))?;
    let (key, given) = match key.strip_suffix(':') {
        Some(key) => {
            let value = serde_json::from_str(value).map_err(|error| wrong(&format!("{key} is no JSON ({error})")))?;
            (key, Given::Json(value))
        }
        None => (key, Given::Text(value.to_owned())),
    };
    if key.is_empty() {
        return Err(wrong(&format!("{arg:?} has no key")));
    }
    Ok((key.to_owned(), given))
}

/// What a text is as JSON, if it is something else than a text there.
fn literal(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().filter(|value: &Value| !value.is_null() && !value.is_string())
}

/// A text as the kind of its field wants it. One that does not fit stays as it is: the server says best what is
/// wrong with it.
fn typed(text: String, kind: Option<&str>) -> Value {
    let fits = |value: &Value| match kind {
        Some("integer" | "number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("list") => value.is_array(),
        _ => false,
    };
    literal(&text).filter(fits).unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Vec<DataField> {
        let field = |(name, kind): (&str, &str)| {
            serde_json::from_value(json!({ "name": name, "type": kind, "required": true, "description": "" })).unwrap()
        };
        [("name", "string"), ("size", "integer"), ("share", "number"), ("on", "boolean"), ("items", "list")]
            .map(field)
            .into()
    }

    fn check(args: &[&str], expected: Value) {
        assert_eq!(Value::Object(Pairs::parse(args).unwrap().data(&fields())), expected, "{args:?}");
    }

    #[test]
    fn values_become_what_their_field_wants() {
        check(&["name=42", "size=42"], json!({ "name": "42", "size": 42 }));
        check(&["share=0.5", "on=true", "name=true"], json!({ "share": 0.5, "on": true, "name": "true" }));
        check(&[r#"items=[{"a":"b"}]"#], json!({ "items": [{ "a": "b" }] }));
        check(&["name=a=b", "x="], json!({ "name": "a=b", "x": "" }));
    }

    #[test]
    fn what_does_not_fit_stays_for_the_server_to_explain() {
        check(
            &["size=many", "on=1", "items=5", "unknown=5"],
            json!({ "size": "many", "on": "1", "items": "5", "unknown": "5" }),
        );
    }

    #[test]
    fn json_is_taken_as_it_is() {
        check(&["name:=null", "size:=\"42\"", "x:={\"a\":1}"], json!({ "name": null, "size": "42", "x": { "a": 1 } }));
    }

    #[test]
    fn the_declaration_is_asked_for_only_when_it_matters() {
        let needed = |args: &[&str]| Pairs::parse(args).unwrap().need_declaration();
        assert!(!needed(&["component=scheduler", "error=the disk is full", "x:=5"]));
        assert!(needed(&["component=scheduler", "attempt=5"]));
        assert!(needed(&["on=false"]));
    }

    #[test]
    fn wrong_use_is_explained() {
        let words = |args: &[&str]| {
            let failure = Pairs::parse(args).unwrap_err();
            assert_eq!(failure.code(), 2);
            failure.words().unwrap()
        };
        assert!(words(&["error"]).starts_with("\"error\" has no value"));
        assert!(words(&["=x"]).contains("no key"));
        assert!(words(&["x:=nope"]).starts_with("x is no JSON"));
        assert_eq!(words(&["x=1", "x:=2"]), "x is given twice");
    }
}
