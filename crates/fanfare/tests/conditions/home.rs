//! A Fanfare on a database of its own, with its own time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use fanfare::{
    Accepted, Clock, Engine, Fanfare, Keyring, NewChannel, Submission,
    core::{AddressPolicy, ChannelId, EventSettings, NotificationSettings, SkipReason},
};
use fanfare_testkit::Receiver;
use jiff::Timestamp;
use serde_json::{Value, json};

pub const PATIENCE: Duration = Duration::from_secs(10);
pub const HOUR: i64 = 3_600;

/// A clock that stands still until it is moved.
#[derive(Clone, Debug)]
pub struct Hands(Arc<AtomicI64>);

impl Hands {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub struct Home {
    dir: tempfile::TempDir,
    key: String,
    pub clock: Hands,
}

impl Home {
    pub fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let clock = Hands(Arc::new(AtomicI64::new(1_800_000_000_000)));
        Self { dir: tempfile::tempdir().unwrap(), key: Keyring::generate().to_string(), clock }
    }

    pub async fn start(&self) -> Engine {
        let url = format!("sqlite:{}", self.dir.path().join("fanfare.db").display());
        let builder = Fanfare::builder(url, &self.key).unwrap().addresses(AddressPolicy::with_loopback());
        builder.clock(self.clock.clone()).start().await.unwrap()
    }
}

pub async fn webhook(engine: &Engine, name: &str, receiver: &Receiver) -> ChannelId {
    let new = NewChannel {
        name: name.into(),
        kind: "webhook".into(),
        config: json!({ "url": receiver.url("/") }),
        enabled: true,
        delivery: Default::default(),
    };
    engine.create_channel(new).await.unwrap().id
}

/// These are told of everything.
pub async fn make_global(engine: &Engine, channels: &[ChannelId]) {
    let settings = NotificationSettings { global_channels: channels.to_vec(), ..engine.settings() };
    engine.replace_settings(settings, None).await.unwrap();
}

/// What differs for one event type.
pub async fn set(engine: &Engine, event_type: &str, own: EventSettings) {
    let mut settings = engine.settings();
    settings.events.insert(event_type.into(), own);
    engine.replace_settings(settings, None).await.unwrap();
}

/// A connection that is away or back.
pub fn connection(event_type: &str, id: &str) -> Submission {
    let mut data = json!({ "adapter_name": "Shop", "adapter_type": "database", "adapter_id": id });
    if event_type == "connection_offline" {
        data["consecutive_failures"] = 3.into();
    }
    submission(event_type, data)
}

pub fn submission(event_type: &str, data: Value) -> Submission {
    Submission { event_type: event_type.into(), data: data.as_object().unwrap().clone(), ..Submission::default() }
}

pub async fn offline(engine: &Engine, id: &str) -> Accepted {
    engine.accept(connection("connection_offline", id), None).await.unwrap()
}

pub async fn online(engine: &Engine, id: &str) -> Accepted {
    engine.accept(connection("connection_online", id), None).await.unwrap()
}

/// How many are told, and why the others are not.
pub fn outcome(accepted: &Accepted) -> (usize, Vec<SkipReason>) {
    (accepted.deliveries.len(), accepted.skipped.iter().map(|skip| skip.reason).collect())
}

/// Waits until nothing is pending any more; says how many were delivered.
pub async fn settled(engine: &Engine) -> i64 {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (accepted, states) = engine.counters().await.unwrap();
        assert_eq!(accepted, states.values().sum::<i64>(), "{states:?}");
        if states["pending"] == 0 {
            return states["delivered"];
        }
        assert!(tokio::time::Instant::now() < deadline, "still pending: {states:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
