//! The official schemas, where they are at hand.
//!
//! They belong to their services and are not part of this project: they are read from the folder that
//! `FANFARE_SCHEMAS` names, or from `shared/channels/schemas` beside the workspace. Where they are not found, nothing
//! is checked against them; the rules written here hold anyway.

use std::{
    collections::HashMap,
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jsonschema::Validator;
use serde_json::Value;

/// The official schema in this file; `None` where it is not at hand.
///
/// # Panics
/// When there is such a file, but it holds no JSON.
pub fn schema(file: &str) -> Option<Value> {
    let path = folder().join(file);
    let text = fs::read_to_string(&path).ok()?;
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{} is not JSON: {error}", path.display())))
}

fn folder() -> PathBuf {
    match env::var_os("FANFARE_SCHEMAS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/channels/schemas"),
    }
}

/// Compiled validators by file and place.
type Compiled = HashMap<(String, String), Option<Arc<Validator>>>;

/// Checks a document against the official schema in `file`, at `place` in it: a JSON pointer, empty for the whole file,
/// such as `/definitions/CreateMessage` in a Swagger document. Where the schema is not at hand, everything passes.
///
/// # Errors
/// What is wrong, each with its place in the document.
///
/// # Panics
/// When the file holds no valid schema.
pub fn conforms(file: &str, place: &str, document: &Value) -> Result<(), String> {
    static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);
    let key = (file.to_owned(), place.to_owned());
    let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    let validator = compiled.entry(key).or_insert_with(|| Some(Arc::new(compile(schema(file)?, place))));
    let Some(validator) = validator.clone() else { return Ok(()) };
    drop(compiled);
    let wrong: Vec<_> = validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("{file}: {}", wrong.join("; "))) }
}

fn compile(mut document: Value, place: &str) -> Validator {
    if !place.is_empty() {
        assert!(document.pointer(place).is_some(), "the schema has no {place}");
        document["$ref"] = format!("#{}", in_fragment(place)).into();
    }
    let validator = jsonschema::options().should_validate_formats(true).build(&document);
    validator.unwrap_or_else(|error| panic!("not a schema: {error}"))
}

/// A pointer as it stands in the fragment of a URI.
fn in_fragment(pointer: &str) -> String {
    let character = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    pointer.bytes().map(character).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_place_in_a_document_is_a_schema() {
        let document = json!({
            "swagger": "2.0",
            "paths": {"/a/{b}.json": {"post": {"schema": {"$ref": "#/definitions/Message"}}}},
            "definitions": {"Message": {"type": "object", "required": ["message"]}},
        });
        let validator = compile(document, "/paths/~1a~1{b}.json/post/schema");
        assert!(validator.is_valid(&json!({"message": "x"})));
        assert!(!validator.is_valid(&json!({})));
    }

    /// Each official schema that is at hand, with a document that it takes and one that it refuses.
    #[rstest::rstest]
    #[case("discord-webhook-execute.schema.json", "", json!({"content": "x"}), json!({"content": 1}))]
    #[case("adaptive-card-1.4.schema.json", "", json!({"type": "AdaptiveCard", "version": "1.4", "body": []}),
           json!({"type": "AdaptiveCard", "version": "1.4", "body": [{"type": "Nonsense"}]}))]
    #[case("gotify-message.schema.json", "/definitions/CreateMessage", json!({"message": "x"}), json!({"message": 1}))]
    #[case("twilio-message-create.openapi.json", "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/post/requestBody/content/application~1x-www-form-urlencoded/schema",
           json!({"To": "+15005550006", "From": "+15005550006", "Body": "x"}), json!({"Body": "x"}))]
    fn official_schemas(#[case] file: &str, #[case] place: &str, #[case] right: Value, #[case] wrong: Value) {
        if schema(file).is_none() {
            eprintln!("{file} is not at hand");
            return;
        }
        assert_eq!(conforms(file, place, &right), Ok(()));
        assert!(conforms(file, place, &wrong).is_err());
    }

    #[test]
    fn what_is_not_at_hand_is_not_checked() {
        assert_eq!(conforms("no-such.schema.json", "", &json!({})), Ok(()));
    }
}
