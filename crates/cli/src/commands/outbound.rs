//! `fanfare outbound`

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::json;

use super::{Session, answers::Outbound};
use crate::{
    failure::Failure,
    output::{Cell, Screen, Table},
};

const PATH: [&str; 2] = ["settings", "outbound"];

pub(super) async fn show(session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&PATH, &[]).await?;
    session.show(&answer, table)
}

pub(super) async fn allow(networks: &[String], session: &Session) -> Result<(), Failure> {
    let wanted = parse(networks)?;
    change(session, |present| {
        let new = wanted.iter().filter(|network| !present.contains(network)).copied().collect::<Vec<_>>();
        [present, new].concat()
    })
    .await
}

pub(super) async fn forbid(networks: &[String], session: &Session) -> Result<(), Failure> {
    let unwanted = parse(networks)?;
    let Outbound { allow_networks, .. } = session.client.get(&PATH, &[]).await?.read()?;
    let present = parse(&allow_networks)?;
    if let Some(network) = unwanted.iter().find(|network| !present.contains(network)) {
        let advice = "fanfare outbound show lists them, and a part of one cannot be taken out";
        return Err(Failure::Failed(format!("{network} is not among the networks: {advice}")));
    }
    change(session, |present| present.into_iter().filter(|network| !unwanted.contains(network)).collect()).await
}

async fn change(session: &Session, change: impl FnOnce(Vec<IpNet>) -> Vec<IpNet>) -> Result<(), Failure> {
    let Outbound { allow_networks, .. } = session.client.get(&PATH, &[]).await?.read()?;
    let networks: Vec<_> = change(parse(&allow_networks)?).iter().map(IpNet::to_string).collect();
    let answer = session.client.put(&PATH, &json!({ "allow_networks": networks })).await?;
    session.show(&answer, table)
}

fn parse(networks: &[String]) -> Result<Vec<IpNet>, Failure> {
    let parse = |text: &String| text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let one = |text: &String| match parse(text) {
        Ok(network) => Ok(network.trunc()),
        Err(_) => {
            let advice = "one is written like 192.168.1.0/24 or fd00::/8";
            Err(Failure::WrongUse(format!("{text:?} is no network; {advice}")))
        }
    };
    networks.iter().map(one).collect()
}

fn table(outbound: &Outbound, screen: &Screen) -> String {
    let mut table = Table::new(["NETWORK"]);
    for network in &outbound.allow_networks {
        table.row([Cell::from(network)]);
    }
    let note = if outbound.locked { "\n\nFixed by FANFARE_ALLOW_NETWORKS, where the server is started." } else { "" };
    table.render(screen, "Nothing but public addresses.") + note
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::test_screen;

    #[test]
    fn networks_are_listed() {
        let outbound = |networks: &[&str], locked| Outbound {
            allow_networks: networks.iter().map(|&network| network.to_owned()).collect(),
            locked,
        };
        assert_eq!(
            table(&outbound(&["10.0.0.0/8", "fd00::/8"], false), &test_screen(None)),
            "NETWORK\n10.0.0.0/8\nfd00::/8"
        );
        let fixed = table(&outbound(&[], true), &test_screen(None));
        assert!(fixed.starts_with("Nothing but public addresses.\n\nFixed by FANFARE_ALLOW_NETWORKS"), "{fixed}");
    }

    #[test]
    fn a_machine_is_a_network_too() {
        let parsed = parse(&["192.168.1.7".into(), "10.1.2.3/8".into()]).unwrap();
        assert_eq!(parsed.iter().map(IpNet::to_string).collect::<Vec<_>>(), ["192.168.1.7/32", "10.0.0.0/8"]);
        assert_eq!(parse(&["home".into()]).unwrap_err().code(), 2);
    }
}
