//! A disk that is full: what cannot be kept is refused in clear words, and nothing else is needed than space.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
    time::Duration,
};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{Api, PATIENCE, Server, until};

use crate::{
    harness::{Database, ms, no_panic, only_channel, ready_is, settled, short_or_long, tell},
    load::{Told, accepted_again, event, post},
};

const CRITERION: &str = "full: 503 or 507 in clear words, never 202 for what is not kept; accepts within 5 s of space \
                         without a restart; lost 0";

/// How soon events are accepted again.
const SOON: Duration = Duration::from_secs(5);

/// A small file system in memory, mounted for the time of a test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(place: &Path, mebibytes: u32, more: &str) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m,mode=700{more}"), "tmpfs"]).arg(place);
        let output = mount.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("mount cannot run: {error}"));
        assert!(
            output.status.success(),
            "this test fills a small disk, and may not mount one here ({}): run the tests as root, or in a container \
             with the capability SYS_ADMIN",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Self(place.to_owned())
    }

    /// Writes a file until nothing more goes in; says where it is.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("ballast");
        let mut file = File::options().append(true).create(true).open(&path).unwrap();
        for size in [1 << 16, 1 << 12, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily, since files may be open; a test may be failing already, so nothing here can.
        let _ = Command::new("umount").arg("-l").arg(&self.0).stdin(Stdio::null()).output();
    }
}

#[tokio::test]
async fn a_full_disk_under_sqlite() {
    let database = Database::Sqlite;
    let mut server = database.server("retry_schedule_s = [0.2]");
    fs::create_dir(server.data_dir()).unwrap();
    let disk = SmallDisk::mount(&server.data_dir(), 16, "");
    server.restart().await;
    full_and_free_again(&database, server, &disk).await;
}

#[tokio::test]
async fn a_full_disk_under_postgresql() {
    // Its tables stand on the small disk; its log does not, without which it would end itself.
    let database = Database::postgres().await;
    let Database::Postgres(postgres) = &database else { unreachable!("it was made just now") };
    let place = postgres.host().join("small");
    fs::create_dir(&place).unwrap();
    let owner = postgres.owner().map(|(user, group)| format!(",uid={user},gid={group}")).unwrap_or_default();
    let disk = SmallDisk::mount(&place, 24, &owner);
    postgres.sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
    postgres.sql("postgres", "ALTER DATABASE fanfare SET TABLESPACE small");
    let server = database.start("retry_schedule_s = [0.2]").await;
    full_and_free_again(&database, server, &disk).await;
}

async fn full_and_free_again(database: &Database, server: Server, disk: &SmallDisk) {
    let (receiver, told) = (Receiver::start().await, Mutex::new(Told::default()));
    let api = server.api();
    only_channel(api, receiver.url("/")).await;
    // Some are under way when the disk fills up: their outcomes have to wait for space.
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(300)));
    for number in 0..20 {
        assert_eq!(post(api, &event(&format!("before {number}")), &told).await, Some(202));
    }
    let ballast = disk.fill();

    // Pages that are there already may still take something, which is kept then; soon nothing goes in.
    let long = "x".repeat(20_000);
    until("a refusal", PATIENCE, async || (post(api, &event(&long), &told).await != Some(202)).then_some(())).await;
    let refused = short_or_long(20, 500);
    for number in 0..refused {
        post(api, &event(&format!("{number} {long}")), &told).await;
    }
    // PostgreSQL can still write where rows only change, such as a lease.
    if matches!(database, Database::Sqlite) {
        ready_is(api, false, PATIENCE).await;
    }
    receiver.answer_always(Answer::status(200));
    check_refusals(&told.lock().unwrap(), refused);
    let kept = kept(database, &server);
    assert_eq!(told.lock().unwrap().accepted.len(), kept, "what was answered with 202, and nothing else, is kept");

    fs::remove_file(ballast).unwrap();
    let again = accepted_again(api, &told, SOON).await;
    ready_is(api, true, SOON).await;
    let metrics = settled(api).await;
    let told = told.into_inner().unwrap();
    assert_eq!(metrics.of("delivered"), told.accepted.len() as u64);
    let twice = told.check_arrivals(&receiver);
    no_panic(&server);
    tell(
        &format!("disk full on {}", database.name()),
        CRITERION,
        &format!(
            "accepted {}, refused {} ({}), lost 0, twice {twice}, accepted again after {}",
            told.accepted.len(),
            told.refusals(),
            statuses(&told),
            ms(again)
        ),
    );
}

/// How many deliveries are in the database.
fn kept(database: &Database, server: &Server) -> usize {
    let count = "SELECT count(*) FROM fanfare_deliveries";
    database.rows(server, count, count)[0][0].parse().unwrap()
}

fn check_refusals(told: &Told, at_least: usize) {
    assert_eq!(told.broken, 0, "calls were not answered");
    assert!(told.refusals() >= at_least, "only {} of {at_least} were refused: {:?}", told.refusals(), told.refused);
    for (status, (_, body)) in &told.refused {
        assert!([503, 507].contains(status), "{body}");
        assert_eq!(body["status"], *status);
        let detail = body["detail"].as_str().unwrap();
        assert!(detail.contains("space") && detail.contains("nothing was changed"), "{body}");
    }
}

pub(crate) fn statuses(told: &Told) -> String {
    let each = told.refused.iter().map(|(status, (count, _))| format!("{status} × {count}"));
    each.collect::<Vec<_>>().join(", ")
}

/// Whoever reads the documentation of the API finds the status.
#[tokio::test]
async fn the_api_s_document_names_507() {
    let server = Server::start().await;
    let api: &Api = server.api();
    let reply = api.exchange(http::Method::GET, "/api/openapi.json", &[], "").await.unwrap();
    let document = reply.json();
    assert!(document["paths"]["/api/v1/events"]["post"]["responses"]["507"].is_object());
}
