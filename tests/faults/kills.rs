//! A crash loses nothing.
//!
//! The server is killed again and again while events are posted. After each kill its database is looked at as the
//! crash left it: it must hold every event that was answered with 202, and it shows which deliveries the receiver
//! had answered that are not recorded as delivered. Those are the ones that a server without ownership, or with its
//! record before its answer, would lose or never repeat.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use fanfare_testkit::{Answer, Received, Receiver};
use fanfare_tests::{Api, Killer, PATIENCE, Server, rows, snapshot, until};
use http::Method;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::SliceRandom};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::harness::{Database, short_or_long, tell};

const CALLERS: usize = 16;

/// How much one run does.
#[derive(Clone, Copy, Debug)]
struct Plan {
    events: usize,
    kills: usize,
    /// How many kills at least must fall between the receiver's answer and the record.
    hits: usize,
}

/// When the server is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// The receiver does it, right after it has written this many answers since the start.
    AfterAnswers(usize),
    /// So long after the start of the process, ready or not.
    After(Duration),
}

/// What the receiver knows of the present start.
#[derive(Clone, Debug, Default)]
struct Round {
    kill_after: Option<usize>,
    /// Set before the signal is sent: what is answered from now on was answered to nobody.
    is_over: bool,
    answered: HashSet<String>,
    arrived: HashSet<String>,
}

/// A crash, as the database and the receiver show it.
#[derive(Debug)]
struct Crash {
    /// What the receiver had answered and the database does not record.
    unrecorded: usize,
    /// What had been sent at all and the database does not record.
    in_flight: HashSet<String>,
}

/// One call: a single event or a batch.
#[derive(Debug)]
struct Call {
    marks: Vec<String>,
    with_keys: bool,
}

/// What the callers were told.
#[derive(Debug, Default)]
struct Ledger {
    /// Mark and deliveries of each answer 202.
    accepted: Vec<(String, String, Vec<String>)>,
    /// How many calls were not answered so.
    repeated: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_on_sqlite() {
    let plan =
        short_or_long(Plan { events: 4_000, kills: 50, hits: 20 }, Plan { events: 16_000, kills: 200, hits: 80 });
    kills_lose_nothing(Database::Sqlite, "", plan).await;
}

/// What a node had in memory that is killed is free once its lease has expired.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_lose_nothing_on_postgresql() {
    let plan = short_or_long(Plan { events: 800, kills: 10, hits: 3 }, Plan { events: 16_000, kills: 200, hits: 60 });
    kills_lose_nothing(Database::postgres().await, "lease_s = 0.5", plan).await;
}

async fn kills_lose_nothing(database: Database, engine: &str, plan: Plan) {
    let Plan { events, kills, hits } = plan;
    let seed = std::env::var("FANFARE_TEST_SEED").map_or_else(|_| rand::random(), |seed| seed.parse().unwrap());
    println!("FANFARE_TEST_SEED={seed}");
    let began = Instant::now();
    let mut random = StdRng::seed_from_u64(seed);
    let moments = moments(kills, &mut random);

    let (mut server, receiver) = (database.start(engine).await, Receiver::start().await);
    let channel = server.api().webhook("ops", receiver.url("/hook")).await;
    server.api().make_global(&[&channel]).await;
    assert_eq!(server.terminate().await, Some(0));
    let round = watch_rounds(&receiver, server.killer());

    let (up, address) = watch::channel(None);
    let permits = Arc::new(Semaphore::new(0));
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut callers = JoinSet::new();
    let calls = Arc::new(Mutex::new(calls(events, &mut random)));
    for _ in 0..CALLERS {
        callers.spawn(call_all(calls.clone(), permits.clone(), address.clone(), ledger.clone()));
    }

    let mut crashes = Vec::with_capacity(kills);
    for (number, moment) in moments.into_iter().enumerate() {
        permits.add_permits(events * (number + 1) / (kills + 1) - events * number / (kills + 1));
        *lock(&round) = Round { kill_after: moment.answers(), ..Round::default() };
        let _ = run_until_killed(&mut server, moment, &round, &up).await;
        up.send_replace(None);
        read_to_the_end(&receiver).await;
        let accepted: Vec<_> = lock(&ledger).accepted.iter().map(|(_, event, _)| event.clone()).collect();
        let seen = lock(&round).clone();
        crashes.push(examine(&database, &server, &seen, &accepted).await);
    }
    permits.add_permits(events - events * kills / (kills + 1));
    *lock(&round) = Round::default();
    server.restart().await;
    up.send_replace(Some(server.api().clone()));
    while let Some(ended) = timeout(PATIENCE, callers.join_next()).await.expect("the callers' end") {
        ended.unwrap();
    }
    let metrics = server.api().settled().await;

    // Every event that was answered with 202 has arrived, under the ids that were answered.
    let ledger = lock(&ledger);
    let mut arrivals: HashMap<String, Vec<(Bytes, String)>> = HashMap::new();
    for request in receiver.requests() {
        let Some(id) = id(&request) else { continue };
        let mark = request.json()["fields"][1]["value"].as_str().unwrap().to_owned();
        arrivals.entry(id).or_default().push((request.body.clone(), mark));
    }
    let marks: HashSet<_> = ledger.accepted.iter().map(|(mark, ..)| mark).collect();
    assert_eq!(marks.len(), events, "every event was answered with 202 in the end");
    let lost: Vec<_> = ledger
        .accepted
        .iter()
        .filter(|(mark, _, ids)| ids.len() != 1 || arrivals.get(&ids[0]).is_none_or(|sent| sent[0].1 != *mark))
        .collect();
    assert!(lost.is_empty(), "{} were accepted and did not arrive: {:?}", lost.len(), lost.first());

    // What came twice was in flight at a kill, has the same id, and says the same.
    let repeats = arrivals.values().map(|sent| sent.len() - 1).sum::<usize>();
    for (id, sent) in &arrivals {
        assert!(sent.iter().all(|(body, _)| *body == sent[0].0), "{id} came with another body");
        let times = crashes.iter().filter(|crash| crash.in_flight.contains(id)).count();
        assert!(sent.len() <= 1 + times, "{id} came {} times and was in flight at {times} kills", sent.len());
    }
    let marked = |id: &str| format!("SELECT {id} FROM fanfare_deliveries WHERE possibly_duplicate");
    let marked = database.rows(&server, &marked(SQLITE_ID), &marked(POSTGRES_ID));
    let marked: HashSet<_> = marked.into_iter().flatten().collect();
    let repeated = arrivals.iter().filter(|(_, sent)| sent.len() > 1);
    let unmarked = repeated.filter(|(id, _)| !marked.contains(&id.replace('-', ""))).count();
    assert_eq!(unmarked, 0, "of what came twice is not marked as possibly a duplicate");

    // With an idempotency key, an event whose answer was lost is not accepted twice.
    let mut events_of: HashMap<&str, HashSet<&str>> = HashMap::new();
    for sent in arrivals.iter() {
        events_of.entry(&sent.1[0].1).or_default().insert(sent.0);
    }
    let with_two = events_of.iter().filter(|(_, ids)| ids.len() > 1);
    let (keyed, unkeyed): (Vec<_>, Vec<_>) = with_two.partition(|(mark, _)| mark.starts_with("keyed"));
    assert!(keyed.is_empty(), "accepted twice in spite of the key: {keyed:?}");

    // Everything is counted, in the ledger as at the receiver.
    metrics.check();
    assert_eq!(metrics.accepted as usize, arrivals.len());
    assert_eq!(metrics.of("delivered"), metrics.accepted);

    let hit = crashes.iter().filter(|crash| crash.unrecorded > 0).count();
    let unrecorded = crashes.iter().map(|crash| crash.unrecorded).sum::<usize>();
    let in_flight = crashes.iter().map(|crash| crash.in_flight.len()).sum::<usize>();
    let most = crashes.iter().map(|crash| crash.in_flight.len()).max().unwrap_or(0);
    let most_unanswered = crashes.iter().map(|crash| crash.in_flight.len() - crash.unrecorded).max().unwrap_or(0);
    let figures = format!(
        "kills {}, of them between answer and record {hit} (with {unrecorded} deliveries); events {events}, deliveries \
         accepted {}, arrived {}, lost 0, duplicates {repeats}, in flight at the kills {in_flight} (at most {most}, of \
         which unanswered {most_unanswered}), calls repeated {}, accepted twice without a key {}, {:.1} s",
        crashes.len(),
        metrics.accepted,
        arrivals.len(),
        ledger.repeated,
        unkeyed.len(),
        began.elapsed().as_secs_f64(),
    );
    tell(
        &format!("SIGKILL on {}", database.name()),
        "lost 0, duplicates at most what was in flight, same id",
        &figures,
    );
    assert!(hit >= hits, "only {hit} kills fell between the receiver's answer and the record");
    assert!(repeats <= in_flight, "{repeats} duplicates");
}

impl Ledger {
    fn note(&mut self, told: Vec<(String, String, Vec<String>)>) {
        self.repeated += usize::from(told.is_empty());
        self.accepted.extend(told);
    }
}

impl Moment {
    fn answers(self) -> Option<usize> {
        match self {
            Self::AfterAnswers(answers) => Some(answers),
            Self::After(_) => None,
        }
    }
}

/// Seven of ten right after an answer, the others at any time, also while the server starts.
fn moments(kills: usize, random: &mut StdRng) -> Vec<Moment> {
    let mut moments: Vec<_> = (0..kills)
        .map(|number| match number % 10 {
            0..7 => Moment::AfterAnswers(random.random_range(1..=50)),
            _ => Moment::After(Duration::from_micros(random.random_range(0..300_000))),
        })
        .collect();
    moments.shuffle(random);
    moments
}

/// All events once, in calls of different sizes.
fn calls(events: usize, random: &mut StdRng) -> VecDeque<Call> {
    let mut calls = VecDeque::new();
    let mut next = 0;
    while next < events {
        let size = if random.random_bool(0.7) { 1 } else { random.random_range(2..=12).min(events - next) };
        let with_keys = random.random_bool(0.5);
        let kind = if with_keys { "keyed" } else { "plain" };
        let marks = (next..next + size).map(|number| format!("{kind} {number} of {events}")).collect();
        calls.push_back(Call { marks, with_keys });
        next += size;
    }
    calls
}

/// Notes what arrives and what is answered, and kills when the time has come.
fn watch_rounds(receiver: &Receiver, killer: Killer) -> Arc<Mutex<Round>> {
    let round = Arc::new(Mutex::new(Round::default()));
    let arriving = round.clone();
    receiver.answer_with(move |request| {
        lock(&arriving).arrived.extend(id(request));
        Answer::status(200)
    });
    let answering = round.clone();
    receiver.when_answered(move |request| {
        let mut round = lock(&answering);
        if round.is_over {
            return;
        }
        round.answered.extend(id(request));
        if round.kill_after.is_some_and(|answers| round.answered.len() >= answers) {
            round.is_over = true;
            killer.kill9();
        }
    });
    round
}

/// The delivery that a request is an attempt of; none for a request of our own.
fn id(request: &Received) -> Option<String> {
    request.header("webhook-id").map(Into::into)
}

/// Waits until the receiver has read what a process had sent before its end. Connections are accepted in order, so
/// when one of our own is answered, those of the process are known.
async fn read_to_the_end(receiver: &Receiver) {
    let mut own = TcpStream::connect(receiver.address()).await.unwrap();
    own.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    own.read_u8().await.unwrap();
    drop(own);
    receiver.wait_for_closed(PATIENCE).await;
}

/// One start and its end. Says whether it became ready.
async fn run_until_killed(
    server: &mut Server,
    moment: Moment,
    round: &Mutex<Round>,
    up: &watch::Sender<Option<Api>>,
) -> Option<()> {
    server.spawn();
    let killer = server.killer();
    let ready = match moment {
        Moment::AfterAnswers(_) => {
            let ready = server.ready().await;
            if ready.is_some() {
                up.send_replace(Some(server.api().clone()));
            }
            ready
        }
        Moment::After(wait) => {
            let began = Instant::now();
            let ready = timeout(wait, server.ready()).await.ok().flatten();
            if ready.is_some() {
                up.send_replace(Some(server.api().clone()));
                sleep(wait.saturating_sub(began.elapsed())).await;
            }
            lock(round).is_over = true;
            killer.kill9();
            ready
        }
    };
    let status = server.wait().await;
    assert_eq!(status.code(), None, "the server ended by itself: {status}");
    ready
}

/// How an id is written as hexadecimal digits.
const SQLITE_ID: &str = "lower(hex(id))";
const POSTGRES_ID: &str = "replace(id::text, '-', '')";

/// Asks what is wrong with the counters, and for all events and all that is pending.
fn facts(id: &str) -> String {
    format!(
        "SELECT 'miscounted', state FROM (SELECT state, sum(value) AS value FROM fanfare_counters GROUP BY state) AS c
            WHERE value <> (SELECT count(*) FROM fanfare_deliveries AS d WHERE c.state = -1 OR d.state = c.state);
         SELECT 'event', {id} FROM fanfare_events;
         SELECT 'pending', {id} FROM fanfare_deliveries WHERE state = 0;"
    )
}

/// Compares the database as a crash left it with what callers and receiver know.
async fn examine(database: &Database, server: &Server, round: &Round, accepted: &[String]) -> Crash {
    let found = match database {
        Database::Sqlite => {
            let (_dir, copy) = snapshot(&fanfare_tests::database(&server.data_dir()));
            let check = "SELECT 'check', integrity_check FROM pragma_integrity_check;";
            rows(&copy, &format!("{check} {}", facts(SQLITE_ID)))
        }
        Database::Postgres(postgres) => {
            // It may still be finishing what the process had asked for.
            let busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'fanfare' AND pid <> pg_backend_pid()";
            until("end of the server's connections", PATIENCE, async || {
                (postgres.sql("fanfare", busy) == "0").then_some(())
            })
            .await;
            database.rows(server, "", &format!("SELECT 'check', 'ok'; {}", facts(POSTGRES_ID)))
        }
    };
    let of = |what: &str| -> HashSet<&str> {
        found.iter().filter(|row| row[0] == what).map(|row| row[1].as_str()).collect()
    };
    assert_eq!(of("check"), HashSet::from(["ok"]));
    assert_eq!(of("miscounted"), HashSet::new());
    let events = of("event");
    let missing = accepted.iter().filter(|id| !events.contains(id.replace('-', "").as_str())).count();
    assert_eq!(missing, 0, "events were answered with 202 and are not in the database");
    let pending = of("pending");
    let is_pending = |id: &&String| pending.contains(id.replace('-', "").as_str());
    Crash {
        unrecorded: round.answered.iter().filter(is_pending).count(),
        in_flight: round.arrived.iter().filter(is_pending).cloned().collect(),
    }
}

/// One of the callers: makes calls as long as there are some and they may be made.
async fn call_all(
    calls: Arc<Mutex<VecDeque<Call>>>,
    permits: Arc<Semaphore>,
    mut address: watch::Receiver<Option<Api>>,
    ledger: Arc<Mutex<Ledger>>,
) {
    loop {
        let Some(call) = lock(&calls).pop_front() else { return };
        permits.acquire_many(call.marks.len() as u32).await.unwrap().forget();
        let mut left = call.marks.clone();
        while !left.is_empty() {
            let api = address.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            let told = match left.as_slice() {
                [mark] if call.marks.len() == 1 => send_one(&api, mark, call.with_keys).await,
                marks => send_many(&api, marks, call.with_keys).await,
            };
            left.retain(|mark| told.iter().all(|(accepted, ..)| accepted != mark));
            lock(&ledger).note(told);
            if !left.is_empty() {
                sleep(Duration::from_millis(3)).await;
            }
        }
    }
}

fn event(mark: &str, with_key: bool) -> Value {
    let mut event = json!({ "type": "system_error", "data": { "component": "crash test", "error": mark } });
    if with_key {
        event["idempotency_key"] = mark.into();
    }
    event
}

/// Nothing where it was not answered with 202.
async fn send_one(api: &Api, mark: &str, with_key: bool) -> Vec<(String, String, Vec<String>)> {
    match post(api, "/api/v1/events", &event(mark, with_key)).await {
        Some(answer) => vec![told(mark, &answer)],
        None => Vec::new(),
    }
}

async fn send_many(api: &Api, marks: &[String], with_keys: bool) -> Vec<(String, String, Vec<String>)> {
    let events: Vec<_> = marks.iter().map(|mark| event(mark, with_keys)).collect();
    let Some(answer) = post(api, "/api/v1/events/batch", &json!({ "events": events })).await else {
        return Vec::new();
    };
    let results = marks.iter().zip(answer["results"].as_array().unwrap());
    results.filter(|(_, result)| result["status"] == 202).map(|(mark, result)| told(mark, result)).collect()
}

async fn post(api: &Api, path: &str, body: &Value) -> Option<Value> {
    // A connection that breaks is no acceptance, whatever may have been stored.
    let reply = api.exchange(Method::POST, path, &[], body.to_string()).await.ok()?;
    match reply.status {
        202 => Some(reply.json()),
        503 => None,
        other => panic!("{other}: {}", reply.text()),
    }
}

fn told(mark: &str, answer: &Value) -> (String, String, Vec<String>) {
    let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
    (mark.into(), id(answer), answer["deliveries"].as_array().unwrap().iter().map(id).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
