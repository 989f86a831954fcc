//! What a Gotify server takes, and what its clients make of it.

use bytes::Bytes;
use http::{Method, Request};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::Value;

/// What a text column of MySQL holds, in bytes.
const COLUMN: usize = 65_535;

/// Checks a request to a Gotify server.
///
/// # Errors
/// What the server would refuse, its database could not keep, or its clients would not show as text.
pub fn check(request: &Request<Bytes>) -> Result<(), String> {
    if request.method() != Method::POST || !request.uri().path().ends_with("/message") {
        return Err(format!("no such call: {} {}", request.method(), request.uri().path()));
    }
    if request.uri().query().is_some() {
        return Err("a token in the address lands in logs".into());
    }
    let header = |name: &str| request.headers().get(name).ok_or(format!("there is no header {name}"));
    if header("content-type")?.as_bytes() != b"application/json" {
        return Err("extras come with JSON only".into());
    }
    if !header("x-gotify-key")?.is_sensitive() {
        return Err("the token is not marked as sensitive".into());
    }
    let body: Value = serde_json::from_slice(request.body()).map_err(|error| format!("400: not JSON: {error}"))?;
    super::conforms("gotify-message.schema.json", "/definitions/CreateMessage", &body)?;
    let message = body["message"].as_str().ok_or("400: Field 'message' is required")?;
    let title = body["title"].as_str().unwrap_or_default();
    if message.trim().is_empty() {
        return Err("400: Field 'message' is required".into());
    }
    if message.len() > COLUMN || title.len() > COLUMN {
        return Err(format!("too long for the database: {} bytes", message.len()));
    }
    if title.chars().any(char::is_control) || message.chars().any(|c| c.is_control() && c != '\n') {
        return Err("there are control characters".into());
    }
    if !body["priority"].as_i64().is_some_and(|priority| (0..=10).contains(&priority)) {
        return Err(format!("priority is {}", body["priority"]));
    }
    extras(&body["extras"])?;
    match body["extras"]["client::display"]["contentType"].as_str() {
        Some("text/markdown") => text_only(message),
        _ => Ok(()),
    }
}

fn extras(extras: &Value) -> Result<(), String> {
    for key in extras.as_object().into_iter().flat_map(|extras| extras.keys()) {
        if !matches!(key.as_str(), "client::display" | "client::notification" | "android::action") {
            return Err(format!("nobody reads {key}"));
        }
    }
    match &extras["client::notification"]["click"]["url"] {
        Value::Null => Ok(()),
        Value::String(url) if url.starts_with("http://") || url.starts_with("https://") => Ok(()),
        url => Err(format!("a tap opens {url}")),
    }
}

/// Reads the message as clients do: what is not paragraphs, line breaks and bold labels was made of data.
fn text_only(markdown: &str) -> Result<(), String> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_GFM;
    let mut bold = false;
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Start(Tag::Paragraph) | Event::End(TagEnd::Paragraph) | Event::HardBreak => {}
            Event::Text(_) => {}
            Event::Start(Tag::Strong) if !bold => bold = true,
            Event::End(TagEnd::Strong) => bold = false,
            other => return Err(format!("{other:?} in {markdown:?}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use serde_json::json;

    #[rstest::rstest]
    #[case(json!({"message": ""}), "required")]
    #[case(json!({"message": "x".repeat(65_536)}), "too long")]
    #[case(json!({"message": "a\u{1}"}), "control")]
    #[case(json!({"priority": 11}), "priority")]
    #[case(json!({"priority": "5"}), "")]
    #[case(json!({"extras": {"client::display": {"contentType": "text/markdown"}, "mine": 1}}), "nobody")]
    #[case(json!({"extras": {"client::notification": {"click": {"url": "javascript:x"}}}}), "tap")]
    #[case(json!({"message": "*it*"}), "Emphasis")]
    #[case(json!({"message": "a <b>"}), "Html")]
    #[case(json!({"message": "[a](https://evil.example)"}), "Link")]
    #[case(json!({"message": "a\n- b"}), "SoftBreak|List")]
    #[case(json!({"message": "a\n==="}), "Heading")]
    #[case(json!({"message": "| a |\n| - |"}), "Table")]
    fn mistakes_are_found(#[case] change: Value, #[case] says: &str) {
        let mut body = json!({"title": "T", "message": "**Job:** a  \nb", "priority": 5,
            "extras": {"client::display": {"contentType": "text/markdown"}}});
        let sent = |body: &Value| {
            let mut key = HeaderValue::from_static("A");
            key.set_sensitive(true);
            let request = Request::post("https://h/message").header("content-type", "application/json");
            check(&request.header("x-gotify-key", key).body(body.to_string().into()).unwrap())
        };
        assert_eq!(sent(&body), Ok(()));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let why = sent(&body).unwrap_err();
        assert!(says.split('|').any(|word| why.contains(word)), "{why}");
    }
}
