//! Mail through real mail servers, well-behaved and not.

use std::fs;

use fanfare_testkit::smtp::{At, Say, SmtpReceiver};
use fanfare_tests::{Api, PATIENCE, Server, letters, until};
use serde_json::{Value, json};

use crate::told::{Told, tell};

const PASSWORD: &str = "mail-password-91d2";

/// A server that tries again at once, and trusts these authorities, in PEM form.
pub(crate) async fn start(trusted: &[&str]) -> Server {
    let mut server = Server::prepare(&[]);
    let settings = "[engine]\nretry_schedule_s = [0.05]\njitter = 0\n";
    fs::write(server.place().join("fanfare.toml"), settings).unwrap();
    if !trusted.is_empty() {
        let file = server.place().join("authorities.pem");
        fs::write(&file, trusted.concat()).unwrap();
        server.set("FANFARE_EXTRA_CA_FILE", file.to_str().unwrap());
    }
    server.restart().await;
    server
}

async fn disk_full(api: &Api) -> Told {
    tell(api, "system_error", json!({ "component": "scheduler", "error": "disk full" })).await
}

async fn delivery(api: &Api, told: &Told) -> Value {
    api.get(&format!("/deliveries/{}", told.deliveries[0])).await
}

fn attempts(delivery: &Value) -> Vec<(&str, &str)> {
    let attempts = delivery["attempts"].as_array().unwrap().iter();
    attempts.map(|attempt| (attempt["outcome"].as_str().unwrap(), attempt["detail"].as_str().unwrap())).collect()
}

/// A channel that signs in.
async fn signing_in(api: &Api, name: &str, mail: &SmtpReceiver, security: &str) -> String {
    let config = json!({
        "port": mail.port(), "security": security, "to": ["ops@mail.example"],
        "username": "fanfare@mail.example", "password": PASSWORD,
    });
    api.email_with(name, config).await
}

#[tokio::test]
async fn mail_arrives_without_encryption_with_starttls_and_with_tls_and_with_a_password_only_where_it_is_encrypted() {
    let (names, user) = (&["127.0.0.1"], "fanfare@mail.example");
    let plain = SmtpReceiver::start().await;
    let starttls = SmtpReceiver::builder().starttls(names).start().await;
    let starttls_account = SmtpReceiver::builder().starttls(names).account(user, PASSWORD).start().await;
    let tls = SmtpReceiver::builder().tls(names).start().await;
    let tls_account = SmtpReceiver::builder().tls(names).account(user, PASSWORD).mechanisms("LOGIN").start().await;
    let trusted = [&starttls, &starttls_account, &tls, &tls_account].map(SmtpReceiver::authority);
    let server = start(&trusted).await;
    let api = server.api();
    let none = api.email("none", plain.port(), &["ops@mail.example"]).await;
    let open = |mail: &SmtpReceiver, security| json!({ "port": mail.port(), "security": security, "to": ["ops@mail.example"] });
    let ids = [
        none,
        api.email_with("starttls", open(&starttls, "starttls")).await,
        signing_in(api, "starttls with a password", &starttls_account, "starttls").await,
        api.email_with("tls", open(&tls, "tls")).await,
        signing_in(api, "tls with a password", &tls_account, "tls").await,
    ];
    api.make_global(&ids.each_ref().map(String::as_str)).await;
    let told = disk_full(api).await;
    assert_eq!(told.deliveries.len(), 5);
    assert_eq!(api.settled().await.of("delivered"), 5);
    let expected = [
        (&plain, false, None),
        (&starttls, true, None),
        (&starttls_account, true, Some("PLAIN")),
        (&tls, true, None),
        (&tls_account, true, Some("LOGIN")),
    ];
    for (mail, encrypted, mechanism) in expected {
        let [letter] = letters(mail).try_into().unwrap();
        assert_eq!((letter.mail.encrypted, letter.mail.account.as_ref().map(|a| a.mechanism)), (encrypted, mechanism));
        assert_eq!(
            (letter.subject.as_str(), letter.to.as_slice()),
            ("System Error", ["ops@mail.example".to_owned()].as_slice())
        );
        assert!(letter.text.contains("disk full") && letter.html.contains("disk full"));
    }

    // A password over a connection that is not encrypted cannot even be saved.
    let config = json!({ "host": "127.0.0.1", "security": "none", "from": user, "to": [user], "username": user, "password": PASSWORD });
    let body = json!({ "name": "careless", "kind": "email", "config": config });
    let problem = api.call(http::Method::POST, "/channels", Some(&body)).await.problem();
    assert_eq!((problem.status, problem.pointers), (422, vec!["/config/username".to_owned()]));
    assert!(!server.whole_log().contains(PASSWORD));
}

#[tokio::test]
async fn one_of_three_recipients_refused_is_delivered_and_named() {
    let (server, mail) = (start(&[]).await, SmtpReceiver::start().await);
    let api = server.api();
    let to = ["ops@mail.example", "gone@mail.example", "zoe@mail.example"];
    let channel = api.email("mail", mail.port(), &to).await;
    api.make_global(&[&channel]).await;
    mail.refuse("gone@mail.example", "550 5.1.1 No such user here");
    let told = disk_full(api).await;
    api.settled().await;
    let shown = delivery(api, &told).await;
    assert_eq!(shown["state"], "delivered");
    let [(outcome, detail)] = attempts(&shown).try_into().unwrap();
    assert_eq!(outcome, "delivered");
    assert!(detail.contains("gone@mail.example") && detail.contains("550 5.1.1 No such user here"), "{detail}");
    let [letter] = letters(&mail).try_into().unwrap();
    assert_eq!(letter.to, ["ops@mail.example", "zoe@mail.example"]);

    // All refused for good is dead.
    for address in to {
        mail.refuse(address, "550 5.1.1 No such user here");
    }
    let told = disk_full(api).await;
    api.settled().await;
    let shown = delivery(api, &told).await;
    assert_eq!((&shown["state"], attempts(&shown).len()), (&json!("dead"), 1));
    assert!(shown["last_error"].as_str().unwrap().starts_with("550"), "{shown}");
    assert_eq!(mail.mails().len(), 1);
}

#[tokio::test]
async fn greylisting_is_tried_again_and_delivered_once() {
    let (server, mail) = (start(&[]).await, SmtpReceiver::start().await);
    let api = server.api();
    let channel = api.email("mail", mail.port(), &["ops@mail.example", "zoe@mail.example"]).await;
    api.make_global(&[&channel]).await;
    mail.greylist();
    let told = disk_full(api).await;
    api.settled().await;
    let shown = delivery(api, &told).await;
    let [(first, why), (second, _)] = attempts(&shown).try_into().unwrap();
    assert_eq!((first, second), ("temporary", "delivered"));
    assert!(why.contains("450 4.2.0 Greylisted"), "{why}");
    assert_eq!((&shown["state"], &shown["possibly_duplicate"]), (&json!("delivered"), &json!(false)));
    let [letter] = letters(&mail).try_into().unwrap();
    assert_eq!(letter.to, ["ops@mail.example", "zoe@mail.example"]);
}

#[tokio::test]
async fn a_connection_dropped_after_data_is_tried_again_with_the_same_message_id() {
    let (server, mail) = (start(&[]).await, SmtpReceiver::start().await);
    let api = server.api();
    let channel = api.email("mail", mail.port(), &["ops@mail.example"]).await;
    api.make_global(&[&channel]).await;

    // The server had the whole message: whether it keeps it, nobody knows.
    mail.say(At::Message, Say::Close);
    let told = disk_full(api).await;
    api.settled().await;
    let shown = delivery(api, &told).await;
    let outcomes: Vec<_> = attempts(&shown).into_iter().map(|(outcome, _)| outcome.to_owned()).collect();
    assert_eq!((&shown["state"], outcomes.len(), outcomes[1].as_str()), (&json!("delivered"), 2, "delivered"));
    assert_eq!(shown["possibly_duplicate"], true);
    let message_id = format!("{}@mail.example", told.deliveries[0]);
    assert_eq!(letters(&mail)[0].id, message_id, "the delivery's own, so the same on every attempt");
    assert_eq!(mail.commands().iter().filter(|command| *command == "DATA").count(), 2);

    // The server had nothing of it: there is no doubt.
    mail.say(At::Data, Say::Close);
    mail.drop_connections();
    mail.wait_for_closed(PATIENCE).await;
    let told = disk_full(api).await;
    api.settled().await;
    let shown = delivery(api, &told).await;
    assert_eq!((&shown["state"], &shown["possibly_duplicate"]), (&json!("delivered"), &json!(false)), "{shown}");
    assert_eq!(letters(&mail).len(), 2);
}

#[tokio::test]
async fn a_bad_certificate_is_said_and_nothing_is_given_away() {
    let user = "fanfare@mail.example";
    let unknown = SmtpReceiver::builder().starttls(&["127.0.0.1"]).account(user, PASSWORD).start().await;
    let other_name = SmtpReceiver::builder().tls(&["mail.example"]).account(user, PASSWORD).start().await;
    let no_tls = SmtpReceiver::start().await;
    let server = start(&[other_name.authority()]).await;
    let api = server.api();
    let unknown_id = signing_in(api, "unknown authority", &unknown, "starttls").await;
    let other_id = signing_in(api, "another name", &other_name, "tls").await;
    let no_tls_id = signing_in(api, "no STARTTLS", &no_tls, "starttls").await;
    api.make_global(&[&unknown_id, &other_id, &no_tls_id]).await;
    let told = disk_full(api).await;
    for (place, (mail, words)) in
        [(&unknown, "certificate"), (&other_name, "certificate"), (&no_tls, "STARTTLS")].into_iter().enumerate()
    {
        let path = format!("/deliveries/{}", told.deliveries[place]);
        let tried = until("an attempt", PATIENCE, async || {
            let shown = api.get(&path).await;
            shown["last_error"].is_string().then_some(shown)
        });
        let shown = tried.await;
        let error = shown["last_error"].as_str().unwrap();
        assert!(error.contains(words), "{error}");
        assert_ne!(shown["state"], "delivered");
        // The payload stands in the ledger, but nothing of how to sign in.
        assert!(!shown.to_string().contains(PASSWORD), "{shown}");
        let said = mail.commands();
        let harmless = |command: &String| ["EHLO", "STARTTLS", "QUIT"].iter().any(|verb| command.starts_with(verb));
        assert!(said.iter().all(harmless), "{said:?}");
        assert!(mail.mails().is_empty());
        let tested = api.post(&format!("/channels/{}/test", shown["channel_id"].as_str().unwrap()), json!({})).await;
        assert_eq!(tested["ok"], false);
        assert!(tested["detail"].as_str().unwrap().contains(words), "{tested}");
    }
    assert!(!server.whole_log().contains(PASSWORD));
}
