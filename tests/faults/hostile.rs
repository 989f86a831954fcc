//! Receivers that hang, drip, never end, or send a bomb: cut off in time, with little memory, and nobody else waits.

use std::{
    collections::HashMap,
    pin::pin,
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, until};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    harness::{Database, ms, no_panic, quantile, resident_kib, short_or_long, tell},
    load::{Told, arrivals, event, post},
};

/// How long a whole exchange may take here.
const DEADLINE: Duration = Duration::from_millis(1_000);

/// Below this a p99 counts as none: so much is the noise of a machine with two cores, where a single late wake-up
/// among a hundred is a p99.
const FLOOR: Duration = Duration::from_millis(20);

/// By how much memory may grow for each exchange under way, in KiB: a quarter of what is allowed. 64 KiB of an answer are
/// kept, and pass through buffers of the HTTP client.
const GROWTH_KIB: u64 = 256;

/// How many requests a webhook has under way at once.
const IN_FLIGHT: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_receivers_cost_nobody_else_anything() {
    // One attempt each: the next one is due after the test.
    let engine = format!("retry_schedule_s = [3600]\nexchange_timeout_s = {}", DEADLINE.as_secs_f64());
    let server = Database::Sqlite.start(&engine).await;
    let healthy = Receiver::start().await;
    let channel = server.api().webhook("healthy", healthy.url("/")).await;
    server.api().make_global(&[&channel]).await;
    // Everybody's first steps are behind them before anything is measured.
    measure(server.api(), &healthy, 100).await;
    let samples = short_or_long(150, 1_000);
    let calm = measure(server.api(), &healthy, samples).await;

    let slow = Duration::from_secs(1);
    let cases = [
        ("hangs", Answer::hang(), true),
        ("drips a byte a second", Answer::drip(vec![b'x'; 1_000], slow), true),
        ("never ends", Answer::endless(), false),
        ("sends a gzip bomb", bomb(), false),
    ];
    let mut channels: HashMap<&str, (Receiver, String)> = HashMap::new();
    for (name, answer, _) in &cases {
        let receiver = Receiver::start().await;
        receiver.answer_always(answer.clone());
        let id = server.api().webhook(name, receiver.url("/")).await;
        channels.insert(name, (receiver, id));
    }
    for (name, _, until_deadline) in cases {
        let (receiver, id) = &channels[name];
        // A round before the measured one, of the same kind, makes whatever is made once and kept.
        let (_, before) = burst(&server, receiver, &channel, id, &healthy, samples).await;
        let (busy, peak) = burst(&server, receiver, &channel, id, &healthy, samples).await;
        let grown = peak.saturating_sub(before);
        let (shortest, longest) = durations(&server, id);
        let limit = DEADLINE.mul_f64(1.1);
        assert!(longest <= limit, "{name}: cut off after {longest:?}");
        if until_deadline {
            assert!(shortest >= DEADLINE.mul_f64(0.9), "{name}: cut off after {shortest:?}");
        }
        tell(
            &format!("a receiver that {name}"),
            "cut at the deadline ±10 %, memory growth under 1 MiB for each exchange (held to a quarter), p99 of others and of POST under twice their baseline",
            &format!(
                "deadline {}, cut after {} to {}, memory at most {peak} KiB ({:+} KiB after as many before), p99 of others {} (baseline {}), \
                 p99 of POST {} (baseline {}), noise up to {} left out",
                ms(DEADLINE),
                ms(shortest),
                ms(longest),
                grown,
                ms(quantile(&busy.deliveries, 0.99)),
                ms(quantile(&calm.deliveries, 0.99)),
                ms(quantile(&busy.posts, 0.99)),
                ms(quantile(&calm.posts, 0.99)),
                ms(FLOOR),
            ),
        );
        let allowed = GROWTH_KIB * IN_FLIGHT as u64;
        assert!(grown <= allowed, "{name}: memory grew by {grown} KiB; {IN_FLIGHT} exchanges may take {allowed}");
        let fair = |what: &str, calm: &[Duration], busy: &[Duration]| {
            let (calm, busy) = (quantile(calm, 0.99).max(FLOOR), quantile(busy, 0.99));
            assert!(busy <= calm * 2, "{name}: the p99 of {what} is {busy:?}, and {calm:?} without it");
        };
        fair("deliveries through another channel", &calm.deliveries, &busy.deliveries);
        fair("POST /events", &calm.posts, &busy.posts);
    }
    no_panic(&server);
}

/// How long POST took, and how long it took from there to the receiver.
#[derive(Default)]
struct Measured {
    posts: Vec<Duration>,
    deliveries: Vec<Duration>,
}

/// Posts so many events one after the other, for the healthy channel alone.
async fn measure(api: &Api, healthy: &Receiver, samples: usize) -> Measured {
    healthy.clear();
    let told = Mutex::new(Told::default());
    let mut began = Vec::new();
    for number in 0..samples {
        began.push(Instant::now());
        assert_eq!(post(api, &event(&number.to_string()), &told).await, Some(202));
        sleep(Duration::from_millis(5)).await;
    }
    healthy.wait_for(samples, PATIENCE).await;
    let (told, arrived) = (told.into_inner().unwrap(), arrivals(healthy));
    let deliveries = told.accepted.iter().zip(began).map(|((id, _), began)| arrived[id][0].duration_since(began));
    Measured { deliveries: deliveries.collect(), posts: told.latencies }
}

/// The same while as many deliveries as can be are under way to the hostile receiver, all the time. Says how much memory
/// was resident at the most, too.
async fn burst(
    server: &Server,
    hostile: &Receiver,
    channel: &str,
    id: &str,
    healthy: &Receiver,
    samples: usize,
) -> (Measured, u64) {
    let api = server.api();
    hostile.clear();
    // Through a job, so that the events which are measured go to the healthy channel alone.
    api.make_global(&[channel]).await;
    let job = api.job(&format!("to {id} {:?}", Instant::now()), &[(id, "always")]).await;
    for _ in 0..IN_FLIGHT {
        api.post(&format!("/jobs/{job}/runs"), json!({ "outcome": "success" })).await;
    }
    hostile.wait_for(IN_FLIGHT, PATIENCE).await;
    let mut peak = 0;
    let mut measuring = pin!(measure(api, healthy, samples));
    let measured = loop {
        tokio::select! {
            measured = &mut measuring => break measured,
            () = sleep(Duration::from_millis(10)) => peak = peak.max(resident_kib(server.pid())),
        }
    };
    // All are cut off before anything else begins.
    until("end of the attempts", PATIENCE, async || {
        (api.get(&format!("/deliveries?channel_id={id}&limit=200")).await["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["attempts"] != 0))
        .then_some(())
    })
    .await;
    (measured, peak)
}

/// The shortest and the longest attempt of a channel.
fn durations(server: &Server, channel: &str) -> (Duration, Duration) {
    let id = channel.replace('-', "");
    let sql = format!(
        "SELECT min(last_duration_ms), max(last_duration_ms) FROM fanfare_deliveries WHERE lower(hex(channel_id)) = '{id}'"
    );
    let row = &Database::Sqlite.rows(server, &sql, "")[0];
    let [shortest, longest] = [&row[0], &row[1]].map(|text| Duration::from_millis(text.parse().unwrap()));
    (shortest, longest)
}

/// A small answer that would be 64 MiB if anybody unpacked it.
fn bomb() -> Answer {
    let packed = Command::new("sh").args(["-c", "head -c 67108864 /dev/zero | gzip -9"]).output().unwrap();
    assert!(packed.status.success() && packed.stdout.len() < 100_000, "gzip packs zeros");
    Answer::status(200).header("content-encoding", "gzip").body(packed.stdout)
}
