//! Settings: who hears of what, and what may be reached.

use serde_json::{Value, json};

use crate::common::Api;

pub(crate) async fn settings(api: &Api, channel: &str) {
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

pub(crate) async fn outbound(api: &Api, channel: &str) {
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
