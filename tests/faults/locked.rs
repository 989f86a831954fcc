//! A SQLite database that another process keeps locked.

use std::{
    io::Write,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fanfare_testkit::Receiver;
use fanfare_tests::{PATIENCE, database, until};
use tokio::time::sleep;

use crate::{
    disk_full::statuses,
    harness::{Database, ms, no_panic, only_channel, ready_is, settled_within, short_or_long, tell},
    load::Load,
};

/// SQLite's own tool, in the middle of a transaction that writes.
struct Locker(Child);

impl Locker {
    fn lock(file: &std::path::Path) -> Self {
        let mut child = Command::new("sqlite3")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap_or_else(|e| panic!("these tests need sqlite3, which tests/run installs: {e}"));
        let words = ".timeout 20000\nBEGIN IMMEDIATE;\nUPDATE fanfare_meta SET value = value;\n";
        child.stdin.as_mut().unwrap().write_all(words.as_bytes()).unwrap();
        Self(child)
    }

    fn release(mut self) {
        self.0.stdin.as_mut().unwrap().write_all(b"ROLLBACK;\n").unwrap();
        drop(self.0.stdin.take());
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Locker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_database_locked_by_another_process() {
    // The long form waits as long as it does by default.
    let (engine, held) = short_or_long(("busy_timeout_s = 0.4", 3), ("", 30));
    let held = Duration::from_secs(held);
    let mut server = Database::Sqlite.start(engine).await;
    let receiver = Receiver::start().await;
    let api = server.api().clone();
    only_channel(&api, receiver.url("/")).await;
    let load = Load::start(&api, 4, Duration::from_millis(5));
    until("load", PATIENCE, async || (load.told().accepted.len() > 50).then_some(())).await;

    let locker = Locker::lock(&database(&server.data_dir()));
    let began = Instant::now();
    until("a refusal", PATIENCE, async || (load.told().refusals() > 0).then_some(())).await;
    ready_is(&api, false, PATIENCE).await;
    sleep(held.saturating_sub(began.elapsed())).await;
    let before = load.told().accepted.len();
    locker.release();
    let released = Instant::now();
    until("acceptance after the lock", Duration::from_secs(5), async || {
        (load.told().accepted.len() > before).then_some(())
    })
    .await;
    let again = released.elapsed();
    ready_is(&api, true, PATIENCE).await;
    let told = load.stop().await;
    assert_eq!(told.broken, 0);
    for (status, (_, body)) in &told.refused {
        assert_eq!(*status, 503, "{body}");
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("nothing was changed"), "{body}");
    }
    let metrics = settled_within(&api, PATIENCE).await;
    assert_eq!(metrics.of("delivered"), metrics.accepted);
    assert_eq!(metrics.accepted, told.accepted.len() as u64, "nothing was kept that was refused");
    let twice = told.check_arrivals(&receiver);
    no_panic(&server);
    assert_eq!(server.terminate().await, Some(0));
    tell(
        "database locked on SQLite",
        "lost 0, no panic, what cannot be accepted is 503, ready again without a restart",
        &format!(
            "locked {} s, accepted {}, refused {} ({}), lost 0, twice {twice}, accepted again after {}",
            held.as_secs(),
            told.accepted.len(),
            told.refusals(),
            statuses(&told),
            ms(again)
        ),
    );
}
