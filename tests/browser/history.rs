//! The history: filters, one delivery in full, and another try.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Server};
use serde_json::json;

use crate::harness::{Stage, flow};

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_filtered_and_what_failed_is_tried_again() {
    let server = Server::start().await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    // Refused for good: the message is what is wrong.
    bad.answer_always(Answer::status(400).body("no such room"));
    let good_id = server.api().webhook("Good", good.url("/hooks/T0K3N")).await;
    let bad_id = server.api().webhook("Bad", bad.url("/")).await;
    server.api().make_global(&[&good_id, &bad_id]).await;
    let raise = async |event: &str, data| server.api().post("/events", json!({ "type": event, "data": data })).await;
    raise("system_error", json!({ "component": "scheduler", "error": "disk <full>" })).await;
    raise("connection_online", json!({ "adapter_name": "Shop", "adapter_type": "database", "adapter_id": "shop" }))
        .await;
    server.api().settled().await;
    let stage = Stage::at(server, "/history").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let rows = async || {
            let rows = page.run("return document.querySelectorAll('#deliveries tbody tr').length", json!([])).await;
            rows.as_u64().unwrap()
        };
        let all = api.all("/deliveries").await.len() as u64;
        assert_eq!(rows().await, all);
        page.choose("State", "Failed").await;
        page.choose("Event", "System Error").await;
        page.click("Filter").await;
        page.see("Show everything").await;
        assert_eq!(rows().await, 1);
        page.within("#deliveries").see("no such room").await;
        page.choose("Channel", "Good").await;
        page.click("Filter").await;
        page.see("No delivery fits all of these filters.").await;
        page.within("#deliveries").click("Show everything").await;
        page.arrive("/history").await;

        // One delivery: what it said, what went out, what came back, why it was this channel, who else heard.
        page.choose("State", "Failed").await;
        page.choose("Event", "System Error").await;
        page.click("Filter").await;
        page.see("Show everything").await;
        page.within("#deliveries").click("System Error").await;
        page.see("It did not get through.").await;
        for text in
            ["disk <full>", "no such room", "It is one of the Global Channels.", "Who heard of this event", "Good"]
        {
            page.within("#delivery").see(text).await;
        }
        page.within("#payload").see(r#""message": "Error in scheduler: disk <full>""#).await;
        let dead = page.path().await.rsplit('/').next().unwrap().to_owned();
        let delivery = api.get(&format!("/deliveries/{dead}")).await;
        assert_eq!((&delivery["state"], &delivery["channel_name"]), (&json!("dead"), &json!("Bad")));

        bad.answer_always(Answer::status(204));
        let before = bad.count();
        page.click("Retry now").await;
        page.toast("It is tried again now.").await;
        bad.wait_for(before + 1, PATIENCE).await;
        page.within("main > header").see("Delivered").await;
        page.within("#delivery").miss("It did not get through.").await;
        assert_eq!(api.get(&format!("/deliveries/{dead}")).await["state"], "delivered");

        // The delivery to the other channel hides what its address says.
        page.within("#delivery").click("Good").await;
        page.within("main > header").see("Good").await;
        assert!(!page.text().await.contains("T0K3N"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_failed_is_tried_again_at_once() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(400).body("no such room"));
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    server.api().make_global(&[&id]).await;
    for error in ["one", "two", "three"] {
        let data = json!({ "component": "scheduler", "error": error });
        server.api().post("/events", json!({ "type": "system_error", "data": data })).await;
    }
    server.api().settled().await;
    receiver.answer_always(Answer::status(204));
    let stage = Stage::at(server, "/").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.see("3 failed in the last 24 hours").await;
        page.click("All failures").await;
        page.arrive("/history?state=dead").await;
        page.click("Retry failed").await;
        page.within("dialog").see("Try everything again that failed?").await;
        page.within("dialog").click("Retry failed").await;
        page.toast("3 tried again.").await;
        let metrics = api.settled().await;
        assert_eq!((metrics.of("dead"), metrics.of("delivered")), (0, 3));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_grows_by_itself() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    server.api().make_global(&[&id]).await;
    let stage = Stage::at(server, "/history").await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.see("Nothing was sent yet").await;
        page.within(".live").see("Live").await;
        page.run("window.same = true", json!([])).await;
        let data = json!({ "component": "scheduler", "error": "disk full" });
        stage.api().post("/events", json!({ "type": "system_error", "data": data })).await;
        page.within("#deliveries").see("System Error").await;
        page.within("#deliveries").see("Delivered").await;
        assert_eq!(page.run("return window.same", json!([])).await, true, "it is still the same page");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_is_searched() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    server.api().make_global(&[&id]).await;
    for (event, data) in [
        ("system_error", json!({ "component": "scheduler", "error": "disk full" })),
        ("connection_online", json!({ "adapter_name": "Shop", "adapter_type": "database", "adapter_id": "shop" })),
    ] {
        server.api().post("/events", json!({ "type": event, "data": data })).await;
    }
    server.api().settled().await;
    let stage = Stage::at(server, "/history").await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.fill("Search", "system err").await;
        page.click("Filter").await;
        page.see("Show everything").await;
        assert_eq!(page.value("Search").await, "system err");
        let found = page.within("#deliveries").text().await;
        assert!(found.contains("System Error") && found.matches("Delivered").count() == 1, "{found}");
        page.fill("Search", "no such thing").await;
        page.click("Filter").await;
        page.within("#deliveries").see("Nothing matches").await;
    })
    .await;
}
