//! A job: made, who hears of it, its runs, its check-in lines.

use fanfare_testkit::Receiver;
use fanfare_tests::{PATIENCE, Server, until};
use serde_json::{Value, json};

use crate::harness::{Stage, flow};

async fn conditions(stage: &Stage, job: &str) -> Value {
    let job = stage.api().get(&format!("/jobs/{job}")).await;
    job["notifications"].as_array().unwrap().iter().map(|assigned| assigned["condition"].clone()).collect()
}

async fn come_to(stage: &Stage, job: &str, wanted: Value) {
    until(&format!("conditions {wanted}"), PATIENCE, async || (conditions(stage, job).await == wanted).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_made_and_each_of_its_channels_has_its_condition() {
    let server = Server::start().await;
    let (calm, loud) = (Receiver::start().await, Receiver::start().await);
    server.api().webhook("Calm", calm.url("/")).await;
    server.api().webhook("Loud", loud.url("/")).await;
    let stage = Stage::at(server, "/jobs").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.see("No job yet").await;
        page.click("Add a job").await;
        stage.expect_refusal(422);
        page.click("Add the job").await;
        page.within("#name-error").see("name").await;
        page.fill("Name", "Nightly shop backup").await;
        page.choose("A run is expected", "every day").await;
        page.choose("It may be late by", "30 minutes").await;
        page.click("Add the job").await;
        page.toast("The job is there.").await;
        page.see("Nobody hears of this job's runs yet.").await;
        let made = api.get("/jobs").await[0].clone();
        assert_eq!((&made["expect_every_s"], &made["grace_s"]), (&json!(86_400), &json!(1_800)));
        let job = made["id"].as_str().unwrap();

        page.within("#assigned").click("Add a channel").await;
        for name in ["Calm", "Loud"] {
            page.within("#add-channel").click(name).await;
            page.toast(&format!("{name} hears of this job now.")).await;
            page.within("#assigned ul").see(name).await;
        }
        page.press("\u{E00C}").await;
        // What somebody adds, they want to be warned by.
        come_to(stage, job, json!(["on_failure", "on_failure"])).await;
        let of = async |name: &str, condition: &str| {
            let item = format!("#assigned li:has(a[href='/channels/{}'])", channel(stage, name).await);
            page.within(&item).tick(condition).await;
        };
        of("Calm", "On Success").await;
        come_to(stage, job, json!(["on_success", "on_failure"])).await;
        page.open(&format!("/jobs/{job}/notifications")).await;
        let calm_item = format!("#assigned li:has(a[href='/channels/{}'])", channel(stage, "Calm").await);
        page.within(&calm_item).sees_ticked("On Success", true).await;
        page.within(&calm_item).sees_ticked("On Failure", false).await;
        // Two at once: neither takes the other one back.
        of("Calm", "Always").await;
        of("Loud", "On Success").await;
        come_to(stage, job, json!(["always", "on_success"])).await;
        of("Loud", "On Failure").await;
        come_to(stage, job, json!(["always", "on_failure"])).await;

        let run = async |outcome: &str| api.post(&format!("/jobs/{job}/runs"), json!({ "outcome": outcome })).await;
        run("success").await;
        calm.wait_for(1, PATIENCE).await;
        run("failure").await;
        calm.wait_for(2, PATIENCE).await;
        loud.wait_for(1, PATIENCE).await;
        api.settled().await;
        assert_eq!((calm.count(), loud.count()), (2, 1));

        page.click("Remove Loud").await;
        page.toast("Loud does not hear of this job any more.").await;
        come_to(stage, job, json!(["always"])).await;
        page.within("#assigned ul").miss("Loud").await;
    })
    .await;
}

async fn channel(stage: &Stage, name: &str) -> String {
    let channels = stage.api().get("/channels").await;
    let found = channels.as_array().unwrap().iter().find(|channel| channel["name"] == name).unwrap();
    found["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_shows_its_runs_and_the_lines_that_report_them_work() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let id = server.api().webhook("Hook", receiver.url("/")).await;
    let job = server.api().job("Nightly", &[(&id, "on_failure")]).await;
    let stage = Stage::at(server, &format!("/jobs/{job}")).await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        page.see("No run was reported yet.").await;
        for tool in ["cron", "systemd", "borgmatic", "restic", "pg_dump"] {
            page.within("#check-in").see(tool).await;
        }
        // The line as a shell would get it.
        let shown = page.within("#pg-dump").text().await;
        let url = shown.split_whitespace().find(|word| word.starts_with("http://")).unwrap();
        let path = url.strip_prefix(api.url()).unwrap().trim_end_matches("/$?");
        let anybody = api.with_token(None);
        for end in ["/start", "/0", "/3"] {
            assert!(anybody.answers(&format!("{path}{end}")).await, "{path}{end}");
        }
        receiver.wait_for(1, PATIENCE).await;
        let run = json!({ "outcome": "partial", "error": "2 of 7 files <skipped>", "duration_ms": 61_000, "size_bytes": 1_572_864 });
        api.post(&format!("/jobs/{job}/runs"), run).await;
        page.open(&format!("/jobs/{job}")).await;
        let runs = page.within("#runs");
        for text in ["Success", "Partial", "Failure", "2 of 7 files <skipped>", "1 min 1 s", "1.5 MB", "Nobody", "Hook"] {
            runs.see(text).await;
        }

        page.within("#check-in").click("New URL").await;
        page.within("dialog").click("New URL").await;
        page.toast("The job has a new check-in URL.").await;
        page.within("#check-in-url").miss(path).await;
        assert!(!anybody.answers(path).await, "the old URL has ended");
        let new = page.within("#check-in-url").text().await;
        assert!(anybody.answers(new.strip_prefix(api.url()).unwrap()).await);

        page.click("Settings").await;
        page.fill("Name", "Every night").await;
        page.click("Save").await;
        page.toast("Saved.").await;
        assert_eq!(api.get(&format!("/jobs/{job}")).await["name"], "Every night");
        page.click("Delete").await;
        page.within("dialog").see("Delete Every night?").await;
        page.within("dialog").click("Delete").await;
        page.arrive("/jobs").await;
        assert_eq!(api.get("/jobs").await, json!([]));
    })
    .await;
}
