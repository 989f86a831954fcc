//! Channels that are there: their forms, their secrets, switched off and on, deleted.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Server, until};
use serde_json::{Value, json};

use crate::harness::{Stage, flow};

async fn read(stage: &Stage, channel: &str) -> Value {
    stage.api().get(&format!("/channels/{channel}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_in_a_form_stands_at_its_field() {
    let stage = Stage::at(Server::start().await, "/channels/new/email").await;
    flow(stage, async |stage| {
        let page = stage.page();
        stage.expect_refusal(422);
        page.fill("Name", "Mail").await;
        page.fill("Host", "https://mail.example").await;
        page.fill("From", "nobody").await;
        page.fill("To", "ops@mail.example\nno address").await;
        page.click("Add the channel").await;
        page.within("#config-host-error").see("Give the server's name or address alone").await;
        page.within("#config-from-error").see("An address looks like ada@mail.example").await;
        page.within("#config-to-error").see("An address looks like").await;
        let marked = "return [...document.querySelectorAll('[aria-invalid=true]')].map((field) => field.id)";
        assert_eq!(page.run(marked, json!([])).await, json!(["config-host", "config-from", "config-to"]));
        assert_eq!(page.run("return document.activeElement.id", json!([])).await, "config-host");
        // What was typed is still there, and nothing was made.
        assert_eq!(page.value("From").await, "nobody");
        assert_eq!(stage.api().get("/channels").await, json!([]));

        page.fill("Host", "mail.example").await;
        page.fill("From", "fanfare@mail.example").await;
        page.fill("To", "ops@mail.example").await;
        page.click("Add the channel").await;
        page.toast("The channel is there.").await;
        assert_eq!(stage.api().get("/channels").await[0]["config"]["host"], "mail.example");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_written_and_replaced_and_never_shown() {
    let server = Server::start().await;
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let config = json!({ "url": first.url("/hooks/F1RST"), "headers": { "X-Key": "K3Y-one", "X-Other": "0THER" } });
    let channel = json!({ "name": "Hook", "kind": "webhook", "config": config });
    let id = server.api().post("/channels", channel).await["id"].as_str().unwrap().to_owned();
    let stage = Stage::at(server, &format!("/channels/{id}")).await;
    flow(stage, async |stage| {
        let page = stage.page();
        let source = page.run("return document.documentElement.outerHTML", json!([])).await;
        assert!(!source.as_str().unwrap().contains("F1RST") && !source.as_str().unwrap().contains("K3Y"));
        page.see("Set").await;
        assert!(!page.has_field("URL").await, "a secret that is set has no field");

        // Something else is changed, and the secrets stay.
        page.within(".field:has(> #name)").fill("Name", "Hook of the team").await;
        page.click("Save").await;
        page.toast("Saved.").await;
        let test = json!({});
        assert_eq!(stage.api().post(&format!("/channels/{id}/test"), test.clone()).await["ok"], true);
        let received = first.requests();
        assert_eq!((received[0].path.as_str(), received[0].header("x-key")), ("/hooks/F1RST", Some("K3Y-one")));

        // Replaced: the old one is gone, and so are the headers, which belonged to the old host.
        page.click("Replace URL").await;
        page.fill("URL", &second.url("/hooks/S3COND")).await;
        page.within(".pair:nth-of-type(1)").fill("Value", "K3Y-two").await;
        page.within(".pair:nth-of-type(2)").click("Remove").await;
        page.click("Save").await;
        page.toast("Saved.").await;
        until("the new secret", PATIENCE, async || {
            let config = read(stage, &id).await["config"].clone();
            (config["headers"].as_object().unwrap().len() == 1).then_some(())
        })
        .await;
        assert_eq!(stage.api().post(&format!("/channels/{id}/test"), test).await["ok"], true);
        let received = second.requests();
        assert_eq!((received[0].path.as_str(), received[0].header("x-key")), ("/hooks/S3COND", Some("K3Y-two")));
        assert_eq!((received[0].header("x-other"), first.count()), (None, 1));
        page.open(&format!("/channels/{id}")).await;
        let source = page.run("return document.documentElement.outerHTML", json!([])).await;
        assert!(!source.as_str().unwrap().contains("S3COND") && !source.as_str().unwrap().contains("K3Y"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_network_is_offered_and_allowed_and_the_test_arrives() {
    let mut server = Server::prepare(&[]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    let stage = Stage::at(server, &format!("/channels/{id}")).await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.within("main > header").click("Test").await;
        page.within("#results").see("not allowed").await;
        assert_eq!(receiver.count(), 0);
        page.click("Allow 127.0.0.0/8 and test again").await;
        page.toast("Channels may now reach 127.0.0.0/8.").await;
        page.within("#results").see("✓").await;
        assert_eq!(receiver.count(), 1);
        let outbound = stage.api().get("/settings/outbound").await;
        let allowed = outbound["allow_networks"].as_array().unwrap();
        assert!(allowed.contains(&json!("127.0.0.0/8")) && allowed.len() > 1, "one more than before: {outbound}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_services_own_words_are_shown_when_a_test_fails() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(404).body(r#"{"message":"Unknown Webhook","code":10015}"#));
    let config = json!({ "webhook_url": receiver.url("/api/webhooks/123456789012345678/T0K3N") });
    server.api().post("/channels", json!({ "name": "Ops", "kind": "discord", "config": config })).await;
    let stage = Stage::at(server, "/channels").await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.click("Test Ops").await;
        page.within(".tile").see("✕").await;
        page.within(".tile").see("Unknown Webhook").await;
        assert!(!page.within(".tile").text().await.contains("T0K3N"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_is_switched_off_and_holds_what_comes_and_sends_it_when_it_is_on_again() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    server.api().make_global(&[&id]).await;
    let stage = Stage::at(server, "/channels").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.tick("Hook is enabled").await;
        page.within(".tile").see("Disabled").await;
        assert_eq!(read(stage, &id).await["enabled"], false);
        let data = json!({ "component": "scheduler", "error": "disk full" });
        api.post("/events", json!({ "type": "system_error", "data": data })).await;
        page.open("/channels").await;
        page.within(".tile").see("1 held").await;
        page.open(&format!("/channels/{id}")).await;
        page.see("1 held: they leave when you enable the channel.").await;
        assert_eq!(receiver.count(), 0);
        page.tick("Enabled").await;
        page.miss("1 held").await;
        assert_eq!(read(stage, &id).await["enabled"], true);
        receiver.wait_for(1, PATIENCE).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_says_where_it_is_used_before_it_is_deleted() {
    let server = Server::start().await;
    let id = server.api().webhook("Hook", "https://hooks.example/x".into()).await;
    server.api().make_global(&[&id]).await;
    let job = server.api().job("Nightly", &[(&id, "always")]).await;
    let stage = Stage::at(server, &format!("/channels/{id}")).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.within("#end").click("Delete").await;
        page.within("dialog").see("Delete Hook?").await;
        page.within("dialog").see("Nightly").await;
        page.within("dialog").see("Global Channels").await;
        page.within("dialog").click("Cancel").await;
        page.miss("Delete Hook?").await;
        assert_eq!(api.get("/channels").await.as_array().unwrap().len(), 1);

        page.within("#end").click("Delete").await;
        page.within("dialog").click("Delete").await;
        page.arrive("/channels").await;
        page.toast("Hook is deleted.").await;
        page.see("No channel yet").await;
        assert_eq!(api.get("/channels").await, json!([]));
        assert_eq!(api.get("/settings/notifications").await["global_channels"], json!([]));
        assert_eq!(api.get(&format!("/jobs/{job}")).await["notifications"], json!([]));
    })
    .await;
}
