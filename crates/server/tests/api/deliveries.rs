//! Deliveries: listed, shown, tried again and watched.

use fanfare_testkit::{Answer, Receiver};
use serde_json::{Value, json};

use crate::{
    common::{Api, filled},
    error_event,
};

pub(crate) async fn deliveries(api: &Api, channel: &str, receiver: &Receiver) {
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

/// The last that is tried: watching ends for all and for good.
pub(crate) async fn watching(api: &Api) {
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
