//! The client against a real receiver on loopback.
#![allow(clippy::unwrap_used)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use fanfare_core::{AddressPolicy, Transport, TransportError};
use fanfare_http::{Cap, HttpTransport, Limits};
use fanfare_net::{Guard, tls_config};
use fanfare_testkit::{Answer, Receiver};
use http::{Request, Response};
use rstest::rstest;

/// For what has to happen: long, so that a busy machine fails no test.
const PATIENCE: Duration = Duration::from_secs(20);

fn client_with(policy: AddressPolicy, limits: Limits) -> HttpTransport {
    HttpTransport::new(Arc::new(Guard::new(policy)), tls_config(None).unwrap(), limits).unwrap()
}

fn client() -> HttpTransport {
    client_with(AddressPolicy::with_loopback(), Limits::default())
}

fn hurried(exchange: Duration) -> HttpTransport {
    client_with(AddressPolicy::with_loopback(), Limits { exchange, ..Limits::default() })
}

async fn post(client: &HttpTransport, url: &str) -> Result<Response<Bytes>, TransportError> {
    let request = Request::post(url).header("authorization", "Bearer t0k3n").body("hello".into()).unwrap();
    let result = client.exchange(request).await;
    if let Err(error) = &result {
        let shown = format!("{error} {error:?}");
        for secret in ["t0k3n", "s3cr3t", "127.0.0.1:", "localhost"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
    result
}

#[tokio::test]
async fn carries_a_request_and_its_answer() {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(201).header("x-reply", "yes").body("world"));
    let answer = post(&client(), &receiver.url("/path?query=1")).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (201, &b"world"[..]));
    assert_eq!(answer.headers()["x-reply"], "yes");

    let got = &receiver.requests()[0];
    assert_eq!((got.method.as_str(), got.path.as_str(), got.text().as_str()), ("POST", "/path?query=1", "hello"));
    assert_eq!(got.header("user-agent"), Some(concat!("Fanfare/", env!("CARGO_PKG_VERSION"))));
    assert_eq!(got.header("content-length"), Some("5"));
    assert_eq!(got.header("accept-encoding"), None);
}

#[rstest]
#[case("GET")]
#[case("HEAD")]
#[tokio::test]
async fn an_empty_body_is_none(#[case] method: &str) {
    let receiver = Receiver::start().await;
    let request = Request::builder().method(method).uri(receiver.url("/")).body(Bytes::new()).unwrap();
    assert_eq!(client().exchange(request).await.unwrap().status(), 200);
    let got = &receiver.requests()[0];
    assert_eq!(got.method, method);
    assert_eq!((got.header("content-length"), got.header("transfer-encoding")), (None, None));
}

#[tokio::test]
async fn follows_no_redirect_and_keeps_no_cookie() {
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(307).header("location", receiver.url("/other")).header("set-cookie", "a=b"));
    let client = client();
    for _ in 0..2 {
        assert_eq!(post(&client, &receiver.url("/")).await.unwrap().status(), 307);
    }
    let got = receiver.requests();
    assert!(got.len() == 2 && got.iter().all(|request| request.path == "/" && request.header("cookie").is_none()));
}

#[tokio::test]
async fn a_packed_answer_stays_packed() {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(200).header("content-encoding", "gzip").body(&b"\x1f\x8b\x08bomb"[..]));
    assert_eq!(&post(&client(), &receiver.url("/")).await.unwrap().body()[..], b"\x1f\x8b\x08bomb");
}

#[rstest]
#[case("127.0.0.1")]
#[case("localhost")]
#[case("localhost.")]
#[case("2130706433")]
#[case("0x7f.1")]
#[case("0x7f000001")]
#[case("0177.0.0.1")]
#[case("127.1")]
#[case("127.0.0.1.")]
#[case("[::ffff:127.0.0.1]")]
#[case("[::ffff:7f00:1]")]
#[tokio::test]
async fn no_spelling_of_loopback_passes_the_default_policy(#[case] host: &str) {
    let receiver = Receiver::start().await;
    let client = client_with(AddressPolicy::home_and_office(), Limits::default());
    let result = post(&client, &format!("http://{host}:{}/", receiver.address().port())).await;
    match result.unwrap_err() {
        TransportError::Refused(refusal) => {
            let network = refusal.allow().map(|network| network.to_string());
            assert!(network == Some("127.0.0.0/8".into()) || host.starts_with("localhost"), "{network:?}");
        }
        // Not every resolver knows the name with a dot at its end.
        TransportError::Connect(_) if host == "localhost." => {}
        other => panic!("{other}"),
    }
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_new_policy_holds_for_kept_connections_too() {
    let receiver = Receiver::start().await;
    let guard = Arc::new(Guard::new(AddressPolicy::with_loopback()));
    let client = HttpTransport::new(Arc::clone(&guard), tls_config(None).unwrap(), Limits::default()).unwrap();
    let by_name = format!("http://localhost:{}/", receiver.address().port());
    post(&client, &by_name).await.unwrap();
    guard.set_policy(AddressPolicy::home_and_office());
    for url in [&by_name, &receiver.url("/")] {
        assert!(matches!(post(&client, url).await, Err(TransportError::Refused(_))));
    }
    assert_eq!(receiver.count(), 1);
    guard.set_policy(AddressPolicy::with_loopback());
    post(&client, &by_name).await.unwrap();
}

#[tokio::test]
async fn an_endless_answer_is_cut_or_refused() {
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::endless());
    let answer = post(&client(), &receiver.url("/")).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().len()), (200, 64 * 1024));

    let limits = Limits { answer: Cap::Refuse(1000), ..Limits::default() };
    let refused = post(&client_with(AddressPolicy::with_loopback(), limits), &receiver.url("/")).await;
    assert_eq!(refused.unwrap_err(), TransportError::TooLong(1000));
    receiver.wait_for_closed(PATIENCE).await;
}

#[rstest]
#[case(999, true)]
#[case(1000, true)]
#[case(1001, false)]
#[tokio::test]
async fn the_cap_is_exact(#[case] length: usize, #[case] fits: bool) {
    let receiver = Receiver::start().await;
    receiver.answer(Answer::status(200).body(vec![b'x'; length]));
    let limits = Limits { answer: Cap::Refuse(1000), ..Limits::default() };
    assert_eq!(post(&client_with(AddressPolicy::with_loopback(), limits), &receiver.url("/")).await.is_ok(), fits);
}

#[rstest]
#[case::hangs(Answer::hang())]
#[case::drips(Answer::drip("x".repeat(1000), Duration::from_millis(20)))]
#[tokio::test]
async fn a_slow_receiver_is_left(#[case] answer: Answer) {
    let receiver = Receiver::start().await;
    receiver.answer(answer);
    let start = Instant::now();
    let error = post(&hurried(Duration::from_millis(300)), &receiver.url("/s3cr3t")).await.unwrap_err();
    assert_eq!(error, TransportError::Answer("timed out after 300ms".into()));
    assert!(start.elapsed() < Duration::from_secs(10));
    receiver.wait_for_closed(PATIENCE).await;
}

#[rstest]
#[case::closes(Answer::close(), "without an answer")]
#[case::no_http(Answer::raw("SSH-2.0-OpenSSH_9.6\r\n"), "not HTTP")]
#[case::breaks_off(Answer::raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"), "broke off")]
#[tokio::test]
async fn a_broken_answer_leaves_the_outcome_unknown(#[case] answer: Answer, #[case] says: &str) {
    let receiver = Receiver::start().await;
    receiver.answer(answer);
    match post(&client(), &receiver.url("/s3cr3t")).await.unwrap_err() {
        TransportError::Answer(words) => assert!(words.contains(says), "{words}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refused_connection_never_left() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/s3cr3t", listener.local_addr().unwrap());
    drop(listener);
    let error = post(&client(), &url).await.unwrap_err();
    assert_eq!(error, TransportError::Connect("the connection was refused".into()));
}

#[tokio::test]
async fn an_unknown_name_never_left() {
    match post(&client(), "http://s3cr3t.invalid/").await.unwrap_err() {
        TransportError::Connect(words) => assert!(words.contains("could not be resolved"), "{words}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_tls_handshake_that_hangs_never_left() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/s3cr3t", listener.local_addr().unwrap());
    let limits = Limits { connect: Duration::from_millis(200), ..Limits::default() };
    let error = post(&client_with(AddressPolicy::with_loopback(), limits), &url).await.unwrap_err();
    assert_eq!(error, TransportError::Connect("timed out after 200ms".into()));
}

#[tokio::test]
async fn a_relative_address_is_no_address() {
    assert!(matches!(post(&client(), "/s3cr3t").await, Err(TransportError::Request(_))));
}

#[tokio::test]
async fn connections_are_kept() {
    let receiver = Receiver::start().await;
    let client = client();
    for _ in 0..20 {
        post(&client, &receiver.url("/")).await.unwrap();
    }
    assert_eq!(receiver.connections(), 1);
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_no_error() {
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(200).then_close());
    let client = client();
    for n in 1..=20 {
        post(&client, &receiver.url("/")).await.unwrap();
        receiver.wait_for_closed(PATIENCE).await;
        assert_eq!(receiver.connections(), n);
    }
}

#[tokio::test]
async fn tls_trusts_whom_it_was_told_to_trust() {
    let (receiver, authority) = Receiver::start_tls(&["127.0.0.1"]).await;
    let guard = Arc::new(Guard::new(AddressPolicy::with_loopback()));
    let tls = tls_config(Some(authority.as_bytes())).unwrap();
    let trusting = HttpTransport::new(guard, tls, Limits::default()).unwrap();
    assert_eq!(post(&trusting, &receiver.url("/")).await.unwrap().status(), 200);

    let unknown = post(&client(), &receiver.url("/s3cr3t")).await.unwrap_err();
    assert!(unknown.to_string().contains("authority that is not trusted"), "{unknown}");
    let by_name = format!("https://localhost:{}/", receiver.address().port());
    let other_name = post(&trusting, &by_name).await.unwrap_err();
    assert!(other_name.to_string().contains("issued for another name"), "{other_name}");
    assert!(matches!((unknown, other_name), (TransportError::Connect(_), TransportError::Connect(_))));
    assert_eq!(receiver.count(), 1);
}

#[tokio::test]
async fn plain_http_where_tls_is_expected_is_said() {
    let receiver = Receiver::start().await;
    let url = receiver.url("/s3cr3t").replace("http:", "https:");
    let error = post(&client(), &url).await.unwrap_err();
    assert!(matches!(error, TransportError::Connect(_)), "{error:?}");
}
