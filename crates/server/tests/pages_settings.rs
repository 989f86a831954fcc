//! The pages of own wordings, of the audit, and of export and import, asked without a browser.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use common::{Answer, Api, TOKEN};
use serde_json::{Value, json};

async fn page(api: &Api, path: &str) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    api.raw("GET", path, None, &[("authorization", &bearer)]).await
}

/// The page, as somebody sees it who may only read.
async fn seen_by_viewer(api: &Api, path: &str) -> Answer {
    let token = api.post("/api/v1/tokens", json!({"name": path, "scope": "read"})).await.expect(201);
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    api.raw("GET", path, None, &[("authorization", &bearer)]).await
}

/// The value of an attribute of the form with this id, as it was before it was escaped.
fn attribute(html: &str, id: &str, name: &str) -> String {
    let form = html.split(&format!("id=\"{id}\"")).nth(1).unwrap().split('>').next().unwrap();
    let value = form.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap();
    value.replace("&quot;", "\"").replace("&amp;", "&")
}

#[tokio::test]
async fn an_own_wording_is_previewed_on_the_page_and_reset_by_one_call() {
    let api = Api::start().await;
    let path = "/settings/notifications/system_error/wording";
    let usual = page(&api, path).await.text;
    assert!(usual.contains("Its own words") && !usual.contains("Reset to its own words"));
    let event = "/api/v1/settings/notifications/events/system_error";
    let own = json!({"wording": {"title": "{{component}} broke", "fields": [{"name": "Why", "value": "{{error}}", "when": "details"}]}});
    api.patch(event, own).await.expect(200);

    let text = page(&api, path).await.text;
    assert!(text.contains("Scheduler broke"), "the preview says the sample: {text}");
    assert!(text.contains("value=\"{{component}} broke\"") && text.contains("value=\"Why\""), "{text}");
    assert!(page(&api, "/settings/notifications").await.text.contains("aria-label=\"Wording of System Error\""));

    // What the page asks for its preview, and what its button sends, the API takes.
    let mut question: Value = serde_json::from_str(&attribute(&text, "wording-form", "data-explain")).unwrap();
    question["wording"] = json!({"message": "{{erro}}"});
    assert_eq!(api.post("/api/v1/events/explain", question).await.pointers(422), ["/wording/message"]);
    let body = text.split("Reset to its own words").next().unwrap().rsplit("data-body=\"").next().unwrap();
    let body = body.split('"').next().unwrap().replace("&quot;", "\"");
    let after = api.patch(event, serde_json::from_str(&body).unwrap()).await.expect(200);
    assert_eq!(after["wording"], Value::Null);
    assert!(page(&api, path).await.text.contains("Its own words"));
}

#[tokio::test]
async fn each_news_of_a_job_has_a_wording_of_its_own() {
    let api = Api::start().await;
    let job = api.post("/api/v1/jobs", json!({"name": "Nightly"})).await.expect(201);
    let id = job["id"].as_str().unwrap();
    let wording = json!({"wording": {"backup_failure": {"title": "{{job_name}} is broken"}}});
    api.patch(&format!("/api/v1/jobs/{id}"), wording).await.expect(200);
    let path = format!("/jobs/{id}/wording");
    let failure = page(&api, &path).await.text;
    assert!(failure.contains("Nightly is broken") && failure.contains("/wording/backup_failure/title"), "{failure}");
    let success = page(&api, &format!("{path}?news=backup_success")).await.text;
    assert!(!success.contains("Nightly is broken") && success.contains("/wording/backup_success/title"));
    let mut question: Value = serde_json::from_str(&attribute(&success, "wording-form", "data-explain")).unwrap();
    question["wording"] = json!({"backup_success": {"title": "{{job_name}} is well"}});
    let told = api.post("/api/v1/events/explain", question).await.expect(200);
    assert_eq!(told["notification"]["title"], "Nightly is well");
    let missed = page(&api, &format!("{path}?news=run_missed")).await.text;
    assert!(!missed.contains("data-explain") && missed.contains("none is expected"), "{missed}");
    api.patch(&format!("/api/v1/jobs/{id}"), json!({"expect_every_s": 86_400})).await.expect(200);
    api.post(&format!("/api/v1/jobs/{id}/runs"), json!({"outcome": "success"})).await.expect(202);
    let missed = page(&api, &format!("{path}?news=run_missed")).await.text;
    let question: Value = serde_json::from_str(&attribute(&missed, "wording-form", "data-explain")).unwrap();
    let told = api.post("/api/v1/events/explain", question).await.expect(200);
    let title = told["notification"]["title"].as_str().unwrap();
    assert!(missed.contains(&format!("<h3>{title}")), "{title} is not in {missed}");
    let asked = page(&api, &format!("/explain?job={id}&outcome=missed")).await.text;
    assert!(asked.contains(title), "{asked}");
}

#[tokio::test]
async fn a_viewer_reads_a_wording_and_cannot_save_it() {
    let api = Api::start().await;
    let seen = seen_by_viewer(&api, "/settings/notifications/user_login/wording").await;
    assert_eq!(seen.status, 200);
    assert!(seen.text.contains("disabled") && !seen.text.contains(">Save<"));
    for path in ["/settings/notifications/backup_failure/wording", "/settings/notifications/nothing/wording"] {
        assert_eq!(page(&api, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_audit_says_who_did_what_and_what_was_before() {
    let api = Api::start().await;
    let config = json!({"url": "http://127.0.0.1:9/s3cret-path"});
    let channel = json!({"name": "Hook", "kind": "webhook", "config": config});
    let id = api.post("/api/v1/channels", channel).await.expect(201)["id"].as_str().unwrap().to_owned();
    api.patch(&format!("/api/v1/channels/{id}"), json!({"name": "Pager"})).await.expect(200);
    api.post("/api/v1/jobs", json!({"name": "Nightly"})).await.expect(201);

    let all = page(&api, "/audit").await.text;
    for words in ["Channel added", "Channel changed", "Job added", "<del>Hook</del>", "<ins>Pager</ins>"] {
        assert!(all.contains(words), "{words} is missing: {all}");
    }
    assert!(!all.contains("s3cret"));
    let jobs = page(&api, "/audit?action=job").await.text;
    assert!(jobs.contains("Job added") && !jobs.contains("Channel added"));
    let one = page(&api, &format!("/audit?object=channel%3A{id}&action=channel.update")).await.text;
    assert!(one.contains("Channel changed") && !one.contains("Channel added"));
    assert!(page(&api, "/audit?to=2020-01-01").await.text.contains("Nothing matches"));

    // The file has what the page shows, by the same filters.
    let link = jobs.split("href=\"").find(|link| link.starts_with("/api/v1/audit?")).unwrap();
    let file = page(&api, &link.split('"').next().unwrap().replace("&amp;", "&")).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert!(file.text.contains("job.create") && !file.text.contains("channel.create"), "{}", file.text);
}

#[tokio::test]
async fn the_audit_goes_on_where_a_page_ends() {
    let api = Api::start().await;
    for i in 0..60 {
        api.post("/api/v1/jobs", json!({"name": format!("Job number {i}")})).await.expect(201);
    }
    let first = page(&api, "/audit?action=job").await.text;
    assert!(first.contains("Job number 59") && !first.contains("Job number 9<"));
    let next = first.split("href=\"").find(|link| link.starts_with("/audit?action=job&amp;cursor=")).unwrap();
    let second = page(&api, &next.split('"').next().unwrap().replace("&amp;", "&")).await.text;
    assert!(second.contains("Job number 9<") && !second.contains("Job number 59"));
}

#[tokio::test]
async fn audit_and_export_are_for_administrators() {
    let api = Api::start().await;
    for path in ["/audit", "/settings/export"] {
        assert_eq!(page(&api, path).await.status, 200, "{path}");
        assert_eq!(seen_by_viewer(&api, path).await.status, 403, "{path}");
    }
    assert!(!seen_by_viewer(&api, "/").await.text.contains("href=\"/audit\""));
}
