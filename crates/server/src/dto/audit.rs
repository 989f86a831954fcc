//! The audit.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    accounts::{AuditFilter, Entry},
    extract::rfc3339,
};

/// Something that somebody did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntry {
    /// Its identity.
    id: Uuid,
    /// When.
    at: Timestamp,
    /// Who: `user:` and an e-mail address, `token:` and a name, `set-up link`, or `anonymous`.
    #[schema(example = "user:ada@example.com")]
    actor: String,
    /// The address that the request came from.
    address: Option<String>,
    /// What: a kind of thing, a dot, and what was done to it.
    #[schema(example = "channel.update")]
    action: String,
    /// To what: its kind, a colon, and its id.
    object: String,
    /// As it was, without secrets; of what was changed, only what differs. Null where there was nothing.
    #[schema(value_type = Option<Object>)]
    before: Option<Value>,
    /// As it was then, without secrets. Null where nothing was left.
    #[schema(value_type = Option<Object>)]
    after: Option<Value>,
}

/// Which entries to show; every criterion that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// By whom, such as `user:ada@example.com`.
    actor: Option<String>,
    /// What was done, such as `channel.update`, or all that was done to a kind of thing, such as `channel`.
    action: Option<String>,
    /// To what, such as `channel:ID`, or to which kind of thing, such as `channel`.
    object: Option<String>,
    /// From this time on.
    #[serde(default, deserialize_with = "rfc3339")]
    since: Option<Timestamp>,
    /// Before this time.
    #[serde(default, deserialize_with = "rfc3339")]
    until: Option<Timestamp>,
    /// How many, 1 to 200; 50 where absent. An export has all.
    #[param(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u16>,
    /// Where to go on: the `next_cursor` of the answer before.
    pub(crate) cursor: Option<String>,
    /// As a file with all entries instead of a list: `jsonl` (a document on each line) or `csv`.
    #[param(inline)]
    pub(crate) format: Option<ExportFormat>,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportFormat {
    Jsonl,
    Csv,
}

impl AuditQuery {
    pub(crate) fn filter(&self) -> AuditFilter {
        let Self { actor, action, object, since, until, .. } = self;
        AuditFilter {
            actor: actor.clone(),
            action: action.clone(),
            object: object.clone(),
            since: *since,
            until: *until,
        }
    }
}

impl From<Entry> for AuditEntry {
    fn from(entry: Entry) -> Self {
        let Entry { id, at, actor, address, action, object, before, after } = entry;
        Self { id, at, actor, address, action, object, before, after }
    }
}

impl ExportFormat {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Jsonl => "application/jsonl",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    /// What stands before the first entry.
    pub(crate) fn head(self) -> &'static str {
        match self {
            Self::Jsonl => "",
            Self::Csv => "at,actor,address,action,object,before,after\r\n",
        }
    }

    /// One entry as a line.
    pub(crate) fn line(self, entry: &AuditEntry) -> String {
        match self {
            // A document of ours can always be written.
            Self::Jsonl => serde_json::to_string(entry).unwrap_or_default() + "\n",
            Self::Csv => {
                let document = |value: &Option<Value>| value.as_ref().map(Value::to_string).unwrap_or_default();
                let AuditEntry { id: _, at, actor, address, action, object, before, after } = entry;
                let address = address.clone().unwrap_or_default();
                let (at, before, after) = (at.to_string(), document(before), document(after));
                let cells = [&at, actor, &address, action, object, &before, &after].map(|text| cell(text));
                cells.join(",") + "\r\n"
            }
        }
    }
}

/// A cell of a CSV file (RFC 4180). Programs for tables take a cell that begins with one of these for a formula.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_can_be_read_again() {
        let entry = AuditEntry {
            id: Uuid::nil(),
            at: "2026-03-29T01:30:00Z".parse().unwrap(),
            actor: "=cmd".into(),
            address: None,
            action: "channel.update".into(),
            object: "channel:1".into(),
            before: None,
            after: Some(json!({"name": "a, \"b\""})),
        };
        assert_eq!(
            ExportFormat::Csv.line(&entry),
            "\"2026-03-29T01:30:00Z\",\"'=cmd\",\"\",\"channel.update\",\"channel:1\",\"\",\
             \"{\"\"name\"\":\"\"a, \\\"\"b\\\"\"\"\"}\"\r\n"
        );
        let line: Value = serde_json::from_str(&ExportFormat::Jsonl.line(&entry)).unwrap();
        assert_eq!(line["after"]["name"], "a, \"b\"");
    }
}
