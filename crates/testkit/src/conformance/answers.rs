//! What a channel makes of an answer.

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{Decision, ErrorKind, HttpChannel, Refusal, RetryPolicy, TransportError};
use http::{Request, Response};
use jiff::Timestamp;

use super::Subject;
use crate::{Stub, fixtures::info};

/// What follows from a status, down to the decision whether to try again.
pub(super) fn follow_the_status_table<T: HttpChannel>(subject: &Subject<T>) {
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

pub(super) async fn redirects_are_not_followed<T: HttpChannel>(subject: &Subject<T>) {
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

pub(super) fn the_services_words_are_repeated<T: HttpChannel>(subject: &Subject<T>) {
    for (status, line) in [(400, "400 Bad Request"), (401, "401 Unauthorized"), (500, "500 Internal Server Error")] {
        let answer = Response::builder().status(status).body("out of cheese".into()).unwrap();
        let error = subject.channel.0.receipt(&answer, &info()).unwrap_err();
        assert_eq!(error.status, Some(status));
        assert!(error.detail.starts_with(line), "{:?} does not begin with {line:?}", error.detail);
        assert!(error.detail.contains("out of cheese"), "{:?} does not say why", error.detail);
    }
}

/// No way to fail shows a secret, not even when the service repeats the request in its answer.
pub(super) async fn errors_hide_secrets<T: HttpChannel>(subject: &Subject<T>) {
    let failures = [
        TransportError::Refused(Refusal::Never),
        TransportError::Connect("the connection was refused".into()),
        TransportError::Answer("timed out".into()),
        TransportError::TooLong(1),
        TransportError::Request("the address is not valid".into()),
    ];
    for failure in failures {
        let transport = Stub::new(move |_| Err(failure.clone()));
        let error = subject.send(&transport).await.unwrap_err();
        subject.secrets.assert_hidden("an error", &format!("{error} {error:?}"));
    }
    for status in [200, 302, 400, 401, 404, 429, 500] {
        let transport = Stub::new(move |request| Ok(Response::builder().status(status).body(echo(request)).unwrap()));
        let said = subject.send(&transport).await.map_or_else(|error| format!("{error:?}"), |receipt| receipt.detail);
        subject.secrets.assert_hidden(&format!("the answer to an echoing {status}"), &said);
    }
}

/// What a chatty service answers: address and headers of the request.
fn echo(request: &Request<Bytes>) -> Bytes {
    let headers = request.headers().values().map(|value| String::from_utf8_lossy(value.as_bytes()));
    let headers = headers.collect::<Vec<_>>().join(" ");
    format!("Cannot {} {} with {headers}", request.method(), request.uri()).into()
}
