//! The whole library on real databases, with real receivers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{
    Database::{self, Postgresql, Sqlite},
    Home, PATIENCE, make_global, system_error, wait_until, webhook,
};

use fanfare::{
    AcceptError, ChannelPatch, DeliveryFilter, DeliveryState, Idempotency, JobSpec, Page, Run, TextSearch,
    core::{Assignment, EventSettings, NotificationSettings, Outcome, RunCondition, SkipReason},
};
use fanfare_testkit::{Answer, Receiver};
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn an_event_arrives_and_the_ledger_shows_it(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/hook")).await;
    make_global(&engine, &[channel]).await;

    let accepted = engine.accept(system_error("no \"space\" left"), None).await.unwrap();
    assert_eq!(accepted.deliveries.len(), 1);
    let requests = receiver.wait_for(1, PATIENCE).await;
    assert_eq!(requests[0].json()["fields"][1]["value"], "no \"space\" left");
    assert_eq!(requests[0].header("webhook-id"), Some(accepted.deliveries[0].id.to_string().as_str()));

    wait_until(&engine, "delivered", 1).await;
    let detail = engine.delivery(accepted.deliveries[0].id).await.unwrap().unwrap();
    assert_eq!(detail.view.state, DeliveryState::Delivered);
    assert_eq!(detail.payload.as_deref(), Some(requests[0].text().as_str()));
    assert_eq!(detail.rebuilt, Some(false));
    assert_eq!(detail.attempts.len(), 1);
    assert_eq!((detail.attempts[0].status, detail.attempts[0].outcome.as_str()), (Some(200), "delivered"));
    let (event, deliveries) = engine.event(accepted.id).await.unwrap().unwrap();
    assert_eq!(event.plan.targets[0].channel_id, channel);
    assert_eq!(deliveries[0].title, "System Error");
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn what_fails_is_tried_again_with_the_same_id(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/")).await]).await;
    receiver.answer(Answer::status(503).body("try later"));
    receiver.answer(Answer::close());
    let accepted = engine.accept(system_error("x"), None).await.unwrap();
    let requests = receiver.wait_for(3, PATIENCE).await;
    assert!(requests.iter().all(|r| r.header("webhook-id") == requests[0].header("webhook-id")));
    wait_until(&engine, "delivered", 1).await;
    let detail = engine.delivery(accepted.deliveries[0].id).await.unwrap().unwrap();
    assert_eq!(detail.view.attempts, 3);
    assert!(detail.view.possibly_duplicate, "a lost answer may have been a delivery");
    let outcomes: Vec<_> = detail.attempts.iter().map(|a| a.outcome.as_str()).collect();
    assert_eq!(outcomes, ["temporary", "unknown", "delivered"]);
    assert!(detail.attempts[0].detail.starts_with("503 Service Unavailable: try later"));
    assert_eq!(detail.rebuilt, None, "the payload of a failed attempt is kept");
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn what_can_never_pass_is_dead_and_can_be_revived(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/")).await]).await;
    receiver.answer(Answer::status(400).body("bad"));
    let accepted = engine.accept(system_error("x"), None).await.unwrap();
    wait_until(&engine, "dead", 1).await;
    engine.retry(accepted.deliveries[0].id).await.unwrap();
    wait_until(&engine, "delivered", 1).await;
    assert!(engine.retry(accepted.deliveries[0].id).await.is_err(), "a delivered one is not sent again");
    assert_eq!(receiver.count(), 2);
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn what_is_revived_for_a_disabled_channel_waits_for_it(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    make_global(&engine, &[channel]).await;
    receiver.answer(Answer::status(400));
    let accepted = engine.accept(system_error("x"), None).await.unwrap();
    wait_until(&engine, "dead", 1).await;
    let enable = |enabled| ChannelPatch { enabled: Some(enabled), ..ChannelPatch::default() };
    engine.update_channel(channel, enable(false), None).await.unwrap();
    engine.retry(accepted.deliveries[0].id).await.unwrap();
    wait_until(&engine, "held", 1).await;
    assert_eq!(receiver.count(), 1);
    engine.update_channel(channel, enable(true), None).await.unwrap();
    wait_until(&engine, "delivered", 1).await;
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn a_wait_that_the_service_names_is_kept_and_costs_no_attempt(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/")).await]).await;
    receiver.answer(Answer::status(429).header("Retry-After", 1));
    let accepted = engine.accept(system_error("first"), None).await.unwrap();
    receiver.wait_for(1, PATIENCE).await;
    engine.accept(system_error("second"), None).await.unwrap();
    let requests = receiver.wait_for(3, PATIENCE).await;
    for later in &requests[1..] {
        assert!(later.at.duration_since(requests[0].at).unwrap() >= Duration::from_secs(1), "the lane did not pause");
    }
    wait_until(&engine, "delivered", 2).await;
    let detail = engine.delivery(accepted.deliveries[0].id).await.unwrap().unwrap();
    assert_eq!((detail.view.attempts, detail.attempts.len()), (1, 2));
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn a_lane_that_is_full_spills_and_loses_nothing(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/")).await]).await;
    receiver.answer_with(|_| Answer::status(200).delay(Duration::from_millis(5)));
    let accept = |i: usize| {
        let engine = engine.clone();
        async move { engine.accept(system_error(&i.to_string()), None).await.unwrap() }
    };
    for chunk in 0..6 {
        futures_util::future::join_all((0..500).map(|i| accept(chunk * 500 + i))).await;
    }
    wait_until(&engine, "delivered", 3_000).await;
    let mut seen: Vec<usize> =
        receiver.requests().iter().map(|r| r.json()["fields"][1]["value"].as_str().unwrap().parse().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..3_000).collect::<Vec<_>>());
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn order_holds_at_concurrency_one_even_when_the_lane_spills(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    let patch = ChannelPatch { delivery: Some(json!({ "concurrency": 1 })), ..ChannelPatch::default() };
    engine.update_channel(channel, patch, None).await.unwrap();
    make_global(&engine, &[channel]).await;
    let accepting = engine.clone();
    let accepts = (0..2_500).map(|i| {
        let engine = accepting.clone();
        async move { engine.accept(system_error(&i.to_string()), None).await.unwrap() }
    });
    futures_util::future::join_all(accepts).await;
    wait_until(&engine, "delivered", 2_500).await;
    let ids: Vec<_> = receiver.requests().iter().map(|r| r.header("webhook-id").unwrap().to_owned()).collect();
    assert!(ids.is_sorted(), "deliveries overtook each other");
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn what_waits_goes_out_after_the_next_start(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/")).await]).await;
    receiver.answer_always(Answer::status(503).header("Retry-After", 1));
    for i in 0..10 {
        engine.accept(system_error(&i.to_string()), None).await.unwrap();
    }
    receiver.wait_for(10, PATIENCE).await;
    engine.stop(PATIENCE).await;
    receiver.answer_always(Answer::status(200));
    let engine = home.start().await;
    wait_until(&engine, "delivered", 10).await;
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn a_disabled_channel_holds_and_a_deleted_one_suppresses(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    make_global(&engine, &[channel]).await;
    let enable = |enabled| ChannelPatch { enabled: Some(enabled), ..ChannelPatch::default() };
    engine.update_channel(channel, enable(false), None).await.unwrap();
    let accepted = engine.accept(system_error("held"), None).await.unwrap();
    assert_eq!(accepted.deliveries[0].state, DeliveryState::Held);
    wait_until(&engine, "held", 1).await;
    assert_eq!(receiver.count(), 0);
    engine.update_channel(channel, enable(true), None).await.unwrap();
    wait_until(&engine, "delivered", 1).await;

    engine.update_channel(channel, enable(false), None).await.unwrap();
    engine.accept(system_error("suppressed"), None).await.unwrap();
    assert!(matches!(engine.delete_channel(channel, false, None).await, Err(fanfare::ConfigureError::InUse(_))));
    engine.delete_channel(channel, true, None).await.unwrap();
    wait_until(&engine, "suppressed", 1).await;
    let accepted = engine.accept(system_error("nobody"), None).await.unwrap();
    assert_eq!(accepted.skipped[0].reason, SkipReason::NoChannels);
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn disabling_a_channel_holds_what_waits_but_not_what_is_under_way(
    #[values(Sqlite, Postgresql)] database: Database,
) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    let one = ChannelPatch { delivery: Some(json!({ "concurrency": 1 })), ..ChannelPatch::default() };
    engine.update_channel(channel, one, None).await.unwrap();
    make_global(&engine, &[channel]).await;
    receiver.answer(Answer::status(200).delay(Duration::from_millis(300)));
    for i in 0..5 {
        engine.accept(system_error(&i.to_string()), None).await.unwrap();
    }
    receiver.wait_for(1, PATIENCE).await;
    let off = ChannelPatch { enabled: Some(false), ..ChannelPatch::default() };
    engine.update_channel(channel, off, None).await.unwrap();
    wait_until(&engine, "delivered", 1).await;
    wait_until(&engine, "held", 4).await;
    assert_eq!(receiver.count(), 1);
    engine.stop(PATIENCE).await;

    let engine = home.start().await;
    wait_until(&engine, "held", 4).await;
    let on = ChannelPatch { enabled: Some(true), ..ChannelPatch::default() };
    engine.update_channel(channel, on, None).await.unwrap();
    wait_until(&engine, "delivered", 5).await;
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn an_idempotency_key_counts_once_even_side_by_side(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/")).await]).await;
    let key = |hash: u8| Some(Idempotency { scope: "s".into(), key: "k".into(), body_hash: vec![hash] });
    let answers = futures_util::future::join_all((0..20).map(|_| engine.accept(system_error("x"), key(1)))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|a| !a.duplicate).count(), 1);
    assert!(answers.iter().all(|a| a.id == answers[0].id && a.deliveries == answers[0].deliveries));
    assert!(matches!(engine.accept(system_error("y"), key(2)).await, Err(AcceptError::KeyReused)));
    wait_until(&engine, "delivered", 1).await;
    engine.stop(PATIENCE).await;
    let engine = home.start().await;
    assert!(engine.accept(system_error("x"), key(1)).await.unwrap().duplicate, "a key outlives a start");
    engine.stop(PATIENCE).await;
    assert_eq!(receiver.count(), 1);
}

#[rstest]
#[tokio::test]
async fn a_job_tells_each_channel_what_its_condition_says(#[values(Sqlite, Postgresql)] database: Database) {
    let home = Home::on(database).await;
    let (always, success, failure) = (Receiver::start().await, Receiver::start().await, Receiver::start().await);
    let engine = home.start().await;
    let mut notifications = Vec::new();
    for (receiver, condition) in
        [(&always, RunCondition::Always), (&success, RunCondition::OnSuccess), (&failure, RunCondition::OnFailure)]
    {
        let channel_id = webhook(&engine, "c", receiver.url("/")).await;
        notifications.push(Assignment { channel_id, condition });
    }
    let spec = JobSpec { name: "nightly".into(), notifications, ..JobSpec::default() };
    let job = engine.create_job(spec.clone()).await.unwrap();
    assert!(matches!(engine.create_job(spec).await, Err(fanfare::ConfigureError::NameTaken(_))));
    for outcome in [Outcome::Success, Outcome::Partial, Outcome::Failure] {
        let run = Run {
            outcome,
            source: Some("shop".into()),
            started_at: None,
            occurred_at: None,
            duration_ms: Some(1_500),
            size_bytes: Some(2_048),
            error: None,
        };
        let explained = engine.explain_run("nightly", run.clone()).await.unwrap();
        let accepted = engine.report_run("nightly", run, None).await.unwrap();
        assert_eq!(explained.plan.skips, accepted.skipped);
        assert_eq!(accepted.deliveries.len(), 2);
        assert_eq!(accepted.skipped[0].reason, SkipReason::ConditionNotMet);
    }
    wait_until(&engine, "delivered", 6).await;
    assert_eq!((always.count(), success.count(), failure.count()), (3, 1, 2));
    assert_eq!(engine.job(job.id).await.unwrap().unwrap().last_run.unwrap().outcome, Outcome::Failure);
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn a_test_reaches_everybody_at_once_and_does_not_count(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    assert!(engine.test_event("user_login", None).await.is_err(), "a test that reaches nobody is no success");
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    make_global(&engine, &[channel]).await;
    let test = engine.test_event("user_login", None).await.unwrap();
    assert!(!test.event_enabled && test.results.len() == 1 && test.results[0].ok);
    assert!(receiver.requests()[0].json()["title"].as_str().unwrap().starts_with("[Test] "));
    receiver.answer(Answer::status(500).body("broken"));
    let test = engine.test_channel(channel).await.unwrap();
    assert!(!test.ok && test.detail.starts_with("500 Internal Server Error: broken"));
    assert_eq!(engine.counters().await.unwrap().0, 0);
    let filter = DeliveryFilter { test: Some(true), ..DeliveryFilter::default() };
    let kept = engine.deliveries(filter, Page { before: None, limit: 10 }).await.unwrap();
    assert_eq!(kept.iter().map(|d| d.state).collect::<Vec<_>>(), [DeliveryState::Dead, DeliveryState::Delivered]);
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn the_history_is_searched_alike(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, ok, broken) = (Home::on(database).await, Receiver::start().await, Receiver::start().await);
    broken.answer_always(Answer::status(400).body("no such ROOM: 100 % _full_"));
    let engine = home.start().await;
    let channels = [webhook(&engine, "Ops!", ok.url("/")).await, webhook(&engine, "On call", broken.url("/")).await];
    make_global(&engine, &channels).await;
    engine.accept(system_error("x"), None).await.unwrap();
    wait_until(&engine, "delivered", 1).await;
    wait_until(&engine, "dead", 1).await;
    let found = async |text: &str| {
        let text = TextSearch { text: text.into(), in_addresses: true };
        let filter = DeliveryFilter { text: Some(text), ..DeliveryFilter::default() };
        let found = engine.deliveries(filter, Page { before: None, limit: 10 }).await.unwrap();
        let mut names: Vec<_> = found.into_iter().map(|found| found.channel_name).collect();
        names.sort();
        names
    };
    assert_eq!(found("system ERROR").await, ["On call", "Ops!"]);
    assert_eq!(found("ops!").await, ["Ops!"]);
    assert_eq!(found("such room: 100 %").await, ["On call"]);
    assert_eq!(found("_full_").await, ["On call"]);
    for text in ["_ops_", "%room", "such%100", "!_full", "\\", "' OR 1=1 --", "\0"] {
        assert!(found(text).await.is_empty(), "{text:?} is no pattern");
    }
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn an_event_that_is_off_or_muted_is_kept_and_told_to_nobody(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    let mut settings = NotificationSettings { global_channels: vec![channel], ..Default::default() };
    let own = |enabled, channels| EventSettings { enabled, channels, ..EventSettings::default() };
    for (own, reason) in [
        (own(Some(false), None), Some(SkipReason::EventDisabled)),
        (own(None, Some(vec![])), Some(SkipReason::Muted)),
        (own(None, Some(vec![channel])), None),
        (own(None, None), None),
    ] {
        settings.events.insert("system_error".into(), own);
        engine.replace_settings(settings.clone(), None).await.unwrap();
        let explained = engine.explain(system_error("x")).await.unwrap().plan;
        let accepted = engine.accept(system_error("x"), None).await.unwrap();
        assert_eq!(explained.skips, accepted.skipped);
        assert_eq!(accepted.skipped.first().map(|skip| skip.reason), reason);
        assert_eq!(engine.event(accepted.id).await.unwrap().unwrap().0.plan, explained);
    }
    wait_until(&engine, "delivered", 2).await;
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_a_change_of_a_job_has_its_runs_told_by_it(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    let spec = |condition| JobSpec {
        name: "nightly".into(),
        notifications: vec![Assignment { channel_id: channel, condition }],
        ..JobSpec::default()
    };
    let id = engine.create_job(spec(RunCondition::OnFailure)).await.unwrap().id;
    for _ in 0..20 {
        for condition in [RunCondition::OnSuccess, RunCondition::OnFailure] {
            let change = tokio::spawn({
                let (engine, spec) = (engine.clone(), spec(condition));
                async move { engine.update_job(id, spec).await }
            });
            while engine.job(id).await.unwrap().unwrap().notifications[0].condition != condition {
                tokio::task::yield_now().await;
            }
            let told =
                !engine.explain_run("nightly", Run::new(Outcome::Success)).await.unwrap().plan.targets.is_empty();
            assert_eq!(told, condition == RunCondition::OnSuccess, "a run was told by what was set before");
            change.await.unwrap().unwrap();
        }
    }
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn what_is_under_way_ends_with_an_engine_that_is_let_go_of_and_is_sent_after_the_next_start() {
    let (home, receiver) = (Home::on(Sqlite).await, Receiver::start().await);
    let engine = home.start().await;
    make_global(&engine, &[webhook(&engine, "ops", receiver.url("/")).await]).await;
    receiver.answer(Answer::hang());
    engine.accept(system_error("x"), None).await.unwrap();
    let before = receiver.wait_for(1, PATIENCE).await;
    drop(engine);
    // Long before the attempt's own time is over.
    receiver.wait_for_closed(Duration::from_secs(5)).await;

    let engine = home.start().await;
    wait_until(&engine, "delivered", 1).await;
    let after = receiver.requests();
    assert_eq!(after.len(), 2, "nobody else sends it");
    assert_eq!(after[1].header("webhook-id"), before[0].header("webhook-id"));
    engine.stop(PATIENCE).await;
}
