//! Idempotency keys: from the header or the body, and what they count for.

use axum::extract::FromRequestParts;
use fanfare::Idempotency;
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{auth::Caller, problem::Problem};

/// The header `Idempotency-Key`, where there is one.
#[derive(Debug)]
pub(crate) struct IdempotencyKey(Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        let text = std::str::from_utf8(value.as_bytes());
        let text = text.map_err(|_| Problem::fault("", "the header Idempotency-Key is not text"))?;
        Ok(Self(Some(text.to_owned())))
    }
}

impl IdempotencyKey {
    /// No header, as for an event in a batch.
    pub(crate) const NONE: Self = Self(None);
}

/// By what a repeat of this request is known. The hash is over what was understood, not over the bytes: the
/// same document with its members in another order is the same request.
pub(crate) fn idempotency(
    caller: &Caller,
    endpoint: &str,
    header: IdempotencyKey,
    in_body: Option<&str>,
    document: &impl Serialize,
) -> Result<Option<Idempotency>, Problem> {
    let pointer = "/idempotency_key";
    let key = match (header.0, in_body) {
        (Some(header), Some(body)) if header != body => {
            return Err(Problem::fault(pointer, "the header Idempotency-Key holds another key: send one of the two"));
        }
        (Some(key), _) => key,
        (None, Some(key)) => key.to_owned(),
        (None, None) => return Ok(None),
    };
    if !(1..=255).contains(&key.chars().count()) {
        return Err(Problem::fault(pointer, "an idempotency key has 1 to 255 characters"));
    }
    let mut value = serde_json::to_value(document).map_err(|error| Problem::internal(&error))?;
    if let Some(members) = value.as_object_mut() {
        // The same key may come in the header the next time.
        members.remove("idempotency_key");
    }
    let mut text = String::new();
    canonical(&value, &mut text);
    let scope = format!("{} {endpoint}", caller.id);
    Ok(Some(Idempotency { scope, key, body_hash: Sha256::digest(text).to_vec() }))
}

/// The document as JSON with the members of every object in the order of their names.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (name, value) in members {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                canonical(item, text);
                text.push(',');
            }
            text.push(']');
        }
        leaf => text.push_str(&leaf.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(header: Option<&str>, body: Option<&str>, document: &Value) -> Result<Option<Idempotency>, u16> {
        let caller = Caller { id: "t".into(), ..Caller::operator() };
        let header = IdempotencyKey(header.map(Into::into));
        idempotency(&caller, "POST /events", header, body, document).map_err(|problem| problem.status())
    }

    #[test]
    fn one_key_from_either_place() {
        let document = json!({});
        assert!(check(None, None, &document).unwrap().is_none());
        for (header, body) in [(Some("k"), None), (None, Some("k")), (Some("k"), Some("k"))] {
            let key = check(header, body, &document).unwrap().unwrap();
            assert_eq!((key.scope.as_str(), key.key.as_str()), ("t POST /events", "k"));
        }
        assert_eq!(check(Some("k"), Some("l"), &document).unwrap_err(), 422);
        assert_eq!(check(Some(""), None, &document).unwrap_err(), 422);
        assert_eq!(check(None, Some(&"ä".repeat(256)), &document).unwrap_err(), 422);
        assert!(check(None, Some(&"ä".repeat(255)), &document).is_ok());
    }

    #[test]
    fn the_order_of_members_does_not_matter() {
        let hash = |document: Value| check(Some("k"), None, &document).unwrap().unwrap().body_hash;
        assert_eq!(
            hash(json!({"a": [1, {"x": 1, "y": 2}], "b": 2})),
            hash(json!({"b": 2, "a": [1, {"y": 2, "x": 1}]}))
        );
        assert_eq!(hash(json!({"a": 1, "idempotency_key": "k"})), hash(json!({"a": 1, "idempotency_key": null})));
        assert_ne!(hash(json!({"a": [1, 2]})), hash(json!({"a": [2, 1]})));
        assert_ne!(hash(json!({"a": "1"})), hash(json!({"a": 1})));
    }
}
