//! Settings → Notifications: global channels, a switch for each event, channels of an event's own, whom else it tells.

use fanfare_testkit::{Receiver, smtp::SmtpReceiver};
use fanfare_tests::{PATIENCE, Server, until};
use serde_json::{Value, json};

use crate::harness::{Stage, flow};

const PATH: &str = "/settings/notifications";

async fn settings(stage: &Stage) -> Value {
    stage.api().get(PATH).await
}

/// Waits until the API says this of an event.
async fn come_to(stage: &Stage, event: &str, member: &str, wanted: Value) {
    until(&format!("{event} with {member} {wanted}"), PATIENCE, async || {
        (settings(stage).await["events"][event][member] == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn global_channels_a_switch_and_channels_of_an_events_own() {
    let server = Server::start().await;
    let (calm, loud) = (Receiver::start().await, Receiver::start().await);
    let calm_id = server.api().webhook("Calm", calm.url("/")).await;
    let loud_id = server.api().webhook("Loud", loud.url("/")).await;
    let stage = Stage::at(server, PATH).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let event = page.within("#event-system_error");
        let raise = async || {
            let data = json!({ "component": "scheduler", "error": "disk full" });
            api.post("/events", json!({ "type": "system_error", "data": data })).await["deliveries"].clone()
        };
        page.within("#global").tick("Calm").await;
        page.within("#global").miss("Nobody hears of events").await;
        assert_eq!(settings(stage).await["global_channels"], json!([calm_id]));
        raise().await;
        calm.wait_for(1, PATIENCE).await;

        event.see("On by default.").await;
        event.tick("System Error").await;
        come_to(stage, "system_error", "enabled", json!(false)).await;
        assert_eq!(raise().await, json!([]));
        event.tick("System Error").await;
        come_to(stage, "system_error", "enabled", json!(true)).await;

        // Its own channels.
        event.see("Global Channels").await;
        event.click("Channels of System Error").await;
        event.sees_ticked("Calm", true).await;
        event.tick("Loud").await;
        event.see("Custom Channels").await;
        come_to(stage, "system_error", "channels", json!([calm_id, loud_id])).await;
        event.tick("Calm").await;
        come_to(stage, "system_error", "channels", json!([loud_id])).await;
        raise().await;
        loud.wait_for(1, PATIENCE).await;
        assert_eq!(calm.count(), 1);

        // Nobody, and the global ones again. The menu stays open while it is used.
        event.click("Mute").await;
        come_to(stage, "system_error", "channels", json!([])).await;
        event.see("Muted").await;
        assert_eq!(raise().await, json!([]));
        event.click("Reset to Global Channels").await;
        page.toast("System Error goes to the global channels again.").await;
        come_to(stage, "system_error", "channels", Value::Null).await;
        event.miss("Muted").await;
        event.miss("Custom Channels").await;
        raise().await;
        calm.wait_for(2, PATIENCE).await;
        assert_eq!(loud.count(), 1);

        // A lasting condition.
        let offline = page.within("#event-connection_offline");
        offline.choose("Remind while it lasts", "every 6 hours").await;
        come_to(stage, "connection_offline", "reminder_hours", json!(6.0)).await;
        offline.choose("Remind while it lasts", "Never: once is enough").await;
        come_to(stage, "connection_offline", "reminder_hours", json!(0.0)).await;
        page.see("Why no backup events?").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_is_notified_directly_only_where_an_email_channel_is_selected() {
    let server = Server::start().await;
    let (hook, mail) = (Receiver::start().await, SmtpReceiver::start().await);
    let hook_id = server.api().webhook("Hook", hook.url("/")).await;
    server.api().email("Mail", mail.port(), &["ops@mail.example"]).await;
    server.api().make_global(&[&hook_id]).await;
    let stage = Stage::at(server, PATH).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let event = page.within("#event-user_login");
        let hint = "To notify the user directly, choose an e-mail channel for this event.";
        event.see(hint).await;
        assert!(!event.has_field("Notify user directly").await);
        assert!(!page.within("#event-system_error").text().await.contains("Notify user"), "it is about nobody");

        event.tick("User Login").await;
        come_to(stage, "user_login", "enabled", json!(true)).await;
        event.click("Channels of User Login").await;
        event.tick("Mail").await;
        event.miss(hint).await;
        let options = "return [...document.querySelector('#notify-user_login').options].map((o) => o.textContent)";
        assert_eq!(page.run(options, json!([])).await, json!(["Disabled", "Admin & User", "User only"]));
        event.click("Channels of User Login").await;
        event.choose("Notify user directly", "Admin & User").await;
        come_to(stage, "user_login", "notify_user", json!("also")).await;

        let sign_in = async || {
            let data = json!({ "user_name": "Grace", "email": "grace@people.example" });
            api.post("/events", json!({ "type": "user_login", "data": data })).await;
            api.settled().await;
        };
        let to = || mail.mails().iter().flat_map(|mail| mail.to.clone()).collect::<Vec<_>>();
        sign_in().await;
        let mut both = to();
        both.sort_unstable();
        assert_eq!(both, ["grace@people.example", "ops@mail.example"]);
        assert_eq!(hook.count(), 1);

        event.choose("Notify user directly", "User only").await;
        come_to(stage, "user_login", "notify_user", json!("only")).await;
        sign_in().await;
        assert_eq!((to().last().unwrap().as_str(), to().len(), hook.count()), ("grace@people.example", 3, 1));

        // Without the e-mail channel this cannot be: it is refused in words, and nothing changes.
        stage.expect_refusal(422);
        event.click("Channels of User Login").await;
        event.tick("Mail").await;
        page.toast("e-mail channel").await;
        event.sees_ticked("Mail", true).await;
        event.click("Channels of User Login").await;
        event.choose("Notify user directly", "Disabled").await;
        come_to(stage, "user_login", "notify_user", json!("none")).await;
        event.click("Channels of User Login").await;
        event.tick("Mail").await;
        event.see(hint).await;
        assert!(!event.has_field("Notify user directly").await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_of_an_event_shows_one_result_for_each_target() {
    let server = Server::start().await;
    let (good, bad) = (Receiver::start().await, Receiver::start().await);
    bad.answer_always(fanfare_testkit::Answer::status(500).body("out of paper"));
    let good_id = server.api().webhook("Good", good.url("/")).await;
    let bad_id = server.api().webhook("Bad", bad.url("/")).await;
    server.api().make_global(&[&good_id, &bad_id]).await;
    let stage = Stage::at(server, PATH).await;
    flow(stage, async |stage| {
        let page = stage.page();
        page.click("Test Configuration Backup").await;
        let results = page.within("#results-config_backup");
        results.see("✓ Good").await;
        results.see("✕ Bad").await;
        results.see("500").await;
        results.see("This event is off").await;
        assert_eq!((good.count(), bad.count()), (1, 1));
        assert!(good.requests()[0].text().contains("[Test] "));
        let tests = stage.api().all("/deliveries?test=true").await;
        assert_eq!(tests.len(), 2);
        assert_eq!(stage.api().metrics().await.accepted, 0, "tests are no deliveries");

        // Without anybody to tell there is nothing to test.
        stage.api().make_global(&[]).await;
        stage.expect_refusal(409);
        page.open(PATH).await;
        page.click("Test System Error").await;
        page.within("#results-system_error").see("✕").await;
    })
    .await;
}
