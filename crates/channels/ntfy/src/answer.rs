//! What the server's answers mean.

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{ErrorKind, Receipt, SendError, one_line, status_line, verdict};
use http::{Response, header};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;

/// What a server says of a failure. `code` is the status with two or three digits more.
#[derive(Deserialize)]
struct Failure {
    code: u32,
    error: String,
    #[serde(default)]
    link: String,
}

/// What it says of a message that it took.
#[derive(Deserialize)]
struct Taken {
    id: String,
}

/// The invalid topic, and the one that the server keeps for itself: both are in the configuration.
const TOPIC: [u32; 2] = [40_009, 40_010];
/// Too many requests; the server gives one back every five seconds.
const REQUESTS: u32 = 42_901;
/// The quota of the day, which ends at midnight UTC.
const DAY: u32 = 42_908;

/// What the answer means at `now`.
pub(crate) fn read(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    match verdict(response, now) {
        Ok(receipt) => Ok(match serde_json::from_slice::<Taken>(response.body()) {
            Ok(Taken { id }) => Receipt { detail: say(response, &format!("message {id}")), ..receipt },
            Err(_) => receipt,
        }),
        Err(error) => Err(match serde_json::from_slice::<Failure>(response.body()) {
            Ok(failure) => explain(error, &failure, response, now),
            Err(_) => error,
        }),
    }
}

fn say(response: &Response<Bytes>, words: &str) -> String {
    format!("{}: {}", status_line(response.status()), one_line(words))
}

fn explain(mut error: SendError, failure: &Failure, response: &Response<Bytes>, now: Timestamp) -> SendError {
    let link = if failure.link.is_empty() { String::new() } else { format!(", see {}", failure.link) };
    error.detail = say(response, &format!("{} ({}{link})", failure.error, failure.code));
    if TOPIC.contains(&failure.code) && response.status() == 400 {
        error.kind = ErrorKind::Misconfigured { blocked_network: None };
    }
    if let ErrorKind::RateLimited { after: after @ None } = &mut error.kind
        && !response.headers().contains_key(header::RETRY_AFTER)
    {
        *after = match failure.code {
            REQUESTS => Some(Duration::from_secs(5)),
            DAY => until_midnight(now),
            _ => None,
        };
    }
    error
}

/// From `now` to the next midnight UTC, and a second more, so that clocks need not agree entirely.
fn until_midnight(now: Timestamp) -> Option<Duration> {
    let today = now.to_zoned(TimeZone::UTC);
    let midnight = today.tomorrow().ok()?.start_of_day().ok()?.timestamp();
    Duration::try_from(midnight.duration_since(now)).ok().map(|wait| wait + Duration::from_secs(1))
}
