//! Storms: what is told as one, with what numbers, and that no crash changes that.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use fanfare_testkit::{Answer, Received, Receiver};
use fanfare_tests::{Api, Killer, PATIENCE, Postgres, Server};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// For how long a service here wants to be left alone, in seconds.
const PAUSE_S: u64 = 1;

/// What is said how often in the storm.
const STORM: [(&str, usize); 4] = [("disk full", 30), ("disk slow", 20), ("no answer", 9), ("once", 1)];

/// A server that tells storms as one after a moment.
fn prepare(variables: &[(&str, &str)]) -> Server {
    let server = Server::prepare(variables);
    let settings = "[engine]\ndigest_after_s = 0.3\nlease_s = 1\nretry_schedule_s = [0.2]\njitter = 0\n";
    fs::write(server.place().join("fanfare.toml"), settings).unwrap();
    server
}

fn error(text: &str) -> Value {
    json!({ "type": "system_error", "data": { "component": "test", "error": text } })
}

async fn post(api: &Api, events: Vec<Value>) {
    let results = api.post("/events/batch", json!({ "events": events })).await;
    assert!(results["results"].as_array().unwrap().iter().all(|result| result["status"] == 202), "{results}");
}

/// Turns away so many requests before it answers as it should.
fn turn_away(receiver: &Receiver, times: usize, answer: fn() -> Answer) {
    let left = AtomicUsize::new(times);
    receiver.answer_with(move |_| {
        let turned_away = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if turned_away { Answer::status(429).header("retry-after", PAUSE_S) } else { answer() }
    });
}

/// Rule: What happens in a storm?
#[tokio::test]
async fn a_channel_that_is_held_back_tells_a_storm_as_one_with_true_counts() {
    let mut server = prepare(&[]);
    server.restart().await;
    let api = server.api();
    let (phone, hook) = (Receiver::start().await, Receiver::start().await);
    // The second request is the digest itself.
    turn_away(&phone, 2, || Answer::status(200).body(r#"{"id":1}"#));
    turn_away(&hook, 1, || Answer::status(200));
    let config = json!({ "server_url": phone.url("/"), "app_token": "AT0K3N" });
    let gotify = api.post("/channels", json!({ "name": "phone", "kind": "gotify", "config": config })).await;
    let gotify = gotify["id"].as_str().unwrap();
    let webhook = api.webhook("hook", hook.url("/")).await;
    api.make_global(&[gotify, &webhook]).await;

    post(api, vec![error("the first")]).await;
    phone.wait_for_answered(1, PATIENCE).await;
    hook.wait_for_answered(1, PATIENCE).await;
    let storm = STORM.iter().flat_map(|&(text, times)| std::iter::repeat_with(|| error(text)).take(times));
    let few = std::iter::repeat_with(|| json!({ "type": "restore_complete", "data": {} })).take(5);
    post(api, storm.chain(few).collect()).await;
    api.settled().await.check();

    // What the phone was told, against the ledger.
    let in_storm: usize = STORM.iter().map(|(_, times)| times).sum();
    let ledger = api.all(&format!("/deliveries?channel_id={gotify}")).await;
    let (together, alone): (Vec<_>, Vec<_>) = ledger.iter().partition(|delivery| !delivery["digest"].is_null());
    assert_eq!((together.len(), alone.len()), (in_storm + 1, 5));
    assert!(together.iter().all(|delivery| delivery["event_type"] == "system_error"));
    assert!(ledger.iter().all(|delivery| delivery["state"] == "delivered"));
    let digest = &together[0]["digest"];
    assert!(together.iter().all(|delivery| delivery["digest"] == *digest), "one digest");
    assert_eq!(digest["count"], together.len());
    let listed = api.all(&format!("/deliveries?digest_id={}", digest["id"].as_str().unwrap())).await;
    assert_eq!(listed.len(), together.len());

    let requests = phone.requests();
    let digests: Vec<_> = requests.iter().filter(|request| title(request).contains(" notifications: ")).collect();
    assert_eq!((digests.len(), requests.len()), (2, 1 + 2 + 5), "turned away once, and sent again as it was");
    assert_eq!(digests[0].body, digests[1].body);
    assert_eq!(title(digests[0]), format!("{} notifications: System Error", together.len()));
    let text = digests[0].json()["message"].as_str().unwrap().replace('\\', "");
    let mut said: BTreeMap<String, usize> = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("- ")) {
        let (times, line) = line.split_once(" times: ").unwrap_or(("1", line));
        said.insert(line.to_owned(), times.parse().unwrap());
    }
    let mut true_counts: BTreeMap<String, usize> = BTreeMap::new();
    let (mut first, mut last) = (jiff::Timestamp::MAX, jiff::Timestamp::MIN);
    let events: HashMap<String, Value> =
        api.all("/events").await.into_iter().map(|event| (event["id"].as_str().unwrap().to_owned(), event)).collect();
    for delivery in &together {
        let event = &events[delivery["event_id"].as_str().unwrap()];
        *true_counts.entry(event["notification"]["message"].as_str().unwrap().to_owned()).or_default() += 1;
        let at: jiff::Timestamp = event["occurred_at"].as_str().unwrap().parse().unwrap();
        (first, last) = (first.min(at), last.max(at));
    }
    assert_eq!(said, true_counts, "{text}");
    let second = |time: jiff::Timestamp| jiff::Timestamp::from_second(time.as_second()).unwrap().to_string();
    assert!(text.contains(&second(first)) && text.contains(&second(last)), "{first} to {last}: {text}");
    println!("{} deliveries told as one: {said:?}, {first} to {last}", together.len());

    // A webhook gets none by itself.
    assert_eq!(hook.count(), 1 + ledger.len());
    let of_hook = api.all(&format!("/deliveries?channel_id={webhook}")).await;
    assert!(of_hook.iter().all(|delivery| delivery["digest"].is_null() && delivery["state"] == "delivered"));

    // One of them by itself, as people look at it.
    let id = together[3]["id"].as_str().unwrap();
    let detail = api.get(&format!("/deliveries/{id}")).await;
    assert_eq!(detail["notification"]["title"], "System Error", "what it says is its own");
    assert_eq!(serde_json::from_str::<Value>(detail["payload"].as_str().unwrap()).unwrap(), digests[0].json());
    let shown = server.cli().run(&["deliveries", "show", id]).done().out;
    let line = format!("{} ({} deliveries told as one)", digest["id"].as_str().unwrap(), together.len());
    assert!(shown.contains(&line), "{shown}");
}

fn title(request: &Received) -> String {
    request.json()["title"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn kills_around_a_digest_lose_nothing_and_change_nothing_of_it() {
    kills_around_a_digest(prepare(&[])).await;
}

#[tokio::test]
async fn kills_around_a_digest_on_postgresql() {
    let postgres = Postgres::start().await;
    postgres.create("fanfare");
    let url = postgres.url("fanfare");
    kills_around_a_digest(prepare(&[("FANFARE_DATABASE_URL", &url), ("FANFARE_SECRET_KEY", KEY)])).await;
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// When the digest has arrived, before its answer.
    Arrived,
    /// When it has been answered, before that is recorded.
    Answered,
    /// So long after the service may be asked again: around the freezing and the first attempt.
    After(Duration),
}

/// The kill that is to come in this round.
type Plan = Arc<Mutex<Option<(Moment, Killer)>>>;

async fn kills_around_a_digest(mut server: Server) {
    let seed = std::env::var("FANFARE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("FANFARE_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let began = Instant::now();
    server.restart().await;
    let receiver = Receiver::start().await;
    let lane = json!({ "concurrency": 1, "digest": true });
    let channel = json!({ "name": "ops", "kind": "webhook", "config": { "url": receiver.url("/") }, "delivery": lane });
    let channel = server.api().post("/channels", channel).await;
    server.api().make_global(&[channel["id"].as_str().unwrap()]).await;
    let plan = Plan::default();
    kill_as_planned(&receiver, &plan);

    let moments = [Moment::Arrived, Moment::Answered]
        .into_iter()
        .chain(std::iter::repeat_with(|| Moment::After(Duration::from_micros(random.random_range(0..40_000)))).take(5));
    let mut raised = 0;
    let mut in_round = Vec::new();
    for moment in moments.collect::<Vec<_>>() {
        *lock(&plan) = None;
        // One that was under way at a kill is never answered, so these are two numbers.
        let (before, answered) = (receiver.count(), receiver.answered());
        receiver.answer(Answer::status(429).header("retry-after", PAUSE_S));
        post(server.api(), vec![error(&raised.to_string())]).await;
        receiver.wait_for_answered(answered + 1, PATIENCE).await;
        let asked = Instant::now();
        *lock(&plan) = Some((moment, server.killer()));
        post(server.api(), (1..30).map(|i| error(&(raised + i).to_string())).collect()).await;
        raised += 30;
        if let Moment::After(wait) = moment {
            tokio::time::sleep_until((asked + Duration::from_secs(PAUSE_S) + wait).into()).await;
            server.killer().kill9();
        }
        server.wait().await;
        *lock(&plan) = None;
        server.restart().await;
        server.api().settled().await.check();
        in_round.push((moment, receiver.count() - before - 1));
    }

    // What arrived, by the id under which it did: always the same under the same id.
    let mut arrived: HashMap<String, Vec<Received>> = HashMap::new();
    for request in receiver.requests() {
        arrived.entry(request.header("webhook-id").unwrap().to_owned()).or_default().push(request);
    }
    for (id, requests) in &arrived {
        assert!(requests.iter().all(|request| request.body == requests[0].body), "{id} came with another body");
    }
    // Every delivery was told: by itself, or in a digest that arrived and counts as many as the ledger.
    let ledger = server.api().all("/deliveries").await;
    assert_eq!(ledger.len(), raised);
    let mut members: HashMap<&str, usize> = HashMap::new();
    for delivery in &ledger {
        assert_eq!(delivery["state"], "delivered");
        match delivery["digest"]["id"].as_str() {
            Some(digest) => *members.entry(digest).or_default() += 1,
            None => assert!(arrived.contains_key(delivery["id"].as_str().unwrap()), "{delivery} never arrived"),
        }
    }
    for (digest, count) in &members {
        let told = title(&arrived.get(*digest).unwrap_or_else(|| panic!("the digest {digest} never arrived"))[0]);
        assert_eq!(told, format!("{count} notifications: System Error"));
        let of_it = ledger.iter().filter(|delivery| delivery["digest"]["id"] == *digest);
        let again = arrived[*digest].len() > 1;
        let marked = of_it.clone().filter(|delivery| delivery["possibly_duplicate"] == true).count();
        assert!(of_it.clone().all(|delivery| delivery["digest"]["count"] == *count));
        assert!(!again || marked == *count, "{digest} came again, and {marked} of {count} are marked");
    }
    // No digest arrived that the ledger does not have.
    let told = arrived.iter().filter(|(_, requests)| title(&requests[0]).contains(" notifications: "));
    assert!(told.clone().all(|(id, _)| members.contains_key(id.as_str())));
    let repeated = told.filter(|(_, requests)| requests.len() > 1).count();
    println!(
        "kills {}, deliveries {raised}, lost 0, digests {} (of them sent again {repeated}), requests after each kill's \
         429 {in_round:?}, {:.1} s",
        in_round.len(),
        members.len(),
        began.elapsed().as_secs_f64()
    );
    assert!(repeated >= 2, "the kills at arrival and at the answer make it come again");
}

/// Kills the server at a digest's arrival or after its answer, where that is planned.
fn kill_as_planned(receiver: &Receiver, plan: &Plan) {
    let arriving = plan.clone();
    receiver.answer_with(move |request| {
        if title(request).contains(" notifications: ")
            && let Some((Moment::Arrived, killer)) = &*lock(&arriving)
        {
            killer.kill9();
            return Answer::hang();
        }
        Answer::status(200)
    });
    let answering = plan.clone();
    receiver.when_answered(move |request| {
        if title(request).contains(" notifications: ")
            && let Some((Moment::Answered, killer)) = &*lock(&answering)
        {
            killer.kill9();
        }
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
