//! What every channel over HTTP promises, whatever service it speaks to.
//!
//! A channel's tests build one with recognisable secrets and call [`check`]. What a service does differently
//! (an answer that means something else than its status) is said in the [`Subject`]. A channel that is not one HTTP
//! exchange runs [`check_any`], and holds its own errors against its [`Secrets`].

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{
    Attempt, Channel, Decision, ErrorKind, Http, HttpChannel, Notification, Receipt, RetryPolicy, SendError, Transport,
    TransportError,
};
use http::{Request, Response};
use jiff::Timestamp;

use crate::{
    Stub,
    fixtures::{hostile, info, typical},
    nowhere,
};

/// A channel to be checked, and what has to be known about it.
#[derive(Debug)]
pub struct Subject<T> {
    /// The channel.
    pub channel: Http<T>,
    /// Every secret in its configuration.
    pub secrets: Secrets,
    /// The body of an answer 200 that means success.
    pub success: Bytes,
}

impl<T: HttpChannel> Subject<T> {
    /// A channel with these secrets, for a service whose 2xx means success.
    pub fn new(channel: Http<T>, secrets: &[&str]) -> Self {
        Self { channel, secrets: Secrets::new(secrets), success: Bytes::new() }
    }

    /// The same, for a service that has to say that it is content.
    #[must_use]
    pub fn succeeding_with(mut self, body: impl Into<Bytes>) -> Self {
        self.success = body.into();
        self
    }

    fn request(&self, notification: &Notification) -> Request<Bytes> {
        self.channel.0.request(notification, &info()).expect("every notification can be sent")
    }

    async fn send(&self, transport: &dyn Transport) -> Result<Receipt, SendError> {
        let attempt = Attempt { info: info(), transport, network: &nowhere() };
        self.channel.send(&typical()[0].1, &attempt).await
    }

    fn assert_hides(&self, what: &str, text: &str) {
        self.secrets.assert_hidden(what, text);
    }
}

/// Every secret in a configuration: keys, tokens, passwords, what is confidential in URLs.
#[derive(Debug)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// These secrets, each of at least 8 characters.
    pub fn new(secrets: &[&str]) -> Self {
        assert!(secrets.iter().all(|secret| secret.len() >= 8), "short secrets are found by accident");
        Self(secrets.iter().map(|&secret| secret.into()).collect())
    }

    /// Checks that a text holds none of them, in no form in which they could slip through.
    ///
    /// # Panics
    /// When it does; `what` says what the text is.
    pub fn assert_hidden(&self, what: &str, text: &str) {
        for secret in &self.0 {
            for form in disguises(secret) {
                assert!(!text.contains(&form), "{what} shows a secret: {text}");
            }
        }
    }
}

/// What any channel promises: whatever it is told can be shown, the same way each time, and neither that nor `Debug`
/// shows a secret.
///
/// # Panics
/// When one of these does not hold.
pub fn check_any(channel: &dyn Channel, secrets: &Secrets) {
    secrets.assert_hidden("Debug", &format!("{channel:?} {channel:#?}"));
    let typical = typical().into_iter().map(|(_, notification)| notification);
    for notification in typical.chain(hostile()) {
        let payload = || channel.payload(&notification, &info()).expect("every notification can be shown");
        secrets.assert_hidden("the payload", &payload());
        assert_eq!(payload(), payload(), "the payload is not the same twice");
    }
}

/// Runs all checks.
///
/// # Panics
/// When one of them fails.
pub async fn check<T: HttpChannel>(subject: &Subject<T>) {
    sends_its_secrets_but_never_shows_them(subject);
    sends_whatever_it_is_told(subject);
    same_input_same_bytes(subject);
    follows_the_status_table(subject);
    follows_no_redirect(subject).await;
    repeats_the_services_words(subject);
    errors_hide_secrets(subject).await;
}

/// `Debug` and the payload that the ledger shows hide what the request itself needs.
fn sends_its_secrets_but_never_shows_them<T: HttpChannel>(subject: &Subject<T>) {
    let (_, notification) = &typical()[0];
    let debug = format!("{:?} {:#?}", subject.channel, subject.channel);
    subject.assert_hides("Debug", &debug);
    let payload = subject.channel.payload(notification, &info()).unwrap();
    subject.assert_hides("the payload", &payload);
    assert_eq!(payload.as_bytes(), subject.request(notification).body(), "the payload is not what is sent");
}

/// No text is impossible to send.
fn sends_whatever_it_is_told<T: HttpChannel>(subject: &Subject<T>) {
    for notification in hostile() {
        let request = subject.request(&notification);
        if request.headers().get("content-type").is_some_and(|t| t.as_bytes().starts_with(b"application/json")) {
            serde_json::from_slice::<serde_json::Value>(request.body()).expect("the body is JSON");
        }
    }
}

fn same_input_same_bytes<T: HttpChannel>(subject: &Subject<T>) {
    for (name, notification) in typical() {
        let parts = |request: Request<Bytes>| {
            let (head, body) = request.into_parts();
            (head.method, head.uri, head.headers, body)
        };
        let (first, second) = (subject.request(&notification), subject.request(&notification));
        assert_eq!(parts(first), parts(second), "{name} is not the same twice");
    }
}

/// What follows from a status, down to the decision whether to try again.
fn follows_the_status_table<T: HttpChannel>(subject: &Subject<T>) {
    let now = info().at;
    let later = |seconds| now + Duration::from_secs(seconds);
    let dead = Some(Decision::Dead);
    let again = Some(Decision::Again(later(5)));
    let table = [
        (&[200_u16, 201, 202, 204][..], None),
        (&[300, 301, 302, 303, 307, 308], dead),
        (&[400, 401, 403, 404, 405, 410, 413, 422], dead),
        (&[408, 425, 500, 502, 503, 504], again),
        (&[429], Some(Decision::Pause(later(5)))),
    ];
    for (statuses, expected) in table {
        for &status in statuses {
            let body = if expected.is_none() { subject.success.clone() } else { Bytes::new() };
            let answer = Response::builder().status(status).body(body).unwrap();
            assert_eq!(decision(subject, &answer), expected, "after {status}");
        }
    }
    for status in [429, 503] {
        let answer = Response::builder().status(status).header("retry-after", "77").body(Bytes::new()).unwrap();
        let waited = match decision(subject, &answer) {
            Some(Decision::Again(at) | Decision::Pause(at)) => at,
            other => panic!("{other:?} after {status} with a time to wait"),
        };
        assert_eq!(waited, later(77), "the wait that {status} asks for");
    }
}

fn decision<T: HttpChannel>(subject: &Subject<T>, answer: &Response<Bytes>) -> Option<Decision> {
    let now = info().at;
    let error = subject.channel.0.receipt(answer, &info()).err()?;
    Some(RetryPolicy::default().decide(&error, 1, now, end_of_life(now), 0.5))
}

fn end_of_life(now: Timestamp) -> Timestamp {
    now + Duration::from_secs(24 * 3_600)
}

async fn follows_no_redirect<T: HttpChannel>(subject: &Subject<T>) {
    for status in [301, 302, 303, 307, 308] {
        let transport = Stub::new(move |_| {
            let answer = Response::builder().status(status).header("location", "http://elsewhere.example/");
            Ok(answer.body(Bytes::new()).unwrap())
        });
        let error = subject.send(&transport).await.expect_err("a redirect is a failure");
        assert!(matches!(error.kind, ErrorKind::Misconfigured { .. }), "{status} is {}", error.outcome());
        assert_eq!(transport.requests().len(), 1, "{status} was followed");
    }
}

fn repeats_the_services_words<T: HttpChannel>(subject: &Subject<T>) {
    for (status, line) in [(400, "400 Bad Request"), (401, "401 Unauthorized"), (500, "500 Internal Server Error")] {
        let answer = Response::builder().status(status).body("out of cheese".into()).unwrap();
        let error = subject.channel.0.receipt(&answer, &info()).unwrap_err();
        assert_eq!(error.status, Some(status));
        assert!(error.detail.starts_with(line), "{:?} does not begin with {line:?}", error.detail);
        assert!(error.detail.contains("out of cheese"), "{:?} does not say why", error.detail);
    }
}

/// No way to fail shows a secret, not even when the service repeats the request in its answer.
async fn errors_hide_secrets<T: HttpChannel>(subject: &Subject<T>) {
    let failures = [
        TransportError::Refused(fanfare_core::Refusal::Never),
        TransportError::Connect("the connection was refused".into()),
        TransportError::Answer("timed out".into()),
        TransportError::TooLong(1),
        TransportError::Request("the address is not valid".into()),
    ];
    for failure in failures {
        let transport = Stub::new(move |_| Err(failure.clone()));
        let error = subject.send(&transport).await.unwrap_err();
        subject.assert_hides("an error", &format!("{error} {error:?}"));
    }
    for status in [200, 302, 400, 401, 404, 429, 500] {
        let transport = Stub::new(move |request| Ok(Response::builder().status(status).body(echo(request)).unwrap()));
        let said = subject.send(&transport).await.map_or_else(|error| format!("{error:?}"), |receipt| receipt.detail);
        subject.assert_hides(&format!("the answer to an echoing {status}"), &said);
    }
}

/// What a chatty service answers: address and headers of the request.
fn echo(request: &Request<Bytes>) -> Bytes {
    let headers = request.headers().values().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let headers = headers.collect::<Vec<_>>().join(" ");
    format!("Cannot {} {} with {headers}", request.method(), request.uri()).into()
}

/// A secret as it stands, and the forms in which it slips through a search for it.
fn disguises(secret: &str) -> Vec<String> {
    let percent = secret.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    let mut forms = vec![secret.to_owned(), percent.collect()];
    let json = serde_json::to_string(secret).unwrap();
    forms.push(json[1..json.len() - 1].to_owned());
    forms.extend(base64_anywhere(secret.as_bytes()));
    forms
}

/// The part of the base64 form that does not depend on what stands around, at each of the three offsets.
fn base64_anywhere(secret: &[u8]) -> Vec<String> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let whole = |bytes: &[u8]| {
        let groups = bytes.chunks_exact(3).map(|group| u32::from_be_bytes([0, group[0], group[1], group[2]]));
        groups
            .flat_map(|group| [18, 12, 6, 0].map(|shift| char::from(DIGITS[(group >> shift & 63) as usize])))
            .collect()
    };
    (0..3).filter_map(|skip| secret.get(skip..)).map(whole).filter(|form: &String| form.len() >= 8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disguises_are_found() {
        // "x:s3cr3t-token" and "s3cr3t-token" in base64.
        for coded in ["eDpzM2NyM3QtdG9rZW4=", "czNjcjN0LXRva2Vu", "s3cr3t-token"] {
            assert!(disguises("s3cr3t-token").iter().any(|form| coded.contains(form.as_str())), "{coded}");
        }
        assert!(disguises("a/b c&d=e").contains(&"a%2Fb%20c%26d%3De".to_owned()));
    }
}
