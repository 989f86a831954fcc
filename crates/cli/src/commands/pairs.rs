//! `key=value`, `key:=json` and `key@=file`: data on the command line.

use std::{fs, io::Read, path::Path};

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
    /// `key@=file`: the text in this file.
    File(String),
}

impl Pairs {
    /// Reads arguments, each key of which may be there once.
    pub(super) fn parse<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Result<Self, Failure> {
        let pairs = Self::parse_list(args)?;
        for (i, (key, _)) in pairs.0.iter().enumerate() {
            if pairs.0[..i].iter().any(|(other, _)| other == key) {
                return Err(twice(key));
            }
        }
        Ok(pairs)
    }

    /// Reads arguments, where a key that is there several times makes a list.
    pub(super) fn parse_list<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> Result<Self, Failure> {
        args.into_iter().map(|arg| pair(arg.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// The same with the texts of the files that it names.
    pub(super) fn with_files(self) -> Result<Self, Failure> {
        let read = |(key, given)| match given {
            Given::File(file) => {
                let text = text(&file).map_err(|error| Failure::WrongUse(format!("{key}: {file}: {error}")))?;
                // The end of the last line belongs to the file, not to a password.
                Ok((key, Given::Text(text.strip_suffix('\n').map_or(text.clone(), Into::into))))
            }
            given => Ok((key, given)),
        };
        self.0.into_iter().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// The configuration that it makes for a channel, with texts turned into what the schema declares.
    pub(super) fn config(self, schema: &Value) -> Result<Map<String, Value>, Failure> {
        let mut config = Map::new();
        for (key, given) in self.0 {
            let (key, member) = match key.split_once('.') {
                Some((key, member)) => (key.to_owned(), Some(member.to_owned())),
                None => (key, None),
            };
            let types = types(&schema["properties"][&key]);
            let value = match given {
                Given::Json(value) => value,
                Given::Text(text) | Given::File(text) if member.is_some() => text.into(),
                Given::Text(text) | Given::File(text) => declared(text, &types),
            };
            match (config.get_mut(&key), member) {
                (None, None) => drop(config.insert(key, value)),
                (None, Some(member)) => drop(config.insert(key, Map::from_iter([(member, value)]).into())),
                (Some(Value::Object(members)), Some(member)) if !members.contains_key(&member) => {
                    members.insert(member, value);
                }
                (Some(Value::Array(list)), None) if types.contains(&"array") => match value {
                    Value::Array(more) => list.extend(more),
                    one => list.push(one),
                },
                _ => return Err(twice(&key)),
            }
        }
        Ok(config)
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
            Given::Text(text) | Given::File(text) => typed(text, kind(key)),
        };
        self.0.into_iter().map(|(key, given)| (key.clone(), value(&key, given))).collect()
    }
}

fn twice(key: &str) -> Failure {
    Failure::WrongUse(format!("{key} is given twice"))
}

fn pair(arg: &str) -> Result<(String, Given), Failure> {
    let wrong = |why: &str| Failure::WrongUse(format!("{why}: data is written key=value, key:=json or key@=file"));
    let (key, value) = arg.split_once('=').ok_or_else(|| wrong(&format!("{arg:?} has no value")))?;
    let (key, given) = match (key.strip_suffix(':'), key.strip_suffix('@')) {
        (Some(key), _) => {
            let value = serde_json::from_str(value).map_err(|error| wrong(&format!("{key} is no JSON ({error})")))?;
            (key, Given::Json(value))
        }
        (_, Some(key)) => (key, Given::File(value.to_owned())),
        (None, None) => (key, Given::Text(value.to_owned())),
    };
    if key.is_empty() {
        return Err(wrong(&format!("{arg:?} has no key")));
    }
    Ok((key.to_owned(), given))
}

/// The text of a file, or of standard input.
pub(super) fn text(file: impl AsRef<Path>) -> std::io::Result<String> {
    if file.as_ref() != Path::new("-") {
        return fs::read_to_string(file);
    }
    let mut text = String::new();
    std::io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

/// The JSON types that a schema allows.
fn types(schema: &Value) -> Vec<&str> {
    let own = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let parts = ["anyOf", "oneOf"].into_iter().filter_map(|part| schema[part].as_array()).flatten();
    own.into_iter().chain(parts.flat_map(types)).collect()
}

/// A text as one of these types wants it. One that does not fit stays as it is, for the server to explain.
fn declared(text: String, types: &[&str]) -> Value {
    let fits = |value: &Value| match value {
        Value::Number(_) => types.contains(&"integer") || types.contains(&"number"),
        Value::Bool(_) => types.contains(&"boolean"),
        Value::Array(_) => types.contains(&"array"),
        Value::Object(_) => types.contains(&"object"),
        Value::Null | Value::String(_) => false,
    };
    match literal(&text).filter(fits) {
        Some(Value::Object(_) | Value::Number(_) | Value::Bool(_)) | None if types.contains(&"string") => text.into(),
        Some(value) => value,
        None if types.contains(&"array") => Value::Array(vec![text.into()]),
        None => text.into(),
    }
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
    fn a_configuration_becomes_what_its_schema_declares() {
        let registry = fanfare::registry();
        let config = |kind: &str, args: &[&str]| {
            let schema = registry.get(kind).unwrap().config_schema();
            Pairs::parse_list(args).and_then(|pairs| pairs.config(&schema)).map(Value::Object).map_err(|f| f.code())
        };
        let mail = ["host=mail.example", "port=2525", "security=none", "to=a@x.example", "to=b@x.example"];
        let expected =
            json!({ "host": "mail.example", "port": 2525, "security": "none", "to": ["a@x.example", "b@x.example"] });
        assert_eq!(config("email", &mail), Ok(expected));
        assert_eq!(config("email", &[r#"to=["a@x.example"]"#]), Ok(json!({ "to": ["a@x.example"] })));
        assert_eq!(config("email", &["port:=null", "password=1234"]), Ok(json!({ "port": null, "password": "1234" })));
        let hook =
            ["url=http://x.example/?a=b", "headers.X-A=1", "headers.X-B:=null", "signing_secret.env=FANFARE_VAR_S"];
        let expected = json!({ "url": "http://x.example/?a=b", "headers": { "X-A": "1", "X-B": null },
                               "signing_secret": { "env": "FANFARE_VAR_S" } });
        assert_eq!(config("webhook", &hook), Ok(expected));
        let body = r#"body_template={"text": {{title}}}"#;
        assert_eq!(config("webhook", &[body]), Ok(json!({ "body_template": r#"{"text": {{title}}}"# })));
        assert_eq!(config("webhook", &[r#"body_template={"a": 1}"#]), Ok(json!({ "body_template": r#"{"a": 1}"# })));
        assert_eq!(config("webhook", &["no_such=5"]), Ok(json!({ "no_such": "5" })), "the server explains it");
        assert_eq!(config("email", &["host=a", "host=b"]), Err(2));
        assert_eq!(config("webhook", &["headers.X=a", "headers.X=b"]), Err(2));
    }

    #[test]
    fn a_file_gives_its_text() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs::write(&file, "s3cret\n\n").unwrap();
        let from = |file: &Path| Pairs::parse([format!("password@={}", file.display())]).unwrap().with_files();
        assert_eq!(from(&file).unwrap(), Pairs(vec![("password".into(), Given::Text("s3cret\n".into()))]));
        let failure = from(&dir.path().join("nothing")).unwrap_err();
        assert_eq!(failure.code(), 2);
        assert!(failure.words().unwrap().starts_with("password: "));
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
