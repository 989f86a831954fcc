//! A Fanfare on a database of its own, and what every test does with it.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use fanfare::{
    Clock, Engine, Fanfare, Keyring, NewChannel, Submission,
    core::{AddressPolicy, ChannelId, NotificationSettings, RetryPolicy},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A Fanfare on a database of its own, which can be started again.
pub(crate) struct Home {
    dir: tempfile::TempDir,
    key: String,
    pub(crate) clock: TestClock,
}

/// The machine's clock, set forward.
#[derive(Clone, Debug, Default)]
pub(crate) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Home {
    pub(crate) fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { dir: tempfile::tempdir().unwrap(), key: Keyring::generate().to_string(), clock: TestClock::default() }
    }

    pub(crate) async fn start(&self) -> Engine {
        let retry = RetryPolicy { schedule: vec![Duration::from_millis(50)], ..RetryPolicy::default() };
        self.start_with(retry).await
    }

    pub(crate) async fn start_with(&self, retry: RetryPolicy) -> Engine {
        let url = format!("sqlite:{}", self.dir.path().join("fanfare.db").display());
        Fanfare::builder(url, &self.key)
            .unwrap()
            .addresses(AddressPolicy::with_loopback())
            .retry(retry)
            .clock(self.clock.clone())
            .start()
            .await
            .unwrap()
    }
}

pub(crate) async fn webhook(engine: &Engine, name: &str, url: String) -> ChannelId {
    let new = NewChannel {
        name: name.into(),
        kind: "webhook".into(),
        config: json!({ "url": url }),
        enabled: true,
        delivery: Default::default(),
    };
    engine.create_channel(new).await.unwrap().id
}

pub(crate) async fn make_global(engine: &Engine, channels: &[ChannelId]) {
    let settings = NotificationSettings { global_channels: channels.to_vec(), ..engine.settings() };
    engine.replace_settings(settings, None).await.unwrap();
}

pub(crate) fn system_error(text: &str) -> Submission {
    let data = json!({ "component": "test", "error": text });
    Submission { event_type: "system_error".into(), data: data.as_object().unwrap().clone(), ..Submission::default() }
}

pub(crate) async fn wait_until(engine: &Engine, state: &'static str, count: i64) {
    let reached = async {
        while engine.counters().await.unwrap().1[state] != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let last = || async { engine.counters().await.unwrap() };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        panic!("{state} never became {count}: {:?}", last().await);
    }
    let (accepted, states) = engine.counters().await.unwrap();
    assert_eq!(accepted, states.values().sum::<i64>(), "{states:?}");
}
