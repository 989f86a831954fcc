//! What a channel makes of a notification, whatever that says.

use bytes::Bytes;
use fanfare_core::{Channel, HttpChannel, Notification};
use http::Request;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde::de::IgnoredAny;

use super::Subject;
use crate::fixtures::{any_notification, hostile, info, typical};

/// How many notifications are generated for each channel.
const GENERATED: u32 = 2_000;

/// From which size of their bodies on, in bytes, requests are not made once more only to be compared.
const LARGE: usize = 4_096;

/// Tries the usual notifications, the hostile ones and 2,000 that are generated, the same on every run; what fails is
/// shown in its smallest form.
pub(super) fn everything(check: impl Fn(&Notification) -> Result<(), String>) {
    let usual = typical().into_iter().map(|(_, notification)| notification);
    for notification in usual.chain(hostile()) {
        check(&notification).unwrap_or_else(|wrong| failed(&wrong, &notification));
    }
    let config = Config { cases: GENERATED, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    // The quickest generator: a fifth of the time goes into it otherwise.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::XorShift));
    match runner.run(&any_notification(), |notification| check(&notification).map_err(TestCaseError::fail)) {
        Ok(()) => {}
        Err(TestError::Fail(wrong, notification)) => failed(&wrong.to_string(), &notification),
        Err(TestError::Abort(why)) => panic!("no notifications could be generated: {why}"),
    }
}

fn failed(wrong: &str, notification: &Notification) -> ! {
    let mut shown = format!("{notification:#?}");
    if shown.chars().count() > 4_000 {
        shown = shown.chars().take(4_000).chain("… (cut)".chars()).collect();
    }
    panic!("{wrong}\nwith {shown}");
}

/// A notification can be sent: the request passes the service's rules, holds what the ledger shows, and is the same
/// twice.
pub(super) fn request<T: HttpChannel>(subject: &Subject<T>, notification: &Notification) -> Result<(), String> {
    let request = || {
        let request = subject.channel.0.request(notification, &info());
        request.map_err(|error| format!("it cannot be sent: {error}"))
    };
    let sent = request()?;
    // Of a large one the body alone is compared, which the payload below repeats.
    if sent.body().len() < LARGE && !same(&sent, &request()?) {
        return Err("the request is not the same twice".into());
    }
    let payload = subject.channel.payload(notification, &info());
    let payload = payload.map_err(|error| format!("it cannot be shown: {error}"))?;
    if payload.as_bytes() != sent.body() {
        return Err("the payload is not what is sent".into());
    }
    subject.secrets.hidden("the payload", &payload)?;
    let content_type = sent.headers().get("content-type").map(|value| value.as_bytes()).unwrap_or_default();
    if content_type.starts_with(b"application/json") {
        serde_json::from_str::<IgnoredAny>(&payload).map_err(|error| format!("the body is not JSON: {error}"))?;
    }
    subject.rules.iter().try_for_each(|rules| rules(&sent))
}

fn same(one: &Request<Bytes>, other: &Request<Bytes>) -> bool {
    let head = one.method() == other.method() && one.uri() == other.uri() && one.headers() == other.headers();
    head && one.body() == other.body()
}
