//! Every kind of channel that the server has, from an event to a receiver that refuses what the service would refuse.

use std::collections::BTreeMap;

use fanfare_testkit::{Answer, Receiver, conformance::Rules, fixtures::HOSTILE, rules, smtp::SmtpReceiver};
use fanfare_tests::Server;
use serde_json::{Value, json};

/// How a kind is tried: a new kind is one line here.
pub(crate) const KINDS: &[Kind] = &[
    Kind::http(
        "webhook",
        |at| json!({ "url": format!("{at}/hooks/T0K3N") }),
        || Answer::status(204),
        rules::webhook::check,
    ),
    Kind::http(
        "discord",
        |at| json!({ "webhook_url": format!("{at}/api/webhooks/123456789012345678/T0K3N") }),
        || Answer::status(200).body("{}"),
        rules::discord::check,
    ),
    Kind::http(
        "slack",
        |at| json!({ "webhook_url": format!("{at}/services/T0/B0/T0K3N") }),
        || Answer::status(200).body("ok"),
        rules::slack::check,
    ),
    Kind::http(
        "teams",
        |at| json!({ "webhook_url": format!("{at}/workflows/x/triggers/manual/paths/invoke?sig=T0K3N") }),
        || Answer::status(202),
        rules::teams::check,
    ),
    Kind::http(
        "telegram",
        |at| json!({ "bot_token": "123456789:T0K3N_T0K3N_T0K3N_T0K3N_T0K3N_T0K3N", "chat_id": "-1", "api_url": at }),
        || Answer::status(200).body(r#"{"ok":true,"result":{"message_id":1}}"#),
        rules::telegram::check,
    ),
    Kind::http(
        "gotify",
        |at| json!({ "server_url": at, "app_token": "AT0K3N" }),
        || Answer::status(200).body(r#"{"id":1}"#),
        rules::gotify::check,
    ),
    Kind::http(
        "ntfy",
        |at| json!({ "server_url": at, "topic": "alerts" }),
        || Answer::status(200).body(r#"{"id":"1"}"#),
        rules::ntfy::check,
    ),
    Kind::http(
        "twilio",
        |at| {
            let sid = "AC00000000000000000000000000000000";
            json!({ "account_sid": sid, "auth_token": "T0K3N", "from": "+15005550006", "to": "+15005550010", "api_url": at })
        },
        || Answer::status(201).body(r#"{"sid":"SM1","status":"queued"}"#),
        rules::twilio::check,
    ),
    Kind { kind: "email", config: mail_config, service: Service::Mail },
];

pub(crate) struct Kind {
    pub(crate) kind: &'static str,
    /// Its configuration, pointing at the receiver: for mail its port, else its URL without a slash at the end.
    pub(crate) config: fn(&str) -> Value,
    pub(crate) service: Service,
}

pub(crate) enum Service {
    /// What the service answers when it is content, and what it refuses.
    Http(fn() -> Answer, Rules),
    Mail,
}

impl Kind {
    const fn http(kind: &'static str, config: fn(&str) -> Value, answer: fn() -> Answer, rules: Rules) -> Self {
        Self { kind, config, service: Service::Http(answer, rules) }
    }
}

fn mail_config(port: &str) -> Value {
    let port: u16 = port.parse().unwrap();
    json!({ "host": "127.0.0.1", "port": port, "security": "none", "from": "f@mail.example", "to": ["o@mail.example"] })
}

/// The other end of one channel.
pub(crate) enum Far {
    Http(Receiver, Rules),
    Mail(SmtpReceiver),
}

impl Far {
    pub(crate) async fn start(service: &Service) -> (Self, String) {
        match service {
            Service::Http(answer, rules) => {
                let receiver = Receiver::start().await;
                receiver.answer_always(answer());
                let url = receiver.url("");
                (Self::Http(receiver, *rules), url)
            }
            Service::Mail => {
                let receiver = SmtpReceiver::start().await;
                let port = receiver.port().to_string();
                (Self::Mail(receiver), port)
            }
        }
    }

    /// How many messages came, each of them one that the service takes.
    fn check(&self, kind: &str) -> usize {
        match self {
            Self::Http(receiver, rules) => {
                for received in receiver.requests() {
                    let refused = |why| panic!("{kind} would be refused: {why}\n{}", received.text());
                    let mut request = received.request(&receiver.url(""));
                    // A mark within our own process, which does not travel.
                    request.headers_mut().values_mut().for_each(|value| value.set_sensitive(true));
                    rules(&request).unwrap_or_else(refused);
                }
                receiver.count()
            }
            Self::Mail(receiver) => {
                for mail in receiver.mails() {
                    assert!(mail.text().contains("\r\nSubject: "), "{}", mail.text());
                }
                receiver.mails().len()
            }
        }
    }
}

/// Checks that an explanation shows what goes out through each of these channels, and no secret.
fn explained<'a>(answer: &Value, channels: impl Iterator<Item = &'a String>) {
    for channel in channels {
        let payload = &answer["payloads"][channel];
        assert!(payload.is_object() || payload.as_str().is_some_and(|text| !text.is_empty()), "{channel}: {answer}");
    }
    assert!(answer.get("payload_errors").is_none(), "{answer}");
    assert!(!answer.to_string().contains("T0K3N"), "{answer}");
}

/// Rule: Is data ever more than data?
/// Rule: What if a text is too long for a channel?
#[tokio::test(flavor = "multi_thread")]
async fn every_kind_is_understood_by_its_service() {
    let server = Server::start().await;
    let api = server.api();
    let known = api.get("/channel-kinds").await;
    let known: Vec<_> =
        known.as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap().to_owned()).collect();
    let mut tried: Vec<_> = KINDS.iter().map(|kind| kind.kind).collect();
    tried.sort_unstable();
    assert_eq!(tried, known, "each kind has one line in KINDS");

    let mut far = BTreeMap::new();
    for kind in KINDS {
        let (end, address) = Far::start(&kind.service).await;
        // The services' own pace would take minutes.
        let pace = json!({ "rate": 1_000, "burst": 1_000 });
        let channel =
            json!({ "name": kind.kind, "kind": kind.kind, "config": (kind.config)(&address), "delivery": pace });
        let id = api.post("/channels", channel).await["id"].as_str().unwrap().to_owned();
        let test = api.post(&format!("/channels/{id}/test"), json!({})).await;
        assert_eq!(test["ok"], true, "{}: {test}", kind.kind);
        far.insert(id, (kind.kind, end));
    }

    let types = api.get("/event-types").await;
    let types: Vec<_> = types.as_array().unwrap().iter().filter(|one| one["layer"] != "job").collect();
    let on: serde_json::Map<_, _> = types
        .iter()
        .map(|one| (one["id"].as_str().unwrap().to_owned(), json!({ "enabled": true, "notify_user": "none" })))
        .collect();
    let all: Vec<_> = far.keys().collect();
    api.put("/settings/notifications", json!({ "global_channels": all, "events": on })).await;
    let assigned: Vec<_> = far.keys().map(|id| (id.as_str(), "always")).collect();
    api.job("nightly", &assigned).await;

    for one in &types {
        let asked = json!({ "type": one["id"], "data": one["sample"] });
        explained(&api.post("/events/explain", asked).await, far.keys());
        api.post("/events", json!({ "type": one["id"], "data": one["sample"] })).await;
    }
    for outcome in ["success", "partial", "failure"] {
        let run =
            json!({ "outcome": outcome, "source": "Production DB", "duration_ms": 4_200, "error": "out of <disk>" });
        let mut asked = run.clone();
        asked["job"] = "nightly".into();
        explained(&api.post("/events/explain", asked).await, far.keys());
        api.post("/jobs/nightly/runs", run).await;
    }
    let huge = ["Long wörds ".repeat(4_000), "x".repeat(60_000), "&<*_\n".repeat(4_000)];
    for text in HOSTILE.iter().copied().chain(huge.iter().map(String::as_str)) {
        // A required text is one that says something.
        let data = json!({ "component": format!("c{text}"), "error": format!("e{text}") });
        api.post("/events", json!({ "type": "system_error", "data": data })).await;
    }

    let metrics = api.settled().await;
    assert_eq!((metrics.of("delivered"), metrics.of("dead")), (metrics.accepted, 0), "{metrics:?}");
    let deliveries = api.all("/deliveries?state=delivered&test=false").await;
    assert_eq!(deliveries.len() as u64, metrics.accepted);
    for (id, (kind, end)) in &far {
        let told = deliveries.iter().filter(|delivery| delivery["channel_id"] == id.as_str()).count();
        assert!(told >= types.len() / 2 + HOSTILE.len(), "{kind} was told {told} times");
        assert_eq!(end.check(kind), told + 1, "{kind}: every delivery and the test of the channel");
    }
}
