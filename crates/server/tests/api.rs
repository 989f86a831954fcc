//! Every operation, driven against a real engine; every answer is held against the API's own document.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use std::time::Duration;

use common::{Api, filled};
use fanfare_testkit::{Answer, Receiver};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(10);

fn error_event(text: &str) -> Value {
    json!({"type": "system_error", "data": {"component": "test", "error": text}})
}

#[tokio::test]
async fn every_operation_answers_as_documented() {
    let api = Api::start().await;
    let receiver = Receiver::start().await;
    let other = Receiver::start().await;
    service(&api).await;
    let (first, second) = channels(&api, &receiver, &other).await;
    settings(&api, &first).await;
    outbound(&api, &first).await;
    event_types(&api, &receiver).await;
    events(&api, &first).await;
    jobs(&api, &second).await;
    deliveries(&api, &first, &receiver).await;
    keys(&api, &first).await;
    whole(&api, &first).await;
    deletion(&api, &first, &second).await;
    access(&api).await;
    watching(&api).await;
    assert_eq!(api.never_exercised(), [], "these operations were never answered with success");
}

/// The last that is tried: watching ends for all and for good.
async fn watching(api: &Api) {
    let receiver = Receiver::start().await;
    let channel = api.webhook("watched", &receiver).await;
    let told = async {
        api.put("/api/v1/settings/notifications", json!({"global_channels": [channel]})).await.expect(200);
        let delivered = api.engine.counters().await.unwrap().1["delivered"];
        let event = json!({"type": "system_error", "data": {"component": "test", "error": "watched"}});
        let accepted = api.post("/api/v1/events", event.clone()).await.expect(202);
        api.wait_for("delivered", delivered + 1).await;
        // Once another one is accepted, everything before it has been told.
        api.post("/api/v1/events", event).await.expect(202);
        api.engine.end_watching();
        accepted["deliveries"][0]["id"].as_str().unwrap().to_owned()
    };
    let (stream, id) = tokio::join!(api.get("/api/v1/deliveries/stream"), told);
    assert_eq!(stream.status, 200);
    let last = stream.text.rsplit("\n\n").find(|event| event.contains(&id)).expect("the delivery is told");
    let data = last.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let item: Value = serde_json::from_str(data).unwrap();
    assert_eq!((&item["id"], &item["state"]), (&json!(id), &json!("delivered")));
    assert!(last.contains("event: delivery"), "{last}");
    api.get("/api/v1/deliveries/stream").await.expect(503);
}

async fn service(api: &Api) {
    assert_eq!(api.get("/healthz").await.expect(200), json!({"status": "ok"}));
    assert_eq!(api.get("/readyz").await.expect(200), json!({"status": "ok"}));
    let metrics = api.get("/metrics").await;
    assert!(metrics.text.contains("\nfanfare_deliveries_accepted_total 0\n"), "{}", metrics.text);
    for state in ["pending", "held", "delivered", "suppressed", "dead"] {
        assert!(metrics.text.contains(&format!("fanfare_deliveries{{state=\"{state}\"}} 0\n")), "{}", metrics.text);
    }
    let document = api.get("/api/openapi.json").await.expect(200);
    assert_eq!(document, fanfare_server::openapi(api.engine.catalog()));
    let media = &document["paths"]["/api/v1/events"]["post"]["requestBody"]["content"]["application/json"];
    assert_eq!(media["examples"]["user_login"]["value"]["type"], "user_login");
    assert!(media["examples"].get("backup_success").is_none(), "runs are reported to their job");
}

async fn channels(api: &Api, receiver: &Receiver, other: &Receiver) -> (String, String) {
    let kinds = api.get("/api/v1/channel-kinds").await.expect(200);
    let webhook = kinds.as_array().unwrap().iter().find(|kind| kind["kind"] == "webhook").unwrap();
    assert!(webhook["config_schema"]["properties"]["url"].is_object());

    let config = json!({"url": receiver.url("/secret-path"), "headers": {"X-Key": "s3cret"}});
    let made = api.post("/api/v1/channels", json!({"name": "First", "kind": "webhook", "config": config})).await;
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let made = made.expect(201);
    let first = made["id"].as_str().unwrap().to_owned();
    assert_eq!(location, format!("/api/v1/channels/{first}"));
    assert_eq!((&made["enabled"], &made["health"]["state"]), (&json!(true), &json!("unknown")));
    let text = made.to_string();
    assert!(!text.contains("secret-path") && !text.contains("s3cret"), "{text}");

    let shown = api.get(&location).await;
    let etag = shown.etag();
    let shown = shown.expect(200);
    assert_eq!(shown, made);
    let second = api.webhook("Second", other).await;
    let list = api.get("/api/v1/channels").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 2);

    // Sending back what was shown keeps the secrets; a member that is null is taken out.
    let patch = json!({
        "name": "Renamed", "config": {"url": shown["config"]["url"], "headers": {"X-More": "m"}}, "kind": "webhook",
        "delivery": {"concurrency": 3}
    });
    let patched = api.send("PATCH", &location, Some(patch.to_string().into()), &[("if-match", &etag)]).await;
    assert_ne!(patched.etag(), etag);
    let patched = patched.expect(200);
    assert_eq!((&patched["name"], &patched["delivery"]["concurrency"]), (&json!("Renamed"), &json!(3)));
    assert_eq!(patched["config"]["headers"].as_object().unwrap().len(), 2);
    let stale = api.send("PATCH", &location, Some(b"{}".into()), &[("if-match", &etag)]).await;
    assert_eq!(stale.expect(412)["type"], "urn:fanfare:problem:changed");
    let reset = api.patch(&location, json!({"delivery": null, "enabled": false})).await.expect(200);
    assert_eq!((&reset["delivery"]["concurrency"], &reset["enabled"]), (&Value::Null, &json!(false)));
    assert_eq!(api.patch(&location, json!({"enabled": null})).await.expect(200)["enabled"], true);

    let test = api.send("POST", &format!("{location}/test"), None, &[]).await.expect(200);
    assert_eq!(test["ok"], true);
    assert!(test["detail"].as_str().unwrap().starts_with("200 OK"), "{test}");
    let request = &receiver.wait_for(1, PATIENCE).await[0];
    assert_eq!((request.header("x-key"), request.header("x-more")), (Some("s3cret"), Some("m")));
    receiver.answer(Answer::status(500).body("out of order"));
    let test = api.send("POST", &format!("{location}/test"), None, &[]).await.expect(200);
    assert_eq!(test["ok"], false);
    assert!(test["detail"].as_str().unwrap().starts_with("500 Internal Server Error"), "{test}");

    let shown = api.get(&format!("{location}/preview?event_type=user_login")).await.expect(200);
    assert_eq!(shown["content_type"], "application/json");
    let body: Value = serde_json::from_str(shown["payload"].as_str().unwrap()).unwrap();
    assert_eq!(body["event_type"], "user_login", "{body}");
    api.get(&format!("{location}/preview?event_type=no_such")).await.expect(404);
    api.get(&format!("{location}/preview")).await.expect(422);

    for nobody in [filled("/api/v1/channels/{id}"), "/api/v1/channels/first".into()] {
        api.get(&format!("{nobody}/preview?event_type=user_login")).await.expect(404);
        api.get(&nobody).await.expect(404);
        api.patch(&nobody, json!({})).await.expect(404);
        api.delete(&nobody).await.expect(404);
        api.send("POST", &format!("{nobody}/test"), None, &[]).await.expect(404);
    }
    (first, second)
}

async fn settings(api: &Api, channel: &str) {
    let path = "/api/v1/settings/notifications";
    let shown = api.get(path).await;
    let etag = shown.etag();
    let shown = shown.expect(200);
    assert_eq!(shown["global_channels"], json!([]));
    assert_eq!(
        shown["events"]["system_error"],
        json!({"enabled": true, "channels": null, "notify_user": "none", "reminder_hours": null})
    );
    assert!(shown["events"].get("backup_success").is_none(), "a job's events are not in the settings");

    let body = json!({"global_channels": [channel], "events": {"user_login": {"enabled": true, "channels": []}}});
    let body = body.to_string().into_bytes();
    let replaced = api.send("PUT", path, Some(body.clone()), &[("if-match", &etag)]).await;
    let newer = replaced.etag();
    let replaced = replaced.expect(200);
    assert_eq!(replaced["global_channels"], json!([channel]));
    assert_eq!(replaced["events"]["user_login"]["channels"], json!([]));
    api.send("PUT", path, Some(body), &[("if-match", &etag)]).await.expect(412);
    assert_eq!(api.get(path).await.etag(), newer);
    // What is shown can be sent back as it is.
    assert_eq!(api.put(path, replaced.clone()).await.expect(200), replaced);

    let emptied = api.patch(path, json!({"global_channels": []})).await.expect(200);
    assert_eq!((&emptied["global_channels"], &emptied["events"]), (&json!([]), &replaced["events"]));
    api.send("PATCH", path, Some(b"{}".into()), &[("if-match", &newer)]).await.expect(412);
    let newer = api.patch(path, json!({"global_channels": [channel]})).await.etag();

    let event = format!("{path}/events/user_login");
    let patched = api.patch(&event, json!({"channels": [channel], "reminder_hours": 0.5})).await;
    let latest = patched.etag();
    assert_eq!(
        patched.expect(200),
        json!({"enabled": true, "channels": [channel], "notify_user": "none", "reminder_hours": 0.5})
    );
    assert_eq!(api.get(path).await.etag(), latest, "the mark is that of the whole settings");
    api.send("PATCH", &event, Some(b"{}".into()), &[("if-match", &newer)]).await.expect(412);
    let words = json!({
        "title": "In: {{user_name}}", "message": null, "user": {"title": "Hello {{user_name}}", "fields": []},
        "fields": [{"name": "Who", "value": "{{user_name}}"}, {"name": "Where", "value": "{{ip_address}}", "when": "ip_address"}]
    });
    let worded = api.patch(&event, json!({"wording": words})).await;
    let latest = worded.etag();
    let worded = worded.expect(200)["wording"].clone();
    assert_eq!((&worded["title"], &worded["fields"][0]["inline"]), (&words["title"], &json!(true)));
    assert_eq!(api.patch(&event, json!({"wording": worded})).await.expect(200)["wording"], worded);
    let bad = json!({"wording": {"title": "{{nobody}}", "fields": [{"name": "x", "value": "{{#if"}]}});
    assert_eq!(api.patch(&event, bad).await.pointers(422), ["/wording/title", "/wording/fields/0/value"]);
    let everything =
        json!({"enabled": null, "channels": null, "notify_user": null, "reminder_hours": null, "wording": null});
    let reset = api.send("PATCH", &event, Some(everything.to_string().into()), &[("if-match", &latest)]).await;
    assert_eq!(reset.expect(200)["channels"], Value::Null);
    api.patch(&format!("{path}/events/nothing_of_the_kind"), json!({})).await.expect(404);
}

async fn outbound(api: &Api, channel: &str) {
    let path = "/api/v1/settings/outbound";
    let shown = api.get(path).await;
    let etag = shown.etag();
    let before = shown.expect(200);
    assert_eq!(before["locked"], false);
    assert!(before["allow_networks"].as_array().unwrap().contains(&json!("127.0.0.0/8")), "{before}");
    assert_eq!(api.put(path, before.clone()).await.expect(200), before, "what is shown can be sent back");

    let list = json!({"allow_networks": ["10.1.2.3/8", "192.168.7.9", "fd00::/8", "10.0.0.0/8"]});
    let replaced = api.send("PUT", path, Some(list.to_string().into()), &[("if-match", &etag)]).await;
    let newer = replaced.etag();
    let replaced = replaced.expect(200);
    assert_eq!(replaced, json!({"allow_networks": ["10.0.0.0/8", "192.168.7.9/32", "fd00::/8"], "locked": false}));
    assert_eq!(api.get(path).await.etag(), newer);
    api.send("PUT", path, Some(list.to_string().into()), &[("if-match", &etag)]).await.expect(412);

    // In force at once: the channel's receiver is on loopback, which is not among them now.
    let test = api.send("POST", &format!("/api/v1/channels/{channel}/test"), None, &[]).await.expect(200);
    assert_eq!((&test["ok"], &test["blocked_network"]), (&json!(false), &json!("127.0.0.0/8")), "{test}");
    assert!(test["detail"].as_str().unwrap().contains("127.0.0.0/8"), "{test}");

    let wrong = json!({"allow_networks": ["10.0.0.0/8", "somewhere", "10.0.0.0/40"]});
    assert_eq!(api.put(path, wrong).await.pointers(422), ["/allow_networks/1", "/allow_networks/2"]);
    let never = json!({"allow_networks": ["169.254.169.254", "fe80::/10", "fd00:ec2::254/128"]});
    let pointers = ["/allow_networks/0", "/allow_networks/1", "/allow_networks/2"];
    assert_eq!(api.put(path, never).await.pointers(422), pointers);
    assert_eq!(api.put(path, json!({"allow_networks": [], "locked": true})).await.pointers(422), ["/locked"]);
    assert_eq!(api.put(path, json!({})).await.pointers(422), ["/allow_networks"]);
    assert_eq!(api.get(path).await.expect(200), replaced, "a refusal changes nothing");

    api.put(path, before).await.expect(200);
    let test = api.send("POST", &format!("/api/v1/channels/{channel}/test"), None, &[]).await.expect(200);
    assert_eq!((&test["ok"], test.get("blocked_network")), (&json!(true), None), "{test}");
}

async fn keys(api: &Api, channel: &str) {
    let rotated = api.send("POST", "/api/v1/keys/rotate", None, &[]).await.expect(200);
    assert_eq!(rotated["new"], false, "the key was given");
    assert!(rotated["secrets"].as_u64().unwrap() >= 2, "{rotated}");
    let test = api.send("POST", &format!("/api/v1/channels/{channel}/test"), None, &[]).await.expect(200);
    assert_eq!(test["ok"], true);
}

async fn whole(api: &Api, channel: &str) {
    let passphrase = "correct horse";
    let document = api.post("/api/v1/export", json!({"passphrase": passphrase})).await.expect(200);
    assert!(document["sections"]["channels"].as_array().unwrap().iter().any(|row| row["id"] == channel));
    assert!(!document.to_string().contains("s3cret"), "secrets are encrypted");
    assert_eq!(api.post("/api/v1/export", json!({"passphrase": "short"})).await.pointers(422), ["/passphrase"]);

    let import = async |document: &Value, passphrase: &str, dry_run: bool| {
        let body = json!({"document": document, "passphrase": passphrase, "dry_run": dry_run});
        api.post("/api/v1/import", body).await
    };
    let section = |report: &Value| {
        let mut sections = report["sections"].as_array().unwrap().iter();
        sections.find(|section| section["name"] == "channels").unwrap().clone()
    };
    let same = import(&document, passphrase, false).await.expect(200);
    assert_eq!((&same["applied"], &section(&same)["changed"]), (&json!(true), &json!([])), "{same}");
    assert_eq!(import(&document, "wrong horse", true).await.pointers(422), ["/passphrase"]);
    assert_eq!(import(&json!({}), passphrase, true).await.pointers(422), ["/document/format"]);
    let mut later = document.clone();
    later["version"] = 2.into();
    assert_eq!(import(&later, passphrase, true).await.pointers(422), ["/document/version"]);

    let at = document["sections"]["channels"].as_array().unwrap().iter().position(|row| row["id"] == channel).unwrap();
    let before = document["sections"]["channels"][at]["name"].clone();
    let mut renamed = document.clone();
    renamed["sections"]["channels"][at]["name"] = "Imported".into();
    let planned = import(&renamed, passphrase, true).await.expect(200);
    let change = json!([{"id": channel, "name": "Imported", "pointers": ["/name"]}]);
    assert_eq!((&planned["applied"], &section(&planned)["changed"]), (&json!(false), &change));
    assert_eq!(api.get(&format!("/api/v1/channels/{channel}")).await.expect(200)["name"], before);
    let done = import(&renamed, passphrase, false).await.expect(200);
    assert_eq!((&done["applied"], &section(&done)["changed"]), (&json!(true), &change));
    assert_eq!(api.get(&format!("/api/v1/channels/{channel}")).await.expect(200)["name"], "Imported");
    // Something that is wrong changes nothing at all.
    renamed["sections"]["channels"][at]["name"] = "Again".into();
    renamed["sections"]["channels"][at]["kind"] = "pigeon".into();
    let place = |name: &str| format!("/document/sections/channels/{at}/{name}");
    assert_eq!(import(&renamed, passphrase, false).await.pointers(422), [place("kind")]);
    assert_eq!(api.get(&format!("/api/v1/channels/{channel}")).await.expect(200)["name"], "Imported");
    import(&document, passphrase, false).await.expect(200);

    let wanted = json!({"jobs": [{"name": "applied", "notifications": [{"channel": before, "condition": "always"}]}]});
    let apply = async |document: &Value, dry_run: bool| {
        api.post("/api/v1/apply", json!({"document": document, "dry_run": dry_run})).await
    };
    let planned = apply(&wanted, true).await.expect(200);
    assert_eq!(planned["sections"][1]["created"][0]["name"], "applied", "{planned}");
    apply(&wanted, false).await.expect(200);
    let again = apply(&wanted, false).await.expect(200);
    assert_eq!((&again["sections"][1]["created"], &again["sections"][1]["changed"]), (&json!([]), &json!([])));
    let wrong = json!({"jobs": [{"name": "x", "notifications": [{"channel": "nobody", "condition": "always"}]}]});
    assert_eq!(apply(&wrong, true).await.pointers(422), ["/document/jobs/0/notifications/0/channel"]);
    let jobs = api.get("/api/v1/jobs").await.expect(200);
    let applied = jobs.as_array().unwrap().iter().find(|job| job["name"] == "applied").unwrap();
    api.delete(&format!("/api/v1/jobs/{}", applied["id"].as_str().unwrap())).await.expect(204);
}

async fn event_types(api: &Api, receiver: &Receiver) {
    let types = api.get("/api/v1/event-types").await.expect(200);
    let find = |id: &str| types.as_array().unwrap().iter().find(|t| t["id"] == id).unwrap().clone();
    let login = find("user_login");
    assert_eq!((&login["notify_user"], &login["builtin"]), (&json!(true), &json!(true)));
    assert!(find("connection_offline")["reminder"]["default_hours"].as_f64().unwrap() > 0.0);
    assert_eq!((&find("backup_success")["layer"], &login["layer"]), (&json!("job"), &json!("system")));

    receiver.clear();
    let path = "/api/v1/event-types/system_error/test";
    let tested = api.send("POST", path, None, &[]).await.expect(200);
    assert_eq!(tested["event_enabled"], true);
    assert_eq!(tested["results"].as_array().unwrap().len(), 1);
    assert_eq!(tested["results"][0]["ok"], true, "{tested}");
    let request = &receiver.wait_for(1, PATIENCE).await[0];
    assert!(request.json()["title"].as_str().unwrap().starts_with("[Test] "));
    api.post(path, json!({"user": {"email": "ada@example.org"}})).await.expect(200);
    api.post("/api/v1/event-types/nothing_of_the_kind/test", json!({})).await.expect(404);
    api.patch("/api/v1/settings/notifications/events/system_error", json!({"channels": []})).await.expect(200);
    api.send("POST", path, None, &[]).await.expect(409);
    api.patch("/api/v1/settings/notifications/events/system_error", json!({"channels": null})).await.expect(200);
}

async fn events(api: &Api, channel: &str) {
    let sent = api.post("/api/v1/events", error_event("one")).await.expect(202);
    assert_eq!((&sent["duplicate"], &sent["skipped"]), (&json!(false), &json!([])));
    let delivery = &sent["deliveries"][0];
    assert_eq!(
        (&delivery["channel_id"], &delivery["target"], &delivery["reason"], &delivery["state"]),
        (&json!(channel), &json!("channel"), &json!("global"), &json!("pending"))
    );

    // One key, from the header and from the body.
    let body = error_event("two").to_string().into_bytes();
    let key = [("idempotency-key", "k-1")];
    let first = api.send("POST", "/api/v1/events", Some(body.clone()), &key).await.expect(202);
    let again = api.send("POST", "/api/v1/events", Some(body), &key).await.expect(202);
    assert_eq!(
        (&again["duplicate"], &again["id"], &again["deliveries"]),
        (&json!(true), &first["id"], &first["deliveries"])
    );
    let mut with_key = error_event("two");
    with_key["idempotency_key"] = "k-1".into();
    assert_eq!(api.post("/api/v1/events", with_key.clone()).await.expect(202)["id"], first["id"]);
    let both = [("idempotency-key", "k-2")];
    let differs = api.send("POST", "/api/v1/events", Some(with_key.to_string().into()), &both).await;
    assert_eq!(differs.pointers(422), ["/idempotency_key"]);
    with_key["data"]["error"] = "three".into();
    assert_eq!(api.post("/api/v1/events", with_key).await.expect(409)["type"], "urn:fanfare:problem:key-reused");

    let batch = json!({"events": [
        error_event("b1"),
        {"type": "system_error", "data": {"component": 3}},
        {"type": "nothing_of_the_kind"},
        {"typ": "system_error"},
        "text",
        {"type": "user_login", "data": {"user_name": "ada", "email": "ada@example.org"}},
        {"type": "system_error", "data": {"component": "c", "error": "x".repeat(300_000)}},
    ]});
    let results = api.post("/api/v1/events/batch", batch).await.expect(202)["results"].clone();
    let statuses: Vec<_> =
        results.as_array().unwrap().iter().map(|result| result["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 422, 422, 422, 422, 202, 413]);
    assert_eq!(results[0]["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(results[1]["problem"]["errors"][0]["pointer"], "/data/component");
    assert_eq!(results[2]["problem"]["errors"][0]["pointer"], "/type");
    assert_eq!(results[3]["problem"]["errors"][0]["pointer"], "/typ");

    let explained = api.post("/api/v1/events/explain", error_event("why")).await.expect(200);
    assert_eq!(explained["plan"]["targets"][0]["channel_id"], *channel);
    assert_eq!(explained["notification"]["status"], "failure");
    assert_eq!(explained["payloads"][channel]["event_type"], "system_error");
    let mut worded = error_event("why");
    worded["wording"] =
        json!({"title": "{{component}} again", "fields": [{"name": "A", "value": "b", "when": {"error": "why"}}]});
    let worded = api.post("/api/v1/events/explain", worded).await.expect(200);
    assert_eq!(worded["payloads"][channel]["title"], "test again");
    assert_eq!(worded["notification"]["fields"][0]["value"], "b");
    api.post("/api/v1/events/explain", json!({"job": "nobody", "outcome": "success"})).await.expect(404);

    let page = api.get("/api/v1/events?limit=2").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let next = api.get(&format!("/api/v1/events?limit=200&cursor={cursor}")).await.expect(200);
    assert_eq!(next["next_cursor"], Value::Null);
    let ids: Vec<_> =
        [&page, &next].iter().flat_map(|page| page["items"].as_array().unwrap()).map(|e| e["id"].clone()).collect();
    let mut sorted = ids.clone();
    sorted.sort_by_key(|id| std::cmp::Reverse(id.to_string()));
    sorted.dedup();
    assert_eq!(ids, sorted, "newest first, each once");
    let shown = api.get(&format!("/api/v1/events/{}", first["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&shown["type"], &shown["data"]["error"]), (&json!("system_error"), &json!("two")));
    assert_eq!(shown["deliveries"][0]["id"], first["deliveries"][0]["id"]);
    api.get(&filled("/api/v1/events/{id}")).await.expect(404);
}

async fn jobs(api: &Api, channel: &str) {
    let input = json!({
        "name": "nightly / db", "expect_every_s": 86_400, "grace_s": 600,
        "notifications": [{"channel_id": channel, "condition": "on_failure"}]
    });
    let made = api.post("/api/v1/jobs", input.clone()).await;
    let location = made.headers["location"].to_str().unwrap().to_owned();
    let made = made.expect(201);
    assert!(made["ping_key"].is_string());
    assert_eq!(api.post("/api/v1/jobs", input).await.pointers(409), ["/name"]);
    assert_eq!(api.get("/api/v1/jobs").await.expect(200).as_array().unwrap().len(), 1);

    let shown = api.get(&location).await;
    let etag = shown.etag();
    assert_eq!(shown.expect(200)["name"], "nightly / db");
    let patch = json!({"grace_s": null, "expect_every_s": 60}).to_string().into_bytes();
    let words = json!({"backup_failure": {"title": "{{job_name}} broke"}, "run_missed": {"fields": []}});
    let patched = api.send("PATCH", &location, Some(patch.clone()), &[("if-match", &etag)]).await.expect(200);
    let worded = api.patch(&location, json!({"wording": words})).await.expect(200);
    assert_eq!(worded["wording"], words);
    let bad = json!({"wording": {"backup_failure": {"title": "{{x}}"}}});
    assert_eq!(api.patch(&location, bad).await.pointers(422), ["/wording/backup_failure/title"]);
    assert_eq!((&patched["grace_s"], &patched["expect_every_s"]), (&Value::Null, &json!(60)));
    assert_eq!(patched["notifications"], made["notifications"]);
    api.send("PATCH", &location, Some(patch), &[("if-match", &etag)]).await.expect(412);
    let rotated = api.send("POST", &format!("{location}/ping-key"), None, &[]).await.expect(200);
    assert_ne!(rotated["ping_key"], made["ping_key"]);
    let key = rotated["ping_key"].as_str().unwrap();
    for (method, rest) in [("GET", ""), ("POST", ""), ("GET", "/start"), ("POST", "/0")] {
        let answer = api.send(method, &format!("/ping/{key}{rest}"), None, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, "OK"), "{method} {rest}");
    }
    for path in ["/ping/nobody", "/ping/nobody/start", &format!("/ping/{key}/soon")] {
        let problem = api.get(path).await.expect(404);
        assert_eq!(problem["detail"], "there is no such check-in address", "the same for all");
    }

    // By id and by name.
    let etag = api.get(&location).await.etag();
    let runs = format!("{location}/runs");
    let success = api.post(&runs, json!({"outcome": "success", "duration_ms": 1200})).await.expect(202);
    assert_eq!(success["skipped"][0]["reason"], "condition_not_met");
    let of_job = api.get(&format!("/api/v1/events?job_id={}", location.rsplit('/').next().unwrap())).await.expect(200);
    assert_eq!(of_job["items"][0]["id"], success["id"]);
    let job = location.rsplit('/').next().unwrap();
    assert!(of_job["items"].as_array().unwrap().iter().all(|event| event["job_id"] == job), "{of_job}");
    let by_name = "/api/v1/jobs/nightly%20%2F%20db/runs";
    let run = json!({"outcome": "failure", "source": "main", "size_bytes": 1, "error": "disk full"});
    let key = [("idempotency-key", "run-1")];
    let failure = api.send("POST", by_name, Some(run.to_string().into()), &key).await.expect(202);
    assert_eq!(failure["deliveries"][0]["reason"], "assignment");
    let again = api.send("POST", by_name, Some(run.to_string().into()), &key).await.expect(202);
    assert_eq!((&again["duplicate"], &again["id"]), (&json!(true), &failure["id"]));
    let by_id = api.send("POST", &runs, Some(run.to_string().into()), &key).await.expect(202);
    assert_eq!((&by_id["duplicate"], &by_id["id"]), (&json!(true), &failure["id"]), "however the job is named");
    let job = api.get(&location).await;
    assert_eq!(job.etag(), etag, "a run does not stand in the way of a change");
    assert_eq!(job.expect(200)["last_run"]["outcome"], "failure");
    let explain = json!({"job": "nightly / db", "outcome": "partial", "idempotency_key": "any", "wording": {}});
    let explained = api.post("/api/v1/events/explain", explain).await.expect(200);
    assert_eq!(explained["plan"]["targets"][0]["reason"], "assignment");

    for nobody in [filled("/api/v1/jobs/{id}"), "/api/v1/jobs/nobody".into()] {
        api.get(&nobody).await.expect(404);
        api.patch(&nobody, json!({})).await.expect(404);
        api.delete(&nobody).await.expect(404);
        api.send("POST", &format!("{nobody}/ping-key"), None, &[]).await.expect(404);
        api.post(&format!("{nobody}/runs"), json!({"outcome": "success"})).await.expect(404);
    }
}

async fn deliveries(api: &Api, channel: &str, receiver: &Receiver) {
    api.wait_for("pending", 0).await;
    let list = api.get("/api/v1/deliveries?limit=200").await.expect(200);
    let all = list["items"].as_array().unwrap().len();
    assert!(all >= 5, "{list}");
    let delivered = api.get(&format!("/api/v1/deliveries?state=delivered&channel_id={channel}&test=false")).await;
    let delivered = delivered.expect(200);
    let item = &delivered["items"][0];
    assert_eq!((&item["state"], &item["digest"], &item["test"]), (&json!("delivered"), &Value::Null, &json!(false)));
    assert!(item["delivered_at"].is_string());
    let event = item["event_id"].as_str().unwrap();
    let of_event = api.get(&format!("/api/v1/deliveries?event_id={event}&event_type=system_error")).await.expect(200);
    assert_eq!(of_event["items"], json!([item]));
    assert_eq!(api.get(&filled("/api/v1/deliveries?job_id={id}")).await.expect(200)["items"], json!([]));
    let tests = api.get("/api/v1/deliveries?test=true").await.expect(200);
    assert!(tests["items"].as_array().unwrap().iter().all(|item| item["test"] == true));

    let id = item["id"].as_str().unwrap();
    let shown = api.get(&format!("/api/v1/deliveries/{id}")).await.expect(200);
    assert_eq!(shown["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(shown["rebuilt"], json!({"config_changed": false}));
    assert!(shown["payload"].as_str().unwrap().contains("system_error"));
    assert_eq!(shown["notification"]["title"], item["title"]);
    api.send("POST", &format!("/api/v1/deliveries/{id}/retry"), None, &[]).await.expect(409);
    api.get(&filled("/api/v1/deliveries/{id}")).await.expect(404);
    api.send("POST", &filled("/api/v1/deliveries/{id}/retry"), None, &[]).await.expect(404);

    // One that nobody will ever take, until the receiver changes its mind.
    receiver.answer(Answer::status(422).body("no"));
    let sent = api.post("/api/v1/events", error_event("refused")).await.expect(202);
    api.wait_for("dead", 1).await;
    let path = format!("/api/v1/deliveries/{}", sent["deliveries"][0]["id"].as_str().unwrap());
    let dead = api.get(&path).await.expect(200);
    assert_eq!(
        (&dead["state"], &dead["attempts"][0]["status"], &dead["rebuilt"]),
        (&json!("dead"), &json!(422), &Value::Null)
    );
    let accepted = api.send("POST", &format!("{path}/retry"), None, &[]).await.expect(202);
    assert_eq!(accepted, json!({"retried": 1}));
    api.wait_for("dead", 0).await;
    api.wait_for("pending", 0).await;

    receiver.answer(Answer::status(422).body("no"));
    api.post("/api/v1/events", error_event("refused again")).await.expect(202);
    api.wait_for("dead", 1).await;
    let none = json!({"state": "dead", "event_type": "user_login"});
    assert_eq!(api.post("/api/v1/deliveries/retry", none).await.expect(202), json!({"retried": 0}));
    let some = json!({"state": "dead", "channel_id": channel});
    assert_eq!(api.post("/api/v1/deliveries/retry", some).await.expect(202), json!({"retried": 1}));
    api.wait_for("dead", 0).await;
}

async fn deletion(api: &Api, first: &str, second: &str) {
    let refused = api.delete(&format!("/api/v1/channels/{first}")).await.expect(409);
    assert!(!refused["uses"].as_array().unwrap().is_empty(), "{refused}");
    api.delete(&format!("/api/v1/channels/{first}?force=true")).await.expect(204);
    assert_eq!(api.get("/api/v1/settings/notifications").await.expect(200)["global_channels"], json!([]));
    let job = api.get("/api/v1/jobs").await.expect(200)[0]["id"].as_str().unwrap().to_owned();
    api.delete(&format!("/api/v1/channels/{second}")).await.expect(409);
    let (job_path, second_path) = (format!("/api/v1/jobs/{job}"), format!("/api/v1/channels/{second}"));
    for path in [&job_path, &second_path] {
        let stale = api.send("DELETE", path, None, &[("if-match", "\"other\"")]).await;
        assert_eq!(stale.expect(412)["type"], "urn:fanfare:problem:changed");
    }
    let etag = api.get(&job_path).await.etag();
    api.send("DELETE", &job_path, None, &[("if-match", &etag)]).await.expect(204);
    let etag = api.get(&second_path).await.etag();
    api.send("DELETE", &second_path, None, &[("if-match", &etag)]).await.expect(204);
    api.delete(&format!("/api/v1/jobs/{job}")).await.expect(404);
}

/// What goes wrong there is tried out in a file of its own.
async fn access(api: &Api) {
    assert_eq!(api.get("/api/v1/setup").await.expect(200), json!({"open": true}));
    let key = api.accounts.new_setup_key().await.unwrap().unwrap();
    let password = "correct horse battery";
    let first = json!({
        "key": secrecy::ExposeSecret::expose_secret(&key), "name": "Ada", "email": "ada@b.example", "password": password
    });
    api.post("/api/v1/setup", first).await.expect(201);
    let grace = json!({"name": "Grace", "email": "grace@b.example", "role": "viewer", "password": password});
    let location = api.post("/api/v1/users", grace).await.headers["location"].to_str().unwrap().to_owned();
    api.get("/api/v1/users").await.expect(200);
    api.patch(&location, json!({"name": "Grace H."})).await.expect(200);
    api.delete(&location).await.expect(204);
    let token = json!({"name": "t", "scope": "send", "event_types": ["system_error"]});
    let location = api.post("/api/v1/tokens", token).await.headers["location"].to_str().unwrap().to_owned();
    api.get("/api/v1/tokens").await.expect(200);
    api.delete(&location).await.expect(204);

    let signed_in = api.post("/api/v1/session", json!({"email": "ada@b.example", "password": password})).await;
    let cookie = signed_in.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    signed_in.expect(200);
    let ask = async |method: &str, path: &str, body: Option<Value>| {
        let headers = [("cookie", cookie.as_str()), ("fanfare-csrf", "1"), ("content-type", "application/json")];
        let answer = api.raw(method, path, body.map(|body| body.to_string().into()), &headers).await;
        api.check(method, path, &answer);
        answer
    };
    ask("GET", "/api/v1/session", None).await.expect(200);
    let change = json!({"current_password": password, "new_password": "another password"});
    ask("PUT", "/api/v1/session/password", Some(change)).await.expect(204);
    api.get("/api/v1/audit").await.expect(200);
    ask("DELETE", "/api/v1/session", None).await.expect(204);
}

#[tokio::test]
async fn nothing_is_open_but_health_and_readiness() {
    let api = Api::start().await;
    let mut open = Vec::new();
    let basic = [("authorization", "Basic YTpi")];
    let wrong = [("authorization", "Bearer wrong")];
    for (template, method, operation) in api.operations() {
        let needs: Vec<_> = operation["security"].as_array().unwrap().iter().filter(|s| **s != json!({})).collect();
        let method = method.to_uppercase();
        let path = filled(&template);
        if needs.is_empty() {
            open.push(template);
            continue;
        }
        for headers in [&[][..], &basic, &wrong] {
            // A body that would be refused shows that nobody looks at it before the token.
            let answer = api.raw(&method, &path, Some(b"{".into()), headers).await;
            api.check(&method, &path, &answer);
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
            assert_eq!(answer.expect(401)["type"], "urn:fanfare:problem:unauthorized", "{method} {path}");
        }
    }
    open.dedup();
    let expected = ["/api/v1/session", "/api/v1/setup", "/healthz", "/ping/{key}", "/ping/{key}/{signal}", "/readyz"];
    assert_eq!(open, expected);
    for path in ["/api/docs", "/api/docs/", "/api/docs/swagger-ui.css"] {
        api.raw("GET", path, None, &[]).await.expect(401);
    }
}

#[tokio::test]
async fn the_docs_page_comes_from_here_alone() {
    let api = Api::start().await;
    let bearer = format!("Bearer {}", common::TOKEN);
    let headers = [("authorization", bearer.as_str())];
    let moved = api.raw("GET", "/api/docs", None, &headers).await;
    assert_eq!((moved.status.as_u16(), moved.headers["location"].to_str().unwrap()), (308, "/api/docs/"));
    let page = api.raw("GET", "/api/docs/", None, &headers).await;
    assert_eq!(page.status, 200);
    assert!(page.headers["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.headers["x-frame-options"], "DENY");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert!(!page.text.contains("//cdn") && !page.text.contains("https://"), "{}", page.text);
    let script = api.raw("GET", "/api/docs/swagger-initializer.js", None, &headers).await;
    assert!(
        script.text.contains("/api/openapi.json") && script.text.contains("\"validatorUrl\": \"none\""),
        "{}",
        script.text
    );
    api.raw("GET", "/api/docs/nothing.js", None, &headers).await.expect(404);
}

#[test]
fn the_document_is_complete() {
    let document = fanfare_server::openapi(&fanfare::core::Catalog::builtin().unwrap());
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let what = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{what} has no summary");
            assert!(operation["security"].is_array(), "{what} declares no scope");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{what} needs one tag");
            let named = path.matches('{').count();
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            assert_eq!(parameters.iter().filter(|p| p["in"] == "path").count(), named, "{what}");
        }
    }
    let text = document.to_string();
    for (at, _) in text.match_indices("\"$ref\":\"#/components/schemas/") {
        let name = text[at..].split('"').nth(3).unwrap().rsplit('/').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "the schema {name} is missing");
    }
}
