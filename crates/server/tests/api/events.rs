//! Event types and events.

use fanfare_testkit::Receiver;
use serde_json::{Value, json};

use crate::{
    PATIENCE,
    common::{Api, filled},
    error_event,
};

pub(crate) async fn event_types(api: &Api, receiver: &Receiver) {
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

pub(crate) async fn events(api: &Api, channel: &str) {
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
