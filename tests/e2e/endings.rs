//! What becomes of deliveries: of a channel that is deleted or disabled, of what fails, of what is sent again.

use std::time::Duration;

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, database, rows, until};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::told::{report, tell};

const WEEK_MS: i64 = 7 * 24 * 3_600_000;
const DAY_MS: i64 = 24 * 3_600_000;

fn disk_full() -> Value {
    json!({ "component": "scheduler", "error": "disk full" })
}

async fn told(api: &Api) -> String {
    tell(api, "system_error", disk_full()).await.deliveries.remove(0)
}

async fn shown(api: &Api, delivery: &str) -> Value {
    api.get(&format!("/deliveries/{delivery}")).await
}

async fn wait_for_state(api: &Api, delivery: &str, state: &str) -> Value {
    let found = until(state, PATIENCE, async || {
        let delivery = shown(api, delivery).await;
        (delivery["state"] == state).then_some(delivery)
    });
    found.await
}

/// A server that tries again at these times only, without chance.
async fn start(schedule: &str) -> Server {
    let mut server = Server::prepare(&[]);
    let settings = format!("[engine]\nretry_schedule_s = [{schedule}]\njitter = 0\n");
    std::fs::write(server.place().join("fanfare.toml"), settings).unwrap();
    server.restart().await;
    server
}

/// Rule: What if a channel in use is deleted?
#[tokio::test]
async fn a_channel_in_use_is_deleted_only_with_force_and_then_everywhere() {
    let server = start("3600").await;
    let api = server.api();
    let (gone, kept) = (Receiver::start().await, Receiver::start().await);
    let gone_id = api.webhook("gone", gone.url("/")).await;
    let kept_id = api.webhook("kept", kept.url("/")).await;
    let events = json!({
        "system_error": { "channels": [gone_id] },
        "restore_failure": { "channels": [kept_id, gone_id] },
    });
    api.put("/settings/notifications", json!({ "global_channels": [gone_id, kept_id], "events": events })).await;
    api.job("alone", &[(&gone_id, "always")]).await;
    api.job("both", &[(&gone_id, "on_failure"), (&kept_id, "always"), (&gone_id, "on_success")]).await;
    gone.answer_always(Answer::status(503));
    let pending = told(api).await;
    gone.wait_for_answered(1, PATIENCE).await;
    until("record of the attempt", PATIENCE, async || {
        (shown(api, &pending).await["attempts"] != json!([])).then_some(())
    })
    .await;
    api.patch(&format!("/channels/{gone_id}"), json!({ "enabled": false })).await;
    let held = told(api).await;
    assert_eq!(api.metrics().await.of("held"), 2, "what was pending is held, too");

    let path = format!("/channels/{gone_id}");
    let refused = api.call(Method::DELETE, &path, None).await.problem();
    assert_eq!(refused.status, 409);
    let uses: Vec<_> =
        refused.document["uses"].as_array().unwrap().iter().map(|place| place.as_str().unwrap()).collect();
    for place in ["global channels", "system_error", "restore_failure", "alone", "both"] {
        assert!(uses.iter().any(|listed| listed.contains(place)), "{place}: {uses:?}");
    }
    assert_eq!(uses.len(), 5);
    assert_eq!(api.metrics().await.of("held"), 2, "what is refused changes nothing");

    api.call(Method::DELETE, &format!("{path}?force=true"), None).await.ok();
    let settings = api.get("/settings/notifications").await;
    assert_eq!(settings["global_channels"], json!([kept_id]));
    assert_eq!(settings["events"]["system_error"]["channels"], json!([]), "muted, not inherited");
    assert_eq!(settings["events"]["restore_failure"]["channels"], json!([kept_id]));
    tell(api, "system_error", disk_full()).await.check(&[], &["muted"]);
    tell(api, "restore_failure", json!({ "error": "x" })).await.check(&[("kept", "override")], &[]);
    report(api, "alone", json!({ "outcome": "failure" })).await.check(&[], &["no_channels"]);
    report(api, "both", json!({ "outcome": "failure" })).await.check(&[("kept", "assignment")], &[]);
    for delivery in [&pending, &held] {
        let shown = shown(api, delivery).await;
        assert_eq!((&shown["state"], &shown["last_error"]), (&json!("suppressed"), &json!("channel_deleted")));
        assert_eq!((&shown["channel_name"], &shown["kind"]), (&json!("gone"), &json!("webhook")), "it tells what was");
        let again = api.call(Method::POST, &format!("/deliveries/{delivery}/retry"), None).await.problem();
        assert_eq!(again.status, 409);
    }
    let metrics = api.settled().await;
    assert_eq!((metrics.accepted, metrics.of("suppressed"), metrics.of("delivered")), (4, 2, 2));
    assert_eq!(gone.count(), 1);
    // One that nobody uses needs no force.
    let unused = api.webhook("unused", gone.url("/")).await;
    assert_eq!(api.call(Method::DELETE, &format!("/channels/{unused}"), None).await.status, 204);
}

/// Rule: What if a channel is disabled?
#[tokio::test]
async fn what_a_disabled_channel_holds_does_not_age_for_seven_days_and_is_dead_then() {
    let mut server = start("0.05, 3600").await;
    let ops = Receiver::start().await;
    let id = server.api().webhook("ops", ops.url("/")).await;
    let path = format!("/channels/{id}");
    server.api().make_global(&[&id]).await;
    server.api().patch(&path, json!({ "enabled": false })).await;
    let [old, young] = [told(server.api()).await, told(server.api()).await];
    assert_eq!(shown(server.api(), &old).await["state"], "held");

    // Almost seven days: nothing of its 24 hours is gone.
    let since = |delivery: &str, ms: i64| {
        let id = delivery.replace('-', "");
        format!(
            "UPDATE fanfare_deliveries SET held_at = held_at - {ms}, expires_at = expires_at - {ms},
                 created_at = created_at - {ms} WHERE lower(hex(id)) = '{id}';"
        )
    };
    server.alter(&(since(&old, WEEK_MS) + &since(&young, WEEK_MS - 60_000))).await;
    let api = server.api();
    let dead = wait_for_state(api, &old, "dead").await;
    assert_eq!((&dead["last_error"], &dead["attempts"]), (&json!("its channel was disabled for 7 days"), &json!([])));
    assert_eq!(shown(api, &young).await["state"], "held");
    ops.answer(Answer::status(503));
    api.patch(&path, json!({ "enabled": true })).await;
    let delivered = wait_for_state(api, &young, "delivered").await;
    assert_eq!(delivered["attempts"].as_array().unwrap().len(), 2, "it was tried again, so it was alive");
    assert_eq!(api.metrics().await.of("dead"), 1);
    // Whoever wants what is dead all the same can have it.
    api.post(&format!("/deliveries/{old}/retry"), json!({})).await;
    wait_for_state(api, &old, "delivered").await;
    let metrics = api.settled().await;
    assert_eq!((metrics.accepted, metrics.of("delivered")), (2, 2));
}

/// Rule: When is a delivery tried again?
#[tokio::test]
async fn a_wait_that_the_service_names_is_kept_and_a_rate_limit_pauses_the_lane() {
    let server = start("0.7").await;
    let api = server.api();
    let (busy, limited) = (Receiver::start().await, Receiver::start().await);
    let busy_id = api.webhook("busy", busy.url("/")).await;
    let limited_id = api.webhook("limited", limited.url("/")).await;
    api.patch(&format!("/channels/{limited_id}"), json!({ "delivery": { "concurrency": 1 } })).await;

    api.make_global(&[&busy_id]).await;
    busy.answer(Answer::status(503).header("retry-after", 2));
    let delivery = told(api).await;
    let requests = busy.wait_for(2, PATIENCE).await;
    let waited = requests[1].instant - requests[0].instant;
    assert!(waited >= Duration::from_secs(2), "{waited:?}");
    wait_for_state(api, &delivery, "delivered").await;

    api.make_global(&[&limited_id]).await;
    limited.answer(Answer::status(429));
    let first = told(api).await;
    let second = told(api).await;
    let requests = limited.wait_for(3, PATIENCE).await;
    let waited = requests[1].instant - requests[0].instant;
    assert!(waited >= Duration::from_millis(700), "nothing else goes out meanwhile: {waited:?}");
    let first = wait_for_state(api, &first, "delivered").await;
    wait_for_state(api, &second, "delivered").await;
    let listed = api.get(&format!("/deliveries?event_id={}", first["event_id"].as_str().unwrap())).await;
    assert_eq!(listed["items"][0]["attempts"], 1, "what a rate limit turns away costs no attempt");
    assert_eq!(first["attempts"].as_array().unwrap().len(), 2, "and is shown all the same");
}

/// Rule: When is a delivery tried again?
#[tokio::test]
async fn waits_grow_to_half_a_day_and_after_a_day_a_delivery_is_dead() {
    const WAITS: [i64; 11] = [5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 43_200, 43_200];
    let (mut server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&id]).await;
    ops.answer_always(Answer::status(503));
    let delivery = told(api).await;
    let time = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    for (attempt, wait) in (1..).zip(WAITS) {
        let found = until("next attempt", PATIENCE, async || {
            let shown = shown(api, &delivery).await;
            let last = time(&shown["attempts"].as_array().unwrap().get(attempt - 1)?["at"]);
            // Attempts are read after the delivery, which may still say when this one was due.
            let next: Timestamp = shown["next_attempt_at"].as_str()?.parse().unwrap();
            (next > last).then_some(shown)
        });
        let shown = found.await;
        assert_eq!(shown["state"], "pending");
        let last = &shown["attempts"][attempt - 1];
        let ended = time(&last["at"]).as_millisecond() + last["duration_ms"].as_i64().unwrap();
        let waits = time(&shown["next_attempt_at"]).as_millisecond() - ended;
        // 20 % to each side, and a little for what it takes to say so.
        let range = wait * 800 - 50..=wait * 1_200 + 2_000;
        assert!(range.contains(&waits), "attempt {attempt}: {waits} ms, not {wait} s");
        // By hand it goes on where it was, at once, and with a life of its own.
        api.call(Method::POST, &format!("/deliveries/{delivery}/retry"), None).await.ok();
    }
    ops.wait_for_answered(WAITS.len() + 1, PATIENCE).await;
    // A day later.
    let later = format!("UPDATE fanfare_deliveries SET expires_at = expires_at - {DAY_MS}, due_at = 0");
    server.alter(&later).await;
    let dead = wait_for_state(server.api(), &delivery, "dead").await;
    assert_eq!(dead["next_attempt_at"], Value::Null);
    server.api().metrics().await.check();
}

/// Rule: When is a delivery tried again?
#[tokio::test]
async fn retry_is_for_what_is_dead_or_pending_and_uses_the_channel_as_it_is_now() {
    let server = start("3600").await;
    let api = server.api();
    let (old, new) = (Receiver::start().await, Receiver::start().await);
    let id = api.webhook("ops", old.url("/")).await;
    let path = format!("/channels/{id}");
    api.make_global(&[&id]).await;
    let retry = async |delivery: &str| {
        let reply = api.call(Method::POST, &format!("/deliveries/{delivery}/retry"), None).await;
        if reply.status == 409 { reply.problem().status } else { reply.status }
    };
    old.answer(Answer::status(503));
    let pending = told(api).await;
    let later = until("next attempt", PATIENCE, async || {
        let shown = shown(api, &pending).await;
        (shown["attempts"] != json!([])).then(|| shown["next_attempt_at"].clone())
    });
    assert!(later.await.is_string());
    assert_eq!(retry(&pending).await, 202);
    wait_for_state(api, &pending, "delivered").await;
    assert_eq!(retry(&pending).await, 409, "it is delivered");

    old.answer(Answer::status(404));
    let dead = told(api).await;
    wait_for_state(api, &dead, "dead").await;
    api.patch(&path, json!({ "config": { "url": new.url("/elsewhere") } })).await;
    assert_eq!(retry(&dead).await, 202);
    wait_for_state(api, &dead, "delivered").await;
    let request = &new.requests()[0];
    assert_eq!((request.path.as_str(), request.header("webhook-id")), ("/elsewhere", Some(dead.as_str())));
    assert_eq!((old.count(), new.count()), (3, 1));

    api.patch(&path, json!({ "enabled": false })).await;
    let held = told(api).await;
    assert_eq!(retry(&held).await, 409, "it is held");
    api.post(&format!("{path}/test"), json!({})).await;
    let test = api.get("/deliveries?test=true").await["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(retry(&test).await, 409, "it is a test");
    assert_eq!(retry("01987a5e-1234-7000-8000-0123456789ab").await, 404);
    let many = api.call(Method::POST, "/deliveries/retry", Some(&json!({ "state": "held" }))).await.problem();
    assert_eq!((many.status, many.pointers), (422, vec!["/state".to_owned()]));
}

/// Rule: What if a request is repeated?
#[tokio::test]
async fn a_request_that_is_repeated_counts_once_for_a_day() {
    let (mut server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api().clone();
    let id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&id]).await;
    let job = api.job("nightly", &[(&id, "always")]).await;
    api.job("weekly", &[(&id, "always")]).await;
    let event = |text: &str| json!({ "type": "system_error", "data": { "component": "a", "error": text } });
    let keyed = |mut body: Value| {
        body["idempotency_key"] = "k".into();
        body
    };
    let first = api.post("/events", keyed(event("one"))).await;
    let again = api.post("/events", keyed(event("one"))).await;
    assert_eq!((&first["duplicate"], &again["duplicate"]), (&json!(false), &json!(true)));
    for member in ["id", "deliveries", "skipped"] {
        assert_eq!(again[member], first[member], "it is the first answer");
    }
    let headers = |key: &'static str| [("idempotency-key", key), ("content-type", "application/json")];
    let send = async |key, body: Value| {
        api.exchange(Method::POST, "/api/v1/events", &headers(key), body.to_string()).await.unwrap()
    };
    assert_eq!(send("k", event("one")).await.ok()["id"], first["id"], "a header is as good as a member");
    let differs = send("l", keyed(event("one"))).await.problem();
    assert_eq!((differs.status, differs.pointers), (422, vec!["/idempotency_key".to_owned()]));
    let other = api.call(Method::POST, "/events", Some(&keyed(event("two")))).await.problem();
    assert_eq!((other.status, &other.document["type"]), (409, &json!("urn:fanfare:problem:key-reused")));

    // Another endpoint is another scope; a job is one, however it is named.
    let batch = api.post("/events/batch", json!({ "events": [keyed(event("one")), keyed(event("one"))] })).await;
    let duplicates = [&batch["results"][0]["duplicate"], &batch["results"][1]["duplicate"]];
    assert_eq!(duplicates, [&json!(false), &json!(true)]);
    let run = async |job: &str| api.post(&format!("/jobs/{job}/runs"), keyed(json!({ "outcome": "success" }))).await;
    let [by_name, by_id, other] = [run("nightly").await, run(&job).await, run("weekly").await];
    assert_eq!((&by_id["duplicate"], &by_id["id"]), (&json!(true), &by_name["id"]));
    assert_eq!(other["duplicate"], false);
    // So is another token.
    let token = api.post("/tokens", json!({ "name": "sender", "scope": "send" })).await;
    let sender = api.with_token(token["token"].as_str());
    assert_eq!(sender.post("/events", keyed(event("one"))).await["duplicate"], false);
    assert_eq!(sender.post("/events", keyed(event("one"))).await["duplicate"], true);
    assert_eq!(api.settled().await.accepted, 5);
    assert_eq!(ops.count(), 5);

    // A day later, the key is new, whatever is said with it; and old ones are not kept.
    let keys =
        |server: &Server| rows(&database(&server.data_dir()), "SELECT count(*) FROM fanfare_idempotency")[0][0].clone();
    assert_eq!(keys(&server), "5");
    server.alter(&format!("UPDATE fanfare_idempotency SET created_at = created_at - {DAY_MS} - 1;")).await;
    let api = server.api();
    until("end of the old keys", PATIENCE, async || (keys(&server) == "0").then_some(())).await;
    let anew = api.post("/events", keyed(event("two"))).await;
    assert_eq!(anew["duplicate"], false);
    assert_ne!(anew["id"], first["id"]);
    assert_eq!(api.post("/events", keyed(event("two"))).await["id"], anew["id"]);
    assert_eq!(keys(&server), "1");
}
