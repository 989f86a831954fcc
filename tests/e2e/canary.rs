//! Secrets that can be recognised are put wherever secrets go, and everything is done that succeeds or fails. Then all
//! that ever came out of the server is searched for them.

use std::{collections::BTreeMap, fs};

use fanfare_testkit::{
    Answer, Receiver,
    conformance::Secrets,
    smtp::{At, SmtpReceiver},
};
use fanfare_tests::{PATIENCE, Reply, Server, until};
use http::Method;
use serde_json::{Value, json};

/// Makes secrets and remembers them.
#[derive(Default)]
struct Canaries(Vec<String>);

impl Canaries {
    /// A secret that stands nowhere else: `what` says which it was when it is found.
    fn hatch(&mut self, what: &str) -> String {
        let letters: String = what.chars().filter(char::is_ascii_alphanumeric).collect();
        self.0.push(format!("Cnry{:02}{letters}Zq7Xw9Kd3", self.0.len()));
        self.0.last().cloned().unwrap()
    }

    fn secrets(&self) -> Secrets {
        Secrets::new(&self.0.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// The configuration of a kind that sends to `at`, with a canary in every place that the schema says is secret.
fn config(kind: &str, at: &str, new: &mut dyn FnMut(&str) -> String) -> Value {
    match kind {
        "webhook" => json!({
            "url": format!("{at}/hooks/{}?key={}", new("path"), new("query")),
            "authorization": format!("Bearer {}", new("authorization")),
            "headers": { "X-Key": new("header"), "X-Other": { "env": "FANFARE_VAR_HEADER" } },
            "signing_secret": { "env": "FANFARE_VAR_SIGNING" },
        }),
        "discord" => json!({ "webhook_url": format!("{at}/api/webhooks/123456789012345678/{}", new("token")) }),
        "slack" => json!({ "webhook_url": format!("{at}/services/T0/B0/{}", new("token")) }),
        "teams" => {
            json!({ "webhook_url": format!("{at}/workflows/x/triggers/manual/paths/invoke?sig={}", new("sig")) })
        }
        "telegram" => {
            json!({ "bot_token": format!("123456789:{}_AAAAAAAAAA", new("bot")), "chat_id": "-1", "api_url": at })
        }
        "gotify" => json!({ "server_url": at, "app_token": format!("A{}", new("app")) }),
        "ntfy" => json!({ "server_url": at, "topic": "alerts", "access_token": format!("tk_{}", new("access")) }),
        "twilio" => json!({
            "account_sid": "AC00000000000000000000000000000000", "auth_token": new("auth"), "from": "+15005550006",
            "to": "+15005550010", "api_url": at,
        }),
        "email" => json!({
            "host": "127.0.0.1", "port": at.parse::<u16>().unwrap(), "security": "tls", "username": "me@mail.example",
            "password": new("password"), "from": "f@mail.example", "to": ["o@mail.example"],
        }),
        other => panic!("{other} is a new kind: say here what its secrets are"),
    }
}

/// The members that a schema of a configuration says are secret.
fn secret_members(schema: &Value) -> Vec<String> {
    let is_secret = |member: &Value| member.to_string().contains("\"writeOnly\":true");
    let members = schema["properties"].as_object().unwrap().iter();
    members.filter(|(_, member)| is_secret(member)).map(|(name, _)| name.clone()).collect()
}

/// A receiver that repeats everything it was told, as careless services do.
async fn parrot(status: u16) -> Receiver {
    let receiver = Receiver::start().await;
    receiver.answer_with(move |request| {
        let headers: Vec<_> = request.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        let said = format!("{} {} {} {}", request.method, request.path, headers.join(", "), request.text());
        Answer::status(status).body(said)
    });
    receiver
}

struct Far {
    http: Vec<Receiver>,
    mail: Vec<SmtpReceiver>,
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_ever_seen() {
    let mut canaries = Canaries::default();
    let (header, url) = (canaries.hatch("variable header"), canaries.hatch("variable url"));
    let (signing, admin) = (canaries.hatch("variable signing"), canaries.hatch("admin token"));
    let passphrase = canaries.hatch("passphrase");
    let key = "Y2FuYXJ5LWtleS1jYW5hcnkta2V5LWNhbmFyeS1rZXk=".to_owned();
    canaries.0.push(key.clone());

    let mail_password = canaries.hatch("mail password");
    let mail = [
        SmtpReceiver::builder().tls(&["127.0.0.1"]).account("me@mail.example", &mail_password).start().await,
        SmtpReceiver::builder().tls(&["127.0.0.1"]).account("me@mail.example", "another").start().await,
    ];
    mail[1].say_always(At::Auth, "535 5.7.8 no such password for you");
    let far = Far {
        http: vec![parrot(200).await, parrot(404).await, parrot(503).await, parrot(400).await],
        mail: mail.into(),
    };
    far.http[0]
        .answer_with(|_| Answer::status(200).body(r#"{"ok":true,"id":1,"sid":"SM1","result":{"message_id":1}}"#));

    let mut server = Server::prepare(&[("FANFARE_LOG", "trace"), ("FANFARE_SECRET_KEY", &key)]);
    server.set("FANFARE_ADMIN_TOKEN", &admin);
    server.set("FANFARE_VAR_HEADER", &header);
    server.set("FANFARE_VAR_SIGNING", &format!("whsec_{signing}AA"));
    server.set("FANFARE_VAR_URL", &far.http[1].url(&format!("/from/{url}")));
    let authorities = server.place().join("authorities.pem");
    fs::write(&authorities, far.mail.iter().map(SmtpReceiver::authority).collect::<Vec<_>>().concat()).unwrap();
    server.set("FANFARE_EXTRA_CA_FILE", authorities.to_str().unwrap());
    fs::write(server.place().join("fanfare.toml"), "[engine]\nretry_schedule_s = [0.05]\njitter = 0\nlifetime_s = 2\n")
        .unwrap();
    server.restart().await;
    let api = server.api().with_token(Some(&admin));
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    let ask = async |said: &mut BTreeMap<String, String>, method: Method, path: &str, body: Option<Value>| {
        let reply = api.call(method.clone(), path, body.as_ref()).await;
        let text = format!("{:?} {}", reply.headers, reply.text());
        said.insert(format!("{method} {path} {}", said.len()), text);
        reply
    };

    // A channel of every kind that works, and several that do not.
    let kinds = api.get("/channel-kinds").await;
    let mut channels = Vec::new();
    for kind in kinds.as_array().unwrap() {
        let name = kind["kind"].as_str().unwrap();
        let ends: Vec<_> = match name {
            "email" => far.mail.iter().map(|mail| mail.port().to_string()).collect(),
            _ => far.http.iter().map(|receiver| receiver.url("")).collect(),
        };
        for (n, at) in ends.iter().enumerate() {
            let config = config(name, at, &mut |what: &str| match (name, n) {
                // The one that the mail server knows.
                ("email", 0) => mail_password.clone(),
                _ => canaries.hatch(&format!("{name}{n}{what}")),
            });
            for member in secret_members(&kind["config_schema"]) {
                assert!(!config[&member].is_null(), "{name}: nothing secret in {member}");
            }
            let channel = json!({ "name": format!("{name} {n}"), "kind": name, "config": config });
            let made = ask(&mut said, Method::POST, "/channels", Some(channel)).await.ok();
            channels.push(made["id"].as_str().unwrap().to_owned());
        }
    }
    let by_variable = json!({ "url": { "env": "FANFARE_VAR_URL" }, "authorization": { "env": "FANFARE_VAR_HEADER" } });
    let made = json!({ "name": "by variable", "kind": "webhook", "config": by_variable });
    channels.push(ask(&mut said, Method::POST, "/channels", Some(made)).await.ok()["id"].as_str().unwrap().to_owned());

    // Everything that can be done with them.
    for id in &channels {
        let path = format!("/channels/{id}");
        ask(&mut said, Method::GET, &path, None).await;
        ask(&mut said, Method::POST, &format!("{path}/test"), Some(json!({}))).await;
        ask(&mut said, Method::GET, &format!("{path}/preview?event_type=system_error"), None).await;
        ask(&mut said, Method::PATCH, &path, Some(json!({ "delivery": { "concurrency": 2 } }))).await;
        ask(&mut said, Method::DELETE, &path, None).await.ok();
    }
    // Deleted ones are made anew from an export, which knows everything.
    let exported = json!({ "passphrase": passphrase });
    ask(&mut said, Method::POST, "/export", Some(exported.clone())).await.ok();
    let mut again = Vec::new();
    for kind in kinds.as_array().unwrap() {
        let name = kind["kind"].as_str().unwrap();
        let ends: Vec<_> = match name {
            "email" => far.mail.iter().map(|mail| mail.port().to_string()).collect(),
            _ => far.http.iter().map(|receiver| receiver.url("")).collect(),
        };
        for (n, at) in ends.iter().enumerate() {
            let config = config(name, at, &mut |what: &str| match (name, n) {
                ("email", 0) => mail_password.clone(),
                _ => canaries.hatch(&format!("{name}{n}{what}again")),
            });
            // The services' own pace would take minutes.
            let pace = json!({ "rate": 1_000, "burst": 1_000 });
            let channel = json!({ "name": format!("{name} {n}"), "kind": name, "config": config, "delivery": pace });
            again.push(
                ask(&mut said, Method::POST, "/channels", Some(channel)).await.ok()["id"].as_str().unwrap().to_owned(),
            );
        }
    }
    let global: Vec<_> = again.iter().map(String::as_str).collect();
    api.make_global(&global).await;
    let job = json!({ "name": "nightly", "notifications": [{ "channel_id": again[0], "condition": "always" }] });
    let job = api.post("/jobs", job).await;
    let ping = job["ping_key"].as_str().unwrap().to_owned();
    for end in ["", "/fail", "/nonsense"] {
        let _ = api.with_token(None).exchange(Method::POST, &format!("/ping/{ping}{end}"), &[], "").await;
    }
    canaries.0.push(ping);
    let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
    for _ in 0..3 {
        ask(&mut said, Method::POST, "/events", Some(event.clone())).await.ok();
    }
    ask(&mut said, Method::POST, "/events/explain", Some(event)).await.ok();
    ask(&mut said, Method::POST, "/event-types/system_error/test", Some(json!({}))).await;
    ask(&mut said, Method::POST, "/jobs/nightly/runs", Some(json!({ "outcome": "success" }))).await.ok();
    // Every channel that works has told of all, and of those that do not, some have failed for good.
    let works = u64::try_from(kinds.as_array().unwrap().len()).unwrap();
    until("what can be delivered", PATIENCE, async || {
        let metrics = api.metrics().await;
        (metrics.of("delivered") > 3 * works && metrics.of("dead") >= works).then_some(())
    })
    .await;

    let setup_key = people(&server, &mut canaries, &mut said).await;
    mistakes(&server, &mut canaries, &mut said, &admin).await;
    let document = ask(&mut said, Method::POST, "/export", Some(exported)).await.ok();
    let import = json!({ "document": document, "passphrase": passphrase, "dry_run": false });
    ask(&mut said, Method::POST, "/import", Some(import)).await.ok();
    let wrong = json!({ "document": document, "passphrase": canaries.hatch("wrong passphrase"), "dry_run": true });
    ask(&mut said, Method::POST, "/import", Some(wrong)).await;
    ask(&mut said, Method::POST, "/keys/rotate", None).await.ok();

    // Everything that can be read.
    for path in ["/channels", "/channel-kinds", "/event-types", "/settings/notifications", "/settings/outbound"] {
        ask(&mut said, Method::GET, path, None).await.ok();
    }
    for list in ["/deliveries", "/events"] {
        for item in api.all(list).await {
            ask(&mut said, Method::GET, &format!("{list}/{}", item["id"].as_str().unwrap()), None).await.ok();
            said.insert(format!("{list} {}", said.len()), item.to_string());
        }
    }
    let metrics = api.exchange(Method::GET, "/metrics", &[], "").await.unwrap();
    said.insert("metrics".into(), metrics.text());

    let secrets = canaries.secrets();
    search(&server, &secrets, &said, &setup_key);
    assert_eq!(server.terminate().await, Some(0));
    search(&server, &secrets, &said, &setup_key);
    // The secrets did go where they belong, so the search was for what was really used.
    assert!(far.http[0].requests().iter().any(|request| request.header("x-other") == Some(header.as_str())));
    assert!(far.http[1].requests().iter().any(|request| request.path.contains(&url)));
    assert!(!far.mail[0].mails().is_empty() && !far.mail[0].commands().is_empty());
    assert!(canaries.0.len() > 90, "{}", canaries.0.len());
}

/// What lets people and programs in: passwords, cookies, the key of the set-up link, tokens and what goes with them.
/// Gives that key.
async fn people(server: &Server, canaries: &mut Canaries, said: &mut BTreeMap<String, String>) -> String {
    let visitor = server.api().with_token(None);
    let ask = async |method: Method, path: &str, cookie: &str, body: Option<Value>| {
        let headers = [
            ("content-type", "application/json"),
            ("cookie", cookie),
            ("fanfare-csrf", "1"),
            ("sec-fetch-site", "same-origin"),
        ];
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        visitor.exchange(method, &format!("/api/v1{path}"), &headers, body).await.unwrap()
    };
    let cookie_of = |reply: &Reply| {
        let cookie = reply.headers["set-cookie"].to_str().unwrap();
        cookie.split(';').next().unwrap().to_owned()
    };
    let key = server.whole_log().split_once("/setup#").unwrap().1.split_whitespace().next().unwrap().to_owned();
    let first = canaries.hatch("first password");
    let body = json!({ "key": key, "name": "Ada", "email": "ada@b.example", "password": first });
    let entered = ask(Method::POST, "/setup", "", Some(body.clone())).await;
    assert!(entered.is_ok(), "{}", entered.text());
    said.insert("set-up".into(), entered.text());
    said.insert("set-up again".into(), ask(Method::POST, "/setup", "", Some(body)).await.text());
    let mut cookies = vec![cookie_of(&entered)];

    let (second, guess) = (canaries.hatch("second password"), canaries.hatch("guessed password"));
    for (what, password) in [("wrong", &guess), ("right", &first)] {
        let body = json!({ "email": "ada@b.example", "password": password });
        let reply = ask(Method::POST, "/session", "", Some(body)).await;
        assert_eq!(reply.is_ok(), what == "right");
        said.insert(format!("sign-in {what}"), reply.text());
        if what == "right" {
            cookies.push(cookie_of(&reply));
        }
    }
    let change = |current: &str| json!({ "current_password": current, "new_password": second });
    for current in [&guess, &first] {
        let reply = ask(Method::PUT, "/session/password", &cookies[0], Some(change(current))).await;
        said.insert(format!("password {}", said.len()), reply.text());
    }
    let other =
        json!({ "name": "G", "email": "g@b.example", "role": "viewer", "password": canaries.hatch("other password") });
    let other = ask(Method::POST, "/users", &cookies[0], Some(other)).await.ok();
    said.insert("user".into(), other.to_string());
    let path = format!("/users/{}", other["id"].as_str().unwrap());
    for password in [canaries.hatch("reset password"), "short".into()] {
        let reply = ask(Method::PATCH, &path, &cookies[0], Some(json!({ "password": password }))).await;
        said.insert(format!("reset {}", said.len()), reply.text());
    }
    // Shown once, in the answer that makes them, and nowhere else.
    for signed in [false, true] {
        let body = json!({ "name": format!("t{signed}"), "scope": "send", "signed": signed });
        let made = ask(Method::POST, "/tokens", &cookies[0], Some(body)).await.ok();
        let token = made["token"].as_str().unwrap();
        canaries.0.push(token.to_owned());
        canaries.0.extend(made["signing_secret"].as_str().map(|secret| secret.trim_start_matches("whsec_").to_owned()));
        let event = json!({ "type": "system_error", "data": { "component": "c", "error": "e" } });
        let reply = visitor.with_token(Some(token)).call(Method::POST, "/events", Some(&event)).await;
        assert_eq!(reply.is_ok(), !signed);
        said.insert(format!("sent {signed}"), reply.text());
    }
    for path in ["/users", "/tokens", "/session", "/audit?limit=200"] {
        said.insert(path.into(), ask(Method::GET, path, &cookies[0], None).await.text());
    }
    for cookie in &cookies {
        let secret = cookie.split_once('=').unwrap().1.to_owned();
        assert!(secret.len() > 30, "{secret}");
        canaries.0.push(secret);
    }
    canaries.0.push(key.clone());
    key
}

/// Secrets in the wrong place are secrets, too.
async fn mistakes(server: &Server, canaries: &mut Canaries, said: &mut BTreeMap<String, String>, admin: &str) {
    let api = server.api().with_token(Some(admin));
    let mut wrong = Vec::new();
    for (kind, config) in [
        ("webhook", json!({ "url": format!("ftp://host/{}", canaries.hatch("bad scheme")) })),
        ("webhook", json!({ "url": format!("https://user:{}@host/", canaries.hatch("url password")) })),
        ("webhook", json!({ "url": canaries.hatch("no url") })),
        (
            "webhook",
            json!({ "url": "https://a.example/", "authorization": format!("a\n{}", canaries.hatch("line break")) }),
        ),
        ("webhook", json!({ "url": "https://a.example/", "signing_secret": canaries.hatch("bad signing") })),
        ("webhook", json!({ "url": "https://a.example/", "headers": { "a b": canaries.hatch("bad header") } })),
        ("webhook", json!({ "url": "https://a.example/", "headers": [canaries.hatch("list")] })),
        ("webhook", json!({ "url": { "env": 3, "x": canaries.hatch("bad reference") } })),
        ("telegram", json!({ "bot_token": format!("{} x", canaries.hatch("bad bot")), "chat_id": "-1" })),
        ("discord", json!({ "webhook_url": format!("https://a.example/{}", canaries.hatch("bad path")) })),
        (
            "email",
            json!({ "host": "mail.example", "from": "f@mail.example", "to": ["o@mail.example"], "security": "none",
            "username": "me", "password": canaries.hatch("plain password") }),
        ),
    ] {
        wrong.push(json!({ "name": "wrong", "kind": kind, "config": config }));
    }
    for body in wrong {
        let reply = api.call(Method::POST, "/channels", Some(&body)).await;
        assert_eq!(reply.status, 422, "{body}");
        said.insert(format!("mistake {}", said.len()), reply.text());
    }
    let guess = canaries.hatch("guessed token");
    let reply = api.with_token(Some(&guess)).call(Method::GET, "/channels", None).await;
    said.insert("guess".into(), reply.text());
    let broken = format!("{{\"name\": \"{}\", \"config\": ", canaries.hatch("broken body"));
    let reply = api.exchange(Method::POST, "/api/v1/channels", &[("content-type", "application/json")], broken).await;
    said.insert("broken".into(), reply.unwrap().text());
    let basic = format!("Basic {}", canaries.hatch("basic"));
    let reply = api.with_token(None).exchange(Method::GET, "/api/v1/channels", &[("authorization", &basic)], "").await;
    said.insert("basic".into(), reply.unwrap().text());
}

fn search(server: &Server, secrets: &Secrets, said: &BTreeMap<String, String>, setup_key: &str) {
    for (what, text) in said {
        secrets.assert_hidden(what, text);
    }
    let log = server.whole_log();
    assert!(log.contains("is listening on"), "there is a log");
    // The one place where it is meant to be seen, once.
    let log = log.replacen(&format!("/setup#{setup_key}"), "", 1);
    for line in log.lines() {
        secrets.assert_hidden("the log", line);
    }
    let mut files = 0;
    for entry in fs::read_dir(server.data_dir()).unwrap() {
        let path = entry.unwrap().path();
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        files += usize::from(text.contains("fanfare_channels"));
        // Not the whole text of a database in a message.
        let name = path.display().to_string();
        assert!(secrets.hidden(&name, &text).is_ok(), "{:?}", secrets.hidden(&name, &text));
    }
    assert!(files > 0, "the database was searched");
}
