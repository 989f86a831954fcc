//! Hosts that lead to this machine, to a local network or to a metadata service, in the ways in which they can be
//! written.

/// What a spelling is to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelled {
    /// An address, which is refused as such.
    Address,
    /// A name that leads to this machine where the resolver knows it.
    Name,
    /// No host at all.
    Nothing,
}

/// Every spelling. In a URL, a port can follow.
pub fn spellings() -> impl Iterator<Item = (&'static str, Spelled)> {
    let of = |list: &'static [&'static str], what| list.iter().map(move |&host| (host, what));
    of(ADDRESSES, Spelled::Address).chain(of(NAMES, Spelled::Name)).chain(of(NOTHING, Spelled::Nothing))
}

const ADDRESSES: &[&str] = &[
    // This machine: fewer parts, decimal, octal, hexadecimal, mixed, zeros in front, dots behind.
    "127.0.0.1",
    "127.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.1",
    "00000177.0.0.01",
    "017700000001",
    "127.000.000.001",
    "127.0.0.1.",
    "127.1.",
    "127.8.8.8",
    "127.255.255.254",
    // Escaped, and in characters that mean the same.
    "127%2e0%2e0%2e1",
    "%31%32%37.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "①②⑦.⓪.⓪.①",
    // Behind something that looks like a user or like another host.
    "user@127.0.0.1",
    "user:password@127.0.0.1",
    "93.184.215.14@127.0.0.1",
    "93.184.215.14:80@[::1]",
    // No address, which the system takes for this machine.
    "0.0.0.0",
    "0",
    "0.0",
    "0x0",
    "00000",
    // Local networks.
    "10.0.0.1",
    "10.1",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "0254.020.0.1",
    "192.168.0.1",
    "192.168.1",
    "3232235521",
    "100.64.0.1",
    "198.18.0.1",
    // Metadata services and link-local.
    "169.254.169.254",
    "169.254.43518",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.169.254.",
    "100.100.100.200",
    "168.63.129.16",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2001:0:0:0:0:0:5601:5601]",
    "[fd00:ec2::254]",
    "[FD00:0EC2:0:0:0:0:0:0254]",
    "[fd20:ce::254]",
    "[fe80::1]",
    "[fec0::1]",
    // This machine in IPv6.
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0.0.0.1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7F00:0001]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2002:7f00:1::1]",
    "[2001:0:5db8:d70e:0:0:80ff:fffe]",
    "[2606:4700::5efe:7f00:1]",
    "[2606:4700::200:5efe:127.0.0.1]",
    // Local networks, groups and what is nobody's in IPv6.
    "[fc00::1]",
    "[fd00::2]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::c0a8:1]",
    "[ff02::1]",
    "[2001:db8::1]",
    "[100::1]",
    "[4000::1]",
];

const NAMES: &[&str] = &["localhost", "LOCALHOST", "LocalHost", "localhost.", "ip6-localhost", "user@localhost"];

const NOTHING: &[&str] = &[
    "[fe80::1%25eth0]",
    "[fe80::1%eth0]",
    "[::1%25lo]",
    "[::1%lo]",
    "[fe80::1%251]",
    "[::1",
    "127.0.0.1..",
    "127.0.0.0.1",
    "256.256.256.256",
    "0x100000000",
    "4294967296",
    "127.0.0.1%00.example",
    "127.0.0.1\u{0}",
    "",
];
