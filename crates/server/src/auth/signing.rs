//! Signatures of senders that sign what they post, as Standard Webhooks 1.0 describes them.

use std::{fmt, sync::Arc};

use http::HeaderMap;
use jiff::{Timestamp, ToSpan};
use standardwebhooks::{HEADER_WEBHOOK_ID, HEADER_WEBHOOK_SIGNATURE, HEADER_WEBHOOK_TIMESTAMP, Webhook};

use crate::problem::Problem;

/// How far the time of a signature may be from ours.
const TOLERANCE_MINUTES: i64 = 5;

/// The longest id of a message, in bytes.
const LONGEST_ID: usize = 200;

/// The version of the signatures that we know.
const VERSION: &str = "v1";

/// What the requests with one token have to be signed with.
#[derive(Clone)]
pub(crate) struct Signing(Arc<Webhook>);

// The key stays in here.
impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signing")
    }
}

/// Goes with a request that is not to be believed before its body has been found to be signed.
#[derive(Clone, Debug)]
pub(crate) struct Unproven {
    pub(super) signing: Signing,
    pub(super) now: Timestamp,
}

impl Unproven {
    /// Refuses a request whose body is not the one that was signed, just now, with the token's secret.
    pub(crate) fn prove(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Problem> {
        self.signing.check(headers, body, self.now).map_err(Problem::unauthorized)
    }
}

/// What a message is known by: the header `webhook-id`.
pub(crate) fn message_id(headers: &HeaderMap) -> Option<&str> {
    only(headers, HEADER_WEBHOOK_ID)
}

impl Signing {
    /// Signatures with this secret: `whsec_` and a key in base64. `None` where it is not of this form.
    pub(crate) fn new(secret: &str) -> Option<Self> {
        secret.starts_with("whsec_").then(|| Webhook::new(secret).ok())?.map(|signer| Self(Arc::new(signer)))
    }

    fn check(&self, headers: &HeaderMap, body: &[u8], now: Timestamp) -> Result<(), &'static str> {
        let (Some(id), Some(at), Some(signatures)) =
            (message_id(headers), only(headers, HEADER_WEBHOOK_TIMESTAMP), only(headers, HEADER_WEBHOOK_SIGNATURE))
        else {
            return Err("what is sent with this token has to be signed with its secret: send the headers webhook-id, \
                        webhook-timestamp and webhook-signature (Standard Webhooks), each once");
        };
        if id.is_empty() || id.len() > LONGEST_ID {
            return Err("a webhook-id has 1 to 200 characters");
        }
        let seconds: i64 = at.parse().map_err(|_| "webhook-timestamp must be in seconds since 1970")?;
        let at = Timestamp::from_second(seconds).map_err(|_| "webhook-timestamp must be in seconds since 1970")?;
        let (early, late) = (now - TOLERANCE_MINUTES.minutes(), now + TOLERANCE_MINUTES.minutes());
        if at < early || at > late {
            return Err(
                "the signature is not of now: webhook-timestamp may be 5 minutes off at most; is a clock wrong?",
            );
        }
        let right = self.0.sign(id, seconds, body).map_err(|_| "only text can be signed")?;
        let right = right.split_once(',').map_or("", |(_, right)| right);
        let given = signatures.split(' ').filter_map(|one| one.split_once(','));
        let mut is_right = false;
        for (_, given) in given.filter(|(version, _)| *version == VERSION) {
            is_right |= is_same(given.as_bytes(), right.as_bytes());
        }
        if is_right {
            Ok(())
        } else {
            Err("the signature is not that of this body, id and time with the token's secret")
        }
    }
}

/// The text of a header that stands there once: of two, nobody knows which was meant.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).into_iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// Takes as long wherever they differ.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
    const BODY: &[u8] = "{\"title\":\"Grüße\"}".as_bytes();
    /// Computed with another language's HMAC-SHA256.
    const RIGHT: &str = "v1,ReLRpIJlVHz04LX5rU/F0Bb2j2m73OmDkMbwB2ZXH/k=";
    const AT: i64 = 1_773_450_153;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
        };
        pairs.iter().map(pair).collect()
    }

    fn check(signature: &str, body: &[u8], now: i64) -> bool {
        let id = "019ce8a4-1f00-7000-8000-0000000000d1";
        let headers = headers(&[
            (HEADER_WEBHOOK_ID, id),
            (HEADER_WEBHOOK_TIMESTAMP, &AT.to_string()),
            (HEADER_WEBHOOK_SIGNATURE, signature),
        ]);
        Signing::new(SECRET).unwrap().check(&headers, body, Timestamp::from_second(now).unwrap()).is_ok()
    }

    #[test]
    fn what_was_signed_just_now_is_taken() {
        assert!(check(RIGHT, BODY, AT));
        assert!(check(&format!("v1a,x v1,AAAA {RIGHT}"), BODY, AT), "one of several is enough");
        for (now, taken) in [(AT + 300, true), (AT - 300, true), (AT + 301, false), (AT - 301, false)] {
            assert_eq!(check(RIGHT, BODY, now), taken, "{now}");
        }
    }

    #[test]
    fn what_is_signed_otherwise_is_refused() {
        assert!(!check(RIGHT, b"{}", AT));
        assert!(!check(RIGHT, &[0xff], AT));
        for signature in ["", "v1", "v1,", "v2,ReLRpIJlVHz04LX5rU/F0Bb2j2m73OmDkMbwB2ZXH/k=", &RIGHT[3..], &RIGHT[..40]]
        {
            assert!(!check(signature, BODY, AT), "{signature}");
        }
        let (id, at) = ((HEADER_WEBHOOK_ID, "m"), (HEADER_WEBHOOK_TIMESTAMP, "1773450153"));
        let signed = Signing::new(SECRET).unwrap().0.sign("m", AT, BODY).unwrap();
        let signature = (HEADER_WEBHOOK_SIGNATURE, signed.as_str());
        let long = "m".repeat(201);
        let now = Timestamp::from_second(AT).unwrap();
        let taken = |pairs: &[(&str, &str)]| Signing::new(SECRET).unwrap().check(&headers(pairs), BODY, now).is_ok();
        assert!(taken(&[id, at, signature]));
        for pairs in [
            &[id, at][..],
            &[at, signature],
            &[id, signature],
            &[id, id, at, signature],
            &[id, at, signature, signature],
            &[id, (HEADER_WEBHOOK_TIMESTAMP, "yesterday"), signature],
            &[id, (HEADER_WEBHOOK_TIMESTAMP, "9223372036854775807"), signature],
            &[("webhook-id", ""), at, signature],
            &[("webhook-id", &long), at, signature],
        ] {
            assert!(!taken(pairs), "{pairs:?}");
        }
    }

    #[test]
    fn secrets_have_a_form() {
        assert!(Signing::new(SECRET).is_some());
        assert!(Signing::new(&SECRET[6..]).is_none() && Signing::new("whsec_!").is_none());
        assert_eq!(format!("{:?}", Signing::new(SECRET).unwrap()), "Signing");
    }
}
