//! From a host to the addresses that may be reached.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use fanfare_core::{AddressPolicy, Refusal};
use url::Host;

use crate::NetError;

/// Stands before every outbound connection and knows which addresses may be reached at this moment.
#[derive(Debug)]
pub struct Guard {
    policy: RwLock<Arc<AddressPolicy>>,
    generation: AtomicU64,
}

impl Guard {
    /// A guard that follows `policy` until it is given another.
    pub fn new(policy: AddressPolicy) -> Self {
        Self { policy: RwLock::new(Arc::new(policy)), generation: AtomicU64::new(0) }
    }

    /// The policy of this moment.
    pub fn policy(&self) -> Arc<AddressPolicy> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Follows `policy` from now on. Whoever keeps connections open compares [`Guard::generation`] before
    /// using one again.
    pub fn set_policy(&self, policy: AddressPolicy) {
        let mut current = self.policy.write().unwrap_or_else(PoisonError::into_inner);
        if **current != policy {
            *current = Arc::new(policy);
            self.generation.fetch_add(1, Ordering::Release);
        }
    }

    /// How often the policy has changed.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether this address may be reached.
    pub fn check_address(&self, address: IpAddr) -> Result<(), Refusal> {
        self.policy.read().unwrap_or_else(PoisonError::into_inner).check(address)
    }

    /// Checks a host without asking a name server: an address in any spelling is judged, a name passes,
    /// because only its addresses can be judged.
    pub fn check_host(&self, host: &str) -> Result<(), NetError> {
        match parse(host)? {
            Host::Ipv4(address) => Ok(self.check_address(address.into())?),
            Host::Ipv6(address) => Ok(self.check_address(address.into())?),
            Host::Domain(_) => Ok(()),
        }
    }

    /// The addresses of a host that may be reached; never empty. A name with allowed and refused addresses
    /// gives the allowed ones.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, NetError> {
        resolve(&self.policy(), host, port).await
    }
}

/// The addresses of a host that `policy` allows; never empty.
pub(crate) async fn resolve(policy: &AddressPolicy, host: &str, port: u16) -> Result<Vec<SocketAddr>, NetError> {
    let addresses = match parse(host)? {
        Host::Ipv4(address) => vec![SocketAddr::new(address.into(), port)],
        Host::Ipv6(address) => vec![SocketAddr::new(address.into(), port)],
        Host::Domain(name) => tokio::net::lookup_host((name, port)).await.map_err(lookup_error)?.collect(),
    };
    allowed(policy, addresses)
}

/// Reads a host in every spelling that some resolver would understand as an address: decimal, octal and
/// hexadecimal IPv4, with fewer parts, with a trailing dot, and IPv6 with or without brackets.
pub(crate) fn parse(host: &str) -> Result<Host, NetError> {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => Ok(Host::Ipv4(address)),
        Ok(IpAddr::V6(address)) => Ok(Host::Ipv6(address)),
        Err(_) => Host::parse(host).map_err(|_| NetError::Host),
    }
}

/// The addresses that the policy allows, or why there is none.
fn allowed(policy: &AddressPolicy, addresses: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NetError> {
    let mut refusals = Vec::new();
    let mut passed = addresses;
    passed.retain(|address| match policy.check(address.ip()) {
        Ok(()) => true,
        Err(refusal) => {
            refusals.push(refusal);
            false
        }
    });
    match (passed.is_empty(), telling(&refusals)) {
        (false, _) => Ok(passed),
        (true, Some(refusal)) => Err(refusal.clone().into()),
        (true, None) => Err(NetError::Lookup("it has no address".into())),
    }
}

/// Of several refusals the one that tells an administrator most: a network that can be allowed before one
/// that cannot, and IPv4 first, because a service on a local network rarely listens on IPv6 alone.
fn telling(refusals: &[Refusal]) -> Option<&Refusal> {
    refusals.iter().min_by_key(|refusal| match refusal.allow() {
        Some(network) if network.addr().is_ipv4() => 0,
        Some(_) => 1,
        None => 2,
    })
}

/// The resolver's own words, which do not repeat the name.
fn lookup_error(error: io::Error) -> NetError {
    let text = error.to_string();
    let words = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    NetError::Lookup(words.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(network: &str) -> NetError {
        Refusal::NotAllowed(network.parse().unwrap()).into()
    }

    #[rstest::rstest]
    #[case("127.0.0.1")]
    #[case("127.1")]
    #[case("2130706433")]
    #[case("0x7f000001")]
    #[case("0x7f.1")]
    #[case("0177.0.0.1")]
    #[case("127.0.0.1.")]
    #[case("127%2e0%2e0%2e1")]
    #[case("１２７.0.0.1")]
    #[case("[::ffff:127.0.0.1]")]
    #[case("::ffff:7f00:1")]
    #[case("[64:ff9b::7f00:1]")]
    #[tokio::test]
    async fn every_spelling_of_an_address_is_judged(#[case] host: &str) {
        let guard = Guard::new(AddressPolicy::home_and_office());
        assert_eq!(guard.check_host(host), Err(refusal("127.0.0.0/8")));
        assert_eq!(guard.resolve(host, 80).await, Err(refusal("127.0.0.0/8")));
    }

    #[rstest::rstest]
    #[case("localhost")]
    #[case("LOCALHOST")]
    #[tokio::test]
    async fn a_name_is_judged_by_its_addresses(#[case] host: &str) {
        let guard = Guard::new(AddressPolicy::home_and_office());
        assert_eq!(guard.check_host(host), Ok(()));
        assert!(matches!(guard.resolve(host, 80).await, Err(NetError::Refused(Refusal::NotAllowed(_)))));
        guard.set_policy(AddressPolicy::with_loopback());
        assert!(guard.resolve(host, 80).await.unwrap().iter().all(|address| address.ip().is_loopback()));
    }

    #[rstest::rstest]
    #[case("")]
    #[case("a b")]
    #[case("[::1")]
    #[case("fe80::1%eth0")]
    #[tokio::test]
    async fn what_is_no_host_is_no_host(#[case] host: &str) {
        let guard = Guard::new(AddressPolicy::with_loopback());
        assert_eq!(guard.resolve(host, 80).await, Err(NetError::Host));
    }

    #[rstest::rstest]
    #[case(&["93.184.215.14", "127.0.0.1", "::1"], Ok(&["93.184.215.14"][..]))]
    #[case(&["::1", "169.254.169.254", "127.0.0.1"], Err(refusal("127.0.0.0/8")))]
    #[case(&["::1", "169.254.169.254"], Err(refusal("::1/128")))]
    #[case(&["169.254.169.254"], Err(Refusal::Never.into()))]
    #[case(&[], Err(NetError::Lookup("it has no address".into())))]
    fn of_mixed_addresses_the_allowed_ones_are_kept(
        #[case] resolved: &[&str],
        #[case] expected: Result<&[&str], NetError>,
    ) {
        let sockets =
            |list: &[&str]| list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 443)).collect::<Vec<_>>();
        let kept = allowed(&AddressPolicy::home_and_office(), sockets(resolved));
        assert_eq!(kept, expected.map(sockets));
    }

    #[test]
    fn a_changed_policy_counts_once() {
        let guard = Guard::new(AddressPolicy::home_and_office());
        guard.set_policy(AddressPolicy::home_and_office());
        assert_eq!(guard.generation(), 0);
        guard.set_policy(AddressPolicy::with_loopback());
        assert_eq!(guard.generation(), 1);
    }
}
