//! Where a request comes from, also through proxies.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, request::Parts};
use ipnet::IpNet;

/// The other end of the connection, as [`serve`](crate::serve()) notes it with every request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The proxies whose word for a request's origin is taken.
#[derive(Clone, Debug)]
pub(crate) struct Proxies(Vec<IpNet>);

/// Loopback: a proxy on the same machine.
pub(crate) fn this_machine() -> Vec<IpNet> {
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
        .into_iter()
        .filter_map(|address| IpNet::new(address, if address.is_ipv4() { 8 } else { 128 }).ok())
        .map(|net| net.trunc())
        .collect()
}

impl Proxies {
    pub(crate) fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The address that the request came from; `None` where there is no connection, as in a test.
    pub(crate) fn client(&self, parts: &Parts) -> Option<IpAddr> {
        let Peer(peer) = parts.extensions.get::<Peer>()?;
        Some(self.behind(*peer, &parts.headers))
    }

    /// Each proxy adds the address that it was asked from at the end. So the list is read from there, for as long as
    /// it is a proxy of ours that says so.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<_> = headers.get_all("x-forwarded-for").into_iter().collect();
        let entries = lines.iter().rev().flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            if !self.0.iter().any(|net| net.contains(&client)) {
                break;
            }
            let Some(address) = address(entry.trim()) else { break };
            client = address.to_canonical();
        }
        client
    }
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("203.0.113.7", &[], "203.0.113.7")]
    #[case("203.0.113.7", &["192.0.2.1"], "203.0.113.7")]
    #[case("127.0.0.1", &[], "127.0.0.1")]
    #[case("127.0.0.1", &["192.0.2.1"], "192.0.2.1")]
    #[case("::1", &["192.0.2.1, 203.0.113.7"], "203.0.113.7")]
    #[case("127.0.0.1", &["192.0.2.1", "203.0.113.7"], "203.0.113.7")]
    #[case("127.0.0.1", &["192.0.2.1, 10.0.0.2"], "192.0.2.1")]
    #[case("::ffff:10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1")]
    #[case("127.0.0.1", &["nonsense"], "127.0.0.1")]
    fn clients(#[case] peer: &str, #[case] lines: &[&'static str], #[case] client: &str) {
        let mut networks = this_machine();
        networks.push("10.0.0.0/8".parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(line));
        }
        let found = Proxies::new(networks).behind(peer.parse().unwrap(), &headers);
        assert_eq!(found, client.parse::<IpAddr>().unwrap());
    }
}
