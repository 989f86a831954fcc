//! How many requests are taken from one token, and from one address.

use std::{net::IpAddr, num::NonZeroU32, sync::Arc, time::Duration};

use jiff::Timestamp;

use crate::{
    accounts::{Rate, Throttle, network_of},
    problem::Problem,
};

/// How many seconds' worth of requests may come at once.
const BURST: u32 = 5;

/// How many requests a second are taken for long; five times as many may come at once. What comes from this machine
/// itself is not counted. `None` is without a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// With one token, or one account.
    pub per_token: Option<NonZeroU32>,
    /// From one address; a network of 64 bits counts as one address of IPv6.
    pub per_address: Option<NonZeroU32>,
}

impl Default for RateLimits {
    fn default() -> Self {
        let many = NonZeroU32::new(2_000);
        Self { per_token: many, per_address: many }
    }
}

/// Counts requests.
#[derive(Debug)]
pub(crate) struct Requests {
    tokens: Option<Throttle<Arc<str>>>,
    addresses: Option<Throttle<IpAddr>>,
}

impl Requests {
    pub(crate) fn new(limits: RateLimits) -> Self {
        fn throttle<K: Eq + std::hash::Hash>(a_second: Option<NonZeroU32>) -> Option<Throttle<K>> {
            let a_second = a_second?.get();
            let every = Duration::from_secs(1) / a_second;
            Some(Throttle::new(Rate { burst: a_second.saturating_mul(BURST), every }))
        }
        Self { tokens: throttle(limits.per_token), addresses: throttle(limits.per_address) }
    }

    /// Counts a request from this address, before anybody knows whose it is.
    pub(crate) fn count_address(&self, address: Option<IpAddr>, now: Timestamp) -> Result<(), Problem> {
        match (&self.addresses, counted(address)) {
            (Some(addresses), Some(address)) => addresses.take(network_of(address), now).map_err(Problem::too_many),
            _ => Ok(()),
        }
    }

    /// Counts a request of this caller.
    pub(crate) fn count_caller(&self, id: &Arc<str>, address: Option<IpAddr>, now: Timestamp) -> Result<(), Problem> {
        match (&self.tokens, counted(address)) {
            (Some(tokens), Some(_)) => tokens.take(id.clone(), now).map_err(Problem::too_many),
            _ => Ok(()),
        }
    }
}

/// The address, if its requests are counted.
fn counted(address: Option<IpAddr>) -> Option<IpAddr> {
    address.filter(|address| !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_callers_are_counted_by_themselves_and_loopback_is_not() {
        let ten = NonZeroU32::new(10);
        let requests = Requests::new(RateLimits { per_token: ten, per_address: ten });
        let now = Timestamp::UNIX_EPOCH;
        let from = |text: &str| Some(text.parse().unwrap());
        let (here, one, other) = (from("127.0.0.1"), from("192.0.2.1"), from("192.0.2.2"));
        for _ in 0..50 {
            requests.count_address(one, now).unwrap();
            requests.count_caller(&"a".into(), one, now).unwrap();
        }
        assert_eq!(requests.count_address(one, now).unwrap_err().status(), 429);
        assert!(requests.count_caller(&"a".into(), other, now).is_err(), "wherever it comes from");
        requests.count_address(other, now).unwrap();
        requests.count_caller(&"b".into(), one, now).unwrap();
        for _ in 0..1_000 {
            requests.count_address(here, now).unwrap();
            requests.count_caller(&"a".into(), here, now).unwrap();
            Requests::new(RateLimits { per_token: None, per_address: None }).count_address(one, now).unwrap();
        }
    }
}
