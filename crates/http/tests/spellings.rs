//! Every way to write a host that must not be reached, through the client, with a listener on all of this machine's
//! addresses that counts who comes.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::Bytes;
use fanfare_core::{AddressPolicy, Transport, TransportError};
use fanfare_http::{HttpTransport, Limits};
use fanfare_net::{Guard, NetError, connect, tls_config};
use fanfare_testkit::{Spelled, Trap, spellings};
use http::Request;
use url::Url;

fn client(policy: AddressPolicy) -> HttpTransport {
    HttpTransport::new(Arc::new(Guard::new(policy)), tls_config(None).unwrap(), Limits::default()).unwrap()
}

/// How the client ends with this address; `None` where no request can be made of it.
async fn ended(client: &HttpTransport, url: &str) -> Option<Result<(), TransportError>> {
    let request = Request::post(url).body(Bytes::from_static(b"hello")).ok()?;
    Some(client.exchange(request).await.map(drop))
}

#[tokio::test]
async fn no_spelling_makes_a_connection() {
    let trap = Trap::everywhere();
    let client = client(AddressPolicy::new([]));
    let mut judged = 0;
    for (host, what) in spellings() {
        let spelled = format!("http://{host}:{}/", trap.port());
        // As it is written, and as a configuration reads it.
        let read = Url::parse(&spelled).ok().map(String::from);
        let results = [
            ended(&client, &spelled).await,
            match &read {
                Some(read) => ended(&client, read).await,
                None => None,
            },
        ];
        for result in results.into_iter().flatten() {
            match (what, result.unwrap_err()) {
                (_, TransportError::Refused(_)) => judged += 1,
                // Not every resolver knows every name.
                (Spelled::Name | Spelled::Nothing, TransportError::Connect(_) | TransportError::Request(_)) => {}
                (_, other) => panic!("{host}: {other}"),
            }
        }
        if what == Spelled::Address {
            assert!(read.is_some(), "{host} is an address to everybody else");
        }
    }
    assert!(judged >= 120, "{judged}");
    assert_eq!(trap.count(), 0);
}

#[tokio::test]
async fn no_spelling_makes_a_connection_of_another_protocol() {
    let trap = Trap::everywhere();
    let policy = AddressPolicy::new([]);
    let mut judged = 0;
    for (host, what) in spellings() {
        let error = connect(&policy, host, trap.port(), Limits::default().connect).await.unwrap_err();
        match (what, error) {
            (_, NetError::Refused(_)) => judged += 1,
            // A user has no place in a host.
            (_, NetError::Host) if host.contains('@') => {}
            (Spelled::Name | Spelled::Nothing, NetError::Host | NetError::Lookup(_) | NetError::Connect(_)) => {}
            (_, other) => panic!("{host}: {other}"),
        }
    }
    assert!(judged >= 80, "{judged}");
    assert_eq!(trap.count(), 0);
}

/// The listener would have seen them.
#[tokio::test]
async fn what_is_allowed_makes_a_connection() {
    let trap = Trap::everywhere();
    let client = client(AddressPolicy::with_loopback());
    let mut hosts = vec!["127.0.0.1", "0x7f.1", "127.8.8.8", "localhost"];
    hosts.extend(std::net::TcpListener::bind("[::1]:0").is_ok().then_some("[::1]"));
    for host in &hosts {
        let error = ended(&client, &format!("http://{host}:{}/", trap.port())).await.unwrap().unwrap_err();
        // The trap may close before the client knows that it is connected; the count tells.
        assert!(matches!(error, TransportError::Answer(_) | TransportError::Connect(_)), "{host}: {error}");
    }
    assert_eq!(trap.count(), hosts.len());
}
