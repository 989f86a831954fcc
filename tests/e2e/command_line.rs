//! The commands, against a running server.

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Server};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_sent_and_looked_up() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let cli = server.cli();
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;

    let sent = cli.run(&["send", "system_error", "component=scheduler", "error=no = sign, no \"problem\""]).done();
    assert!(sent.out.contains("ops"), "{sent:?}");
    let body = receiver.wait_for(1, PATIENCE).await[0].json();
    assert_eq!(body["fields"][1]["value"], "no = sign, no \"problem\"");

    let answer = cli.json(&["send", "system_error", "component=a", "error:=\"b\"", "--idempotency-key", "k1"]);
    assert_eq!((&answer["duplicate"], &answer["deliveries"][0]["channel_id"]), (&json!(false), &json!(channel)));
    let again = cli.json(&["send", "system_error", "component=a", "error=b", "--idempotency-key", "k1"]);
    assert_eq!((&again["duplicate"], &again["id"]), (&json!(true), &answer["id"]));
    server.api().settled().await;
    assert_eq!(receiver.count(), 2);

    let table = cli.run(&["deliveries", "list"]).done();
    assert!(table.out.contains("ops") && table.out.contains("delivered"), "{table:?}");
    let listed = cli.json(&["deliveries", "list"]);
    assert_eq!(listed, server.api().get("/deliveries").await, "--json is the server's answer");
    assert_eq!(cli.json(&["deliveries", "list", "--state", "dead"])["items"], json!([]));
    let found = |filter: [&str; 2]| cli.json(&[["deliveries", "list"], filter].concat())["items"].clone();
    assert_eq!(found(["--search", "SYSTEM err"]), listed["items"]);
    assert_eq!(found(["--search", "100 %"]), json!([]));
    assert_eq!(found(["--digest", answer["id"].as_str().unwrap()]), json!([]));
    let id = listed["items"][0]["id"].as_str().unwrap();
    assert_eq!(cli.json(&["deliveries", "show", id]), server.api().get(&format!("/deliveries/{id}")).await);
    assert!(cli.run(&["deliveries", "show", id]).done().out.contains("System Error"));
    let event = answer["id"].as_str().unwrap();
    assert_eq!(cli.json(&["events", "show", event])["id"], event);
    assert_eq!(cli.json(&["events", "list", "--limit", "1"])["items"].as_array().unwrap().len(), 1);

    let explained = cli.json(&["explain", "system_error", "component=a", "error=b"]);
    assert_eq!(explained["plan"]["targets"][0]["channel_name"], "ops");
    assert_eq!(server.api().all("/events").await.len(), 2, "explaining stores nothing");
}

/// Rule: What does the test of a channel do?
#[tokio::test(flavor = "multi_thread")]
async fn channels_are_listed_shown_and_tested() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let cli = server.cli();
    assert_eq!(cli.json(&["channels", "list"]), json!([]));
    assert_eq!(cli.run(&["channels", "list"]).code, Some(0));
    let id = server.api().webhook("ops", receiver.url("/hook-Ab12")).await;
    let table = cli.run(&["channels", "list"]).done();
    assert!(table.out.contains("ops") && table.out.contains("webhook"), "{table:?}");
    assert_eq!(cli.json(&["channels", "list"]), server.api().get("/channels").await);
    for named in ["ops", id.as_str()] {
        let shown = cli.run(&["channels", "show", named]).done();
        assert!(shown.out.contains("ops") && !shown.out.contains("hook-Ab12"), "{shown:?}");
        assert_eq!(cli.json(&["channels", "show", named])["id"], id.as_str());
    }
    let test = cli.run(&["channels", "test", "ops"]).done();
    assert!(test.out.contains("200 OK"), "{test:?}");
    assert_eq!(receiver.count(), 1);
    receiver.answer_always(Answer::status(500).body("out of order"));
    let test = cli.run(&["channels", "test", "ops"]);
    assert_eq!(test.code, Some(1), "{test:?}");
    assert!(format!("{}{}", test.out, test.err).contains("500 Internal Server Error: out of order"), "{test:?}");

    server.api().job("nightly", &[(&id, "always")]).await;
    assert!(cli.run(&["jobs", "list"]).done().out.contains("nightly"));
    assert_eq!(cli.json(&["jobs", "show", "nightly"])["name"], "nightly");
    assert!(cli.run(&["event-types", "list"]).done().out.contains("system_error"));
    assert_eq!(cli.json(&["event-types", "list"]), server.api().get("/event-types").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_would_be_sent() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let cli = server.cli();
    let webhook = json!({ "url": receiver.url("/"), "content_type": "text/plain", "body_template": "{{title}}!" });
    let channel = json!({ "name": "ops", "kind": "webhook", "config": webhook });
    let id = server.api().post("/channels", channel).await["id"].as_str().unwrap().to_owned();

    // A channel, also for a type that only runs have; nobody has to be told of it.
    let shown = cli.run(&["channels", "preview", "ops", "backup_success"]).done();
    assert_eq!(shown.out.lines().count(), 1, "{shown:?}");
    assert!(shown.out.starts_with("Backup Successful: ") && shown.out.trim_end().ends_with('!'), "{shown:?}");
    let shown = cli.json(&["channels", "preview", &id, "system_error"]);
    assert_eq!((&shown["kind"], &shown["event_type"]), (&json!("webhook"), &json!("system_error")));
    assert_eq!(shown["content_type"], "text/plain");
    assert_eq!(shown["payload"].as_str().unwrap().matches('!').count(), 1);

    // A kind, with no server anywhere.
    let alone = server.cli().with_url("http://127.0.0.1:1").with_token("wrong");
    let shown = alone.run(&["channels", "preview", "webhook", "system_error"]).done();
    let body: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(body["event_type"], "system_error");
    assert!(shown.out.starts_with("{\n  \"title\": "), "{shown:?}");
    let mail = alone.json(&["channels", "preview", "email", "system_error"]);
    assert_eq!((&mail["kind"], &mail["content_type"]), (&json!("email"), &json!("message/rfc822")));

    // What there is not.
    let none = cli.run(&["channels", "preview", "pigeon", "system_error"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("\"pigeon\"") && none.err.contains("ops") && none.err.contains("webhook"), "{none:?}");
    for channel in ["ops", "webhook"] {
        let none = cli.run(&["channels", "preview", channel, "no_such"]);
        assert_eq!(none.code, Some(1));
        assert!(none.err.contains("\"no_such\"") && none.err.contains("system_error"), "{none:?}");
    }
    let none = alone.run(&["channels", "preview", "pigeon", "system_error"]);
    assert_eq!(none.code, Some(1));
    assert!(none.err.contains("webhook") && none.err.contains("does not answer"), "{none:?}");

    assert_eq!(receiver.count(), 0, "a preview sends nothing");
    assert_eq!(server.api().all("/deliveries").await.len(), 0, "a preview stores nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lasts_is_named_on_the_command_line() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let cli = server.cli();
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    let raid = ["send", "system_error", "component=raid", "error=degraded", "--condition", "md0"];
    let over = [&raid[..], &["--state", "resolved"]].concat();
    assert!(cli.run(&over).done().out.contains("not_told"), "nothing had begun");
    assert_eq!(cli.json(&raid)["deliveries"][0]["channel_name"], "ops");
    server.api().settled().await;
    let again = cli.run(&raid).done();
    assert!(again.out.contains("repeat_not_due") && again.out.contains("next reminder is due at"), "{again:?}");
    let explained = ["explain", "system_error", "component=raid", "error=degraded", "--condition", "md0"];
    assert_eq!(cli.json(&explained)["plan"]["skips"][0]["reason"], "repeat_not_due");
    assert_eq!(cli.json(&over)["deliveries"][0]["channel_name"], "ops");
    let event = &server.api().get("/events?limit=1").await["items"][0];
    assert_eq!(event["condition"], json!({ "key": "md0", "state": "resolved" }));
    // A state of nothing, and one that there is not.
    for wrong in [&["--state", "firing"][..], &["--condition", "md0", "--state", "gone"]] {
        let refused = cli.run(&[&raid[..4], wrong].concat());
        assert_eq!(refused.code, Some(2), "{refused:?}");
    }
    assert_eq!(cli.run(&[&raid[..4], &["--condition", ""]].concat()).code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jobs_address_is_shown_and_made_anew() {
    let (server, receiver) = (Server::start().await, Receiver::start().await);
    let (cli, api) = (server.cli(), server.api());
    let channel = api.webhook("ops", receiver.url("/")).await;
    let id = api.job("nightly", &[(&channel, "always")]).await;
    let address = cli.run(&["jobs", "ping-key", "nightly"]).done().out.trim().to_owned();
    let key = api.get(&format!("/jobs/{id}")).await["ping_key"].as_str().unwrap().to_owned();
    assert_eq!(address, format!("{}/ping/{key}", api.url()));
    assert_eq!(cli.json(&["jobs", "ping-key", &id])["ping_key"], key.as_str(), "showing changes nothing");
    let ping = async |address: &str| {
        let path = address.strip_prefix(api.url()).unwrap();
        api.with_token(None).exchange(http::Method::GET, path, &[], "").await.unwrap().status
    };
    assert_eq!(ping(&address).await, 200);
    let anew = cli.run(&["jobs", "ping-key", "nightly", "--rotate"]).done().out.trim().to_owned();
    assert_ne!(anew, address);
    assert_eq!((ping(&address).await, ping(&anew).await), (404, 200), "the old one ends");
    assert_eq!(api.settled().await.accepted, 2);

    // Only administrators see it.
    let reader = api.post("/tokens", json!({ "name": "reader", "scope": "read" })).await;
    let reader = server.cli().with_token(reader["token"].as_str().unwrap());
    let refused = reader.run(&["jobs", "ping-key", "nightly"]);
    assert_eq!((refused.code, refused.out.as_str()), (Some(1), ""), "{refused:?}");
    assert!(refused.err.contains("administrators"), "{refused:?}");
    assert_eq!(reader.run(&["jobs", "ping-key", "nightly", "--rotate"]).code, Some(1));
    assert_eq!(cli.run(&["jobs", "ping-key", "weekly"]).code, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_say_who_is_at_fault() {
    let server = Server::start().await;
    let check = |cli: &fanfare_tests::Cli, arguments: &[&str], code: i32, says: &str| {
        let output = cli.run(arguments);
        assert_eq!(output.code, Some(code), "{arguments:?}: {output:?}");
        assert!(output.err.contains(says), "{arguments:?}: {says} is not said: {output:?}");
    };
    let cli = server.cli();
    // Refused.
    check(&cli, &["send", "no_such_type"], 1, "no_such_type");
    check(&cli, &["send", "system_error", "component=a"], 1, "error");
    check(&cli, &["send", "system_error", "component=a", "error=b", "colour=red"], 1, "colour");
    check(&cli, &["channels", "show", "nobody"], 1, "nobody");
    check(&cli, &["channels", "test", "nobody"], 1, "nobody");
    check(&cli, &["deliveries", "show", "0198a2b0-0000-7000-8000-000000000000"], 1, "");
    // Wrong use.
    check(&cli, &["send"], 2, "TYPE");
    check(&cli, &["send", "system_error", "component"], 2, "component");
    check(&cli, &["send", "system_error", "error:={"], 2, "error");
    check(&cli, &["channels"], 2, "");
    check(&cli, &["channels", "dance"], 2, "dance");
    check(&cli, &["deliveries", "list", "--state", "lost"], 2, "lost");
    // Nobody there, or not allowed in.
    check(&server.cli().with_url("http://127.0.0.1:1"), &["channels", "list"], 1, "127.0.0.1:1");
    check(&server.cli().with_url("nowhere"), &["channels", "list"], 2, "FANFARE_URL");
    check(&server.cli().with_token("wrong"), &["channels", "list"], 1, "token");
    // The server's own words, for programs.
    let refused = cli.run(&["--json", "send", "system_error", "component=a"]);
    assert_eq!(refused.code, Some(1));
    assert!(format!("{}{}", refused.out, refused.err).contains("/data/error"), "{refused:?}");
    assert_eq!(server.api().metrics().await.accepted, 0);
    assert_eq!(server.api().all("/events").await.len(), 0);
}
