//! What is bounded: time, size, depth, lines, and how often somebody may ask.

use std::{
    fs,
    time::{Duration, Instant},
};

use fanfare_tests::{Reply, Server};
use http::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A minute, and the time that a busy machine takes more.
const MINUTE: std::ops::RangeInclusive<u64> = 50..=100;

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.api().url().trim_start_matches("http://")).await.unwrap()
}

/// What the server says until it closes, to somebody who goes on sending a byte at a time; and how long that took.
async fn dribbling(mut stream: TcpStream, begin: String, byte: &'static [u8]) -> (String, u64) {
    let began = Instant::now();
    stream.write_all(begin.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let mut said = Vec::new();
    let mut piece = [0; 1024];
    loop {
        match timeout(Duration::from_secs(2), from.read(&mut piece)).await {
            Ok(Ok(0) | Err(_)) => break,
            Ok(Ok(length)) => said.extend_from_slice(&piece[..length]),
            // Ends with the connection.
            Err(_) => drop(to.write_all(byte).await),
        }
        assert!(began.elapsed().as_secs() < 150, "it never closed");
    }
    (String::from_utf8_lossy(&said).into_owned(), began.elapsed().as_secs())
}

/// Heads and bodies that never end, a byte every two seconds: none of them keeps its connection.
#[tokio::test]
async fn who_is_slow_is_not_waited_for_without_end() {
    let server = Server::start().await;
    let job = server.api().job("nightly", &[]).await;
    let ping = server.api().get(&format!("/jobs/{job}")).await["ping_key"].as_str().unwrap().to_owned();
    let form = "POST /sign-in HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n".to_owned();
    let post = |path: &str, token: &str| {
        let credentials = if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{credentials}Content-Length: 100000\r\n\r\n")
    };
    let head = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ".to_owned();
    let (silent, head, body, visitor, page, check_in) = tokio::join!(
        dribbling(connect(&server).await, String::new(), b""),
        dribbling(connect(&server).await, head, b"x"),
        dribbling(connect(&server).await, post("/api/v1/events", server.api().token()), b" "),
        dribbling(connect(&server).await, post("/api/v1/session", ""), b" "),
        dribbling(connect(&server).await, form, b"x"),
        dribbling(connect(&server).await, post(&format!("/ping/{ping}"), ""), b"x"),
    );
    for (what, (said, took)) in [("silence", silent), ("head", head)] {
        assert!(MINUTE.contains(&took) && !said.starts_with("HTTP/1.1 2"), "{what}: {took} s, {said}");
    }
    for (what, (said, took)) in [("body", body), ("sign-in", visitor), ("page", page)] {
        assert!(MINUTE.contains(&took) && said.starts_with("HTTP/1.1 408 "), "{what}: {took} s, {said}");
    }
    // The run has ended, however little could be said of it.
    let (said, took) = check_in;
    assert!(MINUTE.contains(&took) && said.starts_with("HTTP/1.1 200 "), "check-in: {took} s, {said}");
    assert_eq!(server.api().get(&format!("/jobs/{job}")).await["last_run"]["outcome"], "success");
}

#[tokio::test]
async fn heads_and_bodies_have_a_size_and_a_depth() {
    let server = Server::start().await;
    let api = server.api();
    let many: Vec<_> = (0..101).map(|n| format!("X-Line-{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    let long = "x".repeat(700_000);
    for headers in [&many[..], &[("X-Long", long.as_str())]] {
        // Whoever is refused before the end of the head may find the connection closed.
        if let Ok(reply) = api.exchange(Method::GET, "/api/v1/channels", headers, "").await {
            assert_eq!(reply.status, 431);
        }
    }
    let text =
        |length: usize| json!({ "type": "system_error", "data": { "component": "c", "error": "x".repeat(length) } });
    let post = async |path: &str, body: String| {
        let json = [("content-type", "application/json")];
        api.exchange(Method::POST, &format!("/api/v1{path}"), &json, body).await.unwrap().status
    };
    let room = 256 * 1024 - text(0).to_string().len();
    assert_eq!(post("/events", text(room).to_string()).await, 202);
    assert_eq!(post("/events", text(room + 1).to_string()).await, 413);
    assert_eq!(post("/channels", json!({ "name": "x".repeat(1 << 20) }).to_string()).await, 413);
    let reply = api.with_token(None).exchange(Method::POST, "/sign-in", &[], "x".repeat(16 * 1024 + 1)).await.unwrap();
    assert_eq!(reply.status, 413);
    assert_eq!(post("/events/batch", " ".repeat((16 << 20) + 1)).await, 413);
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert_eq!(post("/events", deep(64)).await, 422);
    assert_eq!(post("/events", deep(65)).await, 400);
    assert_eq!(post("/events", "[".repeat(200_000)).await, 400);
    assert!(api.answers("/readyz").await);
}

/// As through a proxy on this machine, since what comes from the machine itself is not counted.
#[tokio::test]
async fn who_asks_too_often_is_told_when_to_go_on() {
    let mut server = Server::prepare(&[]);
    let settings = "[limits]\nrequests_per_token = 2\nrequests_per_address = 4\n";
    fs::write(server.place().join("fanfare.toml"), settings).unwrap();
    server.restart().await;
    let ask = async |token: Option<&str>, address: &str, path: &str| -> Reply {
        let headers = [("x-forwarded-for", address)];
        server.api().with_token(token).exchange(Method::GET, path, &headers, "").await.unwrap()
    };
    // By the token, wherever it is used from.
    let token = server.api().token().to_owned();
    let mut refused = None;
    for n in 0..12 {
        let reply = ask(Some(&token), &format!("192.0.2.{n}"), "/api/v1/channels").await;
        if reply.status == 429 {
            refused = Some((n, reply));
            break;
        }
        assert_eq!(reply.status, 200);
    }
    let (n, reply) = refused.expect("a refusal");
    assert!(n >= 10, "{n}: five seconds' worth come at once");
    let wait: u64 = reply.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=5).contains(&wait), "{wait}");
    assert_eq!(reply.problem().status, 429);
    // By the address, whoever asks: with guessed tokens, check-in keys, or the sign-in.
    for path in ["/api/v1/channels", "/ping/guess", "/api/v1/setup"] {
        let address = format!("198.51.100.{}", path.len());
        let mut statuses = Vec::new();
        for n in 0..25 {
            statuses.push(ask(Some(&format!("guess-{n}")), &address, path).await.status);
        }
        assert!(statuses[..19].iter().all(|status| *status != 429), "{path}: {statuses:?}");
        assert!(statuses[20..].contains(&429), "{path}: {statuses:?}");
    }
    // A network of IPv6 counts as one address.
    let mut statuses = Vec::new();
    for n in 0..25 {
        statuses.push(ask(None, &format!("2001:db8::{n}"), "/api/v1/channels").await.status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}
