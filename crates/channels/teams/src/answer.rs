//! What the answers of workflows and connectors mean.

use bytes::Bytes;
use fanfare_core::{ErrorKind, Receipt, SendError, verdict, verdict_saying};
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use crate::address::Service;

/// Codes of workflows that no message will pass, although their status is that of a bad message.
const SETUP: [&str; 2] = ["WorkflowTriggerIsNotEnabled", "TriggerInputSchemaMismatch"];

/// What an answer at `now` means.
pub(crate) fn receipt(service: Service, response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    match service {
        Service::Workflow => workflow(response, now),
        Service::Connector => connector(response, now),
    }
}

fn workflow(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
    let error = &body["error"];
    let (Some(code), message) = (error["code"].as_str(), error["message"].as_str().unwrap_or_default()) else {
        return verdict(response, now);
    };
    verdict_saying(response, &format!("{code}: {message}"), now).map_err(|error| match error.kind {
        ErrorKind::Rejected if SETUP.contains(&code) => {
            SendError { kind: ErrorKind::Misconfigured { blocked_network: None }, ..error }
        }
        _ => error,
    })
}

/// A connector answers 200 even when Teams did not take the message; `1` alone is success.
fn connector(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    let receipt = verdict(response, now)?;
    if response.body().trim_ascii() == b"1" {
        return Ok(receipt);
    }
    let words = String::from_utf8_lossy(response.body()).to_lowercase();
    let kind = match inner_status(&words) {
        Some(status) => meaning(response, status, now),
        None if words.contains("too large") || words.contains("too big") => ErrorKind::Rejected,
        None if words.contains("is required") || words.contains("bad payload") => ErrorKind::Rejected,
        None if words.contains("too many requests") || words.contains("throttl") => {
            meaning(response, StatusCode::TOO_MANY_REQUESTS, now)
        }
        // Nothing says that it was not taken.
        None => ErrorKind::Temporary { after: None, outcome_unknown: true },
    };
    Err(SendError { kind, status: receipt.status, detail: receipt.detail })
}

/// The status that Teams gave the connector: "… Microsoft Teams endpoint returned HTTP error 429 with …".
fn inner_status(words: &str) -> Option<StatusCode> {
    let (_, behind) = words.split_once("http error ")?;
    StatusCode::from_bytes(behind.as_bytes().get(..3)?).ok().filter(|status| status.as_u16() >= 400)
}

/// What the answer would mean with this status.
fn meaning(response: &Response<Bytes>, status: StatusCode, now: Timestamp) -> ErrorKind {
    let mut inner = Response::new(Bytes::new());
    *inner.status_mut() = status;
    *inner.headers_mut() = response.headers().clone();
    verdict(&inner, now).map_or_else(|error| error.kind, |_| ErrorKind::Rejected)
}
