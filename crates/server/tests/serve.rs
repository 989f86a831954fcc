//! The server on a real socket.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use std::{
    io::{Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    time::Duration,
};

use common::{Api, TOKEN};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::oneshot,
    task::JoinHandle,
};

struct Served {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
    _api: Api,
}

async fn serve() -> Served {
    let api = Api::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async { drop(stopped.await) };
    let served = tokio::spawn(fanfare_server::serve(listener, api.router.clone(), shutdown));
    Served { address, stop, served, _api: api }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn head(length: usize, more: &str) -> String {
    let start = "POST /api/v1/events HTTP/1.1\r\nHost: x\r\n";
    format!("{start}Authorization: Bearer {TOKEN}\r\nContent-Length: {length}\r\n{more}\r\n")
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Runs what blocks on a thread of its own, so that the server can go on.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

const EVENT: &str = r#"{"type": "system_error", "data": {"component": "c", "error": "e"}}"#;

#[tokio::test]
async fn who_has_said_all_still_gets_the_answer() {
    let Served { address, stop, served, _api } = serve().await;
    let text = aside(move || {
        let mut stream = connect(address);
        stream.write_all(format!("{}{EVENT}", head(EVENT.len(), "Connection: close\r\n")).as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        answer(stream)
    })
    .await;
    assert!(text.starts_with("HTTP/1.1 202"), "{text:?}");
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_in_flight_is_finished_and_nothing_new_is_taken() {
    let Served { address, stop, served, _api } = serve().await;
    let (first, rest) = EVENT.split_at(20);
    let mut stream = aside(move || {
        let mut stream = connect(address);
        stream.write_all(head(EVENT.len(), "").as_bytes()).unwrap();
        stream.write_all(first.as_bytes()).unwrap();
        stream
    })
    .await;
    // A connection that is open and idle must not hold up the end.
    let idle = aside(move || connect(address)).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    stop.send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(aside(move || TcpStream::connect(address)).await.is_err(), "it still accepts connections");
    assert!(!served.is_finished(), "it did not wait for what is in flight");
    let text = aside(move || {
        stream.write_all(rest.as_bytes()).unwrap();
        answer(stream)
    })
    .await;
    assert!(text.starts_with("HTTP/1.1 202 "), "{text}");
    tokio::time::timeout(Duration::from_secs(10), served).await.unwrap().unwrap().unwrap();
    drop(idle);
}

#[tokio::test]
async fn who_sends_too_much_can_read_why_not() {
    let served = serve().await;
    let address = served.address;
    for length in [300_000, 20_000_000] {
        let text = aside(move || {
            let mut stream = connect(address);
            stream.write_all(head(length, "Connection: close\r\n").as_bytes()).unwrap();
            stream.write_all(&vec![b'x'; length]).unwrap();
            answer(stream)
        })
        .await;
        assert!(text.starts_with("HTTP/1.1 413 ") && text.contains("too-large"), "{text}");
    }
    // Who asks first is told before sending anything.
    let text = aside(move || {
        let mut stream = connect(address);
        stream.write_all(head(300_000, "Expect: 100-continue\r\n").as_bytes()).unwrap();
        answer(stream)
    })
    .await;
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
}

/// The clock is stopped, and so jumps to whatever is waited for next: a minute passes at once.
#[tokio::test]
async fn a_head_that_is_never_finished_does_not_keep_its_connection() {
    let Served { address, stop, served, _api } = serve().await;
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    slow.write_all(b"POST /api/v1/events HTTP/1.1\r\nHost: x\r\n").await.unwrap();
    let mut quiet = tokio::net::TcpStream::connect(address).await.unwrap();
    let began = tokio::time::Instant::now();
    tokio::time::pause();
    for stream in [&mut slow, &mut quiet] {
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        assert!(!said.starts_with(b"HTTP/1.1 2"), "{}", String::from_utf8_lossy(&said));
    }
    assert!((60..90).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    tokio::time::resume();
    drop(stop);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let Served { address, stop, served, _api } = serve().await;
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(head(100, "Connection: close\r\nExpect: 100-continue\r\n").as_bytes()).await.unwrap();
    // This says that the head was read and the body is waited for.
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"{").await.unwrap();
    let began = tokio::time::Instant::now();
    tokio::time::pause();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).await.unwrap();
    let said = String::from_utf8(said).unwrap();
    assert!(said.starts_with("HTTP/1.1 408 ") && said.contains("urn:fanfare:problem:timeout"), "{said}");
    assert!((60..90).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    tokio::time::resume();
    drop(stop);
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_head_has_not_too_many_lines() {
    let served = serve().await;
    let address = served.address;
    let text = aside(move || {
        let mut stream = connect(address);
        stream.write_all(head(0, &"X-More: x\r\n".repeat(150)).as_bytes()).unwrap();
        answer(stream)
    })
    .await;
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
}
