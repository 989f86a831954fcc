//! A channel of every kind: made through its form, tested, and seen at its service.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{MailServer, Mode, Server};
use serde_json::{Value, json};

use crate::harness::{Page, Stage, flow};

/// What somebody does with a field of a form.
enum Input {
    Text(String),
    Option(&'static str),
    Tick,
}

/// A kind, how its form is filled in, and what its service answers.
struct Kind {
    kind: &'static str,
    title: &'static str,
    fields: fn(&str) -> Vec<(&'static str, Input)>,
    answer: fn() -> Answer,
    /// Members of the configuration that the API has to show then, besides secrets.
    stored: fn(&str) -> Value,
}

fn text(text: impl Into<String>) -> Input {
    Input::Text(text.into())
}

/// Every kind that is reached over HTTP.
const KINDS: &[Kind] = &[
    Kind {
        kind: "webhook",
        title: "Webhook",
        fields: |at| vec![("URL", text(format!("{at}/hooks/T0K3N"))), ("Method", Input::Option("PUT"))],
        answer: || Answer::status(204),
        stored: |_| json!({ "method": "PUT" }),
    },
    Kind {
        kind: "discord",
        title: "Discord",
        fields: |at| {
            let url = format!("{at}/api/webhooks/123456789012345678/T0K3N");
            vec![("Webhook URL", text(url)), ("Username", text("Fanfare of the shop"))]
        },
        answer: || Answer::status(200).body("{}"),
        stored: |_| json!({ "username": "Fanfare of the shop" }),
    },
    Kind {
        kind: "slack",
        title: "Slack",
        fields: |at| vec![("Webhook URL", text(format!("{at}/services/T0/B0/T0K3N")))],
        answer: || Answer::status(200).body("ok"),
        stored: |_| json!({}),
    },
    Kind {
        kind: "teams",
        title: "Microsoft Teams",
        fields: |at| vec![("Webhook URL", text(format!("{at}/workflows/x/triggers/manual/paths/invoke?sig=T0K3N")))],
        answer: || Answer::status(202),
        stored: |_| json!({}),
    },
    Kind {
        kind: "telegram",
        title: "Telegram",
        fields: |at| {
            let token = "123456789:T0K3N_T0K3N_T0K3N_T0K3N_T0K3N_T0K3N";
            let quietly = ("Disable notification", Input::Tick);
            vec![("Bot token", text(token)), ("Chat ID", text("-1001")), quietly, ("API URL", text(at))]
        },
        answer: || Answer::status(200).body(r#"{"ok":true,"result":{"message_id":1}}"#),
        stored: |at| json!({ "chat_id": "-1001", "disable_notification": true, "api_url": at }),
    },
    Kind {
        kind: "gotify",
        title: "Gotify",
        fields: |at| vec![("Server URL", text(at)), ("App token", text("AT0K3N")), ("Priority", text("7"))],
        answer: || Answer::status(200).body(r#"{"id":1}"#),
        stored: |at| json!({ "server_url": at, "priority": 7 }),
    },
    Kind {
        kind: "ntfy",
        title: "ntfy",
        fields: |at| vec![("Server URL", text(at)), ("Topic", text("alerts"))],
        answer: || Answer::status(200).body(r#"{"id":"1"}"#),
        stored: |at| json!({ "server_url": at, "topic": "alerts" }),
    },
    Kind {
        kind: "twilio",
        title: "SMS (Twilio)",
        fields: |at| {
            let sid = text("AC00000000000000000000000000000000");
            let numbers = [("From", text("+15005550006")), ("To", text("+15005550010"))];
            let mut fields = vec![("Account SID", sid), ("Auth token", text("T0K3N"))];
            fields.extend(numbers);
            fields.push(("API URL", text(at)));
            fields
        },
        answer: || Answer::status(201).body(r#"{"sid":"SM1","status":"queued"}"#),
        stored: |at| json!({ "from": "+15005550006", "to": "+15005550010", "api_url": at }),
    },
];

/// Chooses the kind, fills in its form, sends it, and tests the channel; gives its id.
async fn add(page: &Page, title: &str, name: &str, fields: Vec<(&'static str, Input)>) -> String {
    page.open("/channels/new").await;
    page.click(title).await;
    page.fill("Name", name).await;
    for (field, input) in fields {
        match input {
            Input::Text(text) => page.fill(field, &text).await,
            Input::Option(option) => page.choose(field, option).await,
            Input::Tick => page.tick(field).await,
        }
    }
    page.click("Add the channel").await;
    page.toast("The channel is there. Test it now.").await;
    page.see(name).await;
    let path = page.path().await;
    page.within("main > header").click("Test").await;
    page.within("#results").see("✓").await;
    path.rsplit('/').next().unwrap().to_owned()
}

/// Checks that a channel is stored as its form was filled in, and that no secret is told.
async fn check(stage: &Stage, id: &str, kind: &str, name: &str, stored: &Value) {
    let channel = stage.api().get(&format!("/channels/{id}")).await;
    assert_eq!((&channel["kind"], &channel["name"], &channel["enabled"]), (&json!(kind), &json!(name), &json!(true)));
    for (member, value) in stored.as_object().unwrap() {
        assert_eq!(&channel["config"][member], value, "{kind} {member}: {channel}");
    }
    assert!(!channel.to_string().contains("T0K3N"), "{channel}");
    let source = stage.page().run("return document.documentElement.outerHTML", json!([])).await;
    assert!(!source.as_str().unwrap().contains("T0K3N"), "the page of the {kind} channel tells a secret");
}

/// Adds channels of these kinds, which are a part of all, so that none takes long.
async fn add_and_test(kinds: &[Kind]) {
    let stage = Stage::at(Server::start().await, "/channels").await;
    flow(stage, async |stage| {
        for kind in kinds {
            let receiver = Receiver::start().await;
            receiver.answer_always((kind.answer)());
            let at = receiver.url("");
            let name = format!("{} of the team", kind.title);
            let id = add(stage.page(), kind.title, &name, (kind.fields)(&at)).await;
            assert_eq!(receiver.count(), 1, "{}: the test arrived", kind.kind);
            check(stage, &id, kind.kind, &name, &(kind.stored)(&at)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_each_kind_is_added_and_tested_first_half() {
    add_and_test(&KINDS[..KINDS.len() / 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_each_kind_is_added_and_tested_second_half() {
    add_and_test(&KINDS[KINDS.len() / 2..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_shows_how_notifications_will_look_in_it() {
    let stage = Stage::at(Server::start().await, "/channels").await;
    flow(stage, async |stage| {
        let (api, page) = (stage.api(), stage.page());
        let url = "https://receiver.example/";
        let config = |kind: &str| match kind {
            "webhook" => json!({ "url": url }),
            "discord" => json!({ "webhook_url": "https://discord.com/api/webhooks/123456789012345678/T0K3N" }),
            "slack" => json!({ "webhook_url": "https://hooks.slack.com/services/T0/B0/T0K3N" }),
            "teams" => {
                json!({ "webhook_url": "https://x.logic.azure.com/workflows/x/triggers/manual/paths/invoke?sig=T0K3N" })
            }
            "telegram" => json!({ "bot_token": "123456789:T0K3N_T0K3N_T0K3N_T0K3N_T0K3N_T0K3N", "chat_id": "-1001" }),
            "gotify" => json!({ "server_url": url, "app_token": "AT0K3N" }),
            "ntfy" => json!({ "server_url": url, "topic": "alerts" }),
            "twilio" => json!({
                "account_sid": "AC00000000000000000000000000000000", "auth_token": "T0K3N",
                "from": "+15005550006", "to": "+15005550010",
            }),
            "email" => json!({ "host": "mail.example", "from": "f@mail.example", "to": ["ops@mail.example"] }),
            other => panic!("how does {other} look?"),
        };
        let sample = |types: &Value, id: &str| {
            types.as_array().unwrap().iter().find(|one| one["id"] == id).unwrap()["sample"].clone()
        };
        let types = api.get("/event-types").await;
        let (failure, sign_in) = (sample(&types, "restore_failure"), sample(&types, "user_login"));
        for kind in api.get("/channel-kinds").await.as_array().unwrap() {
            let kind = kind["kind"].as_str().unwrap();
            let made = api.post("/channels", json!({ "name": kind, "kind": kind, "config": config(kind) })).await;
            page.open(&format!("/channels/{}", made["id"].as_str().unwrap())).await;
            // What a webhook's payload looks like is up to whoever receives it.
            let look = match kind {
                "webhook" => "#preview #payload".to_owned(),
                _ => format!("#preview [data-look={kind}]"),
            };
            // A mail shows its head, the rest is a document of its own; and in JSON, quotation marks are escaped.
            let (said, then) = match kind {
                "email" | "webhook" => ("Restore Failed", "User Login"),
                _ => (failure["error"].as_str().unwrap(), sign_in["user_name"].as_str().unwrap()),
            };
            page.within(&look).see(said).await;
            let preview = page.within("#preview");
            preview.choose("Event", "User Login").await;
            preview.click("Show").await;
            page.within(&look).see(then).await;
            page.within(&look).miss(said).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_channel_is_added_and_its_test_arrives_encrypted() {
    let (user, password) = ("fanfare@mail.example", "T0K3N-of-mail");
    let mail = MailServer::start(Mode::Tls, &["--username", user, "--password", password]);
    let mut server = Server::prepare(&[]);
    let authority = server.place().join("authority.pem");
    std::fs::write(&authority, mail.authority()).unwrap();
    server.set("FANFARE_EXTRA_CA_FILE", authority.to_str().unwrap());
    server.restart().await;
    let known = server.api().get("/channel-kinds").await;
    let known: Vec<_> =
        known.as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap().to_owned()).collect();
    let mut tried: Vec<_> = KINDS.iter().map(|kind| kind.kind).chain(["email"]).collect();
    tried.sort_unstable();
    assert_eq!(tried, known, "each kind has one entry in KINDS");

    let stage = Stage::at(server, "/channels").await;
    flow(stage, async |stage| {
        let fields = vec![
            ("Host", text("127.0.0.1")),
            ("Port", text(mail.port().to_string())),
            ("Security", Input::Option("tls")),
            ("Username", text(user)),
            ("Password", text(password)),
            ("From", text("Fanfare <fanfare@mail.example>")),
            ("To", text("ops@mail.example\nboss@mail.example")),
        ];
        let id = add(stage.page(), "E-mail", "Mail to the team", fields).await;
        let [sent] = mail.mails().try_into().unwrap();
        assert_eq!((&sent["encrypted"], &sent["account"]), (&json!(true), &json!(user)));
        assert_eq!(sent["to"], json!(["ops@mail.example", "boss@mail.example"]));
        let stored = json!({ "security": "tls", "username": user, "to": ["ops@mail.example", "boss@mail.example"] });
        check(stage, &id, "email", "Mail to the team", &stored).await;
    })
    .await;
}
