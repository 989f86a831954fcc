//! Which addresses outbound connections may reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Which networks outbound connections may reach, besides public addresses.
///
/// Link-local addresses, cloud metadata services, multicast and addresses without a meaning on the
/// Internet are refused whatever the list says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPolicy {
    allowed: Vec<IpNet>,
}

/// The guard refused an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It lies in a network that can be allowed.
    #[error("the network {0} is not allowed for outbound requests; an administrator can allow it")]
    NotAllowed(IpNet),
    /// It is never allowed.
    #[error("link-local, metadata and reserved addresses are always refused")]
    Never,
}

impl Refusal {
    /// The network that an administrator would have to allow.
    pub fn allow(&self) -> Option<IpNet> {
        match self {
            Self::NotAllowed(network) => Some(*network),
            Self::Never => None,
        }
    }
}

impl AddressPolicy {
    /// Public addresses and these networks.
    pub fn new(allowed: impl IntoIterator<Item = IpNet>) -> Self {
        Self { allowed: allowed.into_iter().collect() }
    }

    /// Public addresses and the private ranges of a home or office: 10/8, 172.16/12, 192.168/16, fc00::/7.
    pub fn home_and_office() -> Self {
        Self::new(PRIVATE.iter().map(|&(net, len)| v4_net(net, len)).chain([UNIQUE_LOCAL]))
    }

    /// Public addresses, the private ranges and this machine: for tools that an operator runs by hand.
    pub fn with_loopback() -> Self {
        let mut policy = Self::home_and_office();
        policy.allowed.extend([v4_net([127, 0, 0, 0], 8), v6_net(Ipv6Addr::LOCALHOST, 128)]);
        policy
    }

    /// The networks that are allowed besides public addresses.
    pub fn networks(&self) -> &[IpNet] {
        &self.allowed
    }

    /// Whether a connection to `address` may be made. Forms that embed an IPv4 address (mapped, compatible,
    /// NAT64, 6to4, Teredo, ISATAP) are judged by that address too.
    pub fn check(&self, address: IpAddr) -> Result<(), Refusal> {
        match address {
            IpAddr::V4(v4) => self.check_v4(v4),
            IpAddr::V6(v6) => match embedded(v6) {
                Embedded::Is(v4) => self.check_v4(v4),
                Embedded::Has(v4) => self.check_v4(v4).and_then(|()| self.check_v6(v6)),
                Embedded::Nothing => self.check_v6(v6),
            },
        }
    }

    /// Whether a network can be allowed at all: parts of it may be reached once it is.
    pub fn can_allow(network: &IpNet) -> bool {
        let never = NEVER_V4.iter().map(|&(net, len)| v4_net(net, len)).chain(NEVER_V6.iter().copied());
        !never.into_iter().any(|never| never.contains(network))
    }

    fn check_v4(&self, address: Ipv4Addr) -> Result<(), Refusal> {
        if NEVER_V4.iter().any(|&(net, len)| v4_net(net, len).contains(&IpAddr::V4(address))) {
            return Err(Refusal::Never);
        }
        let listed = PRIVATE.iter().chain(OTHER_LOCAL).map(|&(net, len)| v4_net(net, len));
        self.check_listed(IpAddr::V4(address), listed)
    }

    fn check_v6(&self, address: Ipv6Addr) -> Result<(), Refusal> {
        let ip = IpAddr::V6(address);
        let local = LOCAL_V6.iter().any(|network| network.contains(&ip));
        if NEVER_V6.iter().any(|network| network.contains(&ip)) || !(local || GLOBAL_V6.contains(&ip)) {
            return Err(Refusal::Never);
        }
        self.check_listed(ip, LOCAL_V6.iter().copied())
    }

    fn check_listed(&self, address: IpAddr, mut local: impl Iterator<Item = IpNet>) -> Result<(), Refusal> {
        match local.find(|network| network.contains(&address)) {
            Some(network) if !self.allowed.iter().any(|allowed| allowed.contains(&address)) => {
                Err(Refusal::NotAllowed(network))
            }
            _ => Ok(()),
        }
    }
}

type Block = ([u8; 4], u8);

/// Private use, RFC 1918.
const PRIVATE: &[Block] = &[([10, 0, 0, 0], 8), ([172, 16, 0, 0], 12), ([192, 168, 0, 0], 16)];

/// Loopback, carrier-grade NAT (RFC 6598) and benchmarking (RFC 2544): local, and sometimes meant.
const OTHER_LOCAL: &[Block] = &[([127, 0, 0, 0], 8), ([100, 64, 0, 0], 10), ([198, 18, 0, 0], 15)];

/// From the IANA special-purpose registry: "this network", link-local with its metadata services, protocol
/// assignments, documentation, the relays of 6to4, multicast, reserved; and the metadata services of two providers
/// that lie in other space.
const NEVER_V4: &[Block] = &[
    ([0, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([192, 88, 99, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([100, 100, 100, 200], 32),
    ([168, 63, 129, 16], 32),
];

const UNIQUE_LOCAL: IpNet = v6_net(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

/// The part of IPv6 that is given out to be reached by everybody. Outside of it there is only what is local.
const GLOBAL_V6: IpNet = v6_net(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Unique local, loopback, and translation to IPv4 inside one network (RFC 8215).
const LOCAL_V6: &[IpNet] =
    &[UNIQUE_LOCAL, v6_net(Ipv6Addr::LOCALHOST, 128), v6_net(Ipv6Addr::new(0x64, 0xff9b, 1, 0, 0, 0, 0, 0), 48)];

/// Inside of what could be reached: documentation, benchmarking, identifiers that are no addresses, link-local, and
/// the metadata services of three providers, which lie in the unique local range.
const NEVER_V6: &[IpNet] = &[
    v6_net(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    v6_net(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
    v6_net(Ipv6Addr::new(0x2001, 2, 0, 0, 0, 0, 0, 0), 48),
    v6_net(Ipv6Addr::new(0x2001, 0x10, 0, 0, 0, 0, 0, 0), 28),
    v6_net(Ipv6Addr::new(0x2001, 0x20, 0, 0, 0, 0, 0, 0), 28),
    v6_net(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
    v6_net(Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10),
    v6_net(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
    v6_net(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), 128),
    v6_net(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254), 128),
    v6_net(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42), 128),
];

const fn v4_net(net: [u8; 4], len: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(net[0], net[1], net[2], net[3]), len))
}

const fn v6_net(net: Ipv6Addr, len: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(net, len))
}

/// What an IPv6 address has to do with an IPv4 address.
enum Embedded {
    /// It is another way to write it.
    Is(Ipv4Addr),
    /// It leads there, through a network that has a right of its own to be asked.
    Has(Ipv4Addr),
    Nothing,
}

/// The IPv4 address that an IPv6 address stands for: mapped (::ffff/96), compatible (::/96), translated
/// (::ffff:0/96), NAT64 (64:ff9b::/96 and, inside a network, 64:ff9b:1::/48), 6to4 (2002::/16), Teredo (2001::/32, the
/// client, inverted), ISATAP (any network, RFC 5214).
fn embedded(address: Ipv6Addr) -> Embedded {
    let s = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Embedded::Nothing,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => Embedded::Is(v4(high, low)),
        [0, 0, 0, 0, 0xffff, 0, high, low] => Embedded::Is(v4(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Embedded::Is(v4(high, low)),
        [0x64, 0xff9b, 1, _, _, _, high, low] => Embedded::Has(v4(high, low)),
        [0x2002, high, low, ..] => Embedded::Is(v4(high, low)),
        [0x2001, 0, _, _, _, _, high, low] => Embedded::Is(v4(!high, !low)),
        [_, _, _, _, 0 | 0x200, 0x5efe, high, low] => Embedded::Has(v4(high, low)),
        _ => Embedded::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(policy: &AddressPolicy, address: &str) -> Result<(), Option<String>> {
        policy.check(address.parse().unwrap()).map_err(|r| r.allow().map(|n| n.to_string()))
    }

    #[rstest::rstest]
    #[case("93.184.215.14")]
    #[case("2606:4700::1111")]
    #[case("192.168.1.4")]
    #[case("10.0.0.1")]
    #[case("fd12:3456::1")]
    #[case("::ffff:93.184.215.14")]
    fn allowed_at_home(#[case] address: &str) {
        assert_eq!(check(&AddressPolicy::home_and_office(), address), Ok(()));
    }

    #[rstest::rstest]
    #[case("127.0.0.1", Some("127.0.0.0/8"))]
    #[case("127.8.8.8", Some("127.0.0.0/8"))]
    #[case("::1", Some("::1/128"))]
    #[case("::ffff:127.0.0.1", Some("127.0.0.0/8"))]
    #[case("::127.0.0.1", Some("127.0.0.0/8"))]
    #[case("64:ff9b::7f00:1", Some("127.0.0.0/8"))]
    #[case("2002:7f00:1::", Some("127.0.0.0/8"))]
    #[case("100.64.0.1", Some("100.64.0.0/10"))]
    #[case("64:ff9b:1::5db8:d70e", Some("64:ff9b:1::/48"))]
    #[case("::ffff:0:127.0.0.1", Some("127.0.0.0/8"))]
    #[case("2606:4700::5efe:127.0.0.1", Some("127.0.0.0/8"))]
    #[case("fe80::5efe:93.184.215.14", None)]
    #[case("fd20:ce::254", None)]
    #[case("fd00:42::42", None)]
    #[case("2001:db8::1", None)]
    #[case("3fff::1", None)]
    #[case("2001:2::1", None)]
    #[case("100::1", None)]
    #[case("5f00::1", None)]
    #[case("4000::1", None)]
    #[case("fec0::1", None)]
    #[case("192.88.99.1", None)]
    #[case("168.63.129.16", None)]
    #[case("169.254.169.254", None)]
    #[case("::ffff:169.254.169.254", None)]
    #[case("2002:a9fe:a9fe::1", None)]
    #[case("2001:0:1:2:3:4:5601:5601", None)]
    #[case("64:ff9b:1::a9fe:a9fe", None)]
    #[case("fd00:ec2::254", None)]
    #[case("fe80::1", None)]
    #[case("0.0.0.0", None)]
    #[case("::", None)]
    #[case("224.0.0.1", None)]
    #[case("255.255.255.255", None)]
    #[case("100.100.100.200", None)]
    fn refused_at_home(#[case] address: &str, #[case] network: Option<&str>) {
        assert_eq!(check(&AddressPolicy::home_and_office(), address), Err(network.map(Into::into)));
    }

    #[rstest::rstest]
    #[case("127.0.0.0/8", true)]
    #[case("0.0.0.0/0", true)]
    #[case("fd00::/8", true)]
    #[case("8.8.8.0/24", true)]
    #[case("169.254.0.0/16", false)]
    #[case("169.254.169.254/32", false)]
    #[case("fe80::/64", false)]
    #[case("fd00:ec2::254/128", false)]
    fn what_is_never_reached_cannot_be_allowed(#[case] network: &str, #[case] can: bool) {
        assert_eq!(AddressPolicy::can_allow(&network.parse().unwrap()), can);
    }

    #[test]
    fn a_list_is_exactly_that_list() {
        let policy = AddressPolicy::new(["127.0.0.0/8".parse().unwrap(), "169.254.0.0/16".parse().unwrap()]);
        assert_eq!(check(&policy, "127.0.0.1"), Ok(()));
        assert_eq!(check(&policy, "192.168.1.4"), Err(Some("192.168.0.0/16".into())));
        assert_eq!(check(&policy, "169.254.1.1"), Err(None));
    }
}
