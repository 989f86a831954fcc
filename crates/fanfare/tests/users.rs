//! Users whom an event names by their ids, looked up in the application's directory.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use fanfare::{
    Engine, Fanfare, Keyring, NewChannel, Submission,
    core::{
        AddressPolicy, ChannelId, DirectoryError, EventSettings, NotificationSettings, NotifyUser, SkipReason, User,
        UserDirectory,
    },
};
use fanfare_testkit::smtp::SmtpReceiver;
use mockall::predicate::eq;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(10);

mockall::mock! {
    #[derive(Debug)]
    Users {}

    #[async_trait::async_trait]
    impl UserDirectory for Users {
        async fn find(&self, id: &str) -> Result<Option<User>, DirectoryError>;
    }
}

/// Ada is 7, Bob has no address, 500 makes the directory fail; nobody else is known.
fn directory() -> MockUsers {
    let mut users = MockUsers::new();
    let user = |name: &str, email: Option<&str>| {
        Ok(Some(User { name: Some(name.into()), email: email.map(Into::into), ..User::default() }))
    };
    users.expect_find().with(eq("7")).returning(move |_| user("Ada", Some("Ada <ADA@mail.example>")));
    users.expect_find().with(eq("8")).returning(move |_| user("Bob", None));
    users.expect_find().with(eq("500")).returning(|_| Err("no connection to the accounts".into()));
    users.expect_find().returning(|_| Ok(None));
    users
}

async fn start(dir: &tempfile::TempDir) -> Engine {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("sqlite:{}", dir.path().join("fanfare.db").display());
    let builder = Fanfare::builder(url, &Keyring::generate()).unwrap();
    builder.addresses(AddressPolicy::with_loopback()).users(directory()).start().await.unwrap()
}

async fn email(engine: &Engine, server: &SmtpReceiver) -> ChannelId {
    let config = json!({
        "host": "127.0.0.1", "port": server.port(), "security": "none", "from": "fanfare@mail.example",
        "to": ["ops@mail.example", "ada@mail.example"],
    });
    let new = NewChannel {
        name: "Operators".into(),
        kind: "email".into(),
        config,
        enabled: true,
        delivery: Default::default(),
    };
    engine.create_channel(new).await.unwrap().id
}

async fn tell_users(engine: &Engine, channel: ChannelId, notify_user: NotifyUser) {
    let own = EventSettings { enabled: Some(true), notify_user, ..EventSettings::default() };
    let settings = NotificationSettings { global_channels: vec![channel], events: [("user_login".into(), own)].into() };
    engine.replace_settings(settings, None).await.unwrap();
}

fn login(id: &str) -> Submission {
    let user = User { id: Some(id.into()), ..User::default() };
    Submission { event_type: "user_login".into(), user: Some(user), ..Submission::default() }
}

/// What is told to whom: subjects and recipients, in any order.
fn told(server: &SmtpReceiver) -> Vec<(String, String)> {
    let subject =
        |text: String| text.lines().find_map(|line| Some(line.strip_prefix("Subject: ")?.to_owned())).unwrap();
    let mut told: Vec<_> = server.mails().iter().map(|mail| (subject(mail.text()), mail.to.join(" "))).collect();
    told.sort();
    told
}

#[tokio::test]
async fn a_user_id_is_looked_up_and_explain_and_intake_agree() {
    let (dir, server) = (tempfile::tempdir().unwrap(), SmtpReceiver::start().await);
    let engine = start(&dir).await;
    let channel = email(&engine, &server).await;
    tell_users(&engine, channel, NotifyUser::Also).await;

    let explained = engine.explain(login("7")).await.unwrap();
    let accepted = engine.accept(login("7"), None).await.unwrap();
    let (event, _) = engine.event(accepted.id).await.unwrap().unwrap();
    assert_eq!((&event.plan, &event.notification.message), (&explained.plan, &explained.notification.message));
    assert_eq!(event.notification.message, "Ada (ADA@mail.example) has logged in.");
    assert_eq!(event.user.unwrap().email.as_deref(), Some("ADA@mail.example"), "the ledger shows whence");
    let user = explained.user.unwrap();
    assert_eq!(user.notification.title, "You signed in");
    assert!(user.payload.unwrap().contains("Hello Ada"));
    assert!(explained.payloads[&channel].as_ref().unwrap().contains("has logged in"), "the channel's own mail");

    server.wait_for(2, PATIENCE).await;
    let expected = [("User Login", "ops@mail.example"), ("You signed in", "ADA@mail.example")];
    assert_eq!(told(&server), expected.map(|(subject, to)| (subject.to_owned(), to.to_owned())));
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_user_whom_nobody_can_name_is_no_reason_to_lose_the_event() {
    let (dir, server) = (tempfile::tempdir().unwrap(), SmtpReceiver::start().await);
    let engine = start(&dir).await;
    let channel = email(&engine, &server).await;
    for (id, message) in [("8", "Bob has logged in."), ("9", "9 has logged in."), ("500", "500 has logged in.")] {
        tell_users(&engine, channel, NotifyUser::Also).await;
        let accepted = engine.accept(login(id), None).await.unwrap();
        let skips: Vec<_> = accepted.skipped.iter().map(|skip| skip.reason).collect();
        assert_eq!((accepted.deliveries.len(), skips), (1, vec![SkipReason::UserUnreachable]), "{id}");
        let (event, _) = engine.event(accepted.id).await.unwrap().unwrap();
        assert_eq!(event.notification.message, message);
        assert!(event.notification.fields.iter().all(|field| field.name != "Email"), "{id}");

        tell_users(&engine, channel, NotifyUser::Only).await;
        let accepted = engine.accept(login(id), None).await.unwrap();
        assert_eq!(accepted.deliveries[0].reason.as_str(), "user_fallback", "{id}");
    }
    server.wait_for(6, PATIENCE).await;
    assert!(told(&server).iter().all(|(_, to)| to == "ops@mail.example ada@mail.example"));
    engine.stop(PATIENCE).await;
}
