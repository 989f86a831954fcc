//! What a receiver of webhooks relies on: the body that the contract promises, and the headers of Standard Webhooks.

use bytes::Bytes;
use http::Request;
use serde_json::Value;

/// The members of the default body, in their order.
const MEMBERS: [&str; 9] =
    ["title", "message", "success", "status", "color", "timestamp", "event_type", "event_id", "fields"];

/// Checks a request with the default body.
///
/// # Errors
/// What a receiver could not rely on.
pub fn check(request: &Request<Bytes>) -> Result<(), String> {
    headers(request)?;
    let body: Value =
        serde_json::from_slice(request.body()).map_err(|error| format!("the body is not JSON: {error}"))?;
    body_of_the_contract(&body)
}

fn headers(request: &Request<Bytes>) -> Result<(), String> {
    let text = |name: &str| {
        let mut values = request.headers().get_all(name).iter();
        let value = values.next().ok_or(format!("there is no header {name}"))?;
        if values.next().is_some() {
            return Err(format!("the header {name} is there twice"));
        }
        let text = value.to_str().map_err(|_| format!("the header {name} is not ASCII"))?;
        Ok(text.to_owned())
    };
    if text("content-type")? != "application/json" {
        return Err("the body is not announced as JSON".into());
    }
    let id = text("webhook-id")?;
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(format!("webhook-id is {id:?}"));
    }
    let timestamp = text("webhook-timestamp")?;
    timestamp.parse::<u64>().map_err(|_| format!("webhook-timestamp is {timestamp:?}"))?;
    if request.headers().contains_key("webhook-signature") {
        let signatures = text("webhook-signature")?;
        // 32 bytes in padded base64.
        let well_formed =
            |one: &str| one.strip_prefix("v1,").is_some_and(|code| code.len() == 44 && code.ends_with('='));
        if !signatures.split(' ').all(well_formed) {
            return Err(format!("webhook-signature is {signatures:?}"));
        }
    }
    Ok(())
}

fn body_of_the_contract(body: &Value) -> Result<(), String> {
    let names = |value: &Value| value.as_object().map(|o| o.keys().cloned().collect::<Vec<_>>()).unwrap_or_default();
    if names(body) != MEMBERS {
        return Err(format!("the members of the body are {:?}", names(body)));
    }
    let text = |name: &str| body[name].as_str().ok_or(format!("{name} is not text"));
    for name in ["title", "message", "event_type"] {
        text(name)?;
    }
    let status = text("status")?;
    let success = match status {
        "success" | "info" => true,
        "warning" | "failure" => false,
        other => return Err(format!("status is {other:?}")),
    };
    if body["success"] != success {
        return Err(format!("success is {} while status is {status}", body["success"]));
    }
    let color = text("color")?;
    if color.len() != 7 || !color.starts_with('#') || !color[1..].bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(format!("color is {color:?}"));
    }
    text("timestamp")?.parse::<jiff::Timestamp>().map_err(|error| format!("timestamp: {error}"))?;
    text("event_id")?.parse::<uuid::Uuid>().map_err(|error| format!("event_id: {error}"))?;
    let fields = body["fields"].as_array().ok_or("fields is not a list")?;
    for field in fields {
        let shaped = field["name"].is_string() && field["value"].is_string() && field["inline"].is_boolean();
        if !shaped || names(field) != ["name", "value", "inline"] {
            return Err(format!("a field is {field}"));
        }
    }
    Ok(())
}
