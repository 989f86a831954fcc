//! Connections for protocols that have no client of their own.

use std::{io, net::SocketAddr, time::Duration};

use fanfare_core::AddressPolicy;
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};
use url::Host;

use crate::{
    NetError,
    guard::{parse, resolve},
    words::connect_words,
};

/// How long an address may keep silent before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// A TCP connection to one of the host's addresses that `policy` allows, resolved and made within `limit`. A name
/// with several addresses is reached on the first that answers.
pub async fn connect(policy: &AddressPolicy, host: &str, port: u16, limit: Duration) -> Result<TcpStream, NetError> {
    let connecting = async {
        let addresses = resolve(policy, host, port).await?;
        let stream = race(addresses).await;
        stream.map_err(|error| NetError::Connect(connect_words(&error, limit).into()))
    };
    let late = |_| NetError::Connect(format!("timed out after {limit:?}").into());
    timeout(limit, connecting).await.map_err(late)?
}

/// The name by which the certificate of `host` is checked, however the host is spelled.
pub fn server_name(host: &str) -> Result<ServerName<'static>, NetError> {
    match parse(host)? {
        Host::Ipv4(address) => Ok(ServerName::IpAddress(std::net::IpAddr::from(address).into())),
        Host::Ipv6(address) => Ok(ServerName::IpAddress(std::net::IpAddr::from(address).into())),
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name).to_owned();
            ServerName::try_from(name).map_err(|_| NetError::Host)
        }
    }
}

/// Dropping the set ends the attempts that have lost.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    loop {
        let more = waiting.next().map(|address| attempts.spawn(TcpStream::connect(address))).is_some();
        tokio::select! {
            ended = attempts.join_next() => match ended {
                Some(Ok(Ok(stream))) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Some(Ok(Err(error))) => failure = error,
                Some(Err(error)) => failure = io::Error::other(error),
                None => return Err(failure),
            },
            () = sleep(HEAD_START), if more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_core::Refusal;
    use tokio::net::TcpListener;

    const LIMIT: Duration = Duration::from_secs(5);

    async fn listener() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[rstest::rstest]
    #[case("127.0.0.1")]
    #[case("127.1")]
    #[case("0x7f000001")]
    #[case("::ffff:127.0.0.1")]
    #[case("localhost")]
    #[tokio::test]
    async fn only_allowed_addresses_are_reached(#[case] host: &str) {
        let (_listener, port) = listener().await;
        let refused = connect(&AddressPolicy::home_and_office(), host, port, LIMIT).await.unwrap_err();
        assert!(matches!(refused, NetError::Refused(Refusal::NotAllowed(_))), "{refused}");
        assert!(connect(&AddressPolicy::with_loopback(), host, port, LIMIT).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_that_refuses_is_passed_over() {
        let (listener, port) = listener().await;
        let good = listener.local_addr().unwrap();
        let closed = SocketAddr::new("127.0.0.2".parse().unwrap(), port);
        assert_eq!(race(vec![closed, good]).await.unwrap().peer_addr().unwrap(), good);
        assert_eq!(race(vec![closed]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    #[tokio::test]
    async fn a_failure_is_told_without_the_host() {
        let (listener, port) = listener().await;
        drop(listener);
        let error = connect(&AddressPolicy::with_loopback(), "127.0.0.1", port, LIMIT).await.unwrap_err();
        assert_eq!(error.to_string(), "no connection: the connection was refused");
    }

    #[rstest::rstest]
    #[case("Mail.Example", "DnsName(\"mail.example\")")]
    #[case("mail.example.", "DnsName(\"mail.example\")")]
    #[case("bücher.example", "DnsName(\"xn--bcher-kva.example\")")]
    #[case("127.1", "IpAddress(V4(Ipv4Addr([127, 0, 0, 1])))")]
    #[case("[::1]", "IpAddress(V6(Ipv6Addr([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])))")]
    fn names_on_certificates(#[case] host: &str, #[case] name: &str) {
        assert_eq!(format!("{:?}", server_name(host).unwrap()), name);
    }
}
