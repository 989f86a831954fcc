//! What time, disabling and deletion bring to an end.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{
    Database::{self, Postgresql, Sqlite},
    Home, PATIENCE, make_global, system_error, wait_until, webhook,
};
use fanfare::{ChannelPatch, DeliveryFilter, DeliveryState, Engine, Page, core::ChannelId};
use fanfare_testkit::{Answer, Receiver};
use rstest::rstest;

const HOUR: Duration = Duration::from_secs(3_600);

async fn enable(engine: &Engine, channel: ChannelId, enabled: bool) {
    let patch = ChannelPatch { enabled: Some(enabled), ..ChannelPatch::default() };
    engine.update_channel(channel, patch, None).await.unwrap();
}

/// Lets the minute pass after which somebody looks for what time has ended.
async fn a_minute_passes() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
}

#[rstest]
#[tokio::test]
async fn what_is_held_for_seven_days_is_dead(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    make_global(&engine, &[channel]).await;
    enable(&engine, channel, false).await;
    let old = engine.accept(system_error("old"), None).await.unwrap();
    home.clock.forward(24 * HOUR);
    engine.accept(system_error("young"), None).await.unwrap();
    home.clock.forward(6 * 24 * HOUR + HOUR);
    a_minute_passes().await;
    wait_until(&engine, "dead", 1).await;
    let dead = engine.delivery(old.deliveries[0].id).await.unwrap().unwrap();
    assert_eq!((dead.view.state, dead.view.attempts), (DeliveryState::Dead, 0));
    assert_eq!(dead.view.last_error.as_deref(), Some("its channel was disabled for 7 days"));
    assert_eq!(engine.counters().await.unwrap().1["held"], 1, "the younger one has a day left");

    // Whoever wants it all the same can have it: it is held anew.
    engine.retry(old.deliveries[0].id).await.unwrap();
    wait_until(&engine, "held", 2).await;
    enable(&engine, channel, true).await;
    wait_until(&engine, "delivered", 2).await;
    assert_eq!(receiver.count(), 2);
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn life_does_not_run_while_a_delivery_is_held(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    make_global(&engine, &[channel]).await;
    enable(&engine, channel, false).await;
    engine.accept(system_error("held"), None).await.unwrap();
    home.clock.forward(6 * 24 * HOUR);
    // Not a moment of its 24 hours is gone: what fails is tried again.
    receiver.answer(Answer::status(503));
    enable(&engine, channel, true).await;
    wait_until(&engine, "delivered", 1).await;
    assert_eq!(receiver.count(), 2);

    // Those that pass while it is pending count, before and after it was held.
    receiver.answer(Answer::status(503).header("retry-after", 72_000));
    let sent = engine.accept(system_error("pending"), None).await.unwrap();
    receiver.wait_for_answered(3, PATIENCE).await;
    wait_until(&engine, "pending", 1).await;
    home.clock.forward(20 * HOUR);
    enable(&engine, channel, false).await;
    wait_until(&engine, "held", 1).await;
    home.clock.forward(48 * HOUR);
    receiver.answer_always(Answer::status(503).header("retry-after", 3_600));
    enable(&engine, channel, true).await;
    receiver.wait_for_answered(4, PATIENCE).await;
    wait_until(&engine, "pending", 1).await;
    home.clock.forward(5 * HOUR);
    engine.update_channel(channel, ChannelPatch::default(), None).await.unwrap();
    wait_until(&engine, "dead", 1).await;
    let dead = engine.delivery(sent.deliveries[0].id).await.unwrap().unwrap();
    assert!(dead.view.last_error.unwrap().starts_with("503"));
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn what_is_under_way_when_its_channel_is_deleted_is_told_of_as_it_ends(
    #[values(Sqlite, Postgresql)] database: Database,
) {
    for (status, state) in [(200, "delivered"), (503, "suppressed"), (422, "dead")] {
        let (home, receiver) = (Home::on(database).await, Receiver::start().await);
        let engine = home.start().await;
        let channel = webhook(&engine, "ops", receiver.url("/")).await;
        let one = ChannelPatch { delivery: Some(serde_json::json!({ "concurrency": 1 })), ..ChannelPatch::default() };
        engine.update_channel(channel, one, None).await.unwrap();
        make_global(&engine, &[channel]).await;
        receiver.answer(Answer::status(status).delay(Duration::from_millis(300)));
        let first = engine.accept(system_error("under way"), None).await.unwrap();
        let second = engine.accept(system_error("waits"), None).await.unwrap();
        receiver.wait_for(1, PATIENCE).await;
        engine.delete_channel(channel, true, None).await.unwrap();
        wait_until(&engine, "pending", 0).await;
        let shown = async |sent: &fanfare::Accepted| engine.delivery(sent.deliveries[0].id).await.unwrap().unwrap();
        let (first, second) = (shown(&first).await, shown(&second).await);
        assert_eq!((first.view.state.as_str(), first.attempts.len()), (state, 1));
        assert_eq!((second.view.state.as_str(), second.attempts.len()), ("suppressed", 0));
        assert_eq!(second.view.last_error.as_deref(), Some("channel_deleted"));
        if state == "suppressed" {
            assert_eq!(first.view.last_error.as_deref(), Some("channel_deleted"));
            assert!(first.attempts[0].detail.starts_with("503"), "the attempt is told of as it was");
        }
        assert_eq!(receiver.count(), 1);
        engine.stop(PATIENCE).await;
    }
}

#[rstest]
#[tokio::test]
async fn what_cannot_be_tried_again_hinders_nothing_else(#[values(Sqlite, Postgresql)] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let kept = webhook(&engine, "kept", receiver.url("/kept")).await;
    let gone = webhook(&engine, "gone", receiver.url("/gone")).await;
    make_global(&engine, &[kept, gone]).await;
    receiver.answer_always(Answer::status(422));
    let dead = [engine.accept(system_error("a"), None).await, engine.accept(system_error("b"), None).await];
    wait_until(&engine, "dead", 4).await;
    engine.delete_channel(gone, true, None).await.unwrap();
    receiver.answer_always(Answer::status(200));
    assert_eq!(engine.retry_many(DeliveryState::Dead, None, None).await.unwrap(), 2);
    wait_until(&engine, "delivered", 2).await;
    for sent in dead {
        let of_gone = sent.unwrap().deliveries.into_iter().find(|delivery| delivery.channel_id == gone).unwrap();
        assert!(engine.retry(of_gone.id).await.unwrap_err().to_string().contains("deleted"));
    }
    engine.stop(PATIENCE).await;
}

#[rstest]
#[tokio::test]
async fn the_ledger_forgets_after_ninety_days_and_the_counters_do_not(
    #[values(Sqlite, Postgresql)] database: Database,
) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let engine = home.start().await;
    let channel = webhook(&engine, "ops", receiver.url("/")).await;
    make_global(&engine, &[channel]).await;
    receiver.answer(Answer::status(400).body("never"));
    for _ in 0..3 {
        engine.accept(system_error("old"), None).await.unwrap();
    }
    wait_until(&engine, "delivered", 2).await;
    wait_until(&engine, "dead", 1).await;
    let counted = engine.counters().await.unwrap();

    home.clock.forward(89 * 24 * HOUR);
    a_minute_passes().await;
    let page = || Page { before: None, limit: 10 };
    assert_eq!(engine.events(None, page()).await.unwrap().len(), 3);
    home.clock.forward(2 * 24 * HOUR);
    // Whoever looks may be looking still, and miss a minute.
    for _ in 0..500 {
        a_minute_passes().await;
        if engine.events(None, page()).await.unwrap().is_empty() {
            break;
        }
    }
    assert!(engine.events(None, page()).await.unwrap().is_empty());
    assert!(engine.deliveries(DeliveryFilter::default(), page()).await.unwrap().is_empty());
    assert_eq!(engine.counters().await.unwrap(), counted);
}
