//! Channels: made, changed, tried out, and deleted together with what uses them.

use fanfare_testkit::{Answer, Receiver};
use serde_json::{Value, json};

use crate::{
    PATIENCE,
    common::{Api, filled},
};

pub(crate) async fn channels(api: &Api, receiver: &Receiver, other: &Receiver) -> (String, String) {
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

pub(crate) async fn deletion(api: &Api, first: &str, second: &str) {
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
