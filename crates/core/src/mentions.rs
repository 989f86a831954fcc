//! Whom a configuration wants called when something is wrong. How a service writes that is its channel's business.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Names to be called: one text, with spaces or commas between them, or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "this is whom to mention: a text or a list of texts")]
pub enum Mentions {
    /// One, or several with spaces or commas between.
    Text(String),
    /// Several.
    List(Vec<String>),
}

impl Default for Mentions {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl Mentions {
    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    /// Each name as it is written, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::Text(text) => std::slice::from_ref(text),
            Self::List(list) => list,
        };
        texts.iter().flat_map(|text| text.split([' ', ',', '\t', '\n'])).filter(|name| !name.is_empty())
    }
}

impl JsonSchema for Mentions {
    fn schema_name() -> Cow<'static, str> {
        "Mentions".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_and_a_list_name_alike() {
        for mentions in [Mentions::Text(" a, b\tc".into()), Mentions::List(vec!["a".into(), "b c".into()])] {
            assert_eq!(mentions.names().collect::<Vec<_>>(), ["a", "b", "c"]);
            assert!(!mentions.is_empty());
        }
        assert!(Mentions::default().is_empty() && Mentions::List(vec![" ".into()]).is_empty());
    }
}
