//! Own wording of an event and of a job: tried in the preview, saved, sent, and taken back.

use fanfare_testkit::Receiver;
use fanfare_tests::{PATIENCE, Server};
use serde_json::{Value, json};

use crate::harness::{Stage, flow};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_gets_words_of_its_own_and_its_own_words_back() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    server.api().make_global(&[&id]).await;
    let stage = Stage::at(server, "/settings/notifications").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let raise = async || {
            let data = json!({ "component": "scheduler", "error": "disk full" });
            api.post("/events", json!({ "type": "system_error", "data": data })).await;
        };
        let saved = async || api.get("/settings/notifications").await["events"]["system_error"]["wording"].clone();
        page.click("Wording of System Error").await;
        page.arrive("/settings/notifications/system_error/wording").await;
        let preview = page.within("#wording-preview");
        preview.see("Error in Scheduler").await;

        // The preview follows what is typed, and nothing is saved by it.
        page.fill("Title its own where empty", "{{component}} is in trouble").await;
        preview.see("Scheduler is in trouble").await;
        assert_eq!(saved().await, Value::Null);
        stage.expect_refusal(422);
        page.fill("Title its own where empty", "{{component is in trouble").await;
        page.within("#own-title-error").see("Line 1, column 26").await;
        page.click("Save").await;
        page.within("#own-title-error").see("Line 1, column 26").await;
        assert_eq!(saved().await, Value::Null);

        page.fill("Title its own where empty", "{{component}} is in trouble").await;
        page.fill("Message its own where empty", "It says: {{error}}").await;
        preview.see("It says: The job queue does not answer").await;
        page.click("Save").await;
        page.toast("Saved: this is what it says from now on.").await;
        let own = saved().await;
        assert_eq!(own["title"], "{{component}} is in trouble", "{own}");
        raise().await;
        let sent = receiver.wait_for(1, PATIENCE).await[0].json();
        assert_eq!(
            (&sent["title"], &sent["message"]),
            (&json!("scheduler is in trouble"), &json!("It says: disk full"))
        );

        page.click("Reset to its own words").await;
        page.toast("It says its own words again.").await;
        page.within("#wording-form").see("Its own words").await;
        assert_eq!(saved().await, Value::Null);
        raise().await;
        assert_eq!(receiver.wait_for(2, PATIENCE).await[1].json()["title"], "System Error");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_gets_words_of_its_own() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    let job = server.api().job("Nightly", &[(&id, "always")]).await;
    let stage = Stage::at(server, &format!("/jobs/{job}/wording")).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.click("Success").await;
        page.arrive(&format!("/jobs/{job}/wording?news=backup_success")).await;
        page.fill("Title its own where empty", "{{job_name}}: all is well").await;
        page.within("#wording-preview").see("Nightly: all is well").await;
        page.click("Save").await;
        page.toast("Saved").await;
        let stored = api.get(&format!("/jobs/{job}")).await["wording"].clone();
        assert_eq!(stored["backup_success"]["title"], "{{job_name}}: all is well", "{stored}");
        api.post(&format!("/jobs/{job}/runs"), json!({ "outcome": "success" })).await;
        assert_eq!(receiver.wait_for(1, PATIENCE).await[0].json()["title"], "Nightly: all is well");
    })
    .await;
}
