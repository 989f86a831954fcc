//! Which chat is written to.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A chat as the configuration names it; kept as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a chat is a number such as -1001234567890, or the @name of a public one")]
pub enum ChatId {
    /// The number of a chat: positive for people, negative for groups and channels.
    Number(i64),
    /// The same number as text, or `@name`.
    Text(String),
}

/// A chat as Telegram is told.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(crate) enum Chat {
    /// By its number.
    Number(i64),
    /// By its public name, with the `@`.
    Name(String),
}

impl ChatId {
    /// The chat, or why there cannot be one.
    pub(crate) fn checked(&self) -> Result<Chat, &'static str> {
        const WHY: &str = "a chat is a number such as -1001234567890, or the @name of a public channel or group";
        let text = match self {
            Self::Number(0) => return Err(WHY),
            Self::Number(number) => return Ok(Chat::Number(*number)),
            Self::Text(text) => text.trim(),
        };
        if let Some(name) = text.strip_prefix('@') {
            let is_name =
                (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return if is_name { Ok(Chat::Name(text.to_owned())) } else { Err(WHY) };
        }
        match text.parse() {
            Ok(0) | Err(_) => Err(WHY),
            Ok(number) => Ok(Chat::Number(number)),
        }
    }
}

impl JsonSchema for ChatId {
    fn schema_name() -> Cow<'static, str> {
        "ChatId".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    #[rstest::rstest]
    #[case(json!(-1001234567890_i64), Chat::Number(-1_001_234_567_890))]
    #[case(json!("-100"), Chat::Number(-100))]
    #[case(json!(" 42 "), Chat::Number(42))]
    #[case(json!("@ops_alerts"), Chat::Name("@ops_alerts".into()))]
    fn chats(#[case] written: Value, #[case] chat: Chat) {
        let id: ChatId = from_value(written.clone()).unwrap();
        assert_eq!(id.checked(), Ok(chat));
        assert_eq!(serde_json::to_value(&id).unwrap(), written);
    }

    #[rstest::rstest]
    #[case(json!(0))]
    #[case(json!("0"))]
    #[case(json!(""))]
    #[case(json!("ops"))]
    #[case(json!("@"))]
    #[case(json!("@a b"))]
    #[case(json!("https://t.me/ops"))]
    #[case(json!("1.5"))]
    fn what_is_no_chat(#[case] written: Value) {
        assert!(from_value::<ChatId>(written).unwrap().checked().is_err());
    }
}
