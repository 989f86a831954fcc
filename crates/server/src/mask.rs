//! Users' addresses, which are shown to administrators only.

use serde::{Serialize, Serializer, ser::Error};
use serde_json::Value;

use crate::auth::{Caller, Scope};

/// A document as one caller may see it: for whoever does not administer, the addresses of users are masked, wherever
/// in it they stand.
#[derive(Debug)]
pub(crate) struct Shown<T> {
    document: T,
    is_masked: bool,
}

impl<T> Shown<T> {
    /// The document as this caller may see it.
    pub(crate) fn to(caller: &Caller, document: T) -> Self {
        Self { document, is_masked: caller.scope != Scope::Admin }
    }
}

impl<T: Serialize> Serialize for Shown<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_masked {
            return self.document.serialize(serializer);
        }
        let mut value = serde_json::to_value(&self.document).map_err(S::Error::custom)?;
        let mut addresses = Vec::new();
        collect(&value, &mut addresses);
        // The longest first, so that none is taken apart by another that it ends in.
        addresses.sort_unstable_by_key(|address| std::cmp::Reverse(address.len()));
        addresses.dedup();
        if !addresses.is_empty() {
            mask_all(&mut value, &addresses);
        }
        value.serialize(serializer)
    }
}

/// The addresses of the users whom a document is about: those that are targets, and those that events name.
fn collect(value: &Value, addresses: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let target = members.get("target").and_then(Value::as_str).and_then(|target| target.strip_prefix("user:"));
            let user = members.get("user").and_then(|user| user.get("email")).and_then(Value::as_str);
            let found = target.into_iter().chain(user).filter(|address| address.contains('@'));
            addresses.extend(found.map(ToOwned::to_owned));
            members.values().for_each(|value| collect(value, addresses));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, addresses)),
        _ => {}
    }
}

fn mask_all(value: &mut Value, addresses: &[String]) {
    match value {
        Value::Object(members) => members.values_mut().for_each(|value| mask_all(value, addresses)),
        Value::Array(items) => items.iter_mut().for_each(|value| mask_all(value, addresses)),
        Value::String(text) if text.contains('@') => {
            for address in addresses {
                if text.contains(address) {
                    *text = text.replace(address, &masked(address));
                }
            }
        }
        _ => {}
    }
}

/// The first character and the domain: enough to tell addresses apart, too little to write to one.
pub(crate) fn masked(address: &str) -> String {
    match address.rsplit_once('@') {
        Some((local, domain)) => format!("{}***@{domain}", local.chars().take(1).collect::<String>()),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(scope: Scope, document: Value) -> Value {
        serde_json::to_value(Shown::to(&Caller { scope, ..Caller::operator() }, document)).unwrap()
    }

    #[test]
    fn addresses_are_for_administrators() {
        let document = json!({"items": [
            {"target": "user:ada@b.example", "title": "Hello ada@b.example", "last_error": null},
            {"target": "channel", "user": {"email": "grace.ada@b.example"}, "payload": "To: <grace.ada@b.example>"},
            {"target": "channel", "title": "ops@b.example"},
        ]});
        assert_eq!(shown(Scope::Admin, document.clone()), document);
        assert_eq!(
            shown(Scope::Read, document),
            json!({"items": [
                {"target": "user:a***@b.example", "title": "Hello a***@b.example", "last_error": null},
                {"target": "channel", "user": {"email": "g***@b.example"}, "payload": "To: <g***@b.example>"},
                {"target": "channel", "title": "ops@b.example"},
            ]})
        );
    }
}
