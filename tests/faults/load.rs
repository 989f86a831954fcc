//! Callers who post events all the time and remember what they were told.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fanfare_testkit::Receiver;
use fanfare_tests::{Api, until};
use http::Method;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

/// What callers were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The deliveries of answers 202, and when each answer came.
    pub(crate) accepted: Vec<(String, Instant)>,
    /// How long answers took, 202 or not.
    pub(crate) latencies: Vec<Duration>,
    /// Refusals by status, and one body of each.
    pub(crate) refused: BTreeMap<u16, (usize, Value)>,
    /// Calls without an answer.
    pub(crate) broken: usize,
}

/// Callers at work.
pub(crate) struct Load {
    told: Arc<Mutex<Told>>,
    stop: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    /// So many callers, each of whom posts again after this pause.
    pub(crate) fn start(api: &Api, callers: usize, pause: Duration) -> Self {
        let (told, stop) = (Arc::new(Mutex::new(Told::default())), Arc::new(AtomicBool::new(false)));
        let number = Arc::new(AtomicUsize::new(0));
        let mut set = JoinSet::new();
        for _ in 0..callers {
            let (api, told, stop, number) = (api.clone(), told.clone(), stop.clone(), number.clone());
            set.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let event = event(&format!("load {}", number.fetch_add(1, Ordering::Relaxed)));
                    post(&api, &event, &told).await;
                    sleep(pause).await;
                }
            });
        }
        Self { told, stop, callers: set }
    }

    /// What was told so far.
    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        lock(&self.told)
    }

    /// Lets every caller finish, and says what all were told.
    pub(crate) async fn stop(mut self) -> Told {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *lock(&self.told))
    }
}

/// Posts an event and notes the answer; says the status.
pub(crate) async fn post(api: &Api, event: &Value, told: &Mutex<Told>) -> Option<u16> {
    let began = Instant::now();
    let headers = [("content-type", "application/json")];
    let reply = api.exchange(Method::POST, "/api/v1/events", &headers, event.to_string()).await;
    let mut told = lock(told);
    let Ok(reply) = reply else {
        told.broken += 1;
        return None;
    };
    told.latencies.push(began.elapsed());
    if reply.status == 202 {
        let now = Instant::now();
        let answer = reply.json();
        let ids = answer["deliveries"].as_array().unwrap().iter().map(|delivery| delivery["id"].as_str().unwrap());
        told.accepted.extend(ids.map(|id| (id.to_owned(), now)));
    } else {
        let kind = reply.headers.get("content-type").and_then(|value| value.to_str().ok());
        assert_eq!(kind, Some("application/problem+json"), "{} {}", reply.status, reply.text());
        told.refused.entry(reply.status).or_insert_with(|| (0, reply.json())).0 += 1;
    }
    Some(reply.status)
}

/// Posts until an event is accepted again, for as long as this at the most; says how long that took.
pub(crate) async fn accepted_again(api: &Api, told: &Mutex<Told>, limit: Duration) -> Duration {
    let began = Instant::now();
    let accepted = async || (post(api, &event("after"), told).await == Some(202)).then_some(());
    until("acceptance", limit, accepted).await;
    began.elapsed()
}

impl Told {
    /// How many refusals there were.
    pub(crate) fn refusals(&self) -> usize {
        self.refused.values().map(|(count, _)| count).sum()
    }

    /// How many arrived twice or more often. Fails where one that was accepted did not arrive at all.
    pub(crate) fn check_arrivals(&self, receiver: &Receiver) -> usize {
        let arrivals = arrivals(receiver);
        let lost: Vec<_> = self.accepted.iter().filter(|(id, _)| !arrivals.contains_key(id)).collect();
        assert!(lost.is_empty(), "{} were accepted and did not arrive: {:?}", lost.len(), lost.first());
        arrivals.values().filter(|times| times.len() > 1).count()
    }
}

/// When each delivery arrived.
pub(crate) fn arrivals(receiver: &Receiver) -> HashMap<String, Vec<Instant>> {
    let mut arrivals: HashMap<String, Vec<Instant>> = HashMap::new();
    for request in receiver.requests() {
        arrivals.entry(request.header("webhook-id").unwrap().to_owned()).or_default().push(request.instant);
    }
    arrivals
}

/// What every event here is about.
pub(crate) const COMPONENT: &str = "fault suite";

/// An event that says this.
pub(crate) fn event(error: &str) -> Value {
    json!({ "type": "system_error", "data": { "component": COMPONENT, "error": error } })
}

fn lock(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}
