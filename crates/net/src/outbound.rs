//! The rules of outbound connections, for channels that open connections of their own.

use std::sync::Arc;

use fanfare_core::{AddressPolicy, Network, NetworkRules};

use crate::Guard;

/// The policy that a guard follows at the moment, and the operator's own authorities.
#[derive(Debug)]
pub struct Outbound {
    guard: Arc<Guard>,
    extra_ca_pem: Option<Arc<[u8]>>,
    locked: bool,
}

impl Outbound {
    /// The rules of `guard`, with the authorities in `extra_ca_pem`, which [`crate::tls_config`] has accepted.
    pub fn new(guard: Arc<Guard>, extra_ca_pem: Option<Vec<u8>>) -> Self {
        Self { guard, extra_ca_pem: extra_ca_pem.map(Into::into), locked: false }
    }

    /// The same rules, with a policy that stays what it is.
    #[must_use]
    pub fn locked(self) -> Self {
        Self { locked: true, ..self }
    }
}

impl NetworkRules for Outbound {
    fn current(&self) -> Network {
        Network { policy: self.guard.policy(), extra_ca_pem: self.extra_ca_pem.clone() }
    }

    fn is_locked(&self) -> bool {
        self.locked
    }

    fn follow(&self, policy: AddressPolicy) {
        if !self.locked {
            self.guard.set_policy(policy);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_policy_is_seen() {
        let guard = Arc::new(Guard::new(AddressPolicy::home_and_office()));
        let outbound = Outbound::new(guard.clone(), None);
        guard.set_policy(AddressPolicy::with_loopback());
        assert_eq!(*outbound.current().policy, AddressPolicy::with_loopback());
        outbound.follow(AddressPolicy::new([]));
        assert_eq!(*guard.policy(), AddressPolicy::new([]));
        assert!(!outbound.is_locked());
    }

    #[test]
    fn what_the_operator_fixed_stays() {
        let guard = Arc::new(Guard::new(AddressPolicy::home_and_office()));
        let outbound = Outbound::new(guard.clone(), None).locked();
        outbound.follow(AddressPolicy::with_loopback());
        assert_eq!(*guard.policy(), AddressPolicy::home_and_office());
        assert!(outbound.is_locked());
    }
}
