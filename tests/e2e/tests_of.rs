//! The rows "Test of an event" and "Test of a channel" of the semantics, clause by clause.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Server};
use http::Method;
use serde_json::{Value, json};

const ERROR: &str = "/settings/notifications/events/system_error";
const TEST: &str = "/event-types/system_error/test";

/// Rule: What does the test of an event type do?
#[tokio::test]
async fn test_of_an_event() {
    let (server, ops, dba) = (Server::start().await, Receiver::start().await, Receiver::start().await);
    let api = server.api();
    let refused = async |why: &str| {
        let problem = api.call(Method::POST, TEST, Some(&json!({}))).await.problem();
        assert_eq!(problem.status, 409, "{}", problem.document);
        assert!(problem.document["detail"].as_str().unwrap().contains(why), "{}", problem.document);
    };
    // Zero targets: 409, with the reason.
    refused("no global channels").await;
    let ops_id = api.webhook("ops", ops.url("/")).await;
    let dba_id = api.webhook("dba", dba.url("/")).await;
    api.make_global(&[&ops_id]).await;
    api.patch(ERROR, json!({ "channels": [] })).await;
    refused("it is empty").await;

    // The effective targets: the type's own list, else the global channels. One result for each; one that fails does not
    // hinder the others, and is told in the service's own words.
    let names = |test: &Value| -> Vec<(String, bool)> {
        let results = test["results"].as_array().unwrap().iter();
        results.map(|one| (one["channel_name"].as_str().unwrap().into(), one["ok"].as_bool().unwrap())).collect()
    };
    api.patch(ERROR, json!({ "channels": [dba_id, ops_id] })).await;
    dba.answer(Answer::status(500).body("out of order"));
    let test = api.post(TEST, json!({})).await;
    assert_eq!(names(&test), [("dba".into(), false), ("ops".into(), true)]);
    let detail = test["results"][0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("500 Internal Server Error") && detail.contains("out of order"), "{detail}");
    api.patch(ERROR, json!({ "channels": null })).await;
    assert_eq!(names(&api.post(TEST, json!({})).await), [("ops".into(), true)]);

    // It works when the type is off, and says so.
    assert_eq!(test["event_enabled"], true);
    api.patch(ERROR, json!({ "enabled": false })).await;
    let off = api.post(TEST, json!({})).await;
    assert_eq!((&off["event_enabled"], names(&off)), (&json!(false), vec![("ops".into(), true)]));

    // The title says what it is; the rest is the sample, as an event would say it.
    let said = ops.wait_for(3, PATIENCE).await[2].json();
    let shown = api.get("/event-types").await;
    let event_type = shown.as_array().unwrap().iter().find(|one| one["id"] == "system_error").unwrap();
    let asked = json!({ "type": "system_error", "data": event_type["sample"] });
    let explained = api.post("/events/explain", asked).await;
    assert_eq!(said["title"], "[Test] System Error");
    assert_eq!(said["message"], explained["notification"]["message"]);

    // Kept in the ledger as a test, outside the counts; not tried again, and not to be.
    let deliveries = api.all("/deliveries?test=true").await;
    assert_eq!(deliveries.len(), 4);
    assert!(api.all("/deliveries?test=false").await.is_empty());
    assert!(deliveries.iter().all(|one| one["title"] == "[Test] System Error" && one["test"] == true));
    let dead = deliveries.iter().find(|one| one["state"] == "dead").unwrap();
    let again = api.call(Method::POST, &format!("/deliveries/{}/retry", dead["id"].as_str().unwrap()), None).await;
    assert_eq!(again.problem().status, 409);
    let metrics = api.metrics().await;
    assert_eq!((metrics.accepted, metrics.states.values().sum::<u64>()), (0, 0));
    let event = api.get(&format!("/events/{}", dead["event_id"].as_str().unwrap())).await;
    assert_eq!((&event["test"], event["deliveries"].as_array().unwrap().len()), (&json!(true), 2));
    assert_eq!(event["plan"]["targets"][0]["reason"], "override");

    // What does not exist, and what each job tells by itself.
    assert_eq!(api.call(Method::POST, "/event-types/nothing/test", Some(&json!({}))).await.problem().status, 404);
    let of_runs = api.call(Method::POST, "/event-types/backup_failure/test", Some(&json!({}))).await.problem();
    assert_eq!(of_runs.status, 409);
}

/// Rule: What does the test of a channel do?
#[tokio::test]
async fn test_of_a_channel() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let id = api.webhook("ops", ops.url("/")).await;
    let test = async || api.post(&format!("/channels/{id}/test"), json!({})).await;
    assert_eq!(test().await["ok"], true);
    let sent = ops.wait_for(1, PATIENCE).await[0].json();
    assert_eq!((&sent["title"], &sent["event_type"]), (&json!("[Test] Fanfare reaches this channel"), &json!("test")));

    // The service's own words.
    ops.answer(Answer::status(404).body("no such hook"));
    let failed = test().await;
    assert_eq!(failed["ok"], false);
    assert!(failed["detail"].as_str().unwrap().starts_with("404 Not Found: no such hook"), "{failed}");

    // A disabled channel can be tested.
    api.patch(&format!("/channels/{id}"), json!({ "enabled": false })).await;
    assert_eq!(test().await["ok"], true);
    assert_eq!(api.all("/deliveries?test=true").await.len(), 3);
    assert_eq!(api.metrics().await.accepted, 0);
}
