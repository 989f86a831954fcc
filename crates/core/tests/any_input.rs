//! Input of any kind: nothing panics, and what must hold holds. `PROPTEST_CASES` makes it look longer.
#![allow(clippy::unwrap_used)]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use fanfare_core::{AddressPolicy, Catalog, Refusal, User, parse_retry_after};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// Every way in which an IPv6 address can stand for an IPv4 one.
fn disguises(v4: Ipv4Addr) -> Vec<Ipv6Addr> {
    let [a, b, c, d] = v4.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    vec![
        v4.to_ipv6_mapped(),
        Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, high, low),
        Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
        Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
        Ipv6Addr::new(0x2001, 0, 0x5db8, 0xd70e, 0, 0, !high, !low),
    ]
}

/// JSON of any shape, with words that event types know among its names.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec!["component", "error", "user_name", "email", "usage_percent", "size_bytes", "time"])
            .prop_map(str::to_owned),
        ".{0,8}",
    ]
}

proptest! {
    #[test]
    fn a_disguise_changes_no_judgement(bits in any::<u32>()) {
        let v4 = Ipv4Addr::from(bits);
        for policy in [AddressPolicy::new([]), AddressPolicy::home_and_office(), AddressPolicy::with_loopback()] {
            let judged = policy.check(IpAddr::V4(v4));
            for disguise in disguises(v4) {
                prop_assert_eq!(policy.check(IpAddr::V6(disguise)), judged.clone(), "{} as {}", v4, disguise);
            }
        }
    }

    #[test]
    fn what_passes_is_public(bits in any::<u128>(), v4 in any::<u32>()) {
        let nothing = AddressPolicy::new([]);
        let everything = AddressPolicy::new(["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()]);
        for address in [IpAddr::V6(bits.into()), IpAddr::V4(v4.into())] {
            match nothing.check(address) {
                Ok(()) => {
                    let local = match address {
                        IpAddr::V4(v4) => v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified(),
                        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unspecified() || v6.segments()[0] >> 13 != 1,
                    };
                    // Translated addresses lie outside of what is given out, and lead into it.
                    prop_assert!(!local || bits >> 32 == 0x64_ff9b_0000_0000_0000_0000 || bits >> 80 == 0, "{}", address);
                }
                // What can be allowed is reached once it is, what cannot never is.
                Err(Refusal::NotAllowed(network)) => {
                    prop_assert!(network.contains(&address) || address.is_ipv6());
                    prop_assert_eq!(everything.check(address), Ok(()));
                }
                Err(Refusal::Never) => prop_assert_eq!(everything.check(address), Err(Refusal::Never)),
            }
        }
    }

    #[test]
    fn a_retry_after_of_any_text_is_a_time_or_none(value in ".{0,40}", seconds in any::<i64>(), digits in "[0-9]{1,30}") {
        let now: Timestamp = "2026-03-29T12:00:00Z".parse().unwrap();
        for text in [value, seconds.to_string(), digits, format!("Sun, 29 Mar {seconds} 12:00:00 GMT")] {
            let wait = parse_retry_after(&text, now);
            prop_assert!(wait.is_none_or(|wait| wait <= Duration::from_secs(u64::MAX)));
        }
        let whole = u64::from(u32::try_from(seconds & 0xffff).unwrap());
        prop_assert_eq!(parse_retry_after(&whole.to_string(), now), Some(Duration::from_secs(whole)));
    }

    #[test]
    fn data_of_any_shape_is_checked(members in prop::collection::vec((name(), json()), 0..6), email in ".{0,20}") {
        let data: Map<_, _> = members.into_iter().collect();
        let user = User { email: Some(email), ..User::default() };
        for event_type in Catalog::builtin().unwrap().iter() {
            for user in [None, Some(&user)] {
                if let Err(faults) = event_type.check(data.clone(), user) {
                    prop_assert!(!faults.is_empty());
                    prop_assert!(faults.iter().all(|fault| fault.pointer.is_empty() || fault.pointer.starts_with('/')));
                }
            }
        }
    }
}
