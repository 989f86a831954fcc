//! From bytes to a type, and where they do not fit, the place and the reason.

use fanfare::core::escape_pointer;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use crate::problem::{Kind, Problem};

/// Reads a document, which must be an object. The way without mistakes parses once; only a mistake is looked at
/// again, for its place.
pub(crate) fn parse<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    // A derived parser would take a list as well, for the members in their order.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(not_json(bytes).unwrap_or_else(a_list));
    }
    serde_json::from_slice(bytes).map_err(|error| match error.is_data() {
        true => locate::<T>(bytes),
        false => malformed(&error),
    })
}

/// Gives a document that is already read, and must be an object, the shape of a type.
pub(crate) fn shape<T: DeserializeOwned>(document: Value) -> Result<T, Problem> {
    if document.is_array() {
        return Err(a_list());
    }
    serde_path_to_error::deserialize(document)
        .map_err(|error| Problem::fault(pointer(error.path()), error.inner().to_string()))
}

fn locate<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Problem {
    // What is not JSON further on is refused as such, wherever the first misfit stands.
    if let Some(problem) = not_json(bytes) {
        return problem;
    }
    match serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(bytes)) {
        Ok(_) => Problem::fault("", "the document does not have the expected form"),
        Err(error) => {
            let text = error.inner().to_string();
            // The pointer is the better place; line and column would only repeat it.
            let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text).to_owned();
            Problem::fault(pointer(error.path()), text)
        }
    }
}

fn a_list() -> Problem {
    Problem::fault("", "this must be an object, not a list")
}

fn not_json(bytes: &[u8]) -> Option<Problem> {
    serde_json::from_slice::<IgnoredAny>(bytes).err().map(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
    let place = format!("line {}, column {}", error.line(), error.column());
    Problem::new(Kind::MALFORMED, format!("the body is not JSON: {why} ({place})"))
}

fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => pointer.push_str(&format!("/{index}")),
            Segment::Map { key } => pointer.push_str(&format!("/{}", escape_pointer(key))),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    pointer
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::Members;
    use serde_json::json;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Outer {
        list: Vec<Inner>,
        #[serde(default)]
        data: Option<Members>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Inner {
        n: u8,
    }

    fn check(text: &str, status: u16, place: &str) {
        let body = serde_json::to_value(parse::<Outer>(text.as_bytes()).unwrap_err().into_body()).unwrap();
        assert_eq!(body["status"], status, "{body}");
        let found = if status == 400 { &body["detail"] } else { &body["errors"][0]["pointer"] };
        assert!(found.as_str().unwrap().contains(place), "{place} is not in {body}");
        if status == 422 {
            assert_eq!(found, place);
            assert!(!body["detail"].as_str().unwrap().contains("line"), "{body}");
            let shaped = shape::<Outer>(serde_json::from_str(text).unwrap());
            if let Err(problem) = shaped {
                assert_eq!(serde_json::to_value(problem.into_body()).unwrap()["errors"][0]["pointer"], place);
            }
        }
    }

    #[test]
    fn a_mistake_has_a_status_and_a_place() {
        check(r#"{"list": [{"n": "one"}]}"#, 422, "/list/0/n");
        check(r#"{"list": [{"n": 1}, {}]}"#, 422, "/list/1/n");
        check(r#"{"list": [], "b/d": 1}"#, 422, "/b~1d");
        check(r#"{"list": [], "data": {"x": {"a": 1, "a": 2}}}"#, 422, "/data/x");
        check(r#"{"list": [], "list": []}"#, 422, "/list");
        check("[3]", 422, "");
        check("[3", 400, "line 1");
        check("3", 422, "");
        check("{}", 422, "/list");
        check("{\n  \"list\": [}", 400, "line 2, column 12");
        check(r#"{"list": 3, oops"#, 400, "line 1");
        check("", 400, "line 1");
        check(r#"{"list": []} tail"#, 400, "trailing");
        assert!(shape::<Outer>(json!({"list": []})).is_ok());
    }
}
