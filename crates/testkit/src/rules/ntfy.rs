//! What an ntfy server takes: JSON at its root, within its limits.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

/// Message size limit of the server, in bytes.
const MESSAGE: usize = 4_096;
/// Twice that is the most it reads of a JSON body.
const BODY: usize = 8_192;
/// What a message can have.
const MEMBERS: &[&str] = &[
    "topic", "title", "message", "priority", "tags", "markdown", "click", "icon", "attach", "filename", "actions",
    "delay", "email", "call",
];
/// Topics that a server keeps for itself.
const RESERVED: &[&str] = &["docs", "static", "file", "app", "metrics", "account", "settings", "signup", "login", "v1"];

/// Checks a request to an ntfy server.
///
/// # Errors
/// What the server would refuse, or a reader would see as a mistake.
pub fn check(request: &Request<Bytes>) -> Result<(), String> {
    if request.method() != Method::POST && request.method() != Method::PUT {
        return Err(format!("the method is {}", request.method()));
    }
    if !request.uri().path().ends_with('/') || request.uri().query().is_some() {
        return Err("JSON sent elsewhere than to the root is published as it is".into());
    }
    if request.headers().get("authorization").is_some_and(|value| !value.is_sensitive()) {
        return Err("the token is not marked as sensitive".into());
    }
    if request.body().len() > BODY {
        return Err(format!("413/41303: the body has {} bytes", request.body().len()));
    }
    let body: Value =
        serde_json::from_slice(request.body()).map_err(|error| format!("400/40024: not JSON: {error}"))?;
    let members = body.as_object().ok_or("the body is no object")?;
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
        return Err(format!("{unknown} is no member of a message"));
    }
    topic(body["topic"].as_str().ok_or("there is no topic")?)?;
    texts(&body)?;
    let priority = body["priority"].as_u64().ok_or("priority is not a whole number")?;
    if !(1..=5).contains(&priority) {
        return Err(format!("400/40007: priority {priority}"));
    }
    tags(&body["tags"])?;
    match &body["click"] {
        Value::Null => Ok(()),
        Value::String(click) if click.starts_with("http://") || click.starts_with("https://") => Ok(()),
        click => Err(format!("click is {click}")),
    }
}

fn topic(topic: &str) -> Result<(), String> {
    let allowed = topic.chars().all(|c| matches!(c, '-' | '_' | 'A'..='Z' | 'a'..='z' | '0'..='9'));
    if !allowed || topic.is_empty() || topic.len() > 64 {
        return Err(format!("400/40009: the topic is {topic:?}"));
    }
    if RESERVED.contains(&topic) { Err(format!("400/40010: the topic is {topic:?}")) } else { Ok(()) }
}

fn texts(body: &Value) -> Result<(), String> {
    let message = body["message"].as_str().ok_or("message is not text")?;
    if message.len() > MESSAGE {
        return Err(format!("400/40014: the message has {} bytes", message.len()));
    }
    if message.trim().is_empty() {
        return Err("an empty message is shown as \"triggered\"".into());
    }
    if message.trim() != message {
        return Err("the server would trim the message".into());
    }
    if message.chars().any(|c| c.is_control() && c != '\n') {
        return Err(format!("the message holds control characters: {message:?}"));
    }
    let title = match &body["title"] {
        Value::Null => return Ok(()),
        Value::String(title) => title,
        title => return Err(format!("title is {title}")),
    };
    if title.trim().is_empty() || title.chars().any(char::is_control) || title.len() > 1_000 {
        return Err(format!("no fit title: {title:?}"));
    }
    Ok(())
}

fn tags(tags: &Value) -> Result<(), String> {
    let tags = tags.as_array().ok_or("tags is not a list")?;
    for tag in tags {
        let tag = tag.as_str().ok_or("a tag is not text")?;
        if tag.trim().is_empty() || tag.contains(',') || tag.chars().any(char::is_control) {
            return Err(format!("no fit tag: {tag:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn published(body: &Value) -> Result<(), String> {
        check(&Request::post("https://ntfy.example/sub/").body(body.to_string().into()).unwrap())
    }

    #[rstest::rstest]
    #[case(json!({"message": "x".repeat(4_097)}), "40014")]
    #[case(json!({"message": "\"".repeat(4_096), "title": "t"}), "41303")]
    #[case(json!({"message": " \n"}), "triggered")]
    #[case(json!({"message": "a\u{7}"}), "control")]
    #[case(json!({"topic": "a/b"}), "40009")]
    #[case(json!({"topic": "v1"}), "40010")]
    #[case(json!({"priority": 6}), "40007")]
    #[case(json!({"priority": "5"}), "whole number")]
    #[case(json!({"tags": "x"}), "list")]
    #[case(json!({"tags": ["a,b"]}), "tag")]
    #[case(json!({"click": "javascript:x"}), "click")]
    #[case(json!({"titel": "x"}), "titel")]
    fn mistakes_are_found(#[case] change: Value, #[case] says: &str) {
        let mut body = json!({"topic": "ops", "title": "T", "message": "M", "priority": 3, "tags": ["x"]});
        assert_eq!(published(&body), Ok(()));
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let why = published(&body).unwrap_err();
        assert!(why.contains(says), "{why}");
    }
}
