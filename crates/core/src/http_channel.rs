//! Channels that are one HTTP exchange: two pure halves, joined here.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use jiff::Timestamp;

use crate::{Attempt, AttemptInfo, Channel, ErrorKind, Notification, Receipt, SendError, conceal::Confidential};

/// A channel that is one HTTP exchange. Both halves are pure; [`Http`] makes a [`Channel`] of it.
pub trait HttpChannel: fmt::Debug + Send + Sync + 'static {
    /// The request that tells `notification`. The same input gives the same bytes. Header values that hold
    /// secrets are marked as sensitive.
    fn request(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<Request<Bytes>, SendError>;

    /// What the answer means. Most services mean what [`verdict`] says.
    fn receipt(&self, response: &Response<Bytes>, info: &AttemptInfo<'_>) -> Result<Receipt, SendError> {
        verdict(response, info.at)
    }
}

/// Makes a [`Channel`] of an [`HttpChannel`].
#[derive(Debug)]
pub struct Http<T>(pub T);

#[async_trait]
impl<T: HttpChannel> Channel for Http<T> {
    async fn send(&self, notification: &Notification, attempt: &Attempt<'_>) -> Result<Receipt, SendError> {
        let request = self.0.request(notification, &attempt.info)?;
        let confidential = Confidential::of(&request);
        let response = attempt.transport.exchange(request).await?;
        let said = self.0.receipt(&response, &attempt.info);
        if !Confidential::may_stand_in(response.body().len()) {
            return said;
        }
        match said {
            Ok(receipt) => Ok(Receipt { detail: confidential.hide(receipt.detail), ..receipt }),
            Err(error) => Err(SendError { detail: confidential.hide(error.detail), ..error }),
        }
    }

    fn payload(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Result<String, SendError> {
        let request = self.0.request(notification, info)?;
        Ok(String::from_utf8_lossy(request.body()).into_owned())
    }

    fn content_type(&self, notification: &Notification, info: &AttemptInfo<'_>) -> Option<String> {
        let request = self.0.request(notification, info).ok()?;
        let content_type = request.headers().get(header::CONTENT_TYPE)?;
        Some(String::from_utf8_lossy(content_type.as_bytes()).into_owned())
    }
}

/// What a status means for a sender, as most services and the Standard Webhooks specification have it:
/// 2xx is delivered; 401, 403, 404, 405, 410 and redirects are a wrong configuration; 429 is "full";
/// 408, 425 and 5xx pass by; every other answer is final. `now` is needed for a `Retry-After` date.
pub fn verdict(response: &Response<Bytes>, now: Timestamp) -> Result<Receipt, SendError> {
    // No character takes more than four bytes.
    let cut = &response.body()[..response.body().len().min(4 * WORDS)];
    verdict_saying(response, &String::from_utf8_lossy(cut), now)
}

/// The same, for a service whose own words are only a part of the body.
pub fn verdict_saying(response: &Response<Bytes>, words: &str, now: Timestamp) -> Result<Receipt, SendError> {
    let status = response.status();
    let detail = describe(status, words);
    let after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
    let after = after.and_then(|v| parse_retry_after(v, now));
    let kind = match status.as_u16() {
        200..=299 => return Ok(Receipt { status: Some(status.as_u16()), detail }),
        300..=399 | 401 | 403 | 404 | 405 | 410 => ErrorKind::Misconfigured { blocked_network: None },
        429 => ErrorKind::RateLimited { after },
        408 | 425 | 500..=599 => ErrorKind::Temporary { after, outcome_unknown: false },
        _ => ErrorKind::Rejected,
    };
    Err(SendError { kind, status: Some(status.as_u16()), detail })
}

/// How much of a service's own words is kept, in characters.
const WORDS: usize = 500;

/// The status with its standard phrase, then the service's own words.
fn describe(status: StatusCode, words: &str) -> String {
    let mut detail = status_line(status);
    let end = detail.len();
    detail.push_str(": ");
    push_line(&mut detail, words);
    if detail.len() == end + 2 {
        detail.truncate(end);
    }
    detail
}

/// A service's own words as one line, without control characters, cut after 500 characters.
pub fn one_line(text: &str) -> String {
    let mut line = String::new();
    push_line(&mut line, text);
    line
}

fn push_line(line: &mut String, text: &str) {
    let begin = line.len();
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let mut left = WORDS;
    for word in words {
        if line.len() > begin {
            line.push(' ');
        }
        let length = word.chars().count();
        if length > left {
            line.extend(word.chars().take(left).chain(['…']));
            break;
        }
        line.push_str(word);
        left = left.saturating_sub(length + 1);
    }
}

/// A status with its standard phrase, as every detail begins: `429 Too Many Requests`.
pub fn status_line(status: StatusCode) -> String {
    let mut line = String::with_capacity(64);
    line.push_str(status.as_str());
    if let Some(phrase) = status.canonical_reason() {
        line.push(' ');
        line.push_str(phrase);
    }
    line
}

/// Reads a `Retry-After` value (RFC 9110, section 10.2.3): whole seconds, or an HTTP date, of which the
/// distance from `now` counts. A date that has passed is a wait of zero.
pub fn parse_retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    if value.bytes().all(|b| b.is_ascii_digit()) {
        return value.parse().ok().map(Duration::from_secs);
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, retry_after: Option<&str>, body: &str) -> Result<Receipt, SendError> {
        let mut response = Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header("retry-after", value);
        }
        verdict(&response.body(Bytes::from(body.to_owned())).unwrap(), Timestamp::UNIX_EPOCH)
    }

    #[rstest::rstest]
    #[case(200, "delivered")]
    #[case(204, "delivered")]
    #[case(301, "misconfigured")]
    #[case(400, "rejected")]
    #[case(401, "misconfigured")]
    #[case(403, "misconfigured")]
    #[case(404, "misconfigured")]
    #[case(405, "misconfigured")]
    #[case(408, "temporary")]
    #[case(410, "misconfigured")]
    #[case(413, "rejected")]
    #[case(422, "rejected")]
    #[case(425, "temporary")]
    #[case(429, "rate_limited")]
    #[case(500, "temporary")]
    #[case(503, "temporary")]
    fn status_table(#[case] status: u16, #[case] outcome: &str) {
        let said = answer(status, None, "").map_or_else(|e| e.outcome(), |_| "delivered");
        assert_eq!(said, outcome);
    }

    #[rstest::rstest]
    #[case("120", Some(120))]
    #[case(" 0 ", Some(0))]
    #[case("Thu, 01 Jan 1970 00:01:30 GMT", Some(90))]
    #[case("Wed, 31 Dec 1969 23:59:00 GMT", Some(0))]
    #[case("soon", None)]
    #[case("-5", None)]
    #[case("1.5", None)]
    #[case("99999999999999999999999", None)]
    fn retry_after(#[case] value: &str, #[case] seconds: Option<u64>) {
        assert_eq!(parse_retry_after(value, Timestamp::UNIX_EPOCH), seconds.map(Duration::from_secs));
    }

    #[test]
    fn an_error_says_the_status_and_the_services_own_words() {
        let error = answer(500, None, "{\"message\":\n\t\"out of  cheese\"}\0").unwrap_err();
        assert_eq!(error.detail, "500 Internal Server Error: {\"message\": \"out of cheese\"}");
        assert_eq!(error.status, Some(500));
        let response = Response::builder().status(400).body(Bytes::from("{}")).unwrap();
        let error = verdict_saying(&response, "no\ncheese", Timestamp::UNIX_EPOCH).unwrap_err();
        assert_eq!((error.detail.as_str(), error.outcome()), ("400 Bad Request: no cheese", "rejected"));
        let long = answer(400, None, &"x".repeat(60_000)).unwrap_err();
        assert!(long.detail.ends_with("x…") && long.detail.len() < 600);
    }
}
