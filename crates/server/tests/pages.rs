//! The pages, asked without a browser: who may see them, what they say, and what they never hold.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod common;

use std::collections::BTreeSet;

use common::{Answer, Api, TOKEN};
use serde_json::json;

/// Text that would be markup if anybody forgot to escape it.
const HOSTILE: &str = "<script>alert('1')</script>&\"";

async fn page(api: &Api, path: &str) -> Answer {
    let bearer = format!("Bearer {TOKEN}");
    api.raw("GET", path, None, &[("authorization", &bearer)]).await
}

/// A server with one of everything, all of it with a name that would be markup.
async fn furnished() -> (Api, Vec<String>) {
    let api = Api::start().await;
    let config = json!({"url": "http://127.0.0.1:9/s3cret-path", "headers": {"X-Key": "s3cret-header"}});
    let channel = json!({"name": HOSTILE, "kind": "webhook", "config": config, "enabled": false});
    let channel = api.post("/api/v1/channels", channel).await.expect(201)["id"].as_str().unwrap().to_owned();
    let settings = json!({"global_channels": [channel], "events": {"restore_failure": {"channels": []}}});
    api.put("/api/v1/settings/notifications", settings).await.expect(200);
    let job = json!({"name": HOSTILE, "notifications": [{"channel_id": channel, "condition": "always"}]});
    let job = api.post("/api/v1/jobs", job).await.expect(201)["id"].as_str().unwrap().to_owned();
    let run = json!({"outcome": "failure", "error": HOSTILE, "duration_ms": 1200});
    let run = api.post(&format!("/api/v1/jobs/{job}/runs"), run).await.expect(202);
    let delivery = run["deliveries"][0]["id"].as_str().unwrap();
    let pages = [
        "/".to_owned(),
        "/channels".into(),
        "/channels/new".into(),
        "/channels/new/email".into(),
        format!("/channels/{channel}?event_type=user_login"),
        "/jobs".into(),
        "/jobs/new".into(),
        format!("/jobs/{job}"),
        format!("/jobs/{job}/notifications"),
        format!("/jobs/{job}/settings"),
        "/settings/notifications".into(),
        "/settings/notifications/user_login/wording".into(),
        format!("/jobs/{job}/wording"),
        format!("/jobs/{job}/wording?news=run_missed"),
        "/audit".into(),
        "/audit?action=channel&from=2020-01-01&to=2099-01-01".into(),
        "/settings/export".into(),
        "/history".into(),
        format!("/history?job_id={job}&state=held&test=false"),
        format!("/history/{delivery}"),
        "/explain".into(),
        "/accounts".into(),
        "/tokens".into(),
        "/settings/outbound".into(),
        "/account".into(),
        "/explain?type=user_login&email=ada%40example.com".into(),
        format!("/explain?job={job}&outcome=partial"),
    ];
    (api, pages.into())
}

#[tokio::test]
async fn every_page_is_strict_and_escapes_and_holds_no_secret() {
    let (api, pages) = furnished().await;
    let mut named = 0;
    for path in pages {
        let answer = page(&api, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["cache-control"], "no-store");
        let text = &answer.text;
        assert!(!text.contains("<script>") && !text.contains(" style=") && !text.contains(" onclick="), "{path}");
        assert!(!text.contains("s3cret"), "{path} tells a secret");
        assert!(!text.contains("https://fonts") && !text.contains("src=\"http"), "{path} loads from elsewhere");
        assert_eq!(text.matches("<h1>").count(), 1, "{path}");
        named += usize::from(text.contains("&lt;script&gt;"));
    }
    assert!(named > 8, "only {named} pages show the hostile name");
}

#[tokio::test]
async fn a_page_is_small_when_it_is_compressed() {
    let (api, pages) = furnished().await;
    let bearer = format!("Bearer {TOKEN}");
    for path in pages {
        let headers = [("authorization", bearer.as_str()), ("accept-encoding", "gzip")];
        let answer = api.bytes("GET", &path, &headers).await;
        assert_eq!(answer.1["content-encoding"], "gzip");
        assert!(answer.2.len() < 30_000, "{path} has {} bytes", answer.2.len());
    }
    // With everything that it loads, too, for whoever comes for the first time.
    let html = page(&api, "/settings/notifications").await.text;
    let assets: BTreeSet<_> = html.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert!(assets.len() > 10, "{assets:?}");
    let mut loaded = 0;
    for path in assets {
        loaded += api.bytes("GET", path, &[("accept-encoding", "gzip")]).await.2.len();
    }
    assert!(loaded < 60_000, "the files of a page have {loaded} bytes");
}

#[tokio::test]
async fn what_is_not_there_is_said_on_a_page() {
    let (api, _) = furnished().await;
    for path in ["/channels/new/pigeon", "/jobs/00000000-0000-0000-0000-000000000000", "/history/nothing"] {
        let answer = page(&api, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text.contains("<h1>"), "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn nobody_sees_a_page_without_signing_in() {
    let (api, pages) = furnished().await;
    for path in pages {
        let answer = api.raw("GET", &path, None, &[]).await;
        assert_eq!(answer.status, 303, "{path}");
        let to = answer.headers["location"].to_str().unwrap();
        assert!(to.starts_with("/sign-in?next=%2F"), "{to}");
    }
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_an_address_of_their_own() {
    let (api, _) = furnished().await;
    let html = page(&api, "/channels").await.text;
    let assets: Vec<_> = html.split('"').filter(|text| text.starts_with("/assets/")).collect();
    assert!(assets.len() > 4, "{assets:?}");
    for path in assets {
        let (status, headers, bytes) = api.bytes("GET", path, &[]).await;
        assert_eq!(status, 200, "{path}");
        assert!(headers["cache-control"].to_str().unwrap().contains("immutable"), "{path}");
        assert!(!bytes.is_empty());
    }
    assert_eq!(page(&api, "/assets/0000000000000000/nothing.js").await.status, 404);
}

#[tokio::test]
async fn signing_in_works_without_a_script() {
    let (api, _) = furnished().await;
    let password = "correct horse battery";
    let account = json!({"name": "Ada", "email": "ada@mail.example", "role": "viewer", "password": password});
    api.post("/api/v1/users", account).await.expect(201);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let send = async |body: &str| api.raw("POST", "/sign-in", Some(body.as_bytes().to_vec()), &form).await;

    let wrong = send("email=ada%40mail.example&password=wrong&next=%2Fhistory").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("value=\"/history\""), "{}", wrong.text);
    assert!(!wrong.headers.contains_key("set-cookie"));

    let right = send("email=ada%40mail.example&password=correct+horse+battery&next=%2Fhistory%3Fstate%3Ddead").await;
    assert_eq!((right.status.as_u16(), &right.headers["location"]), (303, &"/history?state=dead".parse().unwrap()));
    let cookie = right.headers["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let seen = api.raw("GET", "/history", None, &[("cookie", &cookie)]).await;
    assert_eq!(seen.status, 200);
    assert!(seen.text.contains("Ada") && seen.text.contains("Viewer"));
    let mail =
        json!({"host": "127.0.0.1", "port": 9, "security": "none", "from": "f@mail.example", "to": ["o@mail.example"]});
    let mail = api.post("/api/v1/channels", json!({"name": "Mail", "kind": "email", "config": mail})).await.expect(201);
    let own = json!({"enabled": true, "channels": [mail["id"]], "notify_user": "also"});
    api.patch("/api/v1/settings/notifications/events/user_login", own).await.expect(200);
    let data = json!({"user_name": "Grace", "email": "grace@people.example"});
    let told = api
        .post("/api/v1/events", json!({"type": "user_login", "data": data, "user": {"email": "grace@people.example"}}))
        .await
        .expect(202);
    let delivery = format!("/history/{}", told["deliveries"][1]["id"].as_str().unwrap());
    for path in ["/history", &delivery] {
        assert!(page(&api, path).await.text.contains("grace@people.example"), "{path}");
        let seen = api.raw("GET", path, None, &[("cookie", &cookie)]).await;
        assert!(seen.text.contains("g***@people.example") && !seen.text.contains("grace@people"), "{path}");
    }
    assert_eq!(api.raw("GET", "/accounts", None, &[("cookie", &cookie)]).await.status, 403);

    let elsewhere = send("email=ada%40mail.example&password=correct+horse+battery&next=%2F%2Fevil.example").await;
    assert_eq!(elsewhere.headers["location"], "/");
    let foreign = [form[0], ("sec-fetch-site", "cross-site")];
    let body = b"email=ada%40mail.example&password=correct+horse+battery".to_vec();
    assert_eq!(api.raw("POST", "/sign-in", Some(body), &foreign).await.status, 403);
}
