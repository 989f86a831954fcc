//! An administrator's own wording: saved, tried out, told, reset, and what is refused.

use std::fs;

use fanfare_testkit::Receiver;
use fanfare_tests::{Api, PATIENCE, Server};
use http::Method;
use serde_json::{Value, json};

use crate::told::{report, tell};

const ERROR: &str = "/settings/notifications/events/system_error";

async fn refused(api: &Api, method: Method, path: &str, body: Value, pointer: &str, words: &str) {
    let problem = api.call(method, path, Some(&body)).await.problem();
    assert_eq!(problem.status, 422, "{}", problem.document);
    assert!(problem.pointers.iter().any(|found| found == pointer), "{pointer} is not in {}", problem.document);
    assert!(problem.document.to_string().contains(words), "{words} is not in {}", problem.document);
}

#[tokio::test]
async fn an_event_type_is_told_in_the_administrators_words() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let ops_id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&ops_id]).await;
    let data = || json!({ "component": "scheduler", "error": "disk full" });
    let wording = json!({ "title": "🔥 {{upper component}}", "fields": [{ "name": "What", "value": "{{error}}", "inline": false }] });

    // Tried out before it is saved.
    let question = json!({ "type": "system_error", "data": data(), "wording": wording });
    let preview = api.post("/events/explain", question.clone()).await;
    assert_eq!(preview["notification"]["title"], "🔥 SCHEDULER");
    assert_eq!(preview["payloads"][&ops_id]["title"], "🔥 SCHEDULER");
    let plain = api.post("/events/explain", json!({ "type": "system_error", "data": data() })).await;
    assert_eq!(plain["notification"]["title"], "System Error", "a preview saves nothing");

    let saved = api.patch(ERROR, json!({ "wording": wording })).await;
    assert_eq!(saved["wording"], wording);
    tell(api, "system_error", data()).await.check(&[("ops", "global")], &[]);
    let told = ops.wait_for(1, PATIENCE).await[0].json();
    assert_eq!(told["title"], "🔥 SCHEDULER");
    assert_eq!(told["message"], plain["notification"]["message"], "what is not said stays");
    let fields = told["fields"].as_array().unwrap();
    assert_eq!(fields[0], json!({ "name": "What", "value": "disk full", "inline": false }));
    assert_eq!((fields.len(), &fields[1]["name"], &told["status"]), (2, &json!("Time"), &json!("failure")));

    // A test and a preview of the channel say the same; others are not touched.
    api.post("/event-types/system_error/test", json!({})).await;
    assert!(ops.wait_for(2, PATIENCE).await[1].json()["title"].as_str().unwrap().starts_with("[Test] 🔥 "));
    let shown = api.get(&format!("/channels/{ops_id}/preview?event_type=system_error")).await;
    assert!(shown["payload"].as_str().unwrap().contains("🔥"), "{shown}");
    tell(api, "restore_failure", json!({ "error": "x" })).await.check(&[("ops", "global")], &[]);
    assert_eq!(ops.wait_for(3, PATIENCE).await[2].json()["title"], "Restore Failed");
    // The type's own words can be tried out against what is saved.
    let own = json!({ "type": "system_error", "data": data(), "wording": {} });
    assert_eq!(api.post("/events/explain", own).await["notification"]["title"], "System Error");

    // Merged member by member, and reset with one call.
    let merged = api.patch(ERROR, json!({ "wording": { "title": null, "message": "It broke." } })).await;
    assert_eq!(merged["wording"], json!({ "message": "It broke.", "fields": wording["fields"] }));
    let reset = api.patch(ERROR, json!({ "wording": null })).await;
    assert!(reset.get("wording").is_none(), "{reset}");
    tell(api, "system_error", data()).await.check(&[("ops", "global")], &[]);
    assert_eq!(ops.wait_for(4, PATIENCE).await[3].json()["title"], "System Error");
}

#[tokio::test]
async fn a_wording_survives_a_restart_and_what_is_wrong_is_refused_when_it_is_saved() {
    let mut server = Server::start().await;
    let api = server.api().clone();
    api.patch(ERROR, json!({ "wording": { "title": "Trouble in {{component}}" } })).await;
    let patch = async |wording: Value, pointer: &str, words: &str| {
        refused(&api, Method::PATCH, ERROR, json!({ "wording": wording }), pointer, words).await;
    };
    patch(json!({ "title": "{{compnent}}" }), "/wording/title", "line 1, column 1: no datum is called compnent").await;
    patch(json!({ "message": "a\n{{#if error}}" }), "/wording/message", "line ").await;
    patch(json!({ "message": "{{> secrets}}" }), "/wording/message", "partials").await;
    patch(json!({ "message": "{{#*inline \"a\"}}{{/inline}}" }), "/wording/message", "decorators").await;
    patch(json!({ "message": "{{lookup error 0}}" }), "/wording/message", "no helper is called lookup").await;
    patch(json!({ "fields": [{ "name": "A", "value": "{{x}}" }] }), "/wording/fields/0/value", "no datum is called x")
        .await;
    patch(json!({ "fields": [{ "name": "A" }] }), "/wording/fields/0/value", "is required").await;
    patch(json!({ "titel": "x" }), "/wording/titel", "unknown field").await;
    patch(json!({ "user": { "title": "x" } }), "/wording/user", "about no user").await;
    patch(json!({ "message": "{{error}}".repeat(200) }), "/wording", "longer than 256 KiB").await;
    patch(json!("x"), "/wording", "").await;
    let all = json!({ "events": { "integrity_check_failure": { "wording": {
        "message": "{{#each errors}}{{#each ../errors}}x{{/each}}{{/each}}" } } } });
    let place = "/events/integrity_check_failure/wording/message";
    refused(&api, Method::PUT, "/settings/notifications", all, place, "a loop must not stand in another one").await;
    let preview =
        json!({ "type": "system_error", "data": { "component": "c", "error": "e" }, "wording": { "title": "{{x}}" } });
    refused(&api, Method::POST, "/events/explain", preview, "/wording/title", "no datum is called x").await;

    server.terminate().await;
    server.restart().await;
    let told = tell(server.api(), "system_error", json!({ "component": "c", "error": "e" })).await;
    let event = server.api().get(&format!("/events/{}", told.event)).await;
    assert_eq!(event["notification"]["title"], "Trouble in c");
    assert!(event.get("wording_error").is_none(), "{event}");
}

#[tokio::test]
async fn a_job_has_words_of_its_own_for_each_outcome() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let ops_id = api.webhook("ops", ops.url("/")).await;
    let job = api.job("nightly", &[(&ops_id, "always")]).await;
    let path = format!("/jobs/{job}");
    let wording = json!({ "backup_failure": { "title": "{{job_name}}: {{default error \"no reason\"}}" } });
    let run = |outcome: &str| json!({ "job": "nightly", "outcome": outcome, "error": "x", "wording": wording });
    let preview = api.post("/events/explain", run("failure")).await;
    assert_eq!(preview["notification"]["title"], "nightly: x");
    assert_eq!(
        api.post("/events/explain", run("success")).await["notification"]["title"],
        "Backup Successful: nightly"
    );

    let saved = api.patch(&path, json!({ "wording": wording })).await;
    assert_eq!(saved["wording"], wording);
    report(api, "nightly", json!({ "outcome": "failure" })).await.check(&[("ops", "assignment")], &[]);
    assert_eq!(ops.wait_for(1, PATIENCE).await[0].json()["title"], "nightly: no reason");
    report(api, "nightly", json!({ "outcome": "success" })).await.check(&[("ops", "assignment")], &[]);
    assert_eq!(ops.wait_for(2, PATIENCE).await[1].json()["title"], "Backup Successful: nightly");

    let patch = async |wording: Value, pointer: &str, words: &str| {
        refused(api, Method::PATCH, &path, json!({ "wording": wording }), pointer, words).await;
    };
    patch(json!({ "backup_failure": { "title": "{{jobname}}" } }), "/wording/backup_failure/title", "line 1, column 1")
        .await;
    patch(json!({ "system_error": { "title": "x" } }), "/wording/system_error", "unknown field").await;
    patch(json!({ "backup_failure": { "user": {} } }), "/wording/backup_failure/user", "unknown field").await;
    let reset = api.patch(&path, json!({ "wording": null })).await;
    assert!(reset.get("wording").is_none(), "{reset}");
}

#[tokio::test]
async fn a_wording_that_fails_on_real_data_loses_nothing() {
    let (server, ops) = (Server::start().await, Receiver::start().await);
    let api = server.api();
    let ops_id = api.webhook("ops", ops.url("/")).await;
    api.make_global(&[&ops_id]).await;
    // With a list of the usual length this is quick. What it costs grows with the square of that.
    let message = "{{#each errors}}{{#if (list ../errors \"file\" 99999)}}{{/if}}{{/each}}done";
    let path = "/settings/notifications/events/integrity_check_failure";
    api.patch(path, json!({ "wording": { "message": message } })).await;
    let data = |files: usize| {
        json!({ "total_files": files, "failed": files, "passed": 0, "skipped": 0, "trigger_type": "Manual",
            "errors": vec![json!({ "file": "x" }); files] })
    };
    let told = tell(api, "integrity_check_failure", data(5)).await;
    assert_eq!(api.get(&format!("/events/{}", told.event)).await["notification"]["message"], "done");
    let told = tell(api, "integrity_check_failure", data(15_000)).await;
    told.check(&[("ops", "global")], &[]);
    let event = api.get(&format!("/events/{}", told.event)).await;
    assert_eq!(event["notification"]["message"], "15000 of 15000 files have checksum mismatches.");
    assert!(event["wording_error"].as_str().unwrap().contains("this takes longer than 50 ms"), "{event}");
    ops.wait_for(2, PATIENCE).await;
    assert_eq!(api.settled().await.of("delivered"), 2);
}

#[tokio::test]
async fn the_command_line_shows_sets_and_resets_wordings() {
    let server = Server::start().await;
    let api = server.api();
    api.job("nightly", &[]).await;
    let file = server.place().join("wording.json");
    let cli = server.cli();
    let fanfare = |arguments: &[&str]| cli.run(arguments);
    fs::write(&file, r#"{"title": "In {{component}}"}"#).unwrap();
    let path = file.to_str().unwrap();

    let shown = fanfare(&["event-types", "wording", "system_error"]);
    assert!(shown.out.contains("No wording of its own"), "{shown:?}");
    let tried = fanfare(&["explain", "system_error", "component=db", "error=x", "--wording", path]);
    assert!(tried.out.contains("In db"), "{tried:?}");
    fanfare(&["event-types", "wording", "system_error", "--set", path]);
    fs::write(&file, r#"{"message": "{{error}}"}"#).unwrap();
    let set = fanfare(&["event-types", "wording", "system_error", "--set", path]);
    assert!(set.out.contains("{{error}}") && !set.out.contains("title"), "what was set is replaced: {set:?}");
    fs::write(&file, r#"{"message": "{{eror}}"}"#).unwrap();
    let refused = fanfare(&["event-types", "wording", "system_error", "--set", path]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("no datum is called eror"), "{refused:?}");
    let reset = fanfare(&["event-types", "wording", "system_error", "--reset"]);
    assert!(reset.out.contains("No wording of its own"), "{reset:?}");

    fs::write(&file, r#"{"backup_failure": {"title": "{{job_name}} is broken"}}"#).unwrap();
    fanfare(&["jobs", "wording", "nightly", "--set", path]);
    let run = fanfare(&["explain", "--job", "nightly", "--outcome", "failure"]);
    assert!(run.out.contains("nightly is broken"), "{run:?}");
    assert!(fanfare(&["jobs", "wording", "nightly", "--reset"]).out.contains("No wording of its own"));
}
