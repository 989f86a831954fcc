//! Lanes on a real SQLite file, with real receivers: limits, breakers, and what is said of a channel's health.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use fanfare::{
    ChannelPatch, DeliveryFilter, DeliveryState, DeliveryView, Engine, Fanfare, HealthState, Keyring, LanePolicy,
    LaneSettings, NewChannel, Page, Submission,
    core::{AddressPolicy, ChannelId, NotificationSettings, RetryPolicy},
};
use fanfare_testkit::{Answer, Receiver};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(10);

/// A Fanfare on a database of its own, which can be started again.
struct Home {
    dir: tempfile::TempDir,
    key: String,
}

impl Home {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { dir: tempfile::tempdir().unwrap(), key: Keyring::generate().to_string() }
    }

    /// Starts it with these waits before probes; failures count as failing at once.
    async fn start(&self, probes: &[Duration]) -> Engine {
        let url = format!("sqlite:{}", self.dir.path().join("fanfare.db").display());
        Fanfare::builder(url, &self.key)
            .unwrap()
            .addresses(AddressPolicy::with_loopback())
            .retry(RetryPolicy { schedule: vec![Duration::from_millis(50)], jitter: 0.0, ..RetryPolicy::default() })
            .lanes(LanePolicy { probes: probes.to_vec(), failing_after: Duration::ZERO, ..LanePolicy::default() })
            .start()
            .await
            .unwrap()
    }
}

const NEVER: &[Duration] = &[Duration::from_secs(3_600)];

async fn webhook(engine: &Engine, name: &str, url: String, delivery: LaneSettings) -> ChannelId {
    let config = json!({ "url": url });
    let new = NewChannel { name: name.into(), kind: "webhook".into(), config, enabled: true, delivery };
    engine.create_channel(new).await.unwrap().id
}

async fn make_global(engine: &Engine, channels: &[ChannelId]) {
    let settings = NotificationSettings { global_channels: channels.to_vec(), ..engine.settings() };
    engine.replace_settings(settings, None).await.unwrap();
}

/// Accepts so many events, one after the other.
async fn raise(engine: &Engine, count: usize) {
    for i in 0..count {
        let data = json!({ "component": "test", "error": i.to_string() }).as_object().unwrap().clone();
        let event = Submission { event_type: "system_error".into(), data, ..Submission::default() };
        engine.accept(event, None).await.unwrap();
    }
}

async fn until(what: &str, mut probe: impl AsyncFnMut() -> bool) {
    let reached = async {
        while !probe().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    if tokio::time::timeout(PATIENCE, reached).await.is_err() {
        panic!("not within {PATIENCE:?}: {what}");
    }
}

async fn count(engine: &Engine, state: &'static str) -> i64 {
    let (accepted, states) = engine.counters().await.unwrap();
    assert_eq!(accepted, states.values().sum::<i64>(), "{states:?}");
    states[state]
}

async fn wait_until(engine: &Engine, state: &'static str, expected: i64) {
    until(&format!("{state} becomes {expected}"), async || count(engine, state).await == expected).await;
}

async fn deliveries(engine: &Engine, state: DeliveryState) -> Vec<DeliveryView> {
    let filter = DeliveryFilter { state: Some(state), ..DeliveryFilter::default() };
    engine.deliveries(filter, Page { before: None, limit: 200 }).await.unwrap()
}

fn health(engine: &Engine, id: ChannelId) -> HealthState {
    engine.channel(id).unwrap().health.state
}

#[tokio::test]
async fn nothing_leaves_before_the_named_time_and_a_429_is_no_attempt() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    let one_by_one = LaneSettings { concurrency: Some(1), ..LaneSettings::default() };
    let channel = webhook(&engine, "ops", receiver.url("/"), one_by_one).await;
    make_global(&engine, &[channel]).await;
    receiver.answer(Answer::status(429).header("retry-after", 1));
    receiver.answer(Answer::status(429).header("retry-after", 1));
    raise(&engine, 30).await;
    until("limited", async || health(&engine, channel) == HealthState::Limited).await;
    wait_until(&engine, "delivered", 30).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 32);
    assert!(requests[1].instant - requests[0].instant >= Duration::from_secs(1));
    assert!(requests[2].instant - requests[1].instant >= Duration::from_secs(1));
    assert!(deliveries(&engine, DeliveryState::Delivered).await.iter().all(|delivery| delivery.attempts == 1));
    assert_eq!(health(&engine, channel), HealthState::Ok);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_pause_outlives_a_restart() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/"), LaneSettings::default()).await]).await;
    receiver.answer(Answer::status(429).header("retry-after", 2));
    raise(&engine, 1).await;
    receiver.wait_for_answered(1, PATIENCE).await;
    raise(&engine, 5).await;
    engine.stop(PATIENCE).await;
    let engine = home.start(NEVER).await;
    wait_until(&engine, "delivered", 6).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 7);
    let wait = requests[1].instant - requests[0].instant;
    assert!(wait >= Duration::from_secs(2), "{wait:?}");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn deliveries_leave_at_the_pace_that_is_set() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    let pace = LaneSettings { rate: Some(20.0), burst: Some(4), ..LaneSettings::default() };
    let channel = webhook(&engine, "ops", receiver.url("/"), pace).await;
    make_global(&engine, &[channel]).await;
    raise(&engine, 14).await;
    until("limited", async || health(&engine, channel) == HealthState::Limited).await;
    wait_until(&engine, "delivered", 14).await;
    let requests = receiver.requests();
    // Ten of them need a token of 50 ms each.
    assert!(requests[13].instant - requests[0].instant >= Duration::from_millis(450));
    until("no longer limited", async || health(&engine, channel) == HealthState::Ok).await;
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_rotated_webhook_kills_two_and_the_new_one_gets_the_rest() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    let channel = webhook(&engine, "ops", receiver.url("/old"), LaneSettings::default()).await;
    make_global(&engine, &[channel]).await;
    receiver.answer_with(|request| Answer::status(if request.path == "/old" { 404 } else { 200 }));
    raise(&engine, 150).await;
    until("failing", async || health(&engine, channel) == HealthState::Failing).await;
    wait_until(&engine, "dead", 2).await;
    // Those that were under way wait again.
    until("nothing under way", async || receiver.answered() == receiver.count()).await;
    assert!(receiver.count() <= 33, "{}", receiver.count());
    assert_eq!(count(&engine, "pending").await, 148);
    assert_eq!(engine.channel(channel).unwrap().health.last_error.as_deref(), Some("404 Not Found"));

    // Other changes do not make it try again.
    let before = receiver.count();
    let renamed = ChannelPatch { name: Some("operations".into()), ..ChannelPatch::default() };
    engine.update_channel(channel, renamed, None).await.unwrap();
    raise(&engine, 1).await;
    assert_eq!(receiver.count(), before);

    let patch = ChannelPatch { config: Some(json!({ "url": receiver.url("/new") })), ..ChannelPatch::default() };
    engine.update_channel(channel, patch, None).await.unwrap();
    wait_until(&engine, "pending", 0).await;
    assert_eq!(count(&engine, "delivered").await, 149);
    assert_eq!(health(&engine, channel), HealthState::Ok);
    assert_eq!(engine.retry_many(DeliveryState::Dead, Some(channel), None).await.unwrap(), 2);
    wait_until(&engine, "delivered", 151).await;
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_breaker_stays_open_over_a_restart_and_one_at_a_time_tries() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    let channel = webhook(&engine, "ops", receiver.url("/"), LaneSettings::default()).await;
    make_global(&engine, &[channel]).await;
    receiver.answer_always(410);
    raise(&engine, 100).await;
    wait_until(&engine, "dead", 2).await;
    engine.stop(PATIENCE).await;
    receiver.clear();

    let engine = home.start(&[Duration::from_millis(200)]).await;
    assert_eq!(health(&engine, channel), HealthState::Failing);
    let requests = receiver.wait_for(4, PATIENCE).await;
    for pair in requests.windows(2) {
        assert!(pair[1].instant - pair[0].instant >= Duration::from_millis(190), "probes come one by one");
    }
    assert_eq!((count(&engine, "dead").await, count(&engine, "pending").await), (2, 98));
    // The other side mends it; the next probe finds out.
    receiver.answer_always(200);
    wait_until(&engine, "delivered", 98).await;
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_test_that_gets_through_closes_the_breaker() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    let channel = webhook(&engine, "ops", receiver.url("/"), LaneSettings::default()).await;
    make_global(&engine, &[channel]).await;
    receiver.answer_always(403);
    raise(&engine, 50).await;
    wait_until(&engine, "dead", 2).await;
    assert!(!engine.test_channel(channel).await.unwrap().ok);
    receiver.answer_always(200);
    assert!(engine.test_channel(channel).await.unwrap().ok);
    wait_until(&engine, "delivered", 48).await;
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_failing_channel_is_told_of_once_and_never_through_itself() {
    let (home, broken, sound) = (Home::new(), Receiver::start().await, Receiver::start().await);
    let engine = home.start(&[Duration::from_millis(100)]).await;
    let first = webhook(&engine, "Broken", broken.url("/"), LaneSettings::default()).await;
    let second = webhook(&engine, "Sound", sound.url("/"), LaneSettings::default()).await;
    broken.answer_always(404);
    make_global(&engine, &[first]).await;
    raise(&engine, 20).await;
    until("failing", async || health(&engine, first) == HealthState::Failing).await;
    // It was told to nobody, as there was nobody else: the event stands in the ledger all the same.
    let raised = async || {
        let events = engine.events(None, Page { before: None, limit: 200 }).await.unwrap();
        events.into_iter().filter(|event| event.data["component"] == "channel Broken").collect::<Vec<_>>()
    };
    until("an event", async || raised().await.len() == 1).await;

    broken.answer_always(200);
    wait_until(&engine, "pending", 0).await;
    until("its end", async || raised().await.len() == 2).await;
    assert_eq!(raised().await[0].data["error"], "deliveries get through again");
    make_global(&engine, &[first, second]).await;
    broken.answer_always(404);
    raise(&engine, 20).await;
    let of_channel = |request: &fanfare_testkit::Received| request.text().contains("Broken");
    let told = async || sound.requests().into_iter().filter(of_channel).collect::<Vec<_>>();
    until("told", async || !told().await.is_empty()).await;
    let failing = told().await;
    assert_eq!(failing[0].json()["message"], "Error in channel Broken: 404 Not Found");
    broken.answer_always(200);
    until("told twice", async || told().await.len() == 2).await;
    let recovered = told().await.pop().unwrap().json();
    assert_eq!((&recovered["title"], &recovered["success"]), (&json!("Channel Recovered"), &json!(true)));
    wait_until(&engine, "pending", 0).await;
    assert_eq!(told().await.len(), 2);
    assert!(!broken.requests().iter().any(of_channel));
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn two_failing_channels_do_not_tell_of_each_other_for_ever() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(&[Duration::from_millis(20)]).await;
    let first = webhook(&engine, "A", receiver.url("/a"), LaneSettings::default()).await;
    let second = webhook(&engine, "B", receiver.url("/b"), LaneSettings::default()).await;
    make_global(&engine, &[first, second]).await;
    receiver.answer_always(404);
    raise(&engine, 10).await;
    until("failing", async || {
        health(&engine, first) == HealthState::Failing && health(&engine, second) == HealthState::Failing
    })
    .await;
    // Many probes later there is one event about each, beside those that were raised.
    let began = Instant::now();
    receiver.wait_for(receiver.count() + 40, PATIENCE).await;
    let events = engine.events(None, Page { before: None, limit: 200 }).await.unwrap();
    assert_eq!(events.len(), 12, "after {:?}", began.elapsed());
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_mass_retry_takes_what_it_names_and_leaves_at_the_lane_s_pace() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    let pace = LaneSettings { rate: Some(1_000.0), burst: Some(100), ..LaneSettings::default() };
    let channel = webhook(&engine, "ops", receiver.url("/"), pace).await;
    make_global(&engine, &[channel]).await;
    receiver.answer_always(400);
    raise(&engine, 1_100).await;
    wait_until(&engine, "dead", 1_100).await;
    receiver.answer_always(200);
    assert_eq!(engine.retry_many(DeliveryState::Dead, None, Some("user_login")).await.unwrap(), 0);
    let unknown: ChannelId = "00000000-0000-0000-0000-000000000000".parse().unwrap();
    assert_eq!(engine.retry_many(DeliveryState::Dead, Some(unknown), None).await.unwrap(), 0);
    receiver.clear();
    assert_eq!(engine.retry_many(DeliveryState::Dead, None, Some("system_error")).await.unwrap(), 1_100);
    wait_until(&engine, "delivered", 1_100).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1_100);
    assert!(requests[1_099].instant - requests[0].instant >= Duration::from_millis(900), "a thousand tokens");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_retry_through_a_disabled_channel_is_held() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start(NEVER).await;
    let channel = webhook(&engine, "ops", receiver.url("/"), LaneSettings::default()).await;
    make_global(&engine, &[channel]).await;
    receiver.answer_always(400);
    raise(&engine, 3).await;
    wait_until(&engine, "dead", 3).await;
    let enable = |enabled| ChannelPatch { enabled: Some(enabled), ..ChannelPatch::default() };
    engine.update_channel(channel, enable(false), None).await.unwrap();
    assert_eq!(engine.retry_many(DeliveryState::Dead, None, None).await.unwrap(), 3);
    assert_eq!(count(&engine, "held").await, 3);
    receiver.answer_always(200);
    engine.update_channel(channel, enable(true), None).await.unwrap();
    wait_until(&engine, "delivered", 3).await;
    engine.stop(PATIENCE).await;
}
