//! A service that says 429 to everything until a time that it names.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::PATIENCE;
use serde_json::json;

use crate::{
    harness::{Database, ms, no_panic, settled_within, short_or_long, tell},
    load::{arrivals, event},
};

/// How many requests the webhook's lane has under way at once.
const IN_FLIGHT: usize = 32;

#[tokio::test]
async fn a_storm_of_429_on_sqlite() {
    storm(Database::Sqlite).await;
}

#[tokio::test]
async fn a_storm_of_429_on_postgresql() {
    storm(Database::postgres().await).await;
}

async fn storm(database: Database) {
    let (events, wait) = short_or_long((300, 2), (10_000, 20));
    let server = database.start("retry_schedule_s = [0.1]\njitter = 0.2").await;
    let api = server.api();
    // The first asks for seconds, and the other for a date, one at a time: both until a time that does not move.
    let services = [Service::start(wait, false).await, Service::start(wait, true).await];
    let mut channels = Vec::new();
    for (service, concurrency) in services.iter().zip([IN_FLIGHT, 1]) {
        let config = json!({ "url": service.receiver.url("/") });
        let delivery = json!({ "concurrency": concurrency });
        let body =
            json!({ "name": concurrency.to_string(), "kind": "webhook", "config": config, "delivery": delivery });
        channels.push(api.post("/channels", body).await["id"].as_str().unwrap().to_owned());
    }
    api.make_global(&[&channels[0], &channels[1]]).await;
    for first in (0..events).step_by(100) {
        let batch: Vec<_> = (first..first + 100).map(|number| event(&number.to_string())).collect();
        api.post("/events/batch", json!({ "events": batch })).await;
    }
    let metrics = settled_within(api, PATIENCE + Duration::from_secs(wait * 3)).await;
    assert_eq!(metrics.of("delivered"), 2 * events, "{metrics:?}");
    let mut figures = Vec::new();
    for (service, concurrency) in services.iter().zip([IN_FLIGHT, 1]) {
        let until = service.until.lock().unwrap().expect("the service has said 429");
        let requests = service.receiver.requests();
        let early: Vec<_> = requests.iter().filter(|request| request.instant < until).collect();
        // What was under way when the first 429 came is no request against its word.
        assert!(early.len() <= concurrency, "{} requests before the named time", early.len());
        let first = requests.iter().map(|request| request.instant).filter(|at| *at >= until).min().unwrap();
        let arrived = arrivals(&service.receiver);
        assert_eq!(arrived.len() as u64, events);
        figures.push(format!(
            "concurrency {concurrency}: under way at the first 429 {}, after it and before the named time 0, delivered \
             {events}, the first {} after that time",
            early.len(),
            ms(first - until)
        ));
    }
    no_panic(&server);
    tell(
        &format!("429 storm on {}", database.name()),
        "requests before the named time 0, all delivered",
        &figures.join("; "),
    );
}

/// Says 429 until a time that it names with the first answer.
struct Service {
    receiver: Receiver,
    /// Until when, since it has answered for the first time.
    until: Arc<Mutex<Option<Instant>>>,
}

impl Service {
    async fn start(wait: u64, as_date: bool) -> Self {
        let receiver = Receiver::start().await;
        let until: Arc<Mutex<Option<Instant>>> = Arc::default();
        let state = until.clone();
        receiver.answer_with(move |_| {
            let now = Instant::now();
            let until = *state.lock().unwrap().get_or_insert_with(|| {
                // A date has whole seconds, so the time is one.
                let part = if as_date { part_of_second() } else { Duration::ZERO };
                now + Duration::from_secs(wait) - part
            });
            let left = until.saturating_duration_since(now);
            if left.is_zero() {
                return Answer::status(200);
            }
            let after = match as_date {
                true => {
                    let at = jiff::Timestamp::now() + jiff::SignedDuration::try_from(left).unwrap();
                    // To the nearest: the clock and the instant are read one after the other.
                    let at = at.round(jiff::Unit::Second).unwrap();
                    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
                }
                false => left.as_secs_f64().ceil().to_string(),
            };
            Answer::status(429).header("retry-after", after)
        });
        Self { receiver, until }
    }
}

/// How much of this second is over.
fn part_of_second() -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Duration::from_nanos(now.subsec_nanos().into())
}
