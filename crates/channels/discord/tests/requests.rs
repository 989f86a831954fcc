//! What Discord is sent, and what its answers mean.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{ChannelConfig, ErrorKind, Http, HttpChannel, Notification, Receipt, SendError, Status};
use fanfare_discord::{Discord, DiscordConfig};
use fanfare_testkit::{
    Vars,
    conformance::{self, Subject},
    fixtures::{backup_failure, backup_success, info, info_with, typical},
    rules,
};
use http::Response;
use rstest::rstest;
use serde_json::{Value, from_value, json};

const URL: &str = "https://discord.com/api/webhooks/123456789012345678/T0k-en_s3cr3t";
const ROLE: &str = "223456789012345678";
const USER: &str = "323456789012345678";

/// The channel of a configuration, to which an address is added where it has none.
fn discord(mut config: Value) -> Http<Discord> {
    config.as_object_mut().unwrap().entry("webhook_url").or_insert(json!(URL));
    from_value::<DiscordConfig>(config).unwrap().build().unwrap()
}

fn body(config: Value, notification: &Notification) -> Value {
    serde_json::from_slice(discord(config).0.request(notification, &info()).unwrap().body()).unwrap()
}

fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Result<Receipt, SendError> {
    let response = headers.iter().fold(Response::builder().status(status), |response, (n, v)| response.header(*n, *v));
    discord(json!({})).0.receipt(&response.body(body.into()).unwrap(), &info())
}

#[tokio::test]
async fn conforms() {
    let channel = discord(json!({
        "webhook_url": format!("{URL}?thread_id=423456789012345678"), "username": "Backups",
        "avatar_url": "https://fanfare.example/a.png", "mention": [format!("<@&{ROLE}>"), format!("<@{USER}>")],
    }));
    conformance::check(&Subject::new(channel, &["T0k-en_s3cr3t"]).checked_by(rules::discord::check)).await;
}

#[test]
fn typical_messages() {
    for (name, notification) in typical() {
        rules::discord::check(&discord(json!({})).0.request(&notification, &info()).unwrap()).unwrap();
        insta::assert_json_snapshot!(name, body(json!({}), &notification));
    }
}

#[test]
fn a_full_configuration() {
    let config = json!({
        "webhook_url": "http://127.0.0.1:9000/api/v10/webhooks/1/t?thread_id=99", "username": " Backups ",
        "avatar_url": "https://fanfare.example/a.png", "mention": format!("<@{USER}> <@&{ROLE}>"),
    });
    let request = discord(config.clone()).0.request(&backup_failure(), &info()).unwrap();
    assert_eq!(request.uri(), "http://127.0.0.1:9000/api/v10/webhooks/1/t?wait=true&thread_id=99");
    assert_eq!(request.headers()["content-type"], "application/json");
    let body = body(config, &backup_failure());
    assert_eq!((&body["username"], &body["avatar_url"]), (&json!("Backups"), &json!("https://fanfare.example/a.png")));
}

#[test]
fn people_are_called_on_failures_only() {
    let config = json!({"mention": [format!("<@&{ROLE}>"), format!("<@{USER}>")]});
    for status in [Status::Success, Status::Info, Status::Warning, Status::Failure] {
        let body = body(config.clone(), &Notification { status, ..backup_success() });
        if status.is_success() {
            assert_eq!((body.get("content"), &body["allowed_mentions"]), (None, &json!({"parse": []})));
        } else {
            assert_eq!(body["content"], format!("<@&{ROLE}> <@{USER}>"));
            assert_eq!(body["allowed_mentions"], json!({"parse": [], "roles": [ROLE], "users": [USER]}));
        }
    }
}

#[test]
fn texts_call_nobody() {
    let said = Notification { title: "@everyone <@&1>".into(), message: format!("<@{USER}>"), ..backup_failure() };
    let body = body(json!({}), &said);
    assert_eq!((body.get("content"), &body["allowed_mentions"]), (None, &json!({"parse": []})));
    assert_eq!(body["embeds"][0]["title"], r"\@everyone \<@&1>");
    assert_eq!(body["embeds"][0]["description"], format!(r"\<@{USER}>"));
}

#[test]
fn variables_are_read_when_they_are_used() {
    let channel = discord(json!({"webhook_url": {"env": "URL"}}));
    let request = channel.0.request(&backup_success(), &info_with(&Vars::new([("URL", URL)]))).unwrap();
    assert_eq!(request.uri().to_string(), format!("{URL}?wait=true"));
    for vars in [Vars::new([]), Vars::new([("URL", "https://discord.com/api/webhooks/1")])] {
        let error = channel.0.request(&backup_success(), &info_with(&vars)).unwrap_err();
        assert_eq!(error.outcome(), "misconfigured", "{error}");
    }
}

#[rstest]
#[case(json!({"webhook_url": "https://discord.com/channels/1/2"}), "/webhook_url", "Integrations")]
#[case(json!({"webhook_url": "https://discord.com/api/webhooks/1/t/slack"}), "/webhook_url", "/slack")]
#[case(json!({"username": ""}), "/username", "at least one")]
#[case(json!({"username": " \u{200b}"}), "/username", "at least one")]
#[case(json!({"username": "x".repeat(81)}), "/username", "at most 80")]
#[case(json!({"username": "My DisCord bot"}), "/username", "\"discord\"")]
#[case(json!({"username": "Clyde"}), "/username", "\"clyde\"")]
#[case(json!({"username": "a\nb"}), "/username", "one line")]
#[case(json!({"avatar_url": "ftp://x.example/a.png"}), "/avatar_url", "https://")]
#[case(json!({"avatar_url": format!("https://x.example/{}", "x".repeat(2_048))}), "/avatar_url", "at most 2048")]
#[case(json!({"mention": "@everyone"}), "/mention", "calls nobody")]
#[case(json!({"mention": ["zoe"]}), "/mention", "calls nobody")]
fn mistakes_name_their_place(#[case] mut config: Value, #[case] pointer: &str, #[case] says: &str) {
    config.as_object_mut().unwrap().entry("webhook_url").or_insert(json!(URL));
    let faults = from_value::<DiscordConfig>(config).unwrap().build().unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once_and_show_no_address() {
    let config =
        json!({"webhook_url": "https://discord.com/api/s3cr3t", "username": "", "avatar_url": "x", "mention": "x"});
    let faults = from_value::<DiscordConfig>(config).unwrap().build().unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/webhook_url", "/username", "/avatar_url", "/mention"]);
    assert!(!format!("{faults:?}").contains("s3cr3t"));
}

#[rstest]
#[case(json!({}))]
#[case(json!({"webhook_url": "ftp://discord.com/api/webhooks/1/t"}))]
#[case(json!({"webhook_url": URL, "user": "x"}))]
#[case(json!({"webhook_url": URL, "mention": 1}))]
fn documents_of_another_form_are_refused(#[case] config: Value) {
    assert!(from_value::<DiscordConfig>(config).is_err());
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", fanfare_core::Kind::of::<DiscordConfig>().config_schema());
}

#[rstest]
#[case(200, json!({"id": "987", "content": "", "embeds": []}), Ok("200 OK: message 987"))]
#[case(400, json!({"message": "Cannot send an empty message", "code": 50006}),
       Err(("rejected", "400 Bad Request: Cannot send an empty message (code 50006)")))]
#[case(400, json!({"code": 50035, "message": "Invalid Form Body", "errors": {"embeds": {"0": {
           "title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}]},
           "fields": {"1": {"value": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]}}},
       }}}}),
       Err(("rejected", "400 Bad Request: Invalid Form Body (code 50035); \
                         embeds.0.title: Must be 256 or fewer in length (BASE_TYPE_MAX_LENGTH); \
                         embeds.0.fields.1.value: This field is required (BASE_TYPE_REQUIRED)")))]
#[case(400, json!({"code": 50035, "message": "Invalid Form Body",
           "errors": {"username": {"_errors": [{"code": "USERNAME_INVALID_CONTAINS", "message": "No."}]}}}),
       Err(("misconfigured", "400 Bad Request: Invalid Form Body (code 50035); username: No (USERNAME_INVALID_CONTAINS)")))]
#[case(400, json!({"code": 220001, "message": "Webhooks posted to forum channels must have a thread_name or thread_id"}),
       Err(("misconfigured", "400 Bad Request: Webhooks posted to forum channels must have a thread_name or thread_id \
                              (code 220001)")))]
#[case(400, json!({"embeds": ["0"]}), Err(("rejected", r#"400 Bad Request: {"embeds":["0"]}"#)))]
#[case(401, json!({"message": "Invalid Webhook Token", "code": 50027}),
       Err(("misconfigured", "401 Unauthorized: Invalid Webhook Token (code 50027)")))]
#[case(401, json!({"message": "401: Unauthorized", "code": 0}),
       Err(("misconfigured", "401 Unauthorized: 401: Unauthorized")))]
#[case(403, json!({"message": "Missing Permissions", "code": 50013}),
       Err(("misconfigured", "403 Forbidden: Missing Permissions (code 50013)")))]
#[case(404, json!({"message": "Unknown Webhook", "code": 10015}),
       Err(("misconfigured", "404 Not Found: Unknown Webhook (code 10015)")))]
#[case(500, json!({"message": "500: Internal Server Error", "code": 0}),
       Err(("temporary", "500 Internal Server Error: 500: Internal Server Error")))]
fn answers(#[case] status: u16, #[case] body: Value, #[case] expected: Result<&str, (&str, &str)>) {
    let said = answer(status, &[], body.to_string());
    let said = said.as_ref().map(|r| r.detail.as_str()).map_err(|e| (e.outcome(), e.detail.as_str()));
    assert_eq!(said, expected);
}

#[test]
fn many_wrong_parts_are_counted() {
    let part = json!({"value": {"_errors": [{"code": "X", "message": "m"}]}});
    let fields: serde_json::Map<_, _> = (0..9).map(|i| (i.to_string(), part.clone())).collect();
    let body = json!({"code": 50035, "message": "Invalid Form Body", "errors": {"embeds": {"0": {"fields": fields}}}});
    let error = answer(400, &[], body.to_string()).unwrap_err();
    assert!(error.detail.ends_with("fields.4.value: m (X); … (+4 more)"), "{error}");
}

#[rstest]
#[case(&[("retry-after", "2")], r#"{"message": "Slow down.", "retry_after": 1.337, "global": false}"#, Some(1_337))]
#[case(&[], r#"{"message": "Slow down.", "retry_after": 64.57, "global": true}"#, Some(64_570))]
#[case(&[("retry-after", "60")], "error code: 1015", Some(60_000))]
#[case(&[("retry-after", "60")], r#"{"message": "no", "retry_after": -1}"#, Some(60_000))]
#[case(&[("retry-after", "60")], r#"{"message": "no", "retry_after": "soon"}"#, Some(60_000))]
#[case(&[("x-ratelimit-reset-after", "0.25")], "", Some(250))]
#[case(&[("x-ratelimit-reset-after", "NaN")], r#"{"message": "no", "retry_after": 1e300}"#, None)]
fn full_is_full_until(#[case] headers: &[(&str, &str)], #[case] body: &'static str, #[case] millis: Option<u64>) {
    let error = answer(429, headers, body).unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited { after: millis.map(Duration::from_millis) });
    assert!(error.detail.starts_with("429 Too Many Requests"), "{error}");
}
