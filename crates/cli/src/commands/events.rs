//! `fanfare events`

use super::{
    Session,
    answers::{Event, List, User},
    channels::plain,
    deliveries,
    explain::{said, unused},
    send::{skips, who, why},
};
use crate::{
    args::Stretch,
    client::Query,
    failure::Failure,
    output::{Cell, Screen, Table, Tone, details, exact, relative},
};

pub(super) async fn list(stretch: Stretch, session: &Session) -> Result<(), Failure> {
    let query: Query<'_> = &[("limit", stretch.limit.map(|limit| limit.to_string())), ("cursor", stretch.cursor)];
    let answer = session.client.get(&["events"], query).await?;
    session.show(&answer, |events: &List<Event>, screen| {
        let mut text = table(&events.items, screen);
        text.extend(more(events, screen));
        text
    })
}

pub(super) async fn show(id: &str, session: &Session) -> Result<(), Failure> {
    let id = session.event(id).await?;
    let answer = session.client.get(&["events", &id], &[]).await?;
    session.show(&answer, one)
}

/// How to see what follows, where something does.
pub(super) fn more<T>(list: &List<T>, screen: &Screen) -> Option<String> {
    let cursor = list.next_cursor.as_ref()?;
    Some(format!("\n\n{}", screen.toned(&format!("There is more: --cursor {cursor}"), Tone::Faint)))
}

fn table(events: &[Event], screen: &Screen) -> String {
    let mut table = Table::new(["WHEN", "TYPE", "TOLD", "ID", "~TITLE"]);
    for event in events {
        let told = event.plan.targets.len();
        let nobody = || event.plan.skips.first().map_or("nobody", |skip| skip.reason.as_str());
        table.row([
            relative(event.created_at, screen.now).into(),
            Cell::from(&event.event_type),
            if told == 0 { Cell::toned(nobody(), Tone::Faint) } else { told.to_string().into() },
            screen.id(&event.id).into(),
            (&event.notification.title).into(),
        ]);
    }
    table.render(screen, "There are no events yet.")
}

fn one(event: &Event, screen: &Screen) -> String {
    let condition = event.condition.as_ref().map(|condition| format!("{} is {}", condition.key, condition.state));
    let head = details(
        screen,
        [
            ("id", Cell::from(&event.id)),
            ("type", (&event.event_type).into()),
            ("occurred", exact(event.occurred_at, screen.now).into()),
            ("accepted", exact(event.created_at, screen.now).into()),
            ("about", event.user.as_ref().map(user).unwrap_or_default().into()),
            ("condition", condition.unwrap_or_default().into()),
            ("test", if event.test { "yes, outside the counts" } else { "" }.into()),
        ],
    );
    let mut data = Table::new(["KEY", "~VALUE"]).inner();
    for (key, value) in &event.data {
        data.row([Cell::from(key), plain(value).into()]);
    }
    let mut parts = vec![
        head,
        format!("{}\n{}", screen.heading("Data"), data.render(screen, "none")),
        format!("{}\n{}", screen.heading("It says"), said(&event.notification, screen)),
    ];
    if let Some(to_user) = &event.user_notification {
        parts.push(format!("{}\n{}", screen.heading("It says to the user"), said(to_user, screen)));
    }
    parts.extend(event.wording_error.as_deref().map(|error| unused(error, screen)));
    if event.plan.targets.is_empty() {
        parts.push(screen.toned("Nobody is told.", Tone::Waiting));
    } else {
        let mut targets = Table::new(["CHANNEL", "TARGET", "~WHY"]).inner();
        for target in &event.plan.targets {
            targets.row([Cell::from(&target.channel_name), who(&target.target).into(), why(&target.reason).into()]);
        }
        parts.push(format!("{}\n{}", screen.heading("Told"), targets.render(screen, "")));
    }
    parts.extend(skips(&event.plan.skips, screen));
    if !event.deliveries.is_empty() {
        let table = deliveries::of_one_event(&event.deliveries, screen);
        parts.push(format!("{}\n{table}", screen.heading("Deliveries")));
    }
    parts.join("\n\n")
}

fn user(user: &User) -> String {
    [&user.name, &user.email, &user.id].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::test_screen;

    fn sample(targets: serde_json::Value, skips: serde_json::Value) -> Event {
        serde_json::from_value(json!({
            "id": "01987a5e-1234-7000-8000-000011112222", "type": "system_error", "job_id": null, "test": false,
            "occurred_at": "2026-03-29T11:50:00Z", "created_at": "2026-03-29T11:57:00Z",
            "data": { "component": "scheduler", "count": 3 },
            "user": { "id": null, "name": "Ada", "email": "ada@b.example" }, "condition": null,
            "notification": { "title": "System Error", "message": "It broke.", "fields": [], "status": "failure",
                "color": "#ef4444", "badge": null, "link": null, "time": "2026-03-29T11:50:00Z" },
            "plan": { "targets": targets, "skips": skips },
        }))
        .unwrap()
    }

    #[test]
    fn events_that_nobody_was_told_of_say_why() {
        let target = json!([{ "channel_id": "c", "channel_name": "ops", "kind": "webhook", "target": "channel",
            "reason": "global", "held": false }]);
        let skip = json!([{ "reason": "muted", "detail": "system_error has an empty list of channels" }]);
        let events = [sample(target, json!([])), sample(json!([]), skip)];
        let expected = "\
WHEN       TYPE          TOLD   ID        TITLE
3 min ago  system_error  1      11112222  System Error
3 min ago  system_error  muted  11112222  System Error";
        assert_eq!(table(&events, &test_screen(Some(80))), expected);
        let text = one(&events[1], &test_screen(Some(80)));
        let expected = "\
id        01987a5e-1234-7000-8000-000011112222
type      system_error
occurred  2026-03-29 11:50:00 UTC (10 min ago)
accepted  2026-03-29 11:57:00 UTC (3 min ago)
about     Ada, ada@b.example

Data
  KEY        VALUE
  component  scheduler
  count      3

It says
  System Error  (failure)
  It broke.

Nobody is told.

Not told
  REASON  EXPLANATION
  muted   system_error has an empty list of channels";
        assert_eq!(text, expected);
    }

    #[test]
    fn the_way_to_more_is_shown() {
        let list = List::<Event> { items: vec![], next_cursor: Some("abc".into()) };
        assert_eq!(more(&list, &test_screen(None)).unwrap(), "\n\nThere is more: --cursor abc");
    }
}
