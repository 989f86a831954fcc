//! What Telegram is sent: golden requests, what configurations may say, what answers mean, and any text whatsoever.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use bytes::Bytes;
use fanfare_core::{ChannelConfig, ErrorKind, Field, Http, HttpChannel, Kind, Notification, PLACEHOLDER, SendError};
use fanfare_telegram::{Telegram, TelegramConfig};
use fanfare_testkit::{
    Vars,
    conformance::{self, Subject},
    fixtures::{backup_failure, backup_success, hostile, info, info_with, typical},
    rules,
};
use http::{Request, Response};
use rstest::rstest;
use serde_json::{Value, from_value, json};

const KEY: &str = "AAE4x-keyOfTheBot_0123456789abcdefg";
const TOKEN: &str = "123456789:AAE4x-keyOfTheBot_0123456789abcdefg";
const SENT: &str = r#"{"ok":true,"result":{"message_id":42,"text":"…"}}"#;

fn config(changes: Value) -> Value {
    let mut config = json!({"bot_token": TOKEN, "chat_id": -1001234567890_i64});
    fanfare_core::merge_patch(&mut config, &changes);
    config
}

fn telegram(changes: Value) -> Http<Telegram> {
    from_value::<TelegramConfig>(config(changes)).unwrap().build().unwrap()
}

fn request(changes: Value, notification: &Notification) -> Request<Bytes> {
    telegram(changes).0.request(notification, &info()).unwrap()
}

fn body(changes: Value, notification: &Notification) -> Value {
    serde_json::from_slice(request(changes, notification).body()).unwrap()
}

fn text(notification: &Notification) -> String {
    body(json!({}), notification)["text"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn conforms() {
    let subject = Subject::new(telegram(json!({})), &[TOKEN, KEY]).succeeding_with(SENT);
    conformance::check(&subject.checked_by(rules::telegram::check).checked_by(calls_nobody)).await;
}

/// No `@name` that Telegram would make a mention of.
fn calls_nobody(request: &Request<Bytes>) -> Result<(), String> {
    let body: Value = serde_json::from_slice(request.body()).unwrap();
    let text: Vec<char> = body["text"].as_str().unwrap().chars().collect();
    let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let called = |at: usize| text[at] == '@' && word(text.get(at + 1)) && !word(at.checked_sub(1).map(|b| &text[b]));
    let found = (0..text.len()).find(|&at| called(at));
    found.map_or(Ok(()), |at| Err(format!("a mention: {:?}", text[at..].iter().take(20).collect::<String>())))
}

#[test]
fn messages() {
    for (name, notification) in typical() {
        insta::assert_snapshot!(name, text(&notification));
    }
}

#[test]
fn a_whole_request() {
    let full = json!({"message_thread_id": 7, "disable_notification": true, "api_url": "http://bots.example:8081/x/"});
    let request = request(full, &backup_success());
    assert_eq!(request.uri().to_string(), format!("http://bots.example:8081/x/bot{TOKEN}/sendMessage"));
    assert_eq!(
        (request.method().as_str(), &request.headers()["content-type"]),
        ("POST", &"application/json".parse().unwrap())
    );
    insta::assert_snapshot!("full_request", std::str::from_utf8(request.body()).unwrap());
}

#[test]
fn what_is_not_set_is_not_sent() {
    let body = body(json!({"chat_id": "@ops_alerts"}), &backup_success());
    assert_eq!(body["chat_id"], "@ops_alerts");
    let names: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["chat_id", "text", "parse_mode", "link_preview_options"]);
    assert!(request(json!({}), &backup_success()).uri().to_string().starts_with("https://api.telegram.org/bot"));
}

#[test]
fn data_is_data() {
    let mut said = backup_failure();
    (said.title, said.message) = ("<b>a</b> & @zoe".into(), "&amp; <a href=\"x\">".into());
    said.fields.truncate(1);
    said.fields[0].value = "</b>".into();
    let text = text(&said);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[1], "<b>&lt;b&gt;a&lt;/b&gt; &amp; @\u{2060}zoe</b>");
    assert_eq!((lines[3], lines[5]), ("&amp;amp; &lt;a href=\"x\"&gt;", "<b>Job:</b> &lt;/b&gt;"));
}

fn with_fields(message: usize, fields: usize, value: usize) -> String {
    let field = Field { name: "N".into(), value: "v".repeat(value), inline: true };
    let said = Notification { message: "m".repeat(message), fields: vec![field; fields], ..backup_success() };
    text(&said)
}

#[test]
fn message_and_fields_share_the_room() {
    // Little of one leaves room for the other; much of both is half and half.
    let whole = with_fields(3_000, 5, 100);
    assert!(!whole.contains("… (+"), "{whole}");
    let long_message = with_fields(9_000, 3, 100);
    assert_eq!(long_message.matches("v".repeat(100).as_str()).count(), 3);
    assert!(long_message.contains(" characters)") && !long_message.contains(" fields)"), "{long_message}");
    let many_fields = with_fields(500, 100, 100);
    assert!(many_fields.contains(&"m".repeat(500)) && many_fields.contains(" fields)"), "{many_fields}");
    let both = with_fields(9_000, 100, 100);
    assert!((1_900..2_100).contains(&both.matches('m').count()), "{both}");
    assert!(both.contains(" characters)") && both.contains(" fields)"), "{both}");
}

#[test]
fn what_is_empty_is_said() {
    let mut said = hostile().into_iter().find(|said| said.title.is_empty() && said.fields.is_empty()).unwrap();
    assert_eq!(text(&said), "ℹ️ <b>Info</b>\n<b>Notification</b>\n\n<i>2026-03-14 01:02:03 UTC · backup_success</i>");
    said.fields = vec![Field { name: "\0".into(), value: " \n".into(), inline: true }];
    assert!(text(&said).contains("</b>\n\n-\n\n<i>"), "{}", text(&said));
}

#[test]
fn long_values_are_folded_and_long_links_left_out() {
    let mut said = backup_failure();
    said.fields[2].value = "line\n".repeat(10);
    assert!(text(&said).contains("<b>Error:</b>\n<blockquote expandable>line\n"), "{}", text(&said));
    said.link = Some(format!("https://fanfare.example/{}", "x".repeat(3_000)));
    assert!(text(&said).contains("too long for Telegram"));
}

#[rstest]
#[case(200, SENT, "delivered", "200 OK: message 42")]
#[case(
    200,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}"#,
    "rejected",
    "200 OK: error 400: Bad Request: message is too long"
)]
#[case(200, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#, "misconfigured", "200 OK: error 401")]
#[case(200, r#"{"ok":false,"error_code":502}"#, "temporary", "200 OK: error 502")]
#[case(200, r#"{"ok":false}"#, "rejected", "200 OK: error 400")]
#[case(200, "<html>", "unknown", "200 OK: <html> (this is no answer of the Bot API")]
#[case(200, "[]", "unknown", "200 OK: [] (")]
#[case(200, "", "unknown", "200 OK (")]
#[case(
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}"#,
    "misconfigured",
    "400 Bad Request: chat not found (chat_id is wrong"
)]
#[case(
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: message thread not found"}"#,
    "misconfigured",
    "400 Bad Request: message thread not found (message_thread_id"
)]
#[case(
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: chat_id is empty"}"#,
    "misconfigured",
    "400 Bad Request: chat_id is empty"
)]
#[case(
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: Unsupported start tag"}"#,
    "rejected",
    "400 Bad Request: can't parse entities: Unsupported start tag"
)]
#[case(
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: message text is empty"}"#,
    "rejected",
    "400 Bad Request: message text is empty"
)]
#[case(
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: not enough rights to send text messages to the chat"}"#,
    "misconfigured",
    "400 Bad Request: not enough rights to send text messages to the chat (the bot may not write"
)]
#[case(
    400,
    r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat",
    "parameters":{"migrate_to_chat_id":-1009876543210}}"#,
    "misconfigured",
    "400 Bad Request: group chat was upgraded to a supergroup chat (the group has become a supergroup: set chat_id to -1009876543210)"
)]
#[case(
    401,
    r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#,
    "misconfigured",
    "401 Unauthorized (the token is wrong"
)]
#[case(
    403,
    r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#,
    "misconfigured",
    "403 Forbidden: bot was blocked by the user (the user has blocked"
)]
#[case(
    403,
    r#"{"ok":false,"error_code":403,"description":"Forbidden: bot is not a member of the channel chat"}"#,
    "misconfigured",
    "403 Forbidden: bot is not a member of the channel chat (add the bot"
)]
#[case(
    403,
    r#"{"ok":false,"error_code":403,"description":"Forbidden: user is deactivated"}"#,
    "misconfigured",
    "403 Forbidden: user is deactivated"
)]
#[case(
    404,
    r#"{"ok":false,"error_code":404,"description":"Not Found"}"#,
    "misconfigured",
    "404 Not Found (the token is not complete"
)]
#[case(
    500,
    r#"{"ok":false,"error_code":500,"description":"Internal Server Error"}"#,
    "temporary",
    "500 Internal Server Error"
)]
#[case(502, "<html>Bad Gateway</html>", "temporary", "502 Bad Gateway: <html>")]
#[case(429, "slow down", "rate_limited", "429 Too Many Requests: slow down")]
fn answers(#[case] status: u16, #[case] body: &'static str, #[case] outcome: &str, #[case] detail: &str) {
    let answer = Response::builder().status(status).body(Bytes::from_static(body.as_bytes())).unwrap();
    let said = telegram(json!({})).0.receipt(&answer, &info());
    assert_eq!(said.as_ref().map_or_else(SendError::outcome, |_| "delivered"), outcome);
    let (told, code) = said.map_or_else(|e| (e.detail, e.status), |r| (r.detail, r.status));
    assert!(told.starts_with(detail), "{told}");
    assert_eq!(code, Some(status));
}

#[rstest]
#[case(429, None, r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 35","parameters":{"retry_after":35}}"#, 35)]
#[case(429, Some("12"), r#"{"ok":false,"error_code":429,"parameters":{"retry_after":35}}"#, 35)]
#[case(429, Some("12"), r#"{"ok":false,"error_code":429}"#, 12)]
#[case(200, None, r#"{"ok":false,"error_code":429,"parameters":{"retry_after":9}}"#, 9)]
fn the_wait_is_telegrams_own(
    #[case] status: u16,
    #[case] header: Option<&str>,
    #[case] body: &'static str,
    #[case] seconds: u64,
) {
    let answer = Response::builder().status(status);
    let answer = header.into_iter().fold(answer, |answer, wait| answer.header("retry-after", wait));
    let error = telegram(json!({})).0.receipt(&answer.body(Bytes::from_static(body.as_bytes())).unwrap(), &info());
    assert_eq!(error.unwrap_err().kind, ErrorKind::RateLimited { after: Some(Duration::from_secs(seconds)) });
}

#[rstest]
#[case(json!({}))]
#[case(json!({"bot_token": {"env": "FANFARE_VAR_BOT"}, "chat_id": "-100123", "message_thread_id": 1}))]
#[case(json!({"chat_id": "@ops_alerts", "api_url": "http://127.0.0.1:8081"}))]
fn what_can_be_used(#[case] changes: Value) {
    telegram(changes);
}

#[rstest]
#[case(json!({"bot_token": ""}), "/bot_token", "@BotFather")]
#[case(json!({"bot_token": "AAE4x"}), "/bot_token", "@BotFather")]
#[case(json!({"bot_token": "bot123:AAE4x"}), "/bot_token", "without `bot`")]
#[case(json!({"bot_token": "123:AA E4x"}), "/bot_token", "no spaces")]
#[case(json!({"bot_token": "123:AA/../x"}), "/bot_token", "looks like")]
#[case(json!({"bot_token": "123:"}), "/bot_token", "looks like")]
#[case(json!({"bot_token": PLACEHOLDER}), "/bot_token", "give the value")]
#[case(json!({"chat_id": 0}), "/chat_id", "-1001234567890")]
#[case(json!({"chat_id": "ops"}), "/chat_id", "@name")]
#[case(json!({"chat_id": [1]}), "/chat_id", "@name")]
#[case(json!({"message_thread_id": 0}), "/message_thread_id", "from 1 up")]
#[case(json!({"message_thread_id": -3}), "/message_thread_id", "from 1 up")]
#[case(json!({"message_thread_id": "7"}), "/message_thread_id", "7")]
#[case(json!({"disable_notification": "yes"}), "/disable_notification", "yes")]
#[case(json!({"api_url": "api.telegram.org"}), "/api_url", "https://")]
#[case(json!({"api_url": "ftp://x/"}), "/api_url", "https://")]
#[case(json!({"api_url": "https://u:p@x/"}), "/api_url", "user name")]
#[case(json!({"api_url": "https://x/?a"}), "/api_url", "without ?")]
#[case(json!({"parse_mode": "Markdown"}), "/parse_mode", "unknown field")]
fn mistakes_name_their_place(#[case] changes: Value, #[case] pointer: &str, #[case] says: &str) {
    let faults = Kind::of::<TelegramConfig>().build(&config(changes)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says) && !faults[0].detail.contains(KEY), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let wrong = json!({"bot_token": "x", "chat_id": "x", "message_thread_id": 0, "api_url": "x"});
    let faults = Kind::of::<TelegramConfig>().build(&wrong).unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/bot_token", "/chat_id", "/message_thread_id", "/api_url"]);
}

#[test]
fn a_variable_is_checked_when_it_is_used() {
    let channel = telegram(json!({"bot_token": {"env": "BOT"}}));
    let send = |token: Option<&str>| {
        let vars = Vars::new(token.map(|token| ("BOT", token)));
        channel.0.request(&backup_success(), &info_with(&vars))
    };
    assert!(send(Some(TOKEN)).unwrap().uri().path().contains(TOKEN));
    for wrong in [None, Some("s3cr3t"), Some("1:s3cr3t\n"), Some("1:s3cr3t/..")] {
        let error = send(wrong).unwrap_err();
        assert_eq!(error.outcome(), "misconfigured", "{wrong:?}");
        assert!(!error.detail.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn the_token_is_shown_to_nobody_and_follows_to_no_other_host() {
    let kind = Kind::of::<TelegramConfig>();
    let stored = config(json!({"chat_id": "-100123"}));
    let shown = kind.redact(&stored).unwrap();
    let expected = json!({"bot_token": PLACEHOLDER, "chat_id": "-100123", "disable_notification": false,
        "api_url": "https://api.telegram.org"});
    assert_eq!(shown, expected);
    assert_eq!(kind.change(&stored, &shown).unwrap()["bot_token"], TOKEN);
    for same in ["https://api.telegram.org/", "https://API.telegram.org:443/gateway"] {
        assert_eq!(kind.change(&stored, &json!({"api_url": same})).unwrap()["bot_token"], TOKEN, "{same}");
    }
    for other in ["https://evil.example", "http://api.telegram.org"] {
        for patch in [json!({"api_url": other}), json!({"api_url": other, "bot_token": PLACEHOLDER})] {
            let changed = kind.change(&stored, &patch).unwrap();
            assert_eq!(changed.get("bot_token"), None, "{patch}");
            assert_eq!(changed["chat_id"], "-100123");
            assert!(kind.build(&changed).unwrap_err()[0].detail.contains("bot_token"));
        }
    }
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", Kind::of::<TelegramConfig>().config_schema());
}
