//! What Fanfare says of itself: whether deliveries get through a channel, and who hears that this has turned.

use std::{fs, time::Duration};

use fanfare_testkit::{Answer, Received, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, until};
use serde_json::{Value, json};

/// A server that tries again and probes soon, and calls a channel failing after so many seconds of failures.
async fn start(failing_after_s: f64) -> Server {
    let mut server = Server::prepare(&[]);
    let settings = format!(
        "[engine]\nretry_schedule_s = [0.1]\njitter = 0\nprobe_schedule_s = [0.1]\nfailing_after_s = {failing_after_s}\n"
    );
    fs::write(server.place().join("fanfare.toml"), settings).unwrap();
    server.restart().await;
    server
}

async fn raise(api: &Api, error: &str) {
    api.post("/events", json!({ "type": "restore_failure", "data": { "error": error } })).await;
}

async fn health(api: &Api, channel: &str) -> Value {
    api.get(&format!("/channels/{channel}")).await["health"].clone()
}

/// Waits until a channel's health is this.
async fn wait_for_health(api: &Api, channel: &str, state: &str) -> Value {
    let what = format!("channel that is {state}");
    until(&what, PATIENCE, async || Some(health(api, channel).await).filter(|health| health["state"] == state)).await
}

/// The events that tell of this channel, oldest first.
async fn told_of(api: &Api, name: &str) -> Vec<Value> {
    let component = format!("channel {name}");
    let events = api.all("/events").await.into_iter().rev();
    let is_of = |event: &Value| event["type"] == "system_error" && event["data"]["component"] == component.as_str();
    events.filter(is_of).collect()
}

fn names(event: &Value) -> Vec<&str> {
    let targets = event["plan"]["targets"].as_array().unwrap();
    targets.iter().map(|target| target["channel_name"].as_str().unwrap()).collect()
}

fn alerts(receiver: &Receiver) -> Vec<Received> {
    let all = receiver.requests().into_iter();
    all.filter(|request| request.json()["event_type"] == "system_error").collect()
}

/// Rule: What does Fanfare tell of itself?
#[tokio::test]
async fn a_channel_that_turns_to_failing_is_told_of_once_and_once_when_it_works_again() {
    let mut server = start(0.0).await;
    let (broken, sound) = (Receiver::start().await, Receiver::start().await);
    let [broken_id, sound_id] =
        [server.api().webhook("Broken", broken.url("/")).await, server.api().webhook("Sound", sound.url("/")).await];
    let api = server.api();
    api.make_global(&[&broken_id, &sound_id]).await;
    assert_eq!(health(api, &broken_id).await, json!({ "state": "unknown", "since": null, "last_error": null }));

    // Two misconfigurations in a row open the breaker.
    broken.answer_always(Answer::status(404));
    raise(api, "one").await;
    broken.wait_for_answered(1, PATIENCE).await;
    raise(api, "two").await;
    let failing = wait_for_health(api, &broken_id, "failing").await;
    assert!(failing["since"].is_string() && failing["last_error"].as_str().unwrap().starts_with("404"), "{failing}");
    let alert = until("alert", PATIENCE, async || alerts(&sound).pop()).await.json();
    assert_eq!((&alert["title"], &alert["success"]), (&json!("System Error"), &json!(false)));
    assert_eq!(alert["message"], "Error in channel Broken: 404 Not Found");
    assert_eq!(health(api, &sound_id).await["state"], "ok");

    // As long as it fails, nothing more is said, and a restart changes nothing of that.
    raise(api, "three").await;
    broken.wait_for(5, PATIENCE).await;
    server.kill9().await;
    server.restart().await;
    let api = server.api();
    assert_eq!(health(api, &broken_id).await, failing);
    broken.wait_for(broken.count() + 3, PATIENCE).await;
    let told = told_of(api, "Broken").await;
    assert_eq!(told.iter().map(names).collect::<Vec<_>>(), [["Sound"]], "once, and not through itself");
    assert_eq!(told[0]["plan"]["skips"], json!([]));

    broken.answer_always(Answer::status(200));
    wait_for_health(api, &broken_id, "ok").await;
    until("end of it", PATIENCE, async || (alerts(&sound).len() == 2).then_some(())).await;
    let recovered = alerts(&sound).pop().unwrap().json();
    assert_eq!((&recovered["title"], &recovered["success"]), (&json!("Channel Recovered"), &json!(true)));
    assert!(recovered["message"].as_str().unwrap().contains("Broken"), "{recovered}");
    raise(api, "four").await;
    let metrics = api.settled().await;
    let told = told_of(api, "Broken").await;
    assert_eq!(told.iter().map(names).collect::<Vec<_>>(), [["Sound"], ["Sound"]]);
    assert_eq!((alerts(&sound).len(), alerts(&broken).len()), (2, 0));
    assert_eq!(metrics.of("dead"), 2, "what waited behind the breaker got through");
    // About anything else, it is a channel of this event type like any other.
    api.post("/events", json!({ "type": "system_error", "data": { "component": "a", "error": "b" } })).await;
    api.settled().await;
    assert_eq!(alerts(&broken).len(), 1);
}

/// Rule: What does Fanfare tell of itself?
#[tokio::test]
async fn five_failures_in_a_row_over_a_while_are_failing_and_less_is_not() {
    const WHILE: Duration = Duration::from_millis(600);
    let server = start(WHILE.as_secs_f64()).await;
    let (shaky, sound) = (Receiver::start().await, Receiver::start().await);
    let api = server.api();
    let [shaky_id, sound_id] = [api.webhook("Shaky", shaky.url("/")).await, api.webhook("Sound", sound.url("/")).await];
    let events = json!({ "system_error": { "channels": [sound_id] } });
    api.put("/settings/notifications", json!({ "global_channels": [shaky_id], "events": events })).await;

    // Four, and one that gets through.
    (0..4).for_each(|_| shaky.answer(Answer::status(503)));
    raise(api, "one").await;
    shaky.wait_for_answered(5, PATIENCE).await;
    assert_eq!(api.settled().await.of("delivered"), 1);
    assert_eq!(wait_for_health(api, &shaky_id, "ok").await["last_error"], Value::Null);
    assert_eq!(told_of(api, "Shaky").await.len(), 0);

    shaky.clear();
    shaky.answer_always(Answer::status(503).body("in maintenance"));
    raise(api, "two").await;
    let alert = sound.wait_for(1, PATIENCE).await.pop().unwrap();
    let before: Vec<_> = shaky.requests().into_iter().filter(|request| request.instant < alert.instant).collect();
    let lasted = alert.instant - before[0].instant;
    assert!(before.len() >= 5 && lasted >= WHILE, "{} failures in {lasted:?}", before.len());
    let failing = health(api, &shaky_id).await;
    assert_eq!(failing["state"], "failing");
    assert_eq!(failing["last_error"], "503 Service Unavailable: in maintenance");
    shaky.answer_always(Answer::status(200));
    wait_for_health(api, &shaky_id, "ok").await;
    sound.wait_for(2, PATIENCE).await;
    api.settled().await;
    assert_eq!(sound.count(), 2);

    // Limited is not failing, and nobody is told of it.
    shaky.answer_always(Answer::status(429).header("retry-after", 3_600));
    raise(api, "three").await;
    let limited = wait_for_health(api, &shaky_id, "limited").await;
    assert!(limited["last_error"].as_str().unwrap().starts_with("429"), "{limited}");
    assert_eq!(told_of(api, "Shaky").await.len(), 2);
}

/// Rule: What does Fanfare tell of itself?
#[tokio::test]
async fn nobody_hears_of_a_channel_that_fails_to_tell_of_another() {
    let server = start(0.0).await;
    let (broken, ops, witness) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let api = server.api();
    let broken_id = api.webhook("Broken", broken.url("/")).await;
    let ops_id = api.webhook("Ops", ops.url("/")).await;
    let witness_id = api.webhook("Witness", witness.url("/")).await;
    let events = json!({ "system_error": { "channels": [ops_id, witness_id] } });
    api.put("/settings/notifications", json!({ "global_channels": [broken_id], "events": events })).await;

    // Operators get nothing but what is told of the broken channel, and that does not arrive.
    ops.answer_always(Answer::status(404));
    broken.answer_always(Answer::status(404));
    raise(api, "one").await;
    broken.wait_for_answered(1, PATIENCE).await;
    raise(api, "two").await;
    witness.wait_for(1, PATIENCE).await;
    broken.answer_always(Answer::status(200));
    raise(api, "three").await;
    witness.wait_for(2, PATIENCE).await;
    wait_for_health(api, &ops_id, "failing").await;
    assert_eq!(told_of(api, "Broken").await.iter().map(names).collect::<Vec<_>>(), [["Ops", "Witness"]; 2]);

    // An event of another origin that does not get through there either is reason enough.
    let other = json!({ "type": "system_error", "data": { "component": "a", "error": "b" } });
    assert_eq!(told_of(api, "Ops").await.len(), 0);
    api.post("/events", other).await;
    let told = until("alert", PATIENCE, async || told_of(api, "Ops").await.pop()).await;
    assert_eq!(names(&told), ["Witness"]);
    ops.answer_always(Answer::status(200));
    until("end of it", PATIENCE, async || (told_of(api, "Ops").await.len() == 2).then_some(())).await;
    api.settled().await;
    assert_eq!(told_of(api, "Ops").await.len(), 2);
    assert_eq!(told_of(api, "Broken").await.len(), 2);
    assert_eq!(witness.count(), 5);
}
