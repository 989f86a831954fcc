//! Who would hear of a run that does not come, and of one that comes at last: asked before it happens, and compared with
//! what then happens.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, until};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

async fn explain(api: &Api, outcome: &str) -> Value {
    api.post("/events/explain", json!({ "job": "nightly", "outcome": outcome })).await
}

/// Channels and reasons, of targets and of skips.
fn plan(explained: &Value) -> (Vec<&str>, Vec<&str>) {
    let all = |list: &str, member: &str| {
        let entries = explained["plan"][list].as_array().unwrap().iter();
        entries.map(|entry| entry[member].as_str().unwrap()).collect::<Vec<_>>()
    };
    (all("targets", "channel_name"), all("skips", "reason"))
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Rule: Who hears of a job's runs?
#[tokio::test(flavor = "multi_thread")]
async fn explain_says_who_hears_of_a_run_that_does_not_come() {
    let (server, every, bad, good) =
        (Server::start().await, Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let api = server.api();
    let every_id = api.webhook("every", every.url("/")).await;
    let bad_id = api.webhook("bad", bad.url("/")).await;
    let good_id = api.webhook("good", good.url("/")).await;
    let tells = [(every_id.as_str(), "always"), (&bad_id, "on_failure"), (&good_id, "on_success")];
    let job = format!("/jobs/{}", api.job("nightly", &tells).await);
    let refused = async |question: Value| {
        let problem = api.call(Method::POST, "/events/explain", Some(&question)).await.problem();
        (problem.status, problem.pointers.join(" "))
    };

    // Nothing is expected, so nothing is missed.
    let missed = json!({ "job": "nightly", "outcome": "missed" });
    assert_eq!(refused(missed.clone()).await, (422, "/outcome".into()));
    let expected = api.patch(&job, json!({ "expect_every_s": 86_400 })).await["next_expected_at"].clone();

    // Before it happens: who will hear, with what they will get, and when.
    let before = explain(api, "missed").await;
    assert_eq!(plan(&before), (vec!["every", "bad"], vec!["condition_not_met"]));
    assert_eq!(before["plan"]["targets"][0]["reason"], "assignment");
    assert_eq!(before["plan"]["skips"][0]["channel_id"], good_id.as_str());
    assert_eq!(before["notification"]["title"], "Run Missed: nightly");
    let payloads = before["payloads"].as_object().unwrap();
    assert_eq!(payloads.keys().len(), 2);
    assert_eq!(payloads[&bad_id]["title"], "Run Missed: nightly");
    assert_eq!(payloads[&bad_id]["event_type"], "run_missed");
    let late = time(&before["notification"]["time"]).duration_since(time(&expected));
    assert_eq!(late, SignedDuration::from_hours(1), "when the grace is over");
    // Nobody would hear of an end before there was a beginning.
    let end = explain(api, "recovered").await;
    assert_eq!(plan(&end), (vec![], vec!["condition_not_met", "not_told", "not_told"]));
    assert_eq!(end["notification"]["title"], "Run Recovered: nightly");

    // With words of the job's own, saved or to be tried out.
    let own = json!({ "run_missed": { "title": "{{job_name}} did not run" } });
    let mut with_words = missed.clone();
    with_words["wording"] = own.clone();
    let tried = api.post("/events/explain", with_words.clone()).await;
    assert_eq!(tried["payloads"][&every_id]["title"], "nightly did not run");
    api.patch(&job, json!({ "wording": own })).await;
    assert_eq!(explain(api, "missed").await["notification"]["title"], "nightly did not run");
    with_words["wording"] = json!({});
    assert_eq!(api.post("/events/explain", with_words).await["notification"]["title"], "Run Missed: nightly");
    api.patch(&job, json!({ "wording": null })).await;

    // What only runs have that were reported.
    let with = json!({ "job": "nightly", "outcome": "recovered", "duration_ms": 5, "error": "x" });
    assert_eq!(refused(with).await, (422, "/duration_ms /error".into()));
    assert_eq!(refused(json!({ "job": "weekly", "outcome": "missed" })).await.0, 404);
    assert_eq!(refused(json!({ "job": "nightly", "outcome": "late" })).await, (422, "/outcome".into()));
    let report = api.call(Method::POST, "/jobs/nightly/runs", Some(&json!({ "outcome": "missed" }))).await.problem();
    assert_eq!((report.status, report.pointers), (422, vec!["/outcome".to_owned()]), "nobody reports that");
    assert_eq!(api.all("/events").await, Vec::<Value>::new(), "nothing is stored");

    // The command line says the same.
    let cli = server.cli();
    assert_eq!(cli.json(&["explain", "--job", "nightly", "--outcome", "missed"])["plan"], before["plan"]);
    let text = cli.run(&["explain", "--job", "nightly", "--outcome", "missed"]).done().out;
    assert!(text.contains("Run Missed: nightly") && text.contains("condition_not_met"), "{text}");

    // It happens, and one of the two cannot be reached.
    bad.answer(Answer::status(400));
    api.patch(&job, json!({ "expect_every_s": 1, "grace_s": 0 })).await;
    let told = every.wait_for(1, PATIENCE).await.pop().unwrap().json();
    assert_eq!(told["title"], "Run Missed: nightly");
    api.settled().await;
    let event = &api.get("/events?limit=1").await["items"][0];
    assert_eq!((&event["type"], &event["plan"]), (&json!("run_missed"), &before["plan"]), "as was explained");
    // Whoever was told is not due, whoever was not is; and the other way round at its end.
    assert_eq!(plan(&explain(api, "missed").await), (vec!["bad"], vec!["condition_not_met", "repeat_not_due"]));
    let end = explain(api, "recovered").await;
    assert_eq!(plan(&end), (vec!["every"], vec!["condition_not_met", "not_told"]));
    assert_eq!(end["payloads"][&every_id]["title"], "Run Recovered: nightly");
    assert_eq!(api.all("/events").await.len(), 1);

    api.patch(&job, json!({ "expect_every_s": 3_600 })).await;
    api.post("/jobs/nightly/runs", json!({ "outcome": "failure" })).await;
    let recovered = until("recovery", PATIENCE, async || {
        let event = api.get("/events?limit=1").await["items"][0].clone();
        (event["type"] == "run_recovered").then_some(event)
    });
    let recovered = recovered.await;
    assert_eq!(recovered["plan"], end["plan"], "as was explained");
    assert_eq!(recovered["notification"]["message"], end["notification"]["message"]);
    api.settled().await;
    let heard = |receiver: &Receiver| -> Vec<String> {
        let titles = receiver.requests().into_iter().map(|request| request.json()["title"].as_str().unwrap().into());
        let mut titles: Vec<String> = titles.collect();
        // A webhook may have many under way at once, so they come in any order.
        titles.sort();
        titles
    };
    assert_eq!(heard(&every), ["Backup Failed: nightly", "Run Missed: nightly", "Run Recovered: nightly"]);
    assert_eq!(heard(&bad), ["Backup Failed: nightly", "Run Missed: nightly"]);
    assert_eq!(heard(&good), Vec::<String>::new());
}
