//! Notify user: what is refused when it is saved, and what is not.

use fanfare_testkit::{Receiver, smtp::SmtpReceiver};
use fanfare_tests::{Problem, Server};
use http::Method;
use serde_json::{Value, json};

const SETTINGS: &str = "/settings/notifications";
const LOGIN: &str = "/settings/notifications/events/user_login";

#[track_caller]
fn check(problem: &Problem, pointer: &str) {
    assert_eq!((problem.status, problem.pointers.as_slice()), (422, [pointer.to_owned()].as_slice()), "{problem:?}");
    assert!(problem.document["detail"].as_str().unwrap().contains("user_login"), "it names the type: {problem:?}");
}

/// Rule: May the user be told without an e-mail channel?
#[tokio::test]
async fn telling_the_user_without_an_email_channel_is_refused_when_it_is_saved() {
    let (server, hook, mail) = tokio::join!(Server::start(), Receiver::start(), SmtpReceiver::start());
    let api = server.api();
    let hook_id = api.webhook("ops", hook.url("/")).await;
    let mail_id = api.email("mail", mail.port(), &["ops@mail.example"]).await;
    let refused = async |method: Method, path: &str, body: Value| {
        let before = api.get(SETTINGS).await;
        let problem = api.call(method, path, Some(&body)).await.problem();
        assert_eq!(api.get(SETTINGS).await, before, "what is refused changes nothing");
        problem
    };
    let patched = async |body: Value| refused(Method::PATCH, LOGIN, body).await;

    api.make_global(&[&hook_id]).await;
    for mode in ["also", "only"] {
        check(&patched(json!({ "notify_user": mode })).await, "/notify_user");
        check(&patched(json!({ "notify_user": mode, "channels": [] })).await, "/notify_user");
        let whole = json!({ "global_channels": [hook_id], "events": { "user_login": { "notify_user": mode } } });
        check(&refused(Method::PUT, SETTINGS, whole).await, "/events/user_login/notify_user");
    }
    let problem = refused(Method::PATCH, &LOGIN.replace("login", "logout"), json!({ "notify_user": "also" })).await;
    assert_eq!(problem.status, 404);
    let about_nobody = LOGIN.replace("user_login", "system_error");
    let problem = refused(Method::PATCH, &about_nobody, json!({ "notify_user": "also" })).await;
    assert_eq!((problem.status, problem.pointers), (422, vec!["/notify_user".to_owned()]));

    // A disabled e-mail channel counts as present.
    api.patch(&format!("/channels/{mail_id}"), json!({ "enabled": false })).await;
    api.patch(LOGIN, json!({ "notify_user": "only", "channels": [mail_id] })).await;
    check(&patched(json!({ "channels": [hook_id] })).await, "/channels");
    check(&patched(json!({ "channels": null })).await, "/channels");
    api.patch(LOGIN, json!({ "notify_user": null, "channels": null })).await;
}

/// Rule: May the user be told without an e-mail channel?
#[tokio::test]
async fn changing_the_global_channels_so_that_a_type_loses_its_email_channel_is_refused() {
    let (server, hook, mail) = tokio::join!(Server::start(), Receiver::start(), SmtpReceiver::start());
    let api = server.api();
    let hook_id = api.webhook("ops", hook.url("/")).await;
    let mail_id = api.email("mail", mail.port(), &["ops@mail.example"]).await;
    let login = json!({ "user_login": { "enabled": true, "notify_user": "also" } });
    let settings = |global: &[&str], events: &Value| json!({ "global_channels": global, "events": events });
    let both = settings(&[&hook_id, &mail_id], &login);
    api.put(SETTINGS, both.clone()).await;
    for global in [&[hook_id.as_str()] as &[&str], &[]] {
        let refused = api.call(Method::PUT, SETTINGS, Some(&settings(global, &login))).await.problem();
        check(&refused, "/global_channels");
    }
    // With a channel list of its own, the type does not care; without telling the user, neither.
    let own = json!({ "user_login": { "notify_user": "also", "channels": [mail_id] } });
    api.put(SETTINGS, settings(&[&hook_id], &own)).await;
    api.put(SETTINGS, settings(&[&hook_id], &json!({}))).await;
    api.put(SETTINGS, both).await;

    // Deleting the channel is refused while it is used; by force, the type is left in that state.
    let path = format!("/channels/{mail_id}");
    let in_use = api.call(Method::DELETE, &path, None).await.problem();
    assert_eq!((in_use.status, &in_use.document["uses"]), (409, &json!(["the global channels"])), "{in_use:?}");
    api.call(Method::DELETE, &format!("{path}?force=true"), None).await.ok();
    let left = api.get(SETTINGS).await;
    assert_eq!(left["global_channels"], json!([hook_id]));
    assert_eq!(left["events"]["user_login"]["notify_user"], "also");

    // It may be saved unchanged, and others beside it changed; only a change that makes it so is refused.
    assert_eq!(api.put(SETTINGS, left.clone()).await, left);
    api.patch(LOGIN, json!({ "enabled": true })).await;
    api.patch("/settings/notifications/events/system_error", json!({ "enabled": false })).await;
    api.patch(LOGIN, json!({ "notify_user": "none" })).await;
    let again = api.call(Method::PATCH, LOGIN, Some(&json!({ "notify_user": "also" }))).await.problem();
    check(&again, "/notify_user");
}

#[tokio::test]
async fn what_jobs_tell_is_in_no_settings_and_is_not_sent_as_an_event() {
    let server = Server::start().await;
    let api = server.api();
    let known = api.get(SETTINGS).await;
    for event_type in ["backup_success", "backup_partial", "backup_failure", "run_missed", "run_recovered"] {
        assert!(known["events"].get(event_type).is_none(), "{event_type}");
        let events = json!({ "events": { event_type: { "enabled": true } } });
        let refused = api.call(Method::PUT, SETTINGS, Some(&events)).await.problem();
        assert_eq!((refused.status, refused.pointers), (422, vec![format!("/events/{event_type}")]));
        let event = json!({ "type": event_type, "data": { "job_name": "nightly" } });
        let refused = api.call(Method::POST, "/events", Some(&event)).await.problem();
        assert_eq!((refused.status, refused.pointers), (422, vec!["/type".to_owned()]));
        let words = refused.document["detail"].as_str().unwrap();
        assert!(words.contains("/runs"), "{words}");
    }
}
