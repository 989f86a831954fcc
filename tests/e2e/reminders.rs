//! Who hears again of what lasts, and when; and who hears of its end: target by target.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, Server};
use serde_json::{Value, json};

const HOUR_MS: i64 = 3_600_000;

fn offline() -> Value {
    let data = json!({ "adapter_name": "Shop", "adapter_type": "database", "adapter_id": "db-shop",
                       "consecutive_failures": 3 });
    json!({ "type": "connection_offline", "data": data })
}

fn online() -> Value {
    let data = json!({ "adapter_name": "Shop", "adapter_type": "database", "adapter_id": "db-shop" });
    json!({ "type": "connection_online", "data": data })
}

fn update() -> Value {
    json!({ "type": "update_available", "data": { "latest_version": "2.0.0", "current_version": "1.9.3" } })
}

/// Sends an event and waits until all that follows from it has ended. Says the channels that were told, and the reasons
/// of all that were not; `explain` must have said the same before.
async fn send(api: &Api, event: Value) -> (Vec<String>, Vec<String>) {
    let explained = outcome(&api.post("/events/explain", event.clone()).await["plan"], "targets", "skips");
    let sent = outcome(&api.post("/events", event).await, "deliveries", "skipped");
    assert_eq!(sent, explained, "intake and explain");
    api.settled().await;
    sent
}

fn outcome(answer: &Value, told: &str, not_told: &str) -> (Vec<String>, Vec<String>) {
    let all = |list: &str, member: &str| {
        let entries = answer[list].as_array().unwrap().iter();
        entries.map(|entry| entry[member].as_str().unwrap().to_owned()).collect()
    };
    (all(told, "channel_name"), all(not_told, "reason"))
}

fn expected(told: &[&str], not_told: &[&str]) -> (Vec<String>, Vec<String>) {
    let owned = |all: &[&str]| all.iter().map(|&one| one.to_owned()).collect();
    (owned(told), owned(not_told))
}

/// Lets so much time pass since whatever was delivered.
async fn pass(server: &mut Server, hours: i64) {
    let ms = hours * HOUR_MS;
    let sql = format!(
        "UPDATE fanfare_deliveries SET delivered_at = delivered_at - {ms} WHERE delivered_at IS NOT NULL;
         UPDATE fanfare_told SET told_at = told_at - {ms} WHERE told_at IS NOT NULL;"
    );
    server.alter(&sql).await;
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn a_reminder_is_due_after_the_types_own_interval_unless_the_settings_say_another() {
    let (mut server, ops) = (Server::start().await, Receiver::start().await);
    let id = server.api().webhook("ops", ops.url("/")).await;
    server.api().make_global(&[&id]).await;
    let types = server.api().get("/event-types").await;
    let default = |id: &str| {
        let found = types.as_array().unwrap().iter().find(|known| known["id"] == id).unwrap();
        found["reminder"]["default_hours"].clone()
    };
    assert_eq!((default("connection_offline"), default("update_available")), (json!(24.0), json!(168.0)));
    assert_eq!(default("system_error"), Value::Null, "it tells of no condition by itself");
    let told = || expected(&["ops"], &[]);
    let not_due = || expected(&[], &["repeat_not_due"]);

    assert_eq!(send(server.api(), offline()).await, told());
    assert_eq!(send(server.api(), update()).await, told());
    pass(&mut server, 23).await;
    assert_eq!(send(server.api(), offline()).await, not_due());
    pass(&mut server, 1).await;
    assert_eq!(send(server.api(), offline()).await, told(), "a day has passed");
    assert_eq!(send(server.api(), offline()).await, not_due(), "and the next one begins");
    assert_eq!(send(server.api(), update()).await, not_due());
    pass(&mut server, 143).await;
    assert_eq!(send(server.api(), update()).await, not_due());
    pass(&mut server, 1).await;
    assert_eq!(send(server.api(), update()).await, told(), "a week has passed");

    // Hours of one's own, with fractions; none; and the default again. What was decided survives an unrelated change.
    let settings = "/settings/notifications/events/connection_offline";
    let path = |document: &Value| document["events"]["connection_offline"]["reminder_hours"].clone();
    server.api().patch(settings, json!({ "reminder_hours": 1.5 })).await;
    server.api().patch(settings, json!({ "channels": [id] })).await;
    assert_eq!(path(&server.api().get("/settings/notifications").await), 1.5);
    assert_eq!(send(server.api(), offline()).await, told(), "it was told six days ago");
    pass(&mut server, 1).await;
    assert_eq!(send(server.api(), offline()).await, not_due());
    pass(&mut server, 1).await;
    assert_eq!(send(server.api(), offline()).await, told());
    server.api().patch(settings, json!({ "reminder_hours": 0 })).await;
    pass(&mut server, 10_000).await;
    assert_eq!(send(server.api(), offline()).await, not_due(), "once per condition");
    server.api().patch(settings, json!({ "reminder_hours": null })).await;
    assert_eq!(send(server.api(), offline()).await, told());
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn only_what_was_delivered_counts_as_told_for_each_channel_by_itself() {
    let mut server = Server::start().await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    let api = server.api().clone();
    let [good_id, bad_id] = [api.webhook("good", good.url("/")).await, api.webhook("bad", bad.url("/")).await];
    api.make_global(&[&good_id, &bad_id]).await;

    // An alert that is refused is tried with the next event, and only there.
    bad.answer(Answer::status(400));
    assert_eq!(send(&api, offline()).await, expected(&["good", "bad"], &[]));
    bad.answer(Answer::status(400));
    assert_eq!(send(&api, offline()).await, expected(&["bad"], &["repeat_not_due"]));
    // The end is told to those who were told, and then it is over for everybody.
    assert_eq!(send(&api, online()).await, expected(&["good"], &["not_told"]));
    assert_eq!(send(&api, online()).await, expected(&[], &["not_told", "not_told"]));

    // A reminder that does not arrive is none: the interval counts from the last that did.
    assert_eq!(send(&api, offline()).await, expected(&["good", "bad"], &[]));
    pass(&mut server, 25).await;
    bad.answer(Answer::status(400));
    assert_eq!(send(server.api(), offline()).await, expected(&["good", "bad"], &[]));
    assert_eq!(send(server.api(), offline()).await, expected(&["bad"], &["repeat_not_due"]));
    assert_eq!(send(server.api(), offline()).await, expected(&[], &["repeat_not_due", "repeat_not_due"]));
    // Whoever was told once hears of the end, whatever became of the reminders.
    pass(&mut server, 25).await;
    bad.answer(Answer::status(400));
    assert_eq!(send(server.api(), offline()).await, expected(&["good", "bad"], &[]));
    assert_eq!(send(server.api(), online()).await, expected(&["good", "bad"], &[]));
    let last = |receiver: &Receiver| receiver.requests().pop().unwrap().json()["event_type"].clone();
    assert_eq!((last(&good), last(&bad)), (json!("connection_online"), json!("connection_online")));
    assert_eq!(server.api().metrics().await.of("dead"), 4);
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn an_event_may_name_its_condition_itself() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&id]).await;
    let raid = |key: &str, state: &str| {
        json!({ "type": "system_error", "data": { "component": "raid", "error": state },
                "condition": { "key": key, "state": state } })
    };
    let (told, not_due, not_told) =
        (expected(&["ops"], &[]), expected(&[], &["repeat_not_due"]), expected(&[], &["not_told"]));
    assert_eq!(send(api, raid("md0", "firing")).await, told);
    assert_eq!(send(api, raid("md0", "firing")).await, not_due);
    assert_eq!(send(api, raid("md1", "firing")).await, told, "another one");
    // Without a condition it is an event like any other.
    let plain = json!({ "type": "system_error", "data": { "component": "raid", "error": "firing" } });
    assert_eq!(send(api, plain.clone()).await, told);
    assert_eq!(send(api, plain).await, told);
    // The same key of another type is another condition; the event's own goes before what the catalog would take.
    let mut other = offline();
    other["condition"] = json!({ "key": "md0", "state": "firing" });
    assert_eq!(send(api, other).await, told);
    assert_eq!(send(api, offline()).await, told);
    assert_eq!(send(api, raid("md0", "resolved")).await, told);
    assert_eq!(send(api, raid("md0", "resolved")).await, not_told);
    assert_eq!(send(api, raid("md1", "firing")).await, not_due, "it lasts still");
    assert_eq!(send(api, raid("md0", "firing")).await, told, "it begins anew");
}
