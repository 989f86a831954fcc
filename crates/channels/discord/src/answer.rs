//! What Discord's answers mean. Errors are JSON with a code and a sentence, and a tree that says which part is wrong.

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{ErrorKind, Receipt, SendError, verdict, verdict_saying};
use http::Response;
use jiff::Timestamp;
use serde_json::Value;

/// How many of the wrong parts are named.
const PARTS: usize = 5;
/// A forum needs a thread, a channel that is none must not have one: nothing passes until the address is changed.
const THREADS: std::ops::RangeInclusive<i64> = 220_001..=220_004;
/// Parts of a message that come from the configuration, whatever is told.
const CONFIGURED: [&str; 3] = ["username", "avatar_url", "thread_id"];

/// What an answer at `now` means.
pub(crate) fn receipt(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let parts = wrong_parts(&body["errors"]);
    let said = match words(&body, &parts) {
        Some(words) => verdict_saying(response, &words, now),
        None => verdict(response, now),
    };
    said.map_err(|mut error| {
        match &mut error.kind {
            // The body is exact, the header is in whole seconds.
            ErrorKind::RateLimited { after } => {
                let exact = body["retry_after"].as_f64().and_then(seconds);
                *after = exact.or(*after).or_else(|| reset_after(response));
            }
            kind @ ErrorKind::Rejected if is_configured(&body, &parts) => {
                *kind = ErrorKind::Misconfigured { blocked_network: None };
            }
            _ => {}
        }
        error
    })
}

/// One sentence of what a JSON body says: which message was stored, or what was wrong.
fn words(body: &Value, parts: &[(String, String)]) -> Option<String> {
    let Some(message) = body["message"].as_str() else {
        return body["id"].as_str().map(|id| format!("message {id}"));
    };
    let mut words = message.to_owned();
    // 0 says nothing.
    if let Some(code) = body["code"].as_i64().filter(|code| *code != 0) {
        words.push_str(&format!(" (code {code})"));
    }
    for (at, why) in parts.iter().take(PARTS) {
        words.push_str(&format!("; {at}: {why}"));
    }
    if parts.len() > PARTS {
        words.push_str(&format!("; … (+{} more)", parts.len() - PARTS));
    }
    Some(words)
}

/// The leaves of the tree of errors: where, and what.
fn wrong_parts(errors: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    walk(errors, "", &mut found);
    found
}

fn walk(errors: &Value, place: &str, found: &mut Vec<(String, String)>) {
    let Value::Object(members) = errors else { return };
    for (name, value) in members {
        if name == "_errors" {
            for error in value.as_array().into_iter().flatten() {
                let code = error["code"].as_str().unwrap_or("?");
                let why = format!("{} ({code})", error["message"].as_str().unwrap_or("wrong").trim_end_matches('.'));
                found.push((if place.is_empty() { "message".into() } else { place.to_owned() }, why));
            }
        } else {
            let place = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            walk(value, &place, found);
        }
    }
}

/// Whether every message of this configuration would be refused for the same reason.
fn is_configured(body: &Value, parts: &[(String, String)]) -> bool {
    let configured = |(place, _): &(String, String)| CONFIGURED.contains(&place.as_str());
    body["code"].as_i64().is_some_and(|code| THREADS.contains(&code))
        || !parts.is_empty() && parts.iter().all(configured)
}

fn reset_after(response: &Response<Bytes>) -> Option<Duration> {
    let value = response.headers().get("x-ratelimit-reset-after")?.to_str().ok()?;
    seconds(value.trim().parse().ok()?)
}

fn seconds(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok()
}
