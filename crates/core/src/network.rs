//! What connections may reach and whom they trust, for channels that open connections of their own.

use std::{fmt, sync::Arc};

use crate::AddressPolicy;

/// The rules of outbound connections at one moment.
#[derive(Clone)]
pub struct Network {
    /// Which addresses may be reached.
    pub policy: Arc<AddressPolicy>,
    /// Authorities in PEM form that are trusted besides the public ones.
    pub extra_ca_pem: Option<Arc<[u8]>>,
}

/// Knows the rules of outbound connections. They can change while Fanfare runs, so whoever connects asks anew.
pub trait NetworkRules: fmt::Debug + Send + Sync {
    /// The rules of this moment.
    fn current(&self) -> Network;

    /// Whether the operator has fixed what may be reached, so that the settings cannot change it.
    fn is_locked(&self) -> bool {
        true
    }

    /// Follows this policy from now on, unless what may be reached is locked.
    fn follow(&self, _policy: AddressPolicy) {}
}

/// Rules that stay.
impl NetworkRules for Network {
    fn current(&self) -> Network {
        self.clone()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra_ca = self.extra_ca_pem.is_some();
        f.debug_struct("Network").field("policy", &self.policy).field("extra_ca", &extra_ca).finish()
    }
}
