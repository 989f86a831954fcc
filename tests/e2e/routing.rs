//! Who hears of an event, and who does not, and why. Each case is asked of `explain`, of intake and of the ledger.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Server, until};
use http::Method;
use serde_json::{Value, json};

use crate::told::{report, tell};

fn disk_full() -> Value {
    json!({ "component": "scheduler", "error": "disk full" })
}

const SETTINGS: &str = "/settings/notifications/events/system_error";

/// Rule: Which channels hear of a system event?
#[tokio::test]
async fn override_mute_and_reset() {
    let (server, ops, dba) = (Server::start().await, Receiver::start().await, Receiver::start().await);
    let api = server.api();
    let told = async || tell(api, "system_error", disk_full()).await;
    told().await.check(&[], &["no_channels"]);

    let ops_id = api.webhook("ops", ops.url("/")).await;
    let dba_id = api.webhook("dba", dba.url("/")).await;
    told().await.check(&[], &["no_channels"]);
    api.make_global(&[&ops_id]).await;
    told().await.check(&[("ops", "global")], &[]);
    api.patch(SETTINGS, json!({ "channels": [dba_id, ops_id] })).await;
    told().await.check(&[("dba", "override"), ("ops", "override")], &[]);
    api.patch(SETTINGS, json!({ "channels": [dba_id] })).await;
    told().await.check(&[("dba", "override")], &[]);
    api.patch(SETTINGS, json!({ "channels": [] })).await;
    told().await.check(&[], &["muted"]);
    // Others are not touched by that.
    tell(api, "restore_failure", json!({ "error": "x" })).await.check(&[("ops", "global")], &[]);

    api.patch(SETTINGS, json!({ "enabled": false })).await;
    told().await.check(&[], &["event_disabled"]);
    api.patch(SETTINGS, json!({ "channels": null })).await;
    told().await.check(&[], &["event_disabled"]);
    api.patch(SETTINGS, json!({ "enabled": null })).await;
    told().await.check(&[("ops", "global")], &[]);

    api.make_global(&[]).await;
    told().await.check(&[], &["no_channels"]);
    api.patch(SETTINGS, json!({ "channels": [dba_id] })).await;
    told().await.check(&[("dba", "override")], &[]);
    api.put("/settings/notifications", json!({})).await;
    told().await.check(&[], &["no_channels"]);

    let metrics = api.settled().await;
    assert_eq!((metrics.accepted, metrics.of("delivered")), (7, 7));
    assert_eq!((ops.count(), dba.count()), (4, 3));
    assert_eq!(api.all("/events").await.len(), 13, "events that nobody was told of are kept too");
}

/// Rule: Is an event type on?
/// Rule: What does the test of an event type do?
#[tokio::test]
async fn some_event_types_are_off_until_somebody_wants_them() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let ops_id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&ops_id]).await;
    let login = || json!({ "user_name": "Zoë", "email": "zoe@example.com" });
    tell(api, "user_login", login()).await.check(&[], &["event_disabled"]);
    api.patch("/settings/notifications/events/user_login", json!({ "enabled": true })).await;
    tell(api, "user_login", login()).await.check(&[("ops", "global")], &[]);
    assert_eq!(ops.wait_for(1, PATIENCE).await[0].json()["title"], "User Login");
    api.settled().await;
    assert_eq!(ops.count(), 1);

    // A test works all the same, says so, and is no part of the count.
    api.patch("/settings/notifications/events/user_login", json!({ "enabled": null })).await;
    let test = api.post("/event-types/user_login/test", json!({})).await;
    assert_eq!((&test["event_enabled"], &test["results"][0]["ok"]), (&json!(false), &json!(true)));
    assert_eq!(ops.requests()[1].json()["title"], "[Test] User Login");
    assert_eq!(api.metrics().await.accepted, 1);
}

#[tokio::test]
async fn every_event_type_reaches_a_receiver_as_explained() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let ops_id = api.webhook("ops", ops.url("/")).await;
    let types = api.get("/event-types").await;
    let types = types.as_array().unwrap();
    let known = api.get("/settings/notifications").await["events"].as_object().unwrap().clone();
    let all_on: serde_json::Map<_, _> =
        known.keys().map(|id| (id.clone(), json!({ "enabled": true, "channels": [ops_id] }))).collect();
    api.put("/settings/notifications", json!({ "events": all_on })).await;
    let mut sent = 0;
    for event_type in types.iter().filter(|event_type| known.contains_key(event_type["id"].as_str().unwrap())) {
        let id = event_type["id"].as_str().unwrap();
        let told = tell(api, id, event_type["sample"].clone()).await;
        told.check(&[("ops", "override")], &[]);
        sent += 1;
        let request = ops.wait_for(sent, PATIENCE).await.pop().unwrap();
        let mut announced = told.payloads[&ops_id].clone();
        announced["event_id"] = told.event.as_str().into();
        assert_eq!(request.json(), announced, "{id}");
    }
    assert!(sent >= 14, "{sent} event types");
}

/// Rule: Who hears of a job's runs?
#[tokio::test]
async fn a_job_tells_its_own_channels_each_by_its_condition() {
    let (server, ops, dba) = (Server::start().await, Receiver::start().await, Receiver::start().await);
    let api = server.api();
    let ops_id = api.webhook("ops", ops.url("/")).await;
    let dba_id = api.webhook("dba", dba.url("/")).await;
    api.make_global(&[&dba_id]).await;
    api.job("nobody", &[]).await;
    api.job("united", &[(&ops_id, "on_success"), (&ops_id, "on_failure")]).await;
    api.job("failures", &[(&ops_id, "on_failure"), (&dba_id, "on_success")]).await;
    let run = |outcome: &str| json!({ "outcome": outcome, "source": "shop" });
    for outcome in ["success", "partial", "failure"] {
        report(api, "nobody", run(outcome)).await.check(&[], &["no_channels"]);
        report(api, "united", run(outcome)).await.check(&[("ops", "assignment")], &[]);
        let told = report(api, "failures", run(outcome)).await;
        let (hears, does_not) = if outcome == "success" { ("dba", &ops_id) } else { ("ops", &dba_id) };
        told.check(&[(hears, "assignment")], &["condition_not_met"]);
        assert_eq!(told.skips[0].1.as_ref(), Some(does_not));
    }
    // The settings have no say in it: they do not know these types, and switching everything off changes nothing.
    for event_type in ["backup_success", "backup_partial", "backup_failure", "run_missed", "run_recovered"] {
        let events = json!({ "events": { event_type: { "enabled": false } } });
        let refused = api.call(Method::PUT, "/settings/notifications", Some(&events)).await.problem();
        assert_eq!((refused.status, refused.pointers), (422, vec![format!("/events/{event_type}")]));
        let sent = json!({ "type": event_type, "data": {} });
        let refused = api.call(Method::POST, "/events", Some(&sent)).await.problem();
        assert_eq!((refused.status, refused.pointers), (422, vec!["/type".to_owned()]));
    }
    let known = api.get("/settings/notifications").await["events"].as_object().unwrap().clone();
    assert!(!known.is_empty() && !known.contains_key("backup_failure"));
    api.put("/settings/notifications", json!({})).await;
    report(api, "united", run("success")).await.check(&[("ops", "assignment")], &[]);
    api.settled().await;
    assert_eq!((ops.count(), dba.count()), (6, 1));
}

/// Rule: What if a channel is disabled?
#[tokio::test]
async fn a_disabled_channel_holds_what_it_is_told() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let ops_id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&ops_id]).await;
    api.patch(&format!("/channels/{ops_id}"), json!({ "enabled": false })).await;
    let told = tell(api, "system_error", disk_full()).await;
    told.check(&[("ops", "global")], &[]);
    let metrics = api.metrics().await;
    assert_eq!((metrics.accepted, metrics.of("held"), ops.count()), (1, 1, 0));
    api.patch(&format!("/channels/{ops_id}"), json!({ "enabled": true })).await;
    assert_eq!(ops.wait_for(1, PATIENCE).await[0].header("webhook-id"), Some(told.deliveries[0].as_str()));
    assert_eq!(api.settled().await.of("delivered"), 1);
}

/// Rule: What if one target fails?
/// Rule: When is a delivery tried again?
#[tokio::test]
async fn a_channel_that_is_down_slows_no_other_and_is_tried_again() {
    let mut server = Server::prepare(&[]);
    let settings = server.place().join("fanfare.toml");
    std::fs::write(settings, "[engine]\nretry_schedule_s = [0.05]\njitter = 0\n").unwrap();
    server.restart().await;
    let api = server.api();
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    let good_id = api.webhook("good", good.url("/")).await;
    let bad_id = api.webhook("bad", bad.url("/")).await;
    api.make_global(&[&bad_id, &good_id]).await;
    bad.answer(Answer::status(503).body("maintenance"));
    bad.answer(Answer::close());
    bad.answer(Answer::status(200));
    bad.answer_always(Answer::status(422).body("no such room"));
    let told = tell(api, "system_error", disk_full()).await;
    let requests = bad.wait_for(3, PATIENCE).await;
    let good_request = &good.wait_for(1, PATIENCE).await[0];
    assert!(good_request.instant < requests[2].instant, "the good channel waited for the bad one");
    assert!(requests.iter().all(|request| request.header("webhook-id") == Some(&told.deliveries[0])));
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    api.settled().await;
    let delivery = api.get(&format!("/deliveries/{}", told.deliveries[0])).await;
    let attempts = delivery["attempts"].as_array().unwrap();
    assert_eq!((&delivery["state"], attempts.len()), (&json!("delivered"), 3), "{delivery}");
    assert_eq!(delivery["possibly_duplicate"], true, "an answer was lost");
    assert!(attempts[0]["detail"].as_str().unwrap().starts_with("503 Service Unavailable: maintenance"), "{delivery}");

    // A refusal for good is not tried again, until somebody asks for it.
    let told = tell(api, "system_error", disk_full()).await;
    let dead = format!("/deliveries/{}", told.deliveries[0]);
    let delivery = until("end of the delivery", PATIENCE, async || {
        let delivery = api.get(&dead).await;
        (delivery["state"] == "dead").then_some(delivery)
    });
    let delivery = delivery.await;
    assert!(delivery["last_error"].as_str().unwrap().contains("no such room"), "{delivery}");
    bad.answer_always(Answer::status(200));
    api.post(&format!("{dead}/retry"), json!({})).await;
    let metrics = api.settled().await;
    assert_eq!((metrics.accepted, metrics.of("delivered"), metrics.of("dead")), (4, 4, 0));
    let again = api.call(Method::POST, &format!("{dead}/retry"), None).await.problem();
    assert_eq!(again.status, 409);
}
