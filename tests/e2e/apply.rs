//! Configuration as code.

use std::fs;

use fanfare_testkit::Receiver;
use fanfare_tests::Server;
use serde_json::{Value, json};

/// A file that wants something everywhere, with a secret by value and one by reference.
fn wanted(receiver: &Receiver, key: &str) -> String {
    let url = receiver.url("/hook");
    format!(
        r#"
[[channels]]
name = "ops"
kind = "webhook"
delivery = {{ concurrency = 2, rate = 5 }}
[channels.config]
url = "{url}"
headers = {{ X-Key = "{key}", X-Other = {{ env = "FANFARE_VAR_OTHER" }} }}

[[channels]]
name = "mail"
kind = "email"
enabled = false
config = {{ host = "127.0.0.1", security = "none", from = "f@mail.example", to = ["o@mail.example"] }}

[[jobs]]
name = "nightly"
expect_every_s = 86400
notifications = [{{ channel = "ops", condition = "on_failure" }}, {{ channel = "mail", condition = "always" }}]

[settings]
global_channels = ["ops"]
[settings.events.user_login]
enabled = true
channels = ["ops", "mail"]
notify_user = "also"

[outbound]
allow_networks = ["127.0.0.0/8"]
"#
    )
}

fn names(report: &Value, section: usize, what: &str) -> Vec<String> {
    let items = report["sections"][section][what].as_array().unwrap().iter();
    items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_file_is_applied_once_and_then_changes_nothing() {
    let mut server = Server::prepare(&[("FANFARE_VAR_OTHER", "from-the-environment")]);
    server.unset("FANFARE_ALLOW_NETWORKS");
    server.restart().await;
    let receiver = Receiver::start().await;
    let file = server.place().join("wanted.toml");
    let name = file.to_str().unwrap();
    fs::write(&file, wanted(&receiver, "by-value")).unwrap();
    let cli = server.cli();

    let planned = cli.run(&["apply", name, "--dry-run"]).done();
    assert!(planned.out.contains("nightly") && planned.out.contains("Nothing was changed yet"), "{planned:?}");
    assert!(!planned.out.contains("by-value"), "{planned:?}");
    assert_eq!(server.api().get("/channels").await, json!([]));
    assert_eq!(cli.run(&["apply", name]).code, Some(2), "nobody is there to be asked");
    let report = cli.json(&["apply", name, "--yes"]);
    assert_eq!(
        (names(&report, 0, "created"), names(&report, 1, "created")),
        (vec!["ops".into(), "mail".into()], vec!["nightly".into()])
    );
    let again = cli.run(&["apply", name, "--yes"]).done();
    assert!(again.out.starts_with("There is nothing to change."), "{again:?}");

    // It is what it says: the channel sends both secrets, and the settings hold.
    let channels = server.api().get("/channels").await;
    let ops = channels[0]["id"].as_str().unwrap();
    server.api().post(&format!("/channels/{ops}/test"), json!({})).await;
    let got = &receiver.requests()[0];
    assert_eq!((got.header("x-key"), got.header("x-other")), (Some("by-value"), Some("from-the-environment")));
    let settings = server.api().get("/settings/notifications").await;
    assert_eq!(
        (&settings["global_channels"], &settings["events"]["user_login"]["notify_user"]),
        (&json!([ops]), &json!("also"))
    );

    // A changed secret is seen, and only its place is told; what the file does not mention stays.
    server.api().webhook("by hand", receiver.url("/other")).await;
    let before = server.api().get("/jobs").await[0]["ping_key"].clone();
    fs::write(&file, wanted(&receiver, "another-value")).unwrap();
    let changed = cli.json(&["apply", name, "--yes"]);
    assert_eq!(changed["sections"][0]["changed"][0]["pointers"], json!(["/config/headers/X-Key"]), "{changed}");
    assert!(!changed.to_string().contains("another-value"), "{changed}");
    assert_eq!(server.api().get("/channels").await.as_array().unwrap().len(), 3);
    let job = server.api().get("/jobs").await[0].clone();
    assert_eq!((&job["ping_key"], &job["name"]), (&before, &json!("nightly")), "a job keeps its key");
}

#[tokio::test]
async fn a_mistake_changes_nothing_and_is_named_by_its_place() {
    let server = Server::start().await;
    let receiver = Receiver::start().await;
    let file = server.place().join("wanted.toml");
    let check = |text: String, code: i32, says: &str| {
        fs::write(&file, &text).unwrap();
        let said = server.cli().run(&["apply", file.to_str().unwrap(), "--yes"]);
        assert_eq!(said.code, Some(code), "{text}: {said:?}");
        assert!(said.err.contains(says), "{says} is not said: {said:?}");
        assert!(!said.err.contains("s3cret-value"), "{said:?}");
    };
    let good = || wanted(&receiver, "s3cret-value");
    check(good().replace("kind = \"email\"", "kind = \"pigeon\""), 1, "/document/channels/1/kind");
    check(good().replace("security = \"none\"", "security = \"some\""), 1, "/document/channels/1/config/security");
    check(good().replace("channel = \"mail\"", "channel = \"nobody\""), 1, "/document/jobs/0/notifications/1/channel");
    check(good().replace("[\"ops\", \"mail\"]", "[\"ops\"]"), 1, "/document/settings/events/user_login/notify_user");
    check(good().replace("name = \"mail\"", "name = \"ops\""), 1, "/document/channels/1/name");
    check(good().replace("expect_every_s", "expect_every"), 1, "expect_every");
    check(good().replace("127.0.0.0/8", "169.254.0.0/16"), 1, "/document/outbound/allow_networks/0");
    check(good() + "\nkey = \"s3cret-value", 2, "line");
    assert_eq!(server.api().get("/channels").await, json!([]));
}
