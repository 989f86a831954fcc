//! The clock is set forward by a day and back again while the server runs.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, until};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::{
    harness::{Database, ms, no_panic, settled, tell},
    load::event,
};

/// What a process is told the time by, instead of the machine: a file that says by how much its clock is wrong.
struct Faked {
    file: PathBuf,
}

impl Faked {
    fn set_up(server: &mut Server) -> Self {
        let file = server.place().join("faketime");
        fs::write(&file, "+0\n").unwrap();
        server.set("LD_PRELOAD", library().to_str().unwrap());
        server.set("FAKETIME_TIMESTAMP_FILE", file.to_str().unwrap());
        // The file is read at every look at the clock, and measured distances stay what they are, as on a machine
        // whose clock is set.
        server.set("FAKETIME_NO_CACHE", "1");
        server.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        server.set("DONT_FAKE_MONOTONIC", "1");
        Self { file }
    }

    /// In one step, so that the file is never read half written.
    fn set(&self, by: &str) {
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{by}\n")).unwrap();
        fs::rename(next, &self.file).unwrap();
    }
}

fn library() -> PathBuf {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let found = places.iter().map(|place| Path::new(place).join("faketime/libfaketime.so.1")).find(|p| p.is_file());
    found.expect("this test needs libfaketime, which tests/run installs")
}

#[tokio::test]
async fn a_clock_set_by_a_day_on_sqlite() {
    set_forward_and_back(Database::Sqlite).await;
}

#[tokio::test]
async fn a_clock_set_by_a_day_on_postgresql() {
    set_forward_and_back(Database::postgres().await).await;
}

async fn set_forward_and_back(database: Database) {
    let mut server = database.server("retry_schedule_s = [2]\njitter = 0\nlifetime_s = 7200");
    let clock = Faked::set_up(&mut server);
    server.restart().await;
    let api = server.api().clone();
    let (ops, flaky) = (Receiver::start().await, Receiver::start().await);
    let (told, tried) = (api.webhook("ops", ops.url("/")).await, api.webhook("flaky", flaky.url("/")).await);
    api.make_global(&[&told, &tried]).await;
    let job = api.post(
        "/jobs",
        json!({
            "name": "nightly", "expect_every_s": 3600, "grace_s": 60,
            "notifications": [{ "channel_id": told, "condition": "always" }],
        }),
    );
    job.await;
    // Ten conditions begin, and are told of.
    for number in 0..10 {
        api.post("/events", offline(number)).await;
    }
    settled(&api).await;
    let mut figures = Vec::new();
    for (by, name) in
        [("+1d", "forward by a day"), ("+0", "back by a day"), ("-1d", "back by another"), ("+0", "forward again")]
    {
        ops.clear();
        flaky.clear();
        // Twenty are to be tried again in two seconds when the clock is set, with a life of two hours.
        flaky.answer_always(Answer::status(503));
        for number in 0..20 {
            api.post("/events", event(&number.to_string())).await;
        }
        flaky.wait_for(20, PATIENCE).await;
        let failed = Instant::now();
        flaky.answer_always(Answer::status(200));
        clock.set(by);
        let repeats = repeat(&api).await;
        until("the other attempts", PATIENCE, async || (flaky.count() >= 40).then_some(())).await;
        let late = failed.elapsed();
        let metrics = settled(&api).await;
        assert_eq!(metrics.of("dead"), 0, "{name}: lives ended that had hours to go");
        assert!(late < Duration::from_secs(6), "{name}: due after 2 s, and tried after {late:?}");
        let runs = ops.requests().iter().filter(|request| request.text().contains("run_missed")).count();
        assert_eq!((repeats, runs), (0, 0), "{name}: reminders, and runs called missed");
        figures.push(format!("{name}: reminders {repeats}, missed runs {runs}, retries 20 within {}", ms(late)));
    }
    // The clock was really set, and that was noticed.
    let noticed = match database {
        Database::Sqlite => ("what waits was moved along", 4),
        Database::Postgres(_) => ("differs from the database's", 2),
    };
    let times = server.log().matches(noticed.0).count();
    assert_eq!(times, noticed.1, "{}", noticed.0);
    no_panic(&server);
    assert_eq!(server.terminate().await, Some(0));
    tell(
        &format!("clock set by a day on {}", database.name()),
        "no storm of reminders, nothing due is missed",
        &figures.join("; "),
    );
}

/// Repeats the events of all conditions for two seconds; says how many deliveries came of it.
async fn repeat(api: &Api) -> usize {
    let (began, mut deliveries) = (Instant::now(), 0);
    while began.elapsed() < Duration::from_secs(2) {
        for number in 0..10 {
            deliveries += api.post("/events", offline(number)).await["deliveries"].as_array().unwrap().len();
        }
        sleep(Duration::from_millis(100)).await;
    }
    deliveries
}

fn offline(number: usize) -> Value {
    json!({ "type": "connection_offline", "data": {
        "adapter_name": format!("Shop {number}"), "adapter_type": "database", "adapter_id": format!("db-{number}"),
        "consecutive_failures": 3,
    } })
}
