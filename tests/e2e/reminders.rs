//! Who hears again of what lasts, and when; and who hears of its end: target by target.

use std::time::Duration;

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server};
use http::Method;
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
    let of = |id: &str, member: &str| {
        types.as_array().unwrap().iter().find(|known| known["id"] == id).unwrap()[member].clone()
    };
    for id in ["connection_offline", "connection_online"] {
        assert_eq!(of(id, "condition"), json!(["adapter_id"]));
    }
    assert_eq!(of("connection_online", "resolves"), json!(["connection_offline"]));
    assert_eq!((of("system_error", "condition"), of("connection_offline", "resolves")), (json!([]), json!([])));
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

/// A server that tries again after so many seconds.
async fn start(retry_s: f64) -> Server {
    let mut server = Server::prepare(&[]);
    let settings = format!("[engine]\nretry_schedule_s = [{retry_s}]\njitter = 0\n");
    std::fs::write(server.place().join("fanfare.toml"), settings).unwrap();
    server.restart().await;
    server
}

fn types(receiver: &Receiver) -> Vec<String> {
    receiver.requests().iter().map(|request| request.json()["event_type"].as_str().unwrap().to_owned()).collect()
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn the_end_goes_out_after_an_alert_that_is_still_on_its_way() {
    let (server, ops) = (start(0.5).await, Receiver::start().await);
    let api = server.api();
    let id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&id]).await;
    let told = |answer: &Value| outcome(answer, "deliveries", "skipped");

    // One that has to be tried again is not overtaken.
    ops.answer(Answer::status(503));
    api.post("/events", offline()).await;
    ops.wait_for_answered(1, PATIENCE).await;
    assert_eq!(told(&api.post("/events", online()).await), expected(&["ops"], &[]));
    assert_eq!(api.settled().await.of("delivered"), 2);
    assert_eq!(types(&ops), ["connection_offline", "connection_offline", "connection_online"]);

    // Nor is one that is under way, though the channel may have many under way at once.
    ops.clear();
    ops.answer(Answer::status(200).delay(Duration::from_millis(300)));
    api.post("/events", offline()).await;
    ops.wait_for(1, PATIENCE).await;
    api.post("/events", online()).await;
    let requests = ops.wait_for(2, PATIENCE).await;
    assert!(requests[1].instant - requests[0].instant >= Duration::from_millis(300), "it waited for the answer");
    api.settled().await;
    assert_eq!(types(&ops), ["connection_offline", "connection_online"]);
    // Together in one request.
    ops.clear();
    ops.answer(Answer::status(200).delay(Duration::from_millis(300)));
    api.post("/events/batch", json!({ "events": [offline(), online()] })).await;
    assert_eq!(api.settled().await.of("delivered"), 6);
    assert_eq!(types(&ops), ["connection_offline", "connection_online"]);
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn the_end_of_what_never_arrived_is_told_to_nobody() {
    let (mut server, ops, bad) = (start(1.0).await, Receiver::start().await, Receiver::start().await);
    let api = server.api().clone();
    let [ops_id, bad_id] = [api.webhook("ops", ops.url("/")).await, api.webhook("bad", bad.url("/")).await];
    api.make_global(&[&ops_id, &bad_id]).await;

    // It is not known yet whether the alert arrives; then it does not.
    bad.answer(Answer::status(503));
    bad.answer(Answer::status(400));
    api.post("/events", offline()).await;
    bad.wait_for_answered(1, PATIENCE).await;
    ops.wait_for_answered(1, PATIENCE).await;
    let end = api.post("/events", online()).await;
    assert_eq!(outcome(&end, "deliveries", "skipped"), expected(&["ops", "bad"], &[]));
    let metrics = api.settled().await;
    assert_eq!((metrics.of("delivered"), metrics.of("dead"), metrics.of("suppressed")), (2, 1, 1));
    assert_eq!(types(&ops), ["connection_offline", "connection_online"]);
    assert_eq!(types(&bad), ["connection_offline", "connection_offline"], "tried twice, and no end of it");
    let path = format!("/deliveries/{}", end["deliveries"][1]["id"].as_str().unwrap());
    let dropped = api.get(&path).await;
    assert_eq!((&dropped["state"], &dropped["last_error"]), (&json!("suppressed"), &json!("not_told")), "{dropped}");
    assert_eq!(api.call(Method::POST, &format!("{path}/retry"), None).await.problem().status, 409);

    // A reminder that does not arrive takes nothing from whoever was told before; it is waited for all the same.
    api.post("/events", offline()).await;
    api.settled().await;
    bad.clear();
    pass(&mut server, 25).await;
    let api = server.api();
    bad.answer(Answer::status(503));
    bad.answer(Answer::status(400));
    api.post("/events", offline()).await;
    bad.wait_for_answered(1, PATIENCE).await;
    api.post("/events", online()).await;
    let metrics = api.settled().await;
    assert_eq!((metrics.of("dead"), metrics.of("suppressed")), (2, 1));
    assert_eq!(types(&bad), ["connection_offline", "connection_offline", "connection_online"]);
}

/// Rule: How often is a lasting condition told of?
#[tokio::test]
async fn what_waits_for_an_alert_waits_through_a_stop_and_with_its_channel() {
    let (mut server, ops) = (start(1.0).await, Receiver::start().await);
    let api = server.api().clone();
    let id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&id]).await;
    // Both are held, and leave in order.
    let path = format!("/channels/{id}");
    api.patch(&path, json!({ "enabled": false })).await;
    api.post("/events", offline()).await;
    api.post("/events", online()).await;
    assert_eq!(api.metrics().await.of("held"), 2);
    server.kill9().await;
    server.restart().await;
    ops.answer(Answer::status(200).delay(Duration::from_millis(200)));
    server.api().patch(&path, json!({ "enabled": true })).await;
    assert_eq!(server.api().settled().await.of("delivered"), 2);
    assert_eq!(types(&ops), ["connection_offline", "connection_online"]);

    // A crash between the two.
    ops.clear();
    ops.answer(Answer::status(503));
    server.api().post("/events", offline()).await;
    ops.wait_for_answered(1, PATIENCE).await;
    server.api().post("/events", online()).await;
    server.kill9().await;
    server.restart().await;
    server.api().settled().await;
    let all = types(&ops);
    assert_eq!(all.iter().filter(|heard| *heard == "connection_online").count(), 1);
    assert_eq!(all.last().map(String::as_str), Some("connection_online"), "{all:?}");

    // A channel that is deleted takes both with it.
    ops.answer_always(Answer::status(503));
    server.api().post("/events", offline()).await;
    server.api().post("/events", online()).await;
    server.api().call(Method::DELETE, &format!("{path}?force=true"), None).await.ok();
    let metrics = server.api().settled().await;
    assert_eq!(metrics.of("suppressed"), 2);
}
