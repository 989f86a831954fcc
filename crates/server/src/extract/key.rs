//! Idempotency keys: from the header or the body, and what they count for.

use axum::extract::FromRequestParts;
use fanfare::Idempotency;
use http::request::Parts;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    auth::{Caller, message_id},
    problem::Problem,
};

/// By what a request says it can be known again.
#[derive(Clone, Debug, Default)]
pub(crate) struct IdempotencyKey {
    /// The header `Idempotency-Key`.
    header: Option<String>,
    /// The id of a signed message.
    message: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        let header = parts.headers.get("idempotency-key").map(|value| std::str::from_utf8(value.as_bytes()));
        let header = header.transpose().map_err(|_| Problem::fault("", "the header Idempotency-Key is not text"))?;
        Ok(Self { header: header.map(Into::into), message: message_id(&parts.headers).map(Into::into) })
    }
}

impl IdempotencyKey {
    /// For the event at this place of a batch, to which no header belongs alone.
    pub(crate) fn in_batch(&self, place: usize) -> Self {
        Self { header: None, message: self.message.as_ref().map(|id| format!("{id}/{place}")) }
    }
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
    let IdempotencyKey { header, message } = header;
    // Only who has to sign is believed to have meant it.
    let message = message.filter(|_| caller.signing.is_some());
    let (key, scope) = match (header, in_body, message) {
        (Some(header), Some(body), _) if header != body => {
            return Err(Problem::fault(pointer, "the header Idempotency-Key holds another key: send one of the two"));
        }
        (_, Some(key), _) => (key.to_owned(), endpoint),
        // A header is not signed: with another one, the same message could be sent again.
        (Some(header), None, Some(id)) if header != id => {
            return Err(Problem::fault(
                pointer,
                "the key of a signed message stands in its body, or is its webhook-id",
            ));
        }
        // Wherever it is sent again.
        (_, None, Some(id)) => (id, "signed"),
        (Some(key), None, None) => (key, endpoint),
        (None, None, None) => return Ok(None),
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
    let scope = format!("{} {scope}", caller.id);
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
        let header = IdempotencyKey { header: header.map(Into::into), message: None };
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
    fn a_signed_message_is_known_by_its_id() {
        let signing = crate::auth::Signing::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let of = |signing: &Option<crate::auth::Signing>, header: Option<&str>, body: Option<&str>| {
            let caller = Caller { id: "t".into(), signing: signing.clone(), ..Caller::operator() };
            let key = IdempotencyKey { header: header.map(Into::into), message: Some("m".into()) };
            let found = idempotency(&caller, "POST /events", key, body, &json!({}));
            found.map(|found| found.map(|found| (found.scope, found.key))).map_err(|problem| problem.status())
        };
        let known = |scope: &str, key: &str| Ok(Some((scope.to_owned(), key.to_owned())));
        assert_eq!(of(&signing, None, None), known("t signed", "m"));
        assert_eq!(of(&signing, Some("m"), None), known("t signed", "m"));
        assert_eq!(of(&signing, None, Some("k")), known("t POST /events", "k"));
        assert_eq!(of(&signing, Some("another"), None), Err(422));
        assert_eq!(of(&None, None, None), Ok(None), "an id that nothing proves");
        let batch = IdempotencyKey { header: Some("h".into()), message: Some("m".into()) }.in_batch(3);
        assert_eq!((batch.header, batch.message.as_deref()), (None, Some("m/3")));
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
