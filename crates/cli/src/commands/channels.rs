//! `fanfare channels` and `fanfare channel-kinds`

use serde_json::Value;

use super::{
    Session,
    answers::{Channel, Health, Kind, Test},
};
use crate::{
    failure::Failure,
    output::{Cell, Screen, Table, Tone, clean, details, duration, exact, indented, relative},
};

pub(super) async fn list(session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&["channels"], &[]).await?;
    session.show(&answer, |channels: &Vec<Channel>, screen| table(channels, screen))
}

pub(super) async fn show(name: &str, session: &Session) -> Result<(), Failure> {
    let id = session.channel(name).await?;
    let answer = session.client.get(&["channels", &id], &[]).await?;
    session.show(&answer, one)
}

pub(super) async fn test(name: &str, session: &Session) -> Result<(), Failure> {
    let id = session.channel(name).await?;
    let answer = session.client.post(&["channels", &id, "test"], None).await?;
    session.show(&answer, tested)?;
    let test: Test = answer.read()?;
    if test.ok { Ok(()) } else { Err(Failure::Told) }
}

pub(super) async fn kinds(session: &Session) -> Result<(), Failure> {
    let answer = session.client.get(&["channel-kinds"], &[]).await?;
    session.show(&answer, |kinds: &Vec<Kind>, screen| {
        let mut table = Table::new(["KIND", "NAME", "~DESCRIPTION"]);
        for kind in kinds {
            table.row([Cell::from(&kind.kind), (&kind.name).into(), (&kind.description).into()]);
        }
        table.render(screen, "There are no kinds of channel.")
    })
}

fn table(channels: &[Channel], screen: &Screen) -> String {
    let mut table = Table::new(["NAME", "KIND", "ENABLED", "HEALTH", "SINCE", "ID", "~LAST ERROR"]);
    for channel in channels {
        table.row([
            Cell::from(&channel.name),
            (&channel.kind).into(),
            Cell::state(if channel.enabled { "yes" } else { "no" }),
            Cell::state(&channel.health.state),
            channel.health.since.map(|since| relative(since, screen.now)).unwrap_or_default().into(),
            screen.id(&channel.id).into(),
            channel.health.last_error.as_deref().unwrap_or_default().into(),
        ]);
    }
    table.render(screen, "There are no channels yet.")
}

pub(super) fn one(channel: &Channel, screen: &Screen) -> String {
    let Health { state, since, last_error } = &channel.health;
    let health = match since {
        Some(since) => format!("{state} since {}", exact(*since, screen.now)),
        None => state.clone(),
    };
    let head = details(
        screen,
        [
            ("name", Cell::from(&channel.name)),
            ("id", (&channel.id).into()),
            ("kind", (&channel.kind).into()),
            ("enabled", Cell::state(if channel.enabled { "yes" } else { "no" })),
            ("health", Cell::toned(health, Tone::of_state(state))),
            ("last error", last_error.as_deref().unwrap_or_default().into()),
            ("created", exact(channel.created_at, screen.now).into()),
            ("changed", exact(channel.updated_at, screen.now).into()),
        ],
    );
    let settings = |title: &str, members: &serde_json::Map<String, Value>| {
        let mut table = Table::new(["KEY", "~VALUE"]).inner();
        for (key, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            table.row([Cell::from(key), plain(value).into()]);
        }
        format!("\n\n{}\n{}", screen.heading(title), table.render(screen, "the defaults"))
    };
    head + &settings("Configuration", &channel.config) + &settings("Delivery", &channel.delivery)
}

fn tested(test: &Test, screen: &Screen) -> String {
    let (word, tone) = if test.ok { ("ok", Tone::Good) } else { ("failed", Tone::Bad) };
    let took = duration(test.latency_ms);
    let mut text = format!("{} after {took}: {}", screen.toned(word, tone), clean(&test.detail));
    if let Some(advice) = blocked(test) {
        text += "\n";
        text += &indented(&advice);
    }
    text
}

/// What helps where the address guard refused.
pub(super) fn blocked(test: &Test) -> Option<String> {
    let network = test.blocked_network.as_ref()?;
    // Whoever sets the variable for this network alone would lose the others.
    Some(format!(
        "An administrator allows it with: fanfare outbound allow {network}\n\
         Where FANFARE_ALLOW_NETWORKS is set for the server, that is the list, and the operator adds it there."
    ))
}

/// A value as text: texts as they are, everything else as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::test_screen;

    fn sample(name: &str, health: Value) -> Channel {
        serde_json::from_value(json!({
            "id": "01987a5e-1234-7000-8000-000011112222", "name": name, "kind": "webhook", "enabled": true,
            "config": { "url": "https://hooks.example/…", "method": "POST", "headers": {}, "body_template": null },
            "delivery": { "concurrency": 4, "rate": null },
            "health": health,
            "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-29T11:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn channels_are_listed_with_their_health() {
        let failing =
            json!({ "state": "failing", "since": "2026-03-29T11:57:00Z", "last_error": "503 Service Unavailable" });
        let unknown = json!({ "state": "unknown", "since": null, "last_error": null });
        let expected = "\
NAME     KIND     ENABLED  HEALTH   SINCE      ID        LAST ERROR
ops      webhook  yes      unknown             11112222
on-call  webhook  yes      failing  3 min ago  11112222  503 Service Unavailable";
        let channels = [sample("ops", unknown), sample("on-call", failing)];
        assert_eq!(table(&channels, &test_screen(Some(80))), expected);
        assert_eq!(table(&[], &test_screen(None)), "There are no channels yet.");
    }

    #[test]
    fn one_channel_is_shown_with_its_configuration() {
        let ok = json!({ "state": "ok", "since": "2026-03-29T11:57:00Z", "last_error": null });
        let expected = "\
name     ops
id       01987a5e-1234-7000-8000-000011112222
kind     webhook
enabled  yes
health   ok since 2026-03-29 11:57:00 UTC (3 min ago)
created  2026-03-01 12:00:00 UTC (28 d ago)
changed  2026-03-29 11:00:00 UTC (1 h ago)

Configuration
  KEY      VALUE
  url      https://hooks.example/…
  method   POST
  headers  {}

Delivery
  KEY          VALUE
  concurrency  4";
        assert_eq!(one(&sample("ops", ok), &test_screen(Some(80))), expected);
    }

    #[test]
    fn a_refused_network_can_be_allowed() {
        let test = serde_json::from_value(json!({
            "ok": false, "detail": "the network is not allowed", "latency_ms": 1, "blocked_network": "127.0.0.0/8"
        }));
        let text = tested(&test.unwrap(), &test_screen(None));
        assert!(text.starts_with("failed after 1 ms: the network is not allowed\n"), "{text}");
        assert!(text.contains("fanfare outbound allow 127.0.0.0/8"), "{text}");
    }
}
