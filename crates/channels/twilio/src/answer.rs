//! What the service's answers mean.

use bytes::Bytes;
use fanfare_core::{ErrorKind, Receipt, SendError, one_line, status_line, verdict};
use http::Response;
use jiff::Timestamp;
use serde::Deserialize;

/// What the service says of a failure.
#[derive(Deserialize)]
struct Failure {
    code: u32,
    message: String,
}

/// What it says of a message that it took. It is queued then; whether a phone got it is known later, and elsewhere.
#[derive(Deserialize)]
struct Queued {
    sid: String,
    #[serde(default)]
    status: String,
    num_segments: Option<String>,
}

/// Sender and recipient are in the configuration, so what is wrong with them is wrong for every message: invalid,
/// missing, not capable, not verified on a trial, opted out, unroutable, no mobile phone, in a region that is not
/// enabled.
const CONFIGURATION: [u32; 10] = [21_211, 21_212, 21_408, 21_603, 21_604, 21_606, 21_608, 21_610, 21_612, 21_614];
/// The sender's queue is full: it holds what can be sent in ten hours.
const QUEUE_FULL: u32 = 21_611;
/// The credentials are wrong.
const CREDENTIALS: u32 = 20_003;
/// Too many requests at once; none of them was processed.
const BUSY: u32 = 20_429;

/// What the answer means at `now`.
pub(crate) fn read(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    let say = |words: &str| format!("{}: {}", status_line(response.status()), one_line(words));
    match verdict(response, now) {
        Ok(receipt) => Ok(match serde_json::from_slice::<Queued>(response.body()) {
            Ok(queued) => Receipt { detail: say(&queued.to_string()), ..receipt },
            Err(_) => receipt,
        }),
        Err(mut error) => {
            // Most of such answers come after the message was taken or not: nobody knows.
            if let (500..=599, ErrorKind::Temporary { outcome_unknown, .. }) =
                (response.status().as_u16(), &mut error.kind)
            {
                *outcome_unknown = true;
            }
            if let Ok(failure) = serde_json::from_slice::<Failure>(response.body()) {
                error.detail = say(&format!("{} ({})", failure.message, failure.code));
                error.kind = kind(failure.code, error.kind);
            }
            Err(error)
        }
    }
}

fn kind(code: u32, by_status: ErrorKind) -> ErrorKind {
    match code {
        CREDENTIALS => ErrorKind::Misconfigured { blocked_network: None },
        code if CONFIGURATION.contains(&code) => ErrorKind::Misconfigured { blocked_network: None },
        QUEUE_FULL => ErrorKind::Temporary { after: None, outcome_unknown: false },
        BUSY if !matches!(by_status, ErrorKind::RateLimited { .. }) => ErrorKind::RateLimited { after: None },
        _ => by_status,
    }
}

impl std::fmt::Display for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let status = if self.status.is_empty() { "taken" } else { &self.status };
        write!(f, "{status}, message {}", self.sid)?;
        match self.num_segments.as_deref() {
            Some("1") => f.write_str(", 1 segment"),
            Some(segments) => write!(f, ", {segments} segments"),
            None => Ok(()),
        }
    }
}
