//! `fanfare deliveries`

use serde_json::{Map, Value};

use super::{
    Session,
    answers::{Delivery, DeliveryDetail, Digest, List, Retried},
    events::more,
    explain::{pretty, said},
    send::{who, why},
};
use crate::{
    args::{DeliveryFilters, RetryArgs, word},
    failure::Failure,
    output::{Cell, Screen, Table, Tone, details, duration, exact, indented, relative, utc},
};

pub(super) async fn list(filters: DeliveryFilters, session: &Session) -> Result<(), Failure> {
    let channel = match &filters.channel {
        Some(name) => Some(session.channel(name).await?),
        None => None,
    };
    let job = match &filters.job {
        Some(name) => Some(session.job(name).await?),
        None => None,
    };
    let event = match &filters.event {
        Some(id) => Some(session.event(id).await?),
        None => None,
    };
    let query = [
        ("state", filters.state.as_ref().map(word)),
        ("channel_id", channel),
        ("event_type", filters.event_type),
        ("job_id", job),
        ("event_id", event),
        ("digest_id", filters.digest),
        ("q", filters.search),
        ("test", filters.test.map(|test| test.to_string())),
        ("limit", filters.stretch.limit.map(|limit| limit.to_string())),
        ("cursor", filters.stretch.cursor),
    ];
    let answer = session.client.get(&["deliveries"], &query).await?;
    session.show(&answer, |deliveries: &List<Delivery>, screen| {
        let mut text = table(&deliveries.items, screen);
        text.extend(more(deliveries, screen));
        text
    })
}

pub(super) async fn show(id: &str, session: &Session) -> Result<(), Failure> {
    let id = session.delivery(id).await?;
    let answer = session.client.get(&["deliveries", &id], &[]).await?;
    session.show(&answer, one)
}

pub(super) async fn retry(args: RetryArgs, session: &Session) -> Result<(), Failure> {
    if let Some(id) = &args.delivery {
        let id = session.delivery(id).await?;
        let answer = session.client.post(&["deliveries", &id, "retry"], None).await?;
        return session.show(&answer, |_: &Value, _| "It is tried again now.".into());
    }
    let mut filter = Map::new();
    if let Some(state) = &args.state {
        filter.insert("state".into(), word(state).into());
    }
    if let Some(name) = &args.channel {
        filter.insert("channel_id".into(), session.channel(name).await?.into());
    }
    if let Some(event_type) = args.event_type {
        filter.insert("event_type".into(), event_type.into());
    }
    let answer = session.client.post(&["deliveries", "retry"], Some(&Value::Object(filter))).await?;
    session.show(&answer, |retried: &Retried, _| match retried.retried {
        Some(0) => "There was nothing to try again.".into(),
        Some(1) => "1 delivery is tried again now.".into(),
        Some(count) => format!("{count} deliveries are tried again now."),
        None => "They are tried again now.".into(),
    })
}

fn table(deliveries: &[Delivery], screen: &Screen) -> String {
    let mut table =
        Table::new(["WHEN", "STATE", "~CHANNEL", "~TARGET", "?TYPE", "TRIES", "NEXT", "ID", "~TITLE OR ERROR"]);
    for delivery in deliveries {
        let [state, tries, next, words] = progress(delivery, screen);
        table.row([
            relative(delivery.created_at, screen.now).into(),
            state,
            (&delivery.channel_name).into(),
            who(&delivery.target).into(),
            (&delivery.event_type).into(),
            tries,
            next,
            screen.id(&delivery.id).into(),
            words,
        ]);
    }
    table.render(screen, "There are no such deliveries.")
}

/// One delivery as it stands now, on a line of its own.
pub(super) fn line(delivery: &Delivery, screen: &Screen) -> String {
    let screen = &Screen { now: jiff::Timestamp::now(), ..*screen };
    let tone = match delivery.state.as_str() {
        "delivered" => Tone::Good,
        "dead" => Tone::Bad,
        _ => Tone::Faint,
    };
    let words = delivery.last_error.as_ref().unwrap_or(&delivery.title);
    [
        screen.toned(&utc(screen.now), Tone::Faint),
        screen.toned(&format!("{:<10}", delivery.state), tone),
        screen.toned(&format!("{} {}", delivery.channel_name, who(&delivery.target)), Tone::Strong),
        screen.id(&delivery.id),
        screen.toned(words.lines().next().unwrap_or_default(), Tone::Plain),
    ]
    .join("  ")
}

/// The deliveries of one event, which has told the rest already.
pub(super) fn of_one_event(deliveries: &[Delivery], screen: &Screen) -> String {
    let mut table = Table::new(["CHANNEL", "TARGET", "STATE", "TRIES", "NEXT", "ID", "~ERROR"]).inner();
    for delivery in deliveries {
        let [state, tries, next, _] = progress(delivery, screen);
        table.row([
            Cell::from(&delivery.channel_name),
            who(&delivery.target).into(),
            state,
            tries,
            next,
            screen.id(&delivery.id).into(),
            delivery.last_error.as_deref().unwrap_or_default().into(),
        ]);
    }
    table.render(screen, "none")
}

/// State, number of attempts, the next one, and what went wrong or else the title.
fn progress(delivery: &Delivery, screen: &Screen) -> [Cell; 4] {
    let words = match &delivery.last_error {
        Some(error) => error,
        None => &delivery.title,
    };
    let next = delivery.next_attempt_at.map(|at| match at <= screen.now {
        true => "now".into(),
        false => relative(at, screen.now),
    });
    [
        Cell::state(&delivery.state),
        if delivery.test { "test".into() } else { delivery.attempts.to_string().into() },
        next.unwrap_or_default().into(),
        words.into(),
    ]
}

fn digest(digest: &Digest) -> String {
    format!("{} ({} deliveries told as one)", digest.id, digest.count)
}

fn one(delivery: &DeliveryDetail, screen: &Screen) -> String {
    let time = |time| exact(time, screen.now);
    let target = match delivery.target.as_str() {
        "channel" => String::new(),
        target => who(target).to_owned(),
    };
    let head = details(
        screen,
        [
            ("id", Cell::from(&delivery.id)),
            ("state", Cell::state(&delivery.state)),
            ("channel", format!("{} ({})", delivery.channel_name, delivery.kind).into()),
            ("to", target.into()),
            ("because", why(&delivery.reason).into()),
            ("event", format!("{} ({})", delivery.event_id, delivery.event_type).into()),
            ("created", time(delivery.created_at).into()),
            ("delivered", delivery.delivered_at.map(time).unwrap_or_default().into()),
            ("next attempt", delivery.next_attempt_at.map(time).unwrap_or_default().into()),
            ("last error", delivery.last_error.as_deref().unwrap_or_default().into()),
            ("maybe twice", if delivery.possibly_duplicate { "an attempt ended without an answer" } else { "" }.into()),
            ("digest", delivery.digest.as_ref().map(digest).unwrap_or_default().into()),
            ("test", if delivery.test { "yes, outside the counts" } else { "" }.into()),
        ],
    );
    let mut attempts = Table::new(["AT", "OUTCOME", "TOOK", "~DETAIL"]).inner();
    for attempt in &delivery.attempts {
        let tone = if attempt.outcome == "delivered" { Tone::Good } else { Tone::Bad };
        attempts.row([
            utc(attempt.at).into(),
            Cell::toned(&attempt.outcome, tone),
            duration(attempt.duration_ms).into(),
            (&attempt.detail).into(),
        ]);
    }
    let mut parts = vec![
        head,
        format!("{}\n{}", screen.heading("Attempts"), attempts.render(screen, "none yet")),
        format!("{}\n{}", screen.heading("It says"), said(&delivery.notification, screen)),
    ];
    if let Some(payload) = &delivery.payload {
        let mut heading = screen.heading("Payload");
        if !delivery.rebuilt.is_null() {
            let changed = delivery.rebuilt["config_changed"] == true;
            let note = match changed {
                true => " (made again; the channel's configuration has changed since)",
                false => " (made again from the same input)",
            };
            heading += &screen.toned(note, Tone::Faint);
        }
        parts.push(format!("{heading}\n{}", indented(&pretty(payload))));
    }
    parts.join("\n\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::output::test_screen;

    fn sample(state: &str, error: Option<&str>) -> Value {
        json!({
            "id": "01987a5e-1234-7000-8000-000011112222", "event_id": "01987a5e-1234-7000-8000-000033334444",
            "event_type": "storage_limit_warning", "job_id": null, "channel_id": "c", "channel_name": "on-call hook",
            "kind": "webhook", "target": "channel", "reason": "global", "state": state,
            "title": "Storage Limit Warning", "attempts": 2, "next_attempt_at": null, "last_error": error,
            "possibly_duplicate": false, "test": false, "digest": null,
            "created_at": "2026-03-29T11:57:00Z", "delivered_at": null,
        })
    }

    #[test]
    fn deliveries_fit_on_a_narrow_screen() {
        let deliveries =
            [sample("delivered", None), sample("dead", Some("503 Service Unavailable: maintenance until noon"))];
        let deliveries: Vec<Delivery> = deliveries.map(|delivery| serde_json::from_value(delivery).unwrap()).into();
        let text = table(&deliveries, &test_screen(Some(80)));
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("11112222"), "{text}");
        let wide = table(&deliveries, &test_screen(None));
        assert!(wide.contains("01987a5e-1234-7000-8000-000011112222"), "{wide}");
        assert!(wide.contains("503 Service Unavailable: maintenance until noon"), "{wide}");
    }

    #[test]
    fn one_delivery_is_shown_with_its_attempts() {
        let mut delivery = sample("dead", Some("500 Internal Server Error"));
        delivery["attempts"] = json!([{ "at": "2026-03-29T11:57:00Z", "duration_ms": 12, "status": 500,
            "outcome": "temporary", "detail": "500 Internal Server Error" }]);
        delivery["notification"] = json!({ "title": "Storage Limit Warning", "message": "", "fields": [],
            "status": "failure", "color": "#ef4444", "badge": null, "link": null, "time": "2026-03-29T11:57:00Z" });
        delivery["payload"] = json!("{\"a\":1}");
        delivery["rebuilt"] = json!({ "config_changed": true });
        let expected = "\
id          01987a5e-1234-7000-8000-000011112222
state       dead
channel     on-call hook (webhook)
because     it is a global channel
event       01987a5e-1234-7000-8000-000033334444 (storage_limit_warning)
created     2026-03-29 11:57:00 UTC (3 min ago)
last error  500 Internal Server Error

Attempts
  AT                       OUTCOME    TOOK   DETAIL
  2026-03-29 11:57:00 UTC  temporary  12 ms  500 Internal Server Error

It says
  Storage Limit Warning  (failure)

Payload (made again; the channel's configuration has changed since)
  {
    \"a\": 1
  }";
        assert_eq!(one(&serde_json::from_value(delivery).unwrap(), &test_screen(Some(80))), expected);
    }

    #[test]
    fn a_delivery_in_a_digest_names_it() {
        let mut delivery = sample("delivered", None);
        delivery["attempts"] = json!([]);
        delivery["notification"] = json!({ "title": "Storage Limit Warning", "message": "", "fields": [],
            "status": "failure", "color": "#ef4444", "badge": null, "link": null, "time": "2026-03-29T11:57:00Z" });
        delivery["payload"] = Value::Null;
        delivery["digest"] = json!({ "id": "01987a5e-1234-7000-8000-000055556666", "count": 85 });
        let text = one(&serde_json::from_value(delivery).unwrap(), &test_screen(Some(80)));
        let line = "digest   01987a5e-1234-7000-8000-000055556666 (85 deliveries told as one)";
        assert!(text.lines().any(|shown| shown == line), "{text}");
    }
}
