//! What is logged of an attempt says which event, delivery and channel it belongs to.

use std::fs;

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, Server, until};
use serde_json::{Value, json};

async fn server(level: &str, format: &str) -> Server {
    let mut server = Server::prepare(&[("FANFARE_LOG", level), ("FANFARE_LOG_FORMAT", format)]);
    fs::write(server.place().join("fanfare.toml"), "[engine]\nretry_schedule_s = [0.05]\njitter = 0\n").unwrap();
    server.restart().await;
    server
}

/// One event for one channel: its id and its delivery's.
async fn post(server: &Server, error: &str) -> (String, String) {
    let data = json!({ "component": "test", "error": error });
    let accepted = server.api().post("/events", json!({ "type": "system_error", "data": data })).await;
    let id = |value: &Value| value.as_str().unwrap().to_owned();
    (id(&accepted["id"]), id(&accepted["deliveries"][0]["id"]))
}

/// The lines that are finished, each of which is JSON.
fn lines(server: &Server) -> Vec<Value> {
    let log = server.log();
    let whole = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

fn of<'a>(lines: &'a [Value], message: &str, event: &str) -> Vec<&'a Value> {
    let names = |line: &Value| line["event_id"] == event || line["span"]["event_id"] == event;
    lines.iter().filter(|line| line["message"] == message && names(line)).collect()
}

#[tokio::test]
async fn at_debug_the_way_of_an_event_can_be_followed() {
    let (server, receiver) = (server("debug", "json").await, Receiver::start().await);
    receiver.answer(Answer::status(500));
    let channel = server.api().webhook("ops", receiver.url("/")).await;
    server.api().make_global(&[&channel]).await;
    let (event, delivery) = post(&server, "disk full").await;
    server.api().settled().await;

    let lines = lines(&server);
    let planned = of(&lines, "an event was planned", &event);
    assert_eq!(planned.len(), 1, "{lines:?}");
    assert_eq!((&planned[0]["span"]["name"], &planned[0]["targets"]), (&json!("plan"), &json!(1)));
    assert_eq!(planned[0]["spans"][0], json!({ "event_id": event, "name": "accept" }));
    let accepted = of(&lines, "an event was accepted", &event);
    assert_eq!((accepted.len(), &accepted[0]["deliveries"]), (1, &json!(1)));

    let ended = of(&lines, "an attempt ended", &event);
    let outcomes: Vec<_> = ended.iter().map(|line| (&line["outcome"], &line["status"])).collect();
    assert_eq!(outcomes, [(&json!("temporary"), &json!(500)), (&json!("delivered"), &json!(200))]);
    let of_attempts = lines.iter().filter(|line| {
        line["spans"].as_array().is_some_and(|spans| spans.iter().any(|span| span["name"] == "attempt"))
    });
    let mut count = 0;
    for line in of_attempts {
        count += 1;
        for span in ["lane", "attempt"] {
            let span = line["spans"].as_array().unwrap().iter().find(|known| known["name"] == span).unwrap();
            let ids = [&span["event_id"], &span["delivery_id"], &span["channel"]];
            assert_eq!(ids, [event.as_str(), &delivery, &channel], "{line}");
        }
    }
    assert!(count >= 2, "{lines:?}");
}

/// The spans are not there at info; what must be said says it itself.
#[tokio::test]
async fn at_info_what_goes_wrong_is_named_all_the_same() {
    for format in ["json", "text"] {
        let (server, receiver) = (server("info", format).await, Receiver::start().await);
        let channel = server.api().webhook("ops", receiver.url("/")).await;
        server.api().make_global(&[&channel]).await;
        receiver.answer(Answer::status(422).body("no"));
        let refused = post(&server, "refused").await;
        server.api().settled().await;
        receiver.answer(Answer::status(429).header("retry-after", 99_999_999));
        let limited = post(&server, "limited").await;
        let too_long = "the service asks to wait longer than the delivery lives: cut to its end";
        until("the line about the absurd wait", PATIENCE, async || server.log().contains(too_long).then_some(())).await;

        for (message, (event, delivery)) in [("a delivery is given up", &refused), (too_long, &limited)] {
            let ids = [("event_id", event), ("delivery_id", delivery), ("channel", &channel)];
            if format == "json" {
                let lines = lines(&server);
                let found = of(&lines, message, event);
                assert_eq!(found.len(), 1, "{lines:?}");
                assert!(ids.iter().all(|(name, id)| found[0][*name] == id.as_str()), "{}", found[0]);
            } else {
                let log = server.log();
                let found = log.lines().find(|line| line.contains(message)).unwrap();
                assert!(ids.iter().all(|(name, id)| found.contains(&format!("{name}={id}"))), "{found}");
            }
        }
        assert!(!server.log().contains("an attempt ended"), "that is for debug");
    }
}
