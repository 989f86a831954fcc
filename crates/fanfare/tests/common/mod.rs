//! A Fanfare on a database of its own, and what every test does with it.

#![allow(dead_code, unreachable_pub, reason = "not every test needs all of it")]

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
use fanfare_testkit::Postgres;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// How long a test waits for what has to come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Where everything is kept.
#[derive(Clone, Copy, Debug)]
pub enum Database {
    Sqlite,
    Postgresql,
}

/// A database of a test's own, on which Fanfare can be started again and again.
pub struct Home {
    dir: tempfile::TempDir,
    postgres: Option<Postgres>,
    key: String,
    pub clock: TestClock,
}

/// The machine's clock, set forward.
#[derive(Clone, Debug, Default)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub fn forward(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::now() + SignedDuration::from_millis(self.0.load(Ordering::SeqCst))
    }
}

impl Home {
    pub async fn on(database: Database) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let postgres = match database {
            Database::Sqlite => None,
            Database::Postgresql => {
                let postgres = Postgres::start().await;
                postgres.create("fanfare");
                Some(postgres)
            }
        };
        let key = Keyring::generate().to_string();
        Self { dir: tempfile::tempdir().unwrap(), postgres, key, clock: TestClock::default() }
    }

    /// PostgreSQL, for those who look into it.
    pub fn postgres(&self) -> &Postgres {
        self.postgres.as_ref().unwrap()
    }

    /// A node that reaches loopback and tries again at once.
    pub fn node(&self) -> Fanfare {
        let url = match &self.postgres {
            Some(postgres) => postgres.url("fanfare"),
            None => format!("sqlite:{}", self.dir.path().join("fanfare.db").display()),
        };
        let retry = RetryPolicy { schedule: vec![Duration::from_millis(50)], ..RetryPolicy::default() };
        Fanfare::builder(url, &self.key)
            .unwrap()
            .addresses(AddressPolicy::with_loopback())
            .retry(retry)
            .clock(self.clock.clone())
    }

    pub async fn start(&self) -> Engine {
        self.node().start().await.unwrap()
    }

    pub async fn start_with(&self, retry: RetryPolicy) -> Engine {
        self.node().retry(retry).start().await.unwrap()
    }
}

pub async fn webhook(engine: &Engine, name: &str, url: String) -> ChannelId {
    let new = NewChannel {
        name: name.into(),
        kind: "webhook".into(),
        config: json!({ "url": url }),
        enabled: true,
        delivery: Default::default(),
    };
    engine.create_channel(new).await.unwrap().id
}

pub async fn make_global(engine: &Engine, channels: &[ChannelId]) {
    let settings = NotificationSettings { global_channels: channels.to_vec(), ..engine.settings() };
    engine.replace_settings(settings, None).await.unwrap();
}

pub fn system_error(text: &str) -> Submission {
    let data = json!({ "component": "test", "error": text });
    Submission { event_type: "system_error".into(), data: data.as_object().unwrap().clone(), ..Submission::default() }
}

/// Waits until a condition holds.
pub async fn until(condition: impl AsyncFn() -> bool) {
    let holds = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, holds).await.expect("the condition never came to hold");
}

/// Waits until so many deliveries are in a state; the invariant holds then.
pub async fn wait_until(engine: &Engine, state: &'static str, count: i64) {
    let reached = async {
        while engine.counters().await.unwrap().1[state] != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        panic!("{state} never became {count}: {:?}", engine.counters().await.unwrap());
    }
    let (accepted, states) = engine.counters().await.unwrap();
    assert_eq!(accepted, states.values().sum::<i64>(), "{states:?}");
}
