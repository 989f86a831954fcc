//! E-mail through the whole library: events in, messages at a real mail server.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use fanfare::{
    DeliveryState, Engine, Fanfare, JobSpec, Keyring, NewChannel, Run, Submission,
    core::{
        AddressPolicy, Assignment, ChannelId, EventSettings, NotificationSettings, NotifyUser, Outcome, RunCondition,
        SkipReason, TargetReason, User,
    },
};
use fanfare_testkit::smtp::{At, Mail, SmtpReceiver};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(10);

async fn start(dir: &tempfile::TempDir, addresses: AddressPolicy) -> Engine {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("sqlite:{}", dir.path().join("fanfare.db").display());
    let builder = Fanfare::builder(url, &Keyring::generate()).unwrap();
    builder.addresses(addresses).start().await.unwrap()
}

async fn email(engine: &Engine, server: &SmtpReceiver, to: &[&str]) -> ChannelId {
    let config = json!({
        "host": "127.0.0.1", "port": server.port(), "security": "none", "from": "fanfare@mail.example", "to": to,
    });
    let new =
        NewChannel { name: to.join(" "), kind: "email".into(), config, enabled: true, delivery: Default::default() };
    engine.create_channel(new).await.unwrap().id
}

fn login(email: &str) -> Submission {
    let data = json!({"user_name": "Ada", "email": email});
    Submission {
        event_type: "user_login".into(),
        data: data.as_object().unwrap().clone(),
        user: Some(User { email: Some(email.into()), ..User::default() }),
        ..Submission::default()
    }
}

fn header<'a>(mail: &'a str, name: &str) -> &'a str {
    let line = mail.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {mail}"));
    line[name.len()..].trim_start_matches(": ")
}

fn to<'a>(mails: &'a [Mail], address: &str) -> &'a Mail {
    mails.iter().find(|mail| mail.to == [address]).unwrap_or_else(|| panic!("nothing to {address}: {mails:?}"))
}

#[tokio::test]
async fn the_user_gets_a_mail_of_their_own() {
    let (dir, server) = (tempfile::tempdir().unwrap(), SmtpReceiver::start().await);
    let engine = start(&dir, AddressPolicy::with_loopback()).await;
    let channel = email(&engine, &server, &["ops@mail.example", "ADA@mail.example"]).await;
    let own = EventSettings { enabled: Some(true), notify_user: NotifyUser::Also, ..EventSettings::default() };
    let settings = NotificationSettings { global_channels: vec![channel], events: [("user_login".into(), own)].into() };
    engine.replace_settings(settings, None).await.unwrap();

    let accepted = engine.accept(login("ada@mail.example"), None).await.unwrap();
    let skipped: Vec<_> = accepted.skipped.iter().map(|skip| skip.reason).collect();
    assert_eq!(skipped, [SkipReason::RecipientMerged], "the channel would have written to Ada as well");
    let mails = server.wait_for(2, PATIENCE).await;
    let (ops, ada) = (to(&mails, "ops@mail.example").text(), to(&mails, "ada@mail.example").text());
    assert_eq!((header(&ops, "Subject"), header(&ada, "Subject")), ("User Login", "You signed in"));
    assert_eq!((header(&ops, "To"), header(&ada, "To")), ("ops@mail.example", "ada@mail.example"));

    let user = accepted.deliveries.iter().find(|delivery| delivery.reason == TargetReason::NotifyUser).unwrap();
    assert_eq!(header(&ada, "Message-ID"), format!("<{}@mail.example>", user.id));
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn the_ledger_shows_the_message_that_was_sent() {
    let (dir, server) = (tempfile::tempdir().unwrap(), SmtpReceiver::start().await);
    let engine = start(&dir, AddressPolicy::with_loopback()).await;
    let channel = email(&engine, &server, &["ops@mail.example"]).await;
    server.say(At::Message, "554 5.7.1 spam");
    let assignment = Assignment { channel_id: channel, condition: RunCondition::Always };
    for name in ["nightly", "weekly"] {
        let job = JobSpec { name: name.into(), notifications: vec![assignment], ..JobSpec::default() };
        engine.create_job(job).await.unwrap();
    }
    let run = || Run::new(Outcome::Failure);
    let accepted = engine.report_run("nightly", run(), None).await.unwrap();
    let id = accepted.deliveries[0].id;
    let dead = async {
        loop {
            let detail = engine.delivery(id).await.unwrap().unwrap();
            if detail.view.state == DeliveryState::Dead {
                return detail;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let detail = tokio::time::timeout(PATIENCE, dead).await.unwrap();
    assert_eq!(detail.view.last_error.as_deref(), Some("554 5.7.1 spam"));
    assert_eq!(detail.attempts[0].status, Some(554));
    let payload = detail.payload.unwrap();
    assert_eq!(header(&payload, "To"), "ops@mail.example");
    assert!(payload.contains("Sent by Fanfare"), "{payload}");

    for job in ["nightly", "nightly", "weekly"] {
        engine.report_run(job, run(), None).await.unwrap();
    }
    let mails = server.wait_for(3, PATIENCE).await;
    let mut threads: Vec<_> = mails.iter().map(|mail| header(&mail.text(), "References").to_owned()).collect();
    threads.push(header(&payload, "References").to_owned());
    threads.sort();
    let repeated = threads.iter().filter(|thread| *thread == header(&payload, "References")).count();
    threads.dedup();
    assert_eq!((threads.len(), repeated), (2, 3), "one conversation for each job");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn the_guard_stands_before_mail_servers_too() {
    let (dir, server) = (tempfile::tempdir().unwrap(), SmtpReceiver::start().await);
    let engine = start(&dir, AddressPolicy::home_and_office()).await;
    let channel = email(&engine, &server, &["ops@mail.example"]).await;
    let result = engine.test_channel(channel).await.unwrap();
    assert!(!result.ok);
    assert_eq!(result.blocked_network.map(|network| network.to_string()).as_deref(), Some("127.0.0.0/8"));
    assert_eq!(server.connections(), 0);
    engine.stop(PATIENCE).await;
}
