//! A file that is no database of Fanfare's, or no longer one: refused in clear words, and not touched.

use std::{collections::BTreeMap, fs, path::Path};

use fanfare_testkit::Receiver;
use fanfare_tests::{Server, database, tool};

use crate::{
    harness::{only_channel, tell},
    load::event,
};

/// All files of a directory with their bytes, but for the lock, which holds the process's number.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let named = entries.map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap()));
    named.filter(|(name, _)| name != "lock").collect()
}

/// A data directory that a server has worked in, with some hundred events.
async fn worked_in() -> Server {
    let (mut server, receiver) = (Server::start().await, Receiver::start().await);
    only_channel(server.api(), receiver.url("/")).await;
    let events: Vec<_> = (0..300).map(|number| event(&format!("{number} {}", "x".repeat(500)))).collect();
    server.api().post("/events/batch", serde_json::json!({ "events": events })).await;
    server.api().settled().await;
    assert_eq!(server.terminate().await, Some(0));
    server
}

#[tokio::test]
async fn a_foreign_or_damaged_file_is_refused_and_left_alone() {
    let server = worked_in().await;
    let file = database(&server.data_dir());
    let good = fs::read(&file).unwrap();
    let refused = |what: &str, bytes: &[u8], says: &str| {
        fs::write(&file, bytes).unwrap();
        let before = files(&server.data_dir());
        let output = server.run(&["serve"], &[]);
        assert_eq!(output.code, Some(2), "{what}: {output:?}");
        let named = output.err.contains(file.to_str().unwrap());
        assert!(named && output.err.contains(says), "{what} is to be called {says:?}: {output:?}");
        let after = files(&server.data_dir());
        let changed: Vec<_> = after.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
        assert!(changed.is_empty() && before.len() == after.len(), "{what}: changed {changed:?}");
    };
    let mut cases = 0;
    let mut check = |what: &str, bytes: &[u8], says: &str| {
        refused(what, bytes, says);
        cases += 1;
    };

    check("a text", b"Dear diary, this is not a database.\n".repeat(200).as_slice(), "not a SQLite database");
    check("another magic number", &[b"SQLite format 9\0", &good[16..]].concat(), "not a SQLite database");
    check("half of it", &good[..good.len() / 2], "damaged");
    check("the beginning of it", &good[..100], "damaged");
    let page = 4096;
    let mut scribbled = good.clone();
    scribbled[page..].fill(0xa5);
    check("scribbled pages", &scribbled, "damaged");
    let mut one = good.clone();
    let middle = good.len() / page / 2 * page;
    one[middle..middle + page].fill(0x5a);
    check("one scribbled page", &one, "damaged");
    let other = server.place().join("other.db");
    let made = tool(&[
        other.to_str().unwrap(),
        "CREATE TABLE diary (day TEXT, words TEXT); INSERT INTO diary VALUES ('monday', 'dear diary');",
    ]);
    assert!(made.status.success());
    check("another program's database", &fs::read(&other).unwrap(), "another program");

    // The good one is as good as before, and an empty file is where a new one may begin.
    fs::write(&file, &good).unwrap();
    let mut server = server;
    server.restart().await;
    assert_eq!(server.api().metrics().await.of("delivered"), 300);
    assert_eq!(server.terminate().await, Some(0));
    fs::write(&file, b"").unwrap();
    server.restart().await;
    assert_eq!(server.api().metrics().await.accepted, 0);
    assert_eq!(server.terminate().await, Some(0));
    tell(
        "corrupt or foreign database file",
        "refused with exit code 2 and the file's name, no byte changed",
        &format!("files refused {cases}, bytes changed 0"),
    );
}
