//! The settings of outbound connections: what they may reach besides public addresses.

use fanfare_core::{AddressPolicy, Fault};
use ipnet::IpNet;

use crate::{Changing, ConfigureError, Engine, OutboundSettings, snapshot::OutboundDocument, writer::Change};

/// How many networks can be listed. Every connection looks at all of them.
const MOST: usize = 256;

impl Engine {
    /// What outbound connections may reach at this moment besides public addresses.
    pub fn outbound(&self) -> OutboundSettings {
        let rules = &self.inner.outside.network;
        OutboundSettings { allow_networks: rules.current().policy.networks().to_vec(), locked: rules.is_locked() }
    }

    /// Lists anew what outbound connections may reach, unless it is not what the caller believes. In force, on this
    /// node, when this returns; connections that are open are used no more.
    pub async fn replace_outbound(
        &self,
        networks: Vec<IpNet>,
        expected: Option<&OutboundSettings>,
    ) -> Result<OutboundSettings, ConfigureError> {
        let _alone = self.inner.configuring.lock().await;
        let present = self.outbound();
        if present.locked {
            let detail = "the networks are fixed by FANFARE_ALLOW_NETWORKS: change that and start again, or take it \
                          out to use the settings";
            return Err(ConfigureError::Conflict(detail.into()));
        }
        if expected.is_some_and(|expected| *expected != present) {
            return Err(ConfigureError::Changed);
        }
        let faults = check(&networks);
        if !faults.is_empty() {
            return Err(ConfigureError::Invalid(faults));
        }
        let networks = tidy(networks);
        let after = OutboundSettings { allow_networks: networks.clone(), locked: false };
        let record = self.record(Changing::Outbound { before: &present, after: &after });
        let document = OutboundDocument { allow_networks: networks };
        self.change(Change::PutOutbound(serde_json::to_value(document).unwrap_or_default()), record).await?;
        Ok(self.outbound())
    }
}

/// What is wrong with a list of networks.
pub(crate) fn check(networks: &[IpNet]) -> Vec<Fault> {
    if networks.len() > MOST {
        return vec![Fault::new("/allow_networks", format!("there can be at most {MOST} networks"))];
    }
    let refused = networks.iter().enumerate().filter(|(_, network)| !AddressPolicy::can_allow(network));
    let why = "link-local, metadata and reserved addresses are always refused and cannot be allowed";
    refused.map(|(i, _)| Fault::new(format!("/allow_networks/{i}"), why)).collect()
}

/// Each network once, as networks are written: without the part that names a machine.
fn tidy(networks: Vec<IpNet>) -> Vec<IpNet> {
    let mut tidy: Vec<IpNet> = Vec::with_capacity(networks.len());
    for network in networks.iter().map(IpNet::trunc) {
        if !tidy.contains(&network) {
            tidy.push(network);
        }
    }
    tidy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn networks_are_kept_once_and_without_their_machines() {
        let given = networks(&["10.1.2.3/8", "10.0.0.0/8", "fd00::1/64"]);
        assert_eq!(tidy(given), networks(&["10.0.0.0/8", "fd00::/64"]));
    }

    #[test]
    fn what_cannot_be_allowed_is_pointed_at() {
        let faults = check(&networks(&["10.0.0.0/8", "169.254.169.254/32", "fe80::/10"]));
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/allow_networks/1", "/allow_networks/2"]);
        assert_eq!(check(&vec!["10.0.0.0/8".parse().unwrap(); MOST + 1]).len(), 1);
    }
}
