//! What answers of the Bot API mean: `ok` decides, whatever the status says.

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{ErrorKind, Receipt, SendError, verdict};
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

/// Descriptions of a 400 that are about the set-up and not about this message, in small letters.
const SETUP: &[&str] = &[
    "chat not found",
    "message thread not found",
    "chat_id is empty",
    "upgraded to a supergroup",
    "group chat was deactivated",
    "user not found",
    "not enough rights",
    "have no rights",
    "need administrator rights",
    "peer_id_invalid",
    "chat_write_forbidden",
    "chat_admin_required",
    "topic_closed",
    "topic_deleted",
];

/// What to do about it, by what stands in a detail.
const HINTS: &[(&str, &str)] = &[
    ("chat not found", "chat_id is wrong, or nobody has written to the bot or added it to the chat yet"),
    ("thread not found", "message_thread_id is wrong, or the topic was deleted"),
    ("bot was blocked", "the user has blocked the bot"),
    ("not a member", "add the bot to the chat; in a channel, as an administrator"),
    ("bot was kicked", "add the bot to the chat again"),
    ("rights", "the bot may not write here: make it an administrator or allow it to send messages"),
    ("401 unauthorized", "the token is wrong or was revoked: @BotFather shows the valid one"),
    ("404 not found", "the token is not complete, or api_url leads to something else"),
];

/// What an answer at `now` means.
pub(crate) fn receipt(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    let body: Option<Value> = serde_json::from_slice(response.body()).ok();
    let Some((body, ok)) = body.as_ref().and_then(|body| Some((body, body.get("ok")?.as_bool()?))) else {
        return not_the_bot_api(verdict(response, now));
    };
    let status = response.status();
    if ok {
        let words = body.pointer("/result/message_id").map(|id| format!("message {id}")).unwrap_or_default();
        return verdict(&saying(response, status, &words), now);
    }
    let description = body["description"].as_str().unwrap_or_default();
    let code = body["error_code"].as_u64().and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
    // Something in between may have made a 200 of it.
    let meant = if status.is_success() { code.unwrap_or(StatusCode::BAD_REQUEST) } else { status };
    let words = match status.is_success() {
        true => format!("error {}: {description}", meant.as_u16()),
        false => bare(description, status).to_owned(),
    };
    let told = saying(response, status, &words);
    let detail = verdict(&told, now).map_or_else(|error| error.detail, |receipt| receipt.detail);
    let kind = match verdict(&saying(response, meant, ""), now) {
        Ok(_) => ErrorKind::Rejected,
        Err(error) => with_wait(error.kind, body),
    };
    let small = description.to_lowercase();
    let kind = match kind {
        ErrorKind::Rejected if SETUP.iter().any(|known| small.contains(known)) => {
            ErrorKind::Misconfigured { blocked_network: None }
        }
        kind => kind,
    };
    let hint = match body.pointer("/parameters/migrate_to_chat_id").and_then(Value::as_i64) {
        Some(id) => Some(format!("the group has become a supergroup: set chat_id to {id}")),
        None => hint(&detail).map(Into::into),
    };
    let detail = hint.map_or(detail.clone(), |hint| format!("{detail} ({hint})"));
    Err(SendError { kind, status: Some(status.as_u16()), detail })
}

/// Without a word of the Bot API nobody knows what became of the message.
fn not_the_bot_api(said: Result<Receipt, SendError>) -> Result<Receipt, SendError> {
    let Receipt { status, detail } = said?;
    let kind = ErrorKind::Temporary { after: None, outcome_unknown: true };
    Err(SendError { kind, status, detail: format!("{detail} (this is no answer of the Bot API: is api_url right?)") })
}

/// The same answer with another status, and with these words alone.
fn saying(response: &Response<Bytes>, status: StatusCode, words: &str) -> Response<Bytes> {
    let mut told = Response::new(Bytes::copy_from_slice(words.as_bytes()));
    *told.status_mut() = status;
    *told.headers_mut() = response.headers().clone();
    told
}

/// A description without the phrase of the status, with which it usually begins.
fn bare(description: &str, status: StatusCode) -> &str {
    let rest = status.canonical_reason().and_then(|phrase| description.strip_prefix(phrase));
    match rest {
        Some("") => "",
        Some(rest) => rest.strip_prefix(": ").unwrap_or(description),
        None => description,
    }
}

/// The wait that the body asks for; else that of the header, which is there already.
fn with_wait(kind: ErrorKind, body: &Value) -> ErrorKind {
    let said = body.pointer("/parameters/retry_after").and_then(Value::as_u64).map(Duration::from_secs);
    match kind {
        ErrorKind::RateLimited { after } => ErrorKind::RateLimited { after: said.or(after) },
        ErrorKind::Temporary { after, outcome_unknown } => {
            ErrorKind::Temporary { after: said.or(after), outcome_unknown }
        }
        kind => kind,
    }
}

fn hint(detail: &str) -> Option<&'static str> {
    let small = detail.to_lowercase();
    HINTS.iter().find(|(part, _)| small.contains(part)).map(|(_, hint)| *hint)
}
