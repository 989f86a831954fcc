//! The settings of outbound connections.

use std::net::IpAddr;

use fanfare::{OutboundSettings as EngineOutbound, core::Fault};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::Problem;

/// Which networks outbound connections may reach besides public addresses.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OutboundSettings {
    /// The networks, such as `192.168.0.0/16`.
    allow_networks: Vec<String>,
    /// Whether the operator has fixed them (`FANFARE_ALLOW_NETWORKS`), so that they cannot be changed here.
    locked: bool,
}

/// The networks to allow from now on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutboundSettingsInput {
    /// The networks, such as `192.168.0.0/16`; a single address is a network too. All of them: what is not listed is
    /// not allowed.
    allow_networks: Vec<String>,
    /// What was shown may be sent back; it can only be changed where the server is started.
    #[serde(default)]
    #[schema(required = false)]
    locked: Option<bool>,
}

impl OutboundSettingsInput {
    /// The networks, for settings that are `locked` or not.
    pub(crate) fn networks(&self, locked: bool) -> Result<Vec<IpNet>, Problem> {
        let mut faults = Vec::new();
        if self.locked.is_some_and(|wanted| wanted != locked) {
            let detail = "this is decided where the server is started: FANFARE_ALLOW_NETWORKS locks the networks";
            faults.push(Fault::new("/locked", detail));
        }
        let mut networks = Vec::with_capacity(self.allow_networks.len());
        for (i, text) in self.allow_networks.iter().enumerate() {
            match text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
                Ok(network) => networks.push(network),
                Err(_) => {
                    let detail = "this is no network; one is written like 192.168.1.0/24 or fd00::/8";
                    faults.push(Fault::new(format!("/allow_networks/{i}"), detail));
                }
            }
        }
        if faults.is_empty() { Ok(networks) } else { Err(Problem::invalid(faults)) }
    }
}

impl From<EngineOutbound> for OutboundSettings {
    fn from(EngineOutbound { allow_networks, locked }: EngineOutbound) -> Self {
        Self { allow_networks: allow_networks.iter().map(IpNet::to_string).collect(), locked }
    }
}
