//! Reminders and ends.

use std::time::Duration;

use fanfare::{
    ChannelPatch, DeliveryState, Engine, Idempotency, Submission,
    core::{Condition, ConditionState, EventSettings, SkipReason},
};
use fanfare_testkit::{Answer, Receiver};
use serde_json::json;

use crate::home::{
    HOUR, Home, PATIENCE, connection, make_global, offline, online, outcome, set, settled, submission, webhook,
};

const NOT_DUE: (usize, [SkipReason; 1]) = (0, [SkipReason::RepeatNotDue]);
const NOT_TOLD: (usize, [SkipReason; 1]) = (0, [SkipReason::NotTold]);

fn told(count: usize) -> (usize, Vec<SkipReason>) {
    (count, Vec::new())
}

fn is((count, reasons): (usize, [SkipReason; 1])) -> (usize, Vec<SkipReason>) {
    (count, reasons.to_vec())
}

async fn reminder(engine: &Engine, event_type: &str, hours: f64) {
    set(engine, event_type, EventSettings { reminder_hours: Some(hours), ..EventSettings::default() }).await;
}

#[tokio::test]
async fn a_condition_is_told_once_an_interval_and_its_end_once() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", &receiver).await]).await;

    assert_eq!(outcome(&offline(&engine, "db").await), told(1));
    settled(&engine).await;
    home.clock.advance(23 * HOUR);
    assert_eq!(outcome(&offline(&engine, "db").await), is(NOT_DUE));
    assert_eq!(outcome(&offline(&engine, "other").await), told(1), "another condition");
    home.clock.advance(HOUR);
    let reminder = offline(&engine, "db").await;
    assert_eq!(outcome(&reminder), told(1), "24 h after it was told");
    settled(&engine).await;
    home.clock.advance(HOUR);
    assert_eq!(outcome(&offline(&engine, "db").await), is(NOT_DUE), "the interval counts from the reminder");
    let (event, _) = engine.event(reminder.id).await.unwrap().unwrap();
    assert_eq!(event.condition, Some(Condition { key: "db".into(), state: ConditionState::Firing }));

    assert_eq!(outcome(&online(&engine, "db").await), told(1));
    assert_eq!(outcome(&online(&engine, "db").await), is(NOT_TOLD), "it is over");
    settled(&engine).await;
    assert_eq!(outcome(&offline(&engine, "db").await), told(1), "a new one is told at once");
    assert_eq!(settled(&engine).await, 5);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn the_interval_is_the_catalogs_unless_it_is_set() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", &receiver).await]).await;
    let update = || submission("update_available", json!({ "latest_version": "2", "current_version": "1" }));
    let full = || {
        let data = json!({ "storage_name": "s3", "current_bytes": 9, "limit_bytes": 10, "usage_percent": 90 });
        submission("storage_limit_warning", data)
    };
    reminder(&engine, "connection_offline", 0.0).await;
    reminder(&engine, "storage_limit_warning", 0.5).await;
    for submission in [update(), full(), connection("connection_offline", "db")] {
        assert_eq!(outcome(&engine.accept(submission, None).await.unwrap()), told(1));
    }
    settled(&engine).await;
    home.clock.advance(1_799);
    assert_eq!(outcome(&engine.accept(full(), None).await.unwrap()), is(NOT_DUE));
    home.clock.advance(1);
    assert_eq!(outcome(&engine.accept(full(), None).await.unwrap()), told(1), "half an hour");
    settled(&engine).await;
    home.clock.advance(168 * HOUR - 1_801);
    assert_eq!(outcome(&engine.accept(update(), None).await.unwrap()), is(NOT_DUE));
    home.clock.advance(1);
    assert_eq!(outcome(&engine.accept(update(), None).await.unwrap()), told(1), "a week");
    home.clock.advance(50 * 24 * HOUR);
    assert_eq!(outcome(&offline(&engine, "db").await), is(NOT_DUE), "0 is once per condition");
    reminder(&engine, "connection_offline", 1.0).await;
    assert_eq!(outcome(&offline(&engine, "db").await), told(1), "as it is set now");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn only_a_successful_send_counts_as_told() {
    let (home, receiver, other) = (Home::new(), Receiver::start().await, Receiver::start().await);
    let engine = home.start().await;
    let channels = [webhook(&engine, "ops", &receiver).await, webhook(&engine, "other", &other).await];
    make_global(&engine, &channels).await;
    receiver.answer(Answer::status(400));
    let first = offline(&engine, "db").await;
    assert_eq!(outcome(&first), told(2));
    settled(&engine).await;

    let second = offline(&engine, "db").await;
    assert_eq!(outcome(&second), (1, vec![SkipReason::RepeatNotDue]), "who was not reached is told at once");
    assert_eq!(second.deliveries[0].channel_id, channels[0]);
    assert_eq!(second.skipped[0].channel_id, Some(channels[1]));
    settled(&engine).await;
    assert_eq!(outcome(&offline(&engine, "db").await), (0, vec![SkipReason::RepeatNotDue; 2]));

    // A reminder that fails leaves what was told before: the next event is told, and so is the end.
    home.clock.advance(24 * HOUR);
    receiver.answer(Answer::status(400));
    assert_eq!(outcome(&offline(&engine, "db").await), told(2));
    settled(&engine).await;
    assert_eq!(outcome(&offline(&engine, "db").await), (1, vec![SkipReason::RepeatNotDue]));
    settled(&engine).await;
    assert_eq!(outcome(&online(&engine, "db").await), told(2));
    settled(&engine).await;

    // The first alert is tried again by hand: then it counts.
    receiver.answer(Answer::status(400));
    let again = offline(&engine, "db").await;
    settled(&engine).await;
    let of_ops = again.deliveries.iter().find(|delivery| delivery.channel_id == channels[0]).unwrap();
    engine.retry(of_ops.id).await.unwrap();
    settled(&engine).await;
    assert_eq!(outcome(&offline(&engine, "db").await), (0, vec![SkipReason::RepeatNotDue; 2]));
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn an_end_is_told_only_to_those_who_were_told() {
    let (home, ops, other) = (Home::new(), Receiver::start().await, Receiver::start().await);
    let engine = home.start().await;
    let channels = [webhook(&engine, "ops", &ops).await, webhook(&engine, "other", &other).await];
    make_global(&engine, &channels).await;
    assert_eq!(outcome(&online(&engine, "db").await), (0, vec![SkipReason::NotTold; 2]), "nothing had begun");

    other.answer_always(Answer::status(400));
    offline(&engine, "db").await;
    settled(&engine).await;
    let end = online(&engine, "db").await;
    assert_eq!(outcome(&end), (1, vec![SkipReason::NotTold]));
    assert_eq!(end.deliveries[0].channel_id, channels[0]);

    // While the event type is off nobody is told, and nobody counts as told.
    other.answer_always(Answer::status(200));
    let off = EventSettings { enabled: Some(false), ..EventSettings::default() };
    set(&engine, "connection_offline", off).await;
    assert_eq!(outcome(&offline(&engine, "db").await), (0, vec![SkipReason::EventDisabled]));
    set(&engine, "connection_offline", EventSettings::default()).await;
    assert_eq!(outcome(&offline(&engine, "db").await), told(2), "switched on again, it is told at once");
    settled(&engine).await;
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn an_alert_on_its_way_is_not_told_a_second_time_and_its_end_follows_it() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", &receiver).await;
    make_global(&engine, &[channel]).await;
    let enable = |enabled| ChannelPatch { enabled: Some(enabled), ..ChannelPatch::default() };
    engine.update_channel(channel, enable(false), None).await.unwrap();
    let first = offline(&engine, "db").await;
    assert_eq!(first.deliveries[0].state, DeliveryState::Held);
    home.clock.advance(48 * HOUR);
    let second = offline(&engine, "db").await;
    assert_eq!(outcome(&second), is(NOT_DUE));
    assert!(second.skipped[0].detail.contains("on its way"), "{:?}", second.skipped);
    assert_eq!(outcome(&online(&engine, "db").await), told(1), "who will hear of it hears of its end");
    engine.update_channel(channel, enable(true), None).await.unwrap();
    assert_eq!(settled(&engine).await, 2);
    let titles: Vec<_> = receiver.requests().iter().map(|r| r.json()["event_type"].clone()).collect();
    assert_eq!(titles, ["connection_offline", "connection_online"]);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn of_many_that_come_together_one_is_told() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", &receiver).await]).await;
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(100)));
    let all = futures_util::future::join_all((0..300).map(|i| {
        let engine = engine.clone();
        async move { offline(&engine, &format!("db-{}", i % 100)).await }
    }));
    let all = all.await;
    assert_eq!(all.iter().filter(|accepted| accepted.deliveries.len() == 1).count(), 100);
    assert_eq!(all.iter().filter(|accepted| outcome(accepted) == is(NOT_DUE)).count(), 200);
    assert_eq!(settled(&engine).await, 100);

    // In one transaction: over, begun anew, and continued.
    let ends = futures_util::future::join_all((0..100).map(|i| {
        let engine = engine.clone();
        async move {
            let id = format!("db-{i}");
            let (end, anew, more) =
                tokio::join!(biased; online(&engine, &id), offline(&engine, &id), offline(&engine, &id));
            (outcome(&end), outcome(&anew), outcome(&more))
        }
    }));
    for outcomes in ends.await {
        assert_eq!(outcomes, (told(1), told(1), is(NOT_DUE)));
    }
    assert_eq!(settled(&engine).await, 300);
    assert_eq!(outcome(&offline(&engine, "db-7").await), is(NOT_DUE), "what began anew was kept");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_clock_that_jumps_and_a_long_stop_make_no_storm() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", &receiver).await]).await;
    offline(&engine, "db").await;
    assert_eq!(settled(&engine).await, 1);

    home.clock.advance(24 * HOUR);
    for _ in 0..5 {
        offline(&engine, "db").await;
        settled(&engine).await;
    }
    assert_eq!(settled(&engine).await, 2, "a day forward: one reminder");
    home.clock.advance(-24 * HOUR);
    for _ in 0..5 {
        assert_eq!(outcome(&offline(&engine, "db").await), is(NOT_DUE), "a day back: silence");
    }
    home.clock.advance(24 * HOUR - 1);
    assert_eq!(outcome(&offline(&engine, "db").await), is(NOT_DUE));
    home.clock.advance(1);
    assert_eq!(outcome(&offline(&engine, "db").await), told(1), "for one interval, not two");
    assert_eq!(settled(&engine).await, 3);

    engine.stop(PATIENCE).await;
    home.clock.advance(60 * 24 * HOUR);
    let engine = home.start().await;
    let answers = futures_util::future::join_all((0..20).map(|_| offline(&engine, "db"))).await;
    assert_eq!(answers.iter().map(|accepted| accepted.deliveries.len()).sum::<usize>(), 1, "one after a long stop");
    settled(&engine).await;
    assert_eq!(outcome(&online(&engine, "db").await), told(1), "who was told is known after a restart");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_sender_can_name_a_condition_of_any_type() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", &receiver).await]).await;
    let send = async |event_type: &str, key: &str, state| {
        let submission = match event_type {
            "connection_online" => connection(event_type, "another"),
            _ => submission(event_type, json!({ "component": "disk", "error": "full" })),
        };
        let condition = Some(Condition { key: key.to_owned(), state });
        let accepted = engine.accept(Submission { condition, ..submission }, None).await.unwrap();
        settled(&engine).await;
        outcome(&accepted)
    };
    use ConditionState::{Firing, Resolved};
    let long = "k".repeat(100_000);
    assert_eq!(send("system_error", &long, Firing).await, told(1));
    assert_eq!(send("system_error", &long, Firing).await, is(NOT_DUE));
    assert_eq!(send("system_error", "other", Resolved).await, is(NOT_TOLD));
    home.clock.advance(24 * HOUR);
    assert_eq!(send("system_error", &long, Firing).await, told(1), "24 hours where the type names none");
    assert_eq!(send("system_error", &long, Resolved).await, told(1));
    assert_eq!(send("system_error", &long, Resolved).await, is(NOT_TOLD));

    // The sender's key goes before the data's, for an end as well.
    offline(&engine, "db").await;
    settled(&engine).await;
    assert_eq!(send("connection_online", "db", Resolved).await, told(1));

    // Without a condition, everything is told.
    let plain = || engine.accept(submission("system_error", json!({ "component": "a", "error": "b" })), None);
    for _ in 0..3 {
        assert_eq!(outcome(&plain().await.unwrap()), told(1));
    }
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn explain_says_what_would_happen_now_and_changes_nothing() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", &receiver).await]).await;
    let explain = async |event_type: &str| {
        let plan = engine.explain(connection(event_type, "db")).await.unwrap().plan;
        (plan.targets.len(), plan.skips.iter().map(|skip| skip.reason).collect::<Vec<_>>())
    };
    assert_eq!(explain("connection_online").await, is(NOT_TOLD));
    assert_eq!(explain("connection_offline").await, told(1));
    assert_eq!(explain("connection_offline").await, told(1), "explaining tells nobody");
    offline(&engine, "db").await;
    settled(&engine).await;
    assert_eq!(explain("connection_offline").await, is(NOT_DUE));
    assert_eq!(explain("connection_online").await, told(1));
    assert_eq!(explain("connection_online").await, told(1), "explaining ends nothing");
    home.clock.advance(24 * HOUR);
    assert_eq!(explain("connection_offline").await, told(1));
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_repeated_request_is_no_event_of_its_condition() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", &receiver).await]).await;
    let key = || Some(Idempotency { scope: "s".into(), key: "k".into(), body_hash: vec![1] });
    let once = async || engine.accept(connection("connection_offline", "db"), key()).await.unwrap();
    let first = once().await;
    settled(&engine).await;
    online(&engine, "db").await;
    let again = once().await;
    assert_eq!((again.duplicate, &again.deliveries), (true, &first.deliveries));
    assert_eq!(outcome(&online(&engine, "db").await), is(NOT_TOLD), "the repeat began nothing");
    engine.stop(PATIENCE).await;
}
