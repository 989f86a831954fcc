//! Hosts of any kind: an address is judged alike however it is written. `PROPTEST_CASES` makes it look longer.
#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use fanfare_core::AddressPolicy;
use fanfare_net::Guard;
use proptest::prelude::*;

/// One part of an IPv4 address, as some resolver reads it.
fn part(number: u32, form: u8, zeros: usize) -> String {
    let zeros = "0".repeat(zeros);
    match form % 4 {
        0 => number.to_string(),
        1 => format!("0{zeros}{number:o}"),
        2 => format!("0x{zeros}{number:x}"),
        _ => format!("0X{zeros}{number:X}"),
    }
}

/// An IPv4 address of one to four parts in any of their forms, perhaps with a dot behind.
fn spelled(v4: Ipv4Addr, parts: usize, forms: [u8; 4], zeros: usize, dot: bool) -> String {
    let bits = u32::from(v4);
    let mut texts = Vec::new();
    for (at, form) in forms.into_iter().enumerate().take(parts) {
        let number = match at + 1 == parts {
            // The last part holds all that is left.
            true => bits & (u32::MAX >> (8 * at)),
            false => bits >> (24 - 8 * at) & 0xff,
        };
        texts.push(part(number, form, zeros));
    }
    texts.join(".") + if dot { "." } else { "" }
}

/// The same digits and dots in characters that names are mapped from.
fn wide(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0'..='9' => char::from_u32(u32::from(c) - u32::from('0') + 0xff10).unwrap(),
            '.' => '\u{3002}',
            c => c,
        })
        .collect()
}

fn policies() -> [AddressPolicy; 3] {
    [AddressPolicy::new([]), AddressPolicy::home_and_office(), AddressPolicy::with_loopback()]
}

/// Any address, and those that matter more often.
fn v4() -> impl Strategy<Value = Ipv4Addr> {
    let known = [[127, 0, 0, 1], [169, 254, 169, 254], [10, 0, 0, 1], [0, 0, 0, 0], [192, 168, 1, 1], [100, 64, 0, 1]];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(Ipv4Addr::from), any::<u32>().prop_map(Ipv4Addr::from),]
}

proptest! {
    #[test]
    fn every_spelling_of_an_address_is_judged_as_the_address(
        v4 in v4(), parts in 1_usize..=4, forms in any::<[u8; 4]>(), zeros in 0_usize..4, dot in any::<bool>(),
    ) {
        let text = spelled(v4, parts, forms, zeros, dot);
        for policy in policies() {
            let judged = policy.check(IpAddr::V4(v4)).is_ok();
            let guard = Guard::new(policy);
            for text in [text.clone(), wide(&text), text.to_uppercase()] {
                prop_assert_eq!(guard.check_host(&text).is_ok(), judged, "{} as {}", v4, text);
            }
        }
    }

    #[test]
    fn every_spelling_of_an_address_of_ipv6_is_judged_as_the_address(bits in any::<u128>(), v4 in v4(), low in any::<bool>()) {
        let v6 = if low { v4.to_ipv6_mapped() } else { Ipv6Addr::from(bits) };
        let [a, b, c, d, e, f, g, h] = v6.segments();
        let long = format!("{a:04x}:{b:04x}:{c:04X}:{d:04x}:{e:x}:{f:x}:{g:x}:{h:X}");
        let [.., w, x, y, z] = v6.octets();
        let mixed = format!("{a:x}:{b:x}:{c:x}:{d:x}:{e:x}:{f:x}:{w}.{x}.{y}.{z}");
        for policy in policies() {
            let judged = policy.check(IpAddr::V6(v6)).is_ok();
            let guard = Guard::new(policy);
            for text in [v6.to_string(), long.clone(), mixed.clone()] {
                for text in [format!("[{text}]"), text] {
                    prop_assert_eq!(guard.check_host(&text).is_ok(), judged, "{} as {}", v6, text);
                }
            }
        }
    }

    /// Whatever passes as a name is one: nothing that a resolver would read as an address without asking anybody.
    #[test]
    fn what_passes_as_a_name_is_no_address(text in r"[0-9a-fxX.:%\[\]]{1,20}|.{0,30}") {
        let guard = Guard::new(AddressPolicy::new([]));
        if guard.check_host(&text).is_ok() {
            let last = text.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
            let public = text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
            let number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
            // A number at the end makes an address of it; what passes then is a public one.
            let judged = url_host(&text);
            prop_assert!(public || !number || judged.is_some_and(|address| AddressPolicy::new([]).check(address).is_ok()), "{}", text);
        }
    }
}

/// The address that a browser reads there.
fn url_host(text: &str) -> Option<IpAddr> {
    match url::Host::parse(text).ok()? {
        url::Host::Ipv4(address) => Some(address.into()),
        url::Host::Ipv6(address) => Some(address.into()),
        url::Host::Domain(_) => None,
    }
}
