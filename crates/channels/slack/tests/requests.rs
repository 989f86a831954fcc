//! What Slack is sent: golden requests, what configurations may say, what answers mean, and any text whatsoever.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use fanfare_core::{ChannelConfig, ErrorKind, Http, HttpChannel, Kind, Notification, SendError, Status};
use fanfare_slack::{Slack, SlackConfig};
use fanfare_testkit::{
    Vars,
    conformance::{self, Subject},
    fixtures::{backup_failure, backup_success, hostile, info, info_with, typical},
    rules,
};
use http::{Request, Response};
use rstest::rstest;
use serde_json::{Value, from_value, json};
use std::time::Duration;

const URL: &str = "https://hooks.slack.com/services/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";

fn config(changes: Value) -> Value {
    let mut config = json!({"webhook_url": URL});
    fanfare_core::merge_patch(&mut config, &changes);
    config
}

fn slack(changes: Value) -> Http<Slack> {
    from_value::<SlackConfig>(config(changes)).unwrap().build().unwrap()
}

fn request(changes: Value, notification: &Notification) -> Request<Bytes> {
    slack(changes).0.request(notification, &info()).unwrap()
}

fn body(changes: Value, notification: &Notification) -> Value {
    serde_json::from_slice(request(changes, notification).body()).unwrap()
}

#[tokio::test]
async fn conforms() {
    let secrets = ["pR1v4teKeyOfTheWebhook24", "B045EF6GH"];
    let subject = Subject::new(slack(json!({})), &secrets).succeeding_with("ok");
    conformance::check(&subject.checked_by(rules::slack::check).checked_by(calls_nobody)).await;
}

/// Whatever an event says, nobody is called whom the configuration does not name.
fn calls_nobody(request: &Request<Bytes>) -> Result<(), String> {
    let body = String::from_utf8_lossy(request.body());
    // The only other mark of this form is the time.
    let dates = body.matches("<!date^").count();
    let marks = body.matches("<!").count() + body.matches("<@").count() + body.matches("<#").count();
    if (dates, marks) == (1, 1) { Ok(()) } else { Err(format!("{marks} marks")) }
}

#[test]
fn messages() {
    for (name, notification) in typical() {
        let message = body(json!({"mention": "U012AB3CD"}), &notification);
        insta::assert_snapshot!(name, serde_json::to_string_pretty(&message).unwrap());
    }
}

#[test]
fn one_request_to_the_address() {
    let request = request(json!({}), &backup_success());
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", URL.to_owned()));
    assert_eq!(request.headers()["content-type"], "application/json; charset=utf-8");
}

#[test]
fn what_is_not_set_is_not_sent() {
    let bare = body(json!({"channel": "", "username": "", "icon_emoji": "", "mention": ""}), &backup_success());
    assert_eq!(bare.as_object().unwrap().keys().collect::<Vec<_>>(), ["text", "blocks", "attachments"]);
    let full = body(json!({"channel": "#ops", "username": "Fanfare", "icon_emoji": ":bell:"}), &backup_success());
    assert_eq!([&full["channel"], &full["username"], &full["icon_emoji"]], ["#ops", "Fanfare", ":bell:"]);
}

#[test]
fn only_bad_news_call_somebody() {
    for (status, calls) in
        [(Status::Success, false), (Status::Info, false), (Status::Warning, true), (Status::Failure, true)]
    {
        let message = body(json!({"mention": ["U1X", "S2Y", "here"]}), &Notification { status, ..backup_failure() });
        let called = "<@U1X> <!subteam^S2Y> <!here>";
        assert_eq!(message["text"].as_str().unwrap().starts_with(called), calls, "{status:?}");
        assert_eq!(message["blocks"][0]["text"]["text"].as_str().unwrap().ends_with(called), calls, "{status:?}");
        assert!(!message["attachments"].to_string().contains("<@"), "{status:?}");
    }
}

/// The whole text of every block in reading order.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Object(object) => {
            let own = object.get("text").and_then(Value::as_str).map(Into::into);
            own.into_iter().chain(object.values().flat_map(texts)).collect()
        }
        Value::Array(list) => list.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn data_is_data() {
    let mut said = backup_failure();
    said.title = "<!channel> *a* & b".into();
    said.message = "<@U1> *a* :tada: &amp;\n> q".into();
    said.badge = Some("*B*".into());
    said.fields[0].value = "`x` <https://evil.example|y>".into();
    let message = body(json!({"mention": "here"}), &said);
    let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
    assert_eq!(blocks[0]["text"]["text"], "&lt;!channel&gt; *a* &amp; b");
    let exact = json!({"type": "plain_text", "text": "&lt;@U1&gt; *a* :tada: &amp;amp;\n&gt; q", "emoji": false});
    assert_eq!(blocks[1]["text"], exact);
    let exact = json!({"type": "plain_text", "text": "Job:\n`x` &lt;https://evil.example|y&gt;", "emoji": false});
    assert_eq!(blocks[2]["fields"][0], exact);
    assert_eq!(message["blocks"][0]["text"], json!({"type": "plain_text", "text": "❌ *B*", "emoji": false}));
    assert_eq!(message["blocks"][1]["text"]["text"], "<!here>");
}

#[test]
fn what_is_too_long_is_cut_and_says_so() {
    let huge = hostile().pop().unwrap();
    let message = body(json!({}), &huge);
    let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
    let text = |i: usize| blocks[i]["text"]["text"].as_str().unwrap();
    assert!(text(0).ends_with(" characters)") && text(1).ends_with("… (+97022 characters)"), "{}", &text(1)[2_900..]);
    assert!(text(blocks.len() - 2).ends_with(" fields)"), "{}", text(blocks.len() - 2));
    let together: usize = texts(&message["attachments"]).iter().map(|text| text.encode_utf16().count()).sum();
    assert!((8_000..10_000).contains(&together), "{together}");
}

#[test]
fn a_link_that_is_too_long_is_told() {
    let mut said = backup_success();
    said.link = Some(format!("https://fanfare.example/{}", "x".repeat(3_000)));
    assert!(texts(&body(json!({}), &said)).iter().any(|text| text.contains("too long for Slack")));
    said.link = Some("javascript:alert(1)".into());
    assert!(!body(json!({}), &said).to_string().contains("javascript"));
}

#[rstest]
#[case(200, "ok", "delivered", "200 OK: ok")]
#[case(200, "ok\n", "delivered", "200 OK: ok")]
#[case(200, "", "rejected", "200 OK (Slack says `ok`")]
#[case(200, "<html>Welcome</html>", "rejected", "200 OK: <html>Welcome</html> (Slack says `ok`")]
#[case(200, "okay", "rejected", "200 OK: okay (")]
#[case(200, "{\"ok\":true}", "rejected", "200 OK: {\"ok\":true} (")]
#[case(200, "invalid_blocks", "rejected", "200 OK: invalid_blocks (Slack does not accept a block")]
#[case(200, "no_service", "misconfigured", "200 OK: no_service (the webhook was removed")]
#[case(200, "rollup_error", "temporary", "200 OK: rollup_error (")]
#[case(400, "invalid_payload", "rejected", "400 Bad Request: invalid_payload (")]
#[case(400, "no_text", "rejected", "400 Bad Request: no_text (")]
#[case(400, "invalid_blocks", "rejected", "400 Bad Request: invalid_blocks (")]
#[case(400, "invalid_attachments", "rejected", "400 Bad Request: invalid_attachments (")]
#[case(400, "too_many_attachments", "rejected", "400 Bad Request: too_many_attachments (")]
#[case(400, "user_not_found", "misconfigured", "400 Bad Request: user_not_found (the user in `channel`")]
#[case(403, "action_prohibited", "misconfigured", "403 Forbidden: action_prohibited (")]
#[case(403, "invalid_token", "misconfigured", "403 Forbidden: invalid_token (the webhook's address")]
#[case(403, "team_disabled", "misconfigured", "403 Forbidden: team_disabled (")]
#[case(403, "posting_to_general_channel_denied", "misconfigured", "403 Forbidden: posting_to_general_channel_denied (")]
#[case(404, "channel_not_found", "misconfigured", "404 Not Found: channel_not_found (")]
#[case(404, "no_service", "misconfigured", "404 Not Found: no_service (")]
#[case(404, "no_team", "misconfigured", "404 Not Found: no_team (")]
#[case(410, "channel_is_archived", "misconfigured", "410 Gone: channel_is_archived (")]
#[case(500, "rollup_error", "temporary", "500 Internal Server Error: rollup_error")]
#[case(503, "invalid_payload", "temporary", "503 Service Unavailable: invalid_payload")]
#[case(429, "rate_limited", "rate_limited", "429 Too Many Requests: rate_limited")]
fn answers(#[case] status: u16, #[case] words: &'static str, #[case] outcome: &str, #[case] detail: &str) {
    let answer = Response::builder().status(status).body(Bytes::from_static(words.as_bytes())).unwrap();
    let said = slack(json!({})).0.receipt(&answer, &info());
    assert_eq!(said.as_ref().map_or_else(SendError::outcome, |_| "delivered"), outcome);
    let (told, code) = said.map_or_else(|e| (e.detail, e.status), |r| (r.detail, r.status));
    assert!(told.starts_with(detail), "{told}");
    assert_eq!(code, Some(status));
}

#[test]
fn the_wait_is_slacks_own() {
    let answer = Response::builder().status(429).header("retry-after", "30").body(Bytes::new()).unwrap();
    let error = slack(json!({})).0.receipt(&answer, &info()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::RateLimited { after: Some(Duration::from_secs(30)) });
}

#[rstest]
#[case(json!({}))]
#[case(json!({"webhook_url": "http://127.0.0.1:9000/services/T0/B0/x"}))]
#[case(json!({"webhook_url": "https://gateway.example/slack/services/T0/B0/x-_Y"}))]
#[case(json!({"webhook_url": {"env": "FANFARE_VAR_SLACK"}}))]
#[case(json!({"channel": "C012AB3CD", "username": "Größe 1", "icon_emoji": ":flag-de:"}))]
#[case(json!({"mention": "U012AB3CD, here"}))]
#[case(json!({"mention": []}))]
fn what_can_be_used(#[case] changes: Value) {
    slack(changes);
}

#[rstest]
#[case(json!({"webhook_url": "https://hooks.slack.com/"}), "/webhook_url", "/services/T…/B…/…")]
#[case(json!({"webhook_url": "https://hooks.slack.com/services/T0/B0"}), "/webhook_url", "copy the whole")]
#[case(json!({"webhook_url": "https://hooks.slack.com/services/T0/B0/"}), "/webhook_url", "copy the whole")]
#[case(json!({"webhook_url": "https://hooks.slack.com/services/B0/T0/x"}), "/webhook_url", "copy the whole")]
#[case(json!({"webhook_url": "https://hooks.slack.com/services/T…/B…/…x"}), "/webhook_url", "copy the whole")]
#[case(json!({"webhook_url": "https://hooks.slack.com/triggers/T0/1/x"}), "/webhook_url", "starts a workflow")]
#[case(json!({"webhook_url": "https://hooks.slack.com/workflows/T0/A0/1/x"}), "/webhook_url", "starts a workflow")]
#[case(json!({"webhook_url": "https://discord.com/api/webhooks/1/x"}), "/webhook_url", "incoming webhook")]
#[case(json!({"webhook_url": "hooks.slack.com"}), "/webhook_url", "https://")]
#[case(json!({"webhook_url": null}), "", "webhook_url")]
#[case(json!({"channel": "#a b"}), "/channel", "without spaces")]
#[case(json!({"channel": "<!here>"}), "/channel", "without spaces")]
#[case(json!({"channel": "x".repeat(82)}), "/channel", "without spaces")]
#[case(json!({"username": "a\nb"}), "/username", "one line")]
#[case(json!({"username": " "}), "/username", "one line")]
#[case(json!({"username": "x".repeat(81)}), "/username", "80 characters")]
#[case(json!({"icon_emoji": "bell"}), "/icon_emoji", "between colons")]
#[case(json!({"icon_emoji": "::"}), "/icon_emoji", "between colons")]
#[case(json!({"icon_emoji": ":a b:"}), "/icon_emoji", "between colons")]
#[case(json!({"icon_emoji": "https://x.example/i.png"}), "/icon_emoji", "between colons")]
#[case(json!({"mention": "@zoe"}), "/mention", "calls nobody")]
#[case(json!({"mention": ["U1X", "C1X"]}), "/mention", "calls nobody")]
#[case(json!({"mention": (10..31).map(|i| format!("U{i}")).collect::<Vec<_>>()}), "/mention", "user group")]
#[case(json!({"mention": 3}), "/mention", "a text or a list")]
#[case(json!({"icon_url": "https://x/"}), "/icon_url", "unknown field")]
fn mistakes_name_their_place(#[case] changes: Value, #[case] pointer: &str, #[case] says: &str) {
    let faults = Kind::of::<SlackConfig>().build(&config(changes)).unwrap_err();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].pointer, pointer);
    assert!(faults[0].detail.contains(says), "{faults:?}");
    assert!(!faults[0].detail.contains("pR1v4te"), "{faults:?}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let wrong =
        json!({"webhook_url": "https://x/", "channel": "a b", "username": "\n", "icon_emoji": "x", "mention": "x"});
    let faults = Kind::of::<SlackConfig>().build(&wrong).unwrap_err();
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/webhook_url", "/channel", "/username", "/icon_emoji", "/mention"]);
}

#[test]
fn a_variable_is_checked_when_it_is_used() {
    let channel = slack(json!({"webhook_url": {"env": "URL"}}));
    let send =
        |url: Option<&str>| channel.0.request(&backup_success(), &info_with(&Vars::new(url.map(|url| ("URL", url)))));
    assert_eq!(send(Some(URL)).unwrap().uri(), URL);
    for wrong in [None, Some("ftp://x/"), Some("https://hooks.slack.com/services/T0/s3cr3t")] {
        let error = send(wrong).unwrap_err();
        assert_eq!(error.outcome(), "misconfigured", "{wrong:?}");
        assert!(!error.detail.contains("s3cr3t"), "{error}");
    }
}

#[test]
fn the_address_is_shown_to_nobody_and_kept() {
    let kind = Kind::of::<SlackConfig>();
    let stored = config(json!({"channel": "#ops", "mention": ["U1X"]}));
    let shown = kind.redact(&stored).unwrap();
    let expected = json!({"webhook_url": "https://hooks.slack.com/…", "channel": "#ops", "mention": ["U1X"]});
    assert_eq!(shown, expected);
    assert_eq!(kind.change(&stored, &shown).unwrap(), stored);
}

#[test]
fn the_form_is_as_promised() {
    insta::assert_json_snapshot!("config_schema", Kind::of::<SlackConfig>().config_schema());
}
