//! Jobs, their runs and check-ins.

use serde_json::{Value, json};

use crate::common::{Api, filled};

pub(crate) async fn jobs(api: &Api, channel: &str) {
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
