//! A disk that is slow, that fails, or whose power fails, under SQLite. What is answered with 202 is on it before.

use std::{
    collections::HashSet,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Server, database, rows, snapshot, until};

use crate::{
    harness::{Database, ms, no_panic, only_channel, ready_is, settled, short_or_long, tell},
    load::{Load, Told, accepted_again, event, post},
};

const COUNT: &str = "SELECT count(*) FROM fanfare_events";

/// What the disk of a server is told.
struct Disk(PathBuf);

impl Disk {
    /// A server on SQLite whose disk does as it is told.
    async fn server(engine: &str) -> (Server, Self) {
        let mut server = Database::Sqlite.server(engine);
        server.preload(include_str!("disk.c"));
        let disk = Self(server.place().join("disk"));
        fs::create_dir_all(disk.kept()).unwrap();
        server.set("DISK", disk.0.to_str().unwrap());
        server.restart().await;
        (server, disk)
    }

    fn kept(&self) -> PathBuf {
        self.0.join("kept")
    }

    fn begin(&self, what: &str) {
        fs::write(self.0.join(what), "").unwrap();
    }

    fn end(&self, what: &str) {
        fs::remove_file(self.0.join(what)).unwrap();
    }

    /// How much of the database itself is on the disk for certain; it grows when the log is merged into it.
    fn merged(&self, server: &Server) -> u64 {
        let file = database(&server.data_dir());
        fs::metadata(self.kept().join(file.file_name().unwrap())).map_or(0, |kept| kept.len())
    }

    /// After the end of a process: makes of its files what the disk had of them for certain.
    fn lose_power(&self, server: &Server) {
        let file = database(&server.data_dir());
        for suffix in ["", "-wal", "-shm"] {
            let file = PathBuf::from(format!("{}{suffix}", file.display()));
            let kept = self.kept().join(file.file_name().unwrap());
            match kept.exists() {
                true => drop(fs::copy(&kept, &file).unwrap()),
                false => fs::remove_file(&file).unwrap_or_default(),
            }
        }
    }
}

/// How many events are in the database of a server that runs.
fn stored(server: &Server) -> u64 {
    rows(&database(&server.data_dir()), COUNT)[0][0].parse().unwrap()
}

/// How many events are in the database, as a crash left it.
fn events(server: &Server) -> usize {
    let (_dir, copy) = snapshot(&database(&server.data_dir()));
    rows(&copy, COUNT)[0][0].parse().unwrap()
}

#[tokio::test]
async fn nothing_is_answered_or_sent_before_it_is_on_the_disk() {
    let (server, disk) = Disk::server("").await;
    let (api, receiver) = (server.api(), Receiver::start().await);
    only_channel(api, receiver.url("/")).await;
    let told = Arc::new(Mutex::new(Told::default()));

    disk.begin("hold");
    let mut callers = Vec::new();
    for number in 1..=3 {
        let (api, told) = (api.clone(), told.clone());
        callers.push(tokio::spawn(async move { post(&api, &event(&format!("event {number}")), &told).await }));
    }
    until("a sync", PATIENCE, async || disk.0.join("held").exists().then_some(())).await;
    assert!(callers.iter().all(|caller| !caller.is_finished()), "answered before it was on the disk");
    assert_eq!(receiver.requests().len(), 0, "sent before it was on the disk");
    disk.end("hold");

    for caller in callers {
        assert_eq!(caller.await.unwrap(), Some(202));
    }
    assert_eq!(settled(api).await.of("delivered"), 3);
    told.lock().unwrap().check_arrivals(&receiver);
    tell(
        "a disk that keeps everybody waiting",
        "no answer and no delivery before an event is on the disk",
        "3 posted, 0 answered and 0 sent until the disk had them; then 3 of 3",
    );
}

#[tokio::test]
async fn a_disk_that_fails_and_works_again() {
    let (server, disk) = Disk::server("retry_schedule_s = [0.2]").await;
    let (api, receiver) = (server.api(), Receiver::start().await);
    only_channel(api, receiver.url("/")).await;
    let told = Mutex::new(Told::default());
    // Some outcomes come while the disk fails.
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(100)));
    for number in 0..20 {
        assert_eq!(post(api, &event(&format!("before {number}")), &told).await, Some(202));
    }
    disk.begin("fail");
    let tries = short_or_long(20, 200);
    for number in 0..tries {
        assert_eq!(post(api, &event(&format!("meanwhile {number}")), &told).await, Some(503));
    }
    ready_is(api, false, PATIENCE).await;
    disk.end("fail");

    let again = accepted_again(api, &told, PATIENCE).await;
    ready_is(api, true, PATIENCE).await;
    let metrics = until("the end of what was kept though refused", PATIENCE, async || {
        let metrics = settled(api).await;
        (metrics.of("delivered") == stored(&server)).then_some(metrics)
    })
    .await;
    let told = told.into_inner().unwrap();
    assert!(metrics.accepted >= told.accepted.len() as u64);
    let twice = told.check_arrivals(&receiver);
    no_panic(&server);
    tell(
        "a disk that fails under SQLite",
        "503 in clear words, never 202; accepts without a restart once it works; lost 0",
        &format!(
            "accepted {}, refused {}, kept though refused {}, lost 0, twice {twice}, accepted again after {}",
            told.accepted.len(),
            told.refusals(),
            metrics.accepted - told.accepted.len() as u64,
            ms(again)
        ),
    );
}

#[tokio::test]
async fn power_that_fails_loses_nothing() {
    let failures = short_or_long(5, 50);
    let (mut server, disk) = Disk::server("").await;
    let receiver = Receiver::start().await;
    only_channel(server.api(), receiver.url("/")).await;
    let mut all = Told::default();
    let (mut gone, mut merges) = (0, 0);
    for failure in 0..failures {
        let load = Load::start(server.api(), 8, Duration::ZERO);
        // Of every five, one comes right after the log has been merged.
        let (enough, merged) = (40 + 37 * (failure % 5), disk.merged(&server));
        let is_time = || {
            let accepted = load.told().accepted.len();
            accepted > enough && (failure % 5 < 4 || disk.merged(&server) > merged)
        };
        until("load", PATIENCE, async || is_time().then_some(())).await;
        server.kill9().await;
        let told = load.stop().await;
        merges += usize::from(disk.merged(&server) > merged);
        let written = events(&server);
        disk.lose_power(&server);
        gone += written - events(&server);
        all.accepted.extend(told.accepted);
        server.restart().await;
    }
    let metrics = settled(server.api()).await;
    assert_eq!(metrics.of("delivered"), metrics.accepted, "{metrics:?}");
    let twice = all.check_arrivals(&receiver);
    let there = rows(&database(&server.data_dir()), "SELECT lower(hex(id)) FROM fanfare_deliveries");
    let there: HashSet<_> = there.into_iter().flatten().collect();
    let lost = all.accepted.iter().filter(|(id, _)| !there.contains(&id.replace('-', ""))).count();
    assert_eq!(lost, 0, "were accepted and are not in the ledger");
    assert!(merges > 0, "the log was never merged");
    let accepted = all.accepted.len();
    no_panic(&server);
    tell(
        "power failure under SQLite",
        "everything that was answered with 202 is on the disk; lost 0",
        &format!(
            "failures {failures}, after the log was merged {merges}, accepted {accepted}, lost 0, written and not surely on the disk {gone} (none \
             answered), twice {twice}"
        ),
    );
}
