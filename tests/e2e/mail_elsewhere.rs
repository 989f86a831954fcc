//! Mail through a mail server that others wrote: what our own receiver might forgive, this one does not.

use fanfare_tests::{Api, MailServer, Mode};
use mail_parser::MessageParser;
use serde_json::{Value, json};

use crate::{mail, told::tell};

const USER: &str = "fanfare@mail.example";
const PASSWORD: &str = "other-password-77aa";

fn start(mode: Mode) -> MailServer {
    MailServer::start(mode, &["--username", USER, "--password", PASSWORD])
}

fn config(server: &MailServer, mode: Mode, to: &[&str]) -> Value {
    json!({ "port": server.port(), "security": mode.as_str(), "to": to })
}

fn signing_in(server: &MailServer, mode: Mode, password: &str) -> Value {
    let mut config = config(server, mode, &["ops@mail.example"]);
    config["username"] = json!(USER);
    config["password"] = json!(password);
    config
}

async fn disk_full(api: &Api) -> Value {
    let told = tell(api, "system_error", json!({ "component": "scheduler", "error": "Zoë's disk\n.\nis full" })).await;
    api.settled().await;
    let mut deliveries = Vec::new();
    for id in &told.deliveries {
        deliveries.push(api.get(&format!("/deliveries/{id}")).await);
    }
    json!(deliveries)
}

#[tokio::test]
async fn mail_arrives_by_starttls_and_by_tls_with_a_password_and_without_either() {
    let (open, starttls, tls) = (MailServer::start(Mode::None, &[]), start(Mode::StartTls), start(Mode::Tls));
    let server = mail::start(&[starttls.authority(), tls.authority()]).await;
    let api = server.api();
    let ids = [
        api.email_with("open", config(&open, Mode::None, &["ops@mail.example"])).await,
        api.email_with("starttls", signing_in(&starttls, Mode::StartTls, PASSWORD)).await,
        api.email_with("tls", signing_in(&tls, Mode::Tls, PASSWORD)).await,
    ];
    api.make_global(&ids.each_ref().map(String::as_str)).await;
    for delivery in disk_full(api).await.as_array().unwrap() {
        assert_eq!(delivery["state"], "delivered", "{delivery}");
    }
    for (mail_server, encrypted, account) in
        [(&open, false, None), (&starttls, true, Some(USER)), (&tls, true, Some(USER))]
    {
        let [mail] = mail_server.mails().try_into().unwrap();
        assert_eq!((mail["encrypted"].as_bool(), mail["account"].as_str()), (Some(encrypted), account));
        assert_eq!((&mail["from"], &mail["to"]), (&json!("fanfare@mail.example"), &json!(["ops@mail.example"])));
        let text = mail["message"].as_str().unwrap();
        let message = MessageParser::default().parse(text.as_bytes()).unwrap();
        assert_eq!(message.subject(), Some("System Error"));
        for body in [message.body_text(0).unwrap(), message.body_html(0).unwrap()] {
            assert!(body.contains("Zoë") && body.contains("is full"), "{body}");
        }
    }

    // The second mail goes over the connection that is there.
    disk_full(api).await;
    assert_eq!([&open, &starttls, &tls].map(|server| server.mails().len()), [2, 2, 2]);
}

#[tokio::test]
async fn a_refused_recipient_a_greylist_and_a_wrong_password_are_what_they_are() {
    let refusing = MailServer::start(Mode::None, &["--refuse", "gone@mail.example"]);
    let greylisting = MailServer::start(Mode::None, &["--greylist"]);
    let strict = start(Mode::StartTls);
    let server = mail::start(&[strict.authority()]).await;
    let api = server.api();
    let to = ["ops@mail.example", "gone@mail.example", "zoe@mail.example"];
    let ids = [
        api.email_with("refusing", config(&refusing, Mode::None, &to)).await,
        api.email_with("greylisting", config(&greylisting, Mode::None, &["ops@mail.example"])).await,
        api.email_with("strict", signing_in(&strict, Mode::StartTls, "not-the-password")).await,
    ];
    api.make_global(&ids.each_ref().map(String::as_str)).await;
    let deliveries = disk_full(api).await;
    let [refused, greylisted, unknown] = deliveries.as_array().unwrap().as_slice() else { panic!("{deliveries}") };

    assert_eq!(refused["state"], "delivered");
    let detail = refused["attempts"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("gone@mail.example: 550 5.1.1 No such user here"), "{detail}");
    assert_eq!(refusing.mails()[0]["to"], json!(["ops@mail.example", "zoe@mail.example"]));

    assert_eq!(greylisted["state"], "delivered");
    assert!(greylisted["attempts"][0]["detail"].as_str().unwrap().starts_with("450 4.2.0"), "{greylisted}");
    assert_eq!(greylisting.mails().len(), 1);

    assert_eq!(unknown["state"], "dead");
    assert!(unknown["last_error"].as_str().unwrap().starts_with("535"), "{unknown}");
    assert!(strict.mails().is_empty());
    assert!(!server.whole_log().contains("not-the-password"));
}
