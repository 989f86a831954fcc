//! Storms that are told as one, on both databases and with real receivers.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use common::{
    Database::{self, Postgresql, Sqlite},
    Home, PATIENCE, make_global, system_error, until, wait_until, webhook,
};
use fanfare::{
    ChannelPatch, DeliveryFilter, DeliveryState, DeliveryView, DigestView, Engine, Fanfare, LanePolicy, Page,
    core::{ChannelId, DigestPolicy, RetryPolicy},
};
use fanfare_testkit::{Answer, Received, Receiver};
use rstest::rstest;
use serde_json::json;
use tokio::task::JoinSet;

/// How old the oldest must be here.
const AFTER: Duration = Duration::from_millis(100);

/// For how long the service here wants to be left alone, in seconds: long enough for a busy machine to write what follows.
const PAUSE_S: u64 = 4;

/// Short, so that nobody waits long for a takeover.
const LEASE: Duration = Duration::from_millis(750);

/// An engine that tells storms as one, with a channel that gets digests and is global.
async fn start(home: &Home, receiver: &Receiver) -> (Engine, ChannelId) {
    let engine = node(home).await;
    let channel = told_in_digests(&engine, receiver).await;
    (engine, channel)
}

async fn told_in_digests(engine: &Engine, receiver: &Receiver) -> ChannelId {
    let channel = webhook(engine, "ops", receiver.url("/")).await;
    let lane = json!({ "concurrency": 1, "digest": true });
    let patch = ChannelPatch { delivery: Some(lane), ..ChannelPatch::default() };
    engine.update_channel(channel, patch, None).await.unwrap();
    make_global(engine, &[channel]).await;
    channel
}

async fn node(home: &Home) -> Engine {
    prepared(home).start().await.unwrap()
}

fn prepared(home: &Home) -> Fanfare {
    let retry = RetryPolicy { schedule: vec![Duration::from_millis(300)], jitter: 0.0, ..RetryPolicy::default() };
    let digest = DigestPolicy { after: AFTER, ..DigestPolicy::default() };
    home.node().retry(retry).lanes(LanePolicy { digest, ..LanePolicy::default() })
}

/// Accepts so many events together, so that they are in the database long before the service may be asked again.
async fn raise(engine: &Engine, texts: impl Iterator<Item = usize>) {
    let mut callers = JoinSet::new();
    for text in texts {
        let engine = engine.clone();
        callers.spawn(async move { engine.accept(system_error(&format!("error {text}")), None).await.unwrap() });
    }
    callers.join_all().await;
}

/// The service turns the first away, and the rest of so many waits behind it; what is sent then gets these answers.
async fn hold_back(engine: &Engine, receiver: &Receiver, count: usize, then: impl IntoIterator<Item = Answer>) {
    receiver.answer(Answer::status(429).header("retry-after", PAUSE_S));
    let then = then.into_iter().map(|answer| receiver.answer(answer)).count();
    raise(engine, 0..1).await;
    receiver.wait_for_answered(1, PATIENCE).await;
    raise(engine, 1..count).await;
    receiver.wait_for_answered(1 + then, PATIENCE).await;
}

async fn deliveries(engine: &Engine) -> Vec<DeliveryView> {
    engine.deliveries(DeliveryFilter::default(), Page { before: None, limit: 200 }).await.unwrap()
}

/// The one digest in which all of these are.
fn digest_of(deliveries: &[DeliveryView]) -> DigestView {
    let digests: BTreeSet<_> = deliveries.iter().map(|delivery| delivery.digest.map(|d| (d.id, d.count))).collect();
    assert_eq!(digests.len(), 1, "{digests:?}");
    deliveries[0].digest.unwrap()
}

fn is_digest(request: &Received) -> bool {
    request.json()["title"].as_str().unwrap().contains(" notifications: ")
}

fn id(request: &Received) -> String {
    request.header("webhook-id").unwrap().to_owned()
}

#[rstest]
#[case(Sqlite)]
#[case(Postgresql)]
#[tokio::test]
async fn what_waits_behind_a_429_is_told_as_one(#[case] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let (engine, _) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 61, []).await;
    wait_until(&engine, "delivered", 61).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 2, "the one that was turned away, and the digest");
    let told = requests[1].json();
    assert_eq!(told["title"], "61 notifications: System Error");
    assert_eq!(told["fields"][0]["value"], "61");
    let all = deliveries(&engine).await;
    let digest = digest_of(&all);
    assert_eq!((digest.count, digest.id.to_string()), (61, id(&requests[1])));
    let events = engine.events(None, Page { before: None, limit: 200 }).await.unwrap();
    let seconds = || events.iter().map(|event| event.occurred_at.as_second());
    for (field, second) in [(1, seconds().min()), (2, seconds().max())] {
        let told: jiff::Timestamp = told["fields"][field]["value"].as_str().unwrap().parse().unwrap();
        assert_eq!(Some(told.as_second()), second);
    }
    // Which event it names is one that there is.
    let oldest = all.last().unwrap();
    assert_eq!(told["event_id"], oldest.event_id.to_string());

    // Each member's ledger shows what it said, what went out, and both attempts where there were two.
    let detail = engine.delivery(oldest.id).await.unwrap().unwrap();
    assert_eq!(detail.notification.title, "System Error");
    assert_eq!(detail.attempts.last().unwrap().outcome, "delivered");
    let middle = engine.delivery(all[30].id).await.unwrap().unwrap();
    assert_eq!((middle.view.attempts, middle.attempts.len(), middle.rebuilt), (1, 1, Some(false)));
    assert_eq!(middle.payload.unwrap().as_bytes(), requests[1].body);

    // The members can be listed.
    let filter = DeliveryFilter { digest_id: Some(digest.id), ..DeliveryFilter::default() };
    assert_eq!(engine.deliveries(filter, Page { before: None, limit: 200 }).await.unwrap().len(), 61);
    engine.stop(PATIENCE).await;
}

#[rstest]
#[case(Sqlite)]
#[case(Postgresql)]
#[tokio::test]
async fn more_than_a_lane_holds_is_told_as_one(#[case] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let (engine, _) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 1_500, []).await;
    wait_until(&engine, "delivered", 1_500).await;
    let requests = receiver.requests();
    let told = requests[1..].iter().filter(|request| is_digest(request));
    let counts: Vec<usize> = told.map(|r| r.json()["fields"][0]["value"].as_str().unwrap().parse().unwrap()).collect();
    let alone = requests.len() - 1 - counts.len();
    assert_eq!(counts.iter().sum::<usize>() + alone, 1_500, "{counts:?}");
    assert!(counts.len() <= 2 && alone <= 20, "{counts:?} and {alone}");
    engine.stop(PATIENCE).await;
}

#[rstest]
#[case(Sqlite)]
#[case(Postgresql)]
#[tokio::test]
async fn a_digest_is_sent_again_as_it_was(#[case] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let (engine, _) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 30, [Answer::status(503)]).await;
    // What comes now is not in it.
    raise(&engine, 30..35).await;
    wait_until(&engine, "delivered", 35).await;
    let requests = receiver.requests();
    let digests: Vec<_> = requests.iter().filter(|request| is_digest(request)).collect();
    assert_eq!(digests.len(), 2);
    assert_eq!((id(digests[0]), &digests[0].body), (id(digests[1]), &digests[1].body));
    let (together, alone): (Vec<_>, Vec<_>) = deliveries(&engine).await.into_iter().partition(|d| d.digest.is_some());
    assert_eq!((together.len(), alone.len()), (30, 5));
    assert_eq!(digest_of(&together).count, 30);
    assert!(together.iter().all(|delivery| delivery.attempts == 2 && delivery.delivered_at.is_some()));
    let detail = engine.delivery(together[0].id).await.unwrap().unwrap();
    let outcomes: Vec<_> = detail.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["temporary", "delivered"]);
    engine.stop(PATIENCE).await;
}

#[rstest]
#[case(Sqlite)]
#[case(Postgresql)]
#[tokio::test]
async fn a_digest_outlives_a_stop_with_its_id_and_its_members(#[case] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let (engine, _) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 25, [Answer::status(429).header("retry-after", PAUSE_S)]).await;
    engine.stop(PATIENCE).await;
    let engine = node(&home).await;
    raise(&engine, 25..27).await;
    wait_until(&engine, "delivered", 27).await;
    let requests = receiver.requests();
    let digests: Vec<_> = requests.iter().filter(|request| is_digest(request)).collect();
    assert_eq!(digests.len(), 2);
    assert_eq!((id(digests[0]), &digests[0].body), (id(digests[1]), &digests[1].body));
    let together: Vec<_> = deliveries(&engine).await.into_iter().filter(|d| d.digest.is_some()).collect();
    assert_eq!((together.len(), digest_of(&together).count), (25, 25));
    assert!(together.iter().all(|delivery| delivery.attempts == 1), "a 429 costs no attempt");
    engine.stop(PATIENCE).await;
}

#[rstest]
#[case(Sqlite)]
#[case(Postgresql)]
#[tokio::test]
async fn members_of_a_dead_digest_are_tried_again_by_themselves(#[case] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let (engine, channel) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 25, [Answer::status(400).body("too much")]).await;
    wait_until(&engine, "dead", 25).await;
    let dead = deliveries(&engine).await;
    assert_eq!(digest_of(&dead).count, 25);
    assert!(dead.iter().all(|delivery| delivery.last_error.as_deref() == Some("400 Bad Request: too much")));

    engine.retry(dead[0].id).await.unwrap();
    wait_until(&engine, "delivered", 1).await;
    let last = receiver.requests().pop().unwrap();
    assert_eq!((id(&last), is_digest(&last)), (dead[0].id.to_string(), false));
    let detail = engine.delivery(dead[0].id).await.unwrap().unwrap();
    assert_eq!((detail.view.digest, detail.view.attempts), (None, 2));
    let outcomes: Vec<_> = detail.attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
    assert_eq!(outcomes, ["rejected", "delivered"], "the digest's attempt is told of still");

    assert_eq!(engine.retry_many(DeliveryState::Dead, Some(channel), None).await.unwrap(), 24);
    wait_until(&engine, "delivered", 25).await;
    assert_eq!(receiver.count(), 2 + 25, "nothing holds them back, so they go one by one");
    engine.stop(PATIENCE).await;
}

#[rstest]
#[case(Sqlite)]
#[case(Postgresql)]
#[tokio::test]
async fn a_waiting_digest_is_held_with_its_channel_and_hastened_by_hand(#[case] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let (engine, channel) = start(&home, &receiver).await;
    // Only somebody's hand makes it due again.
    hold_back(&engine, &receiver, 25, [Answer::status(503).header("retry-after", 3_000)]).await;
    let waits = async || {
        let all = deliveries(&engine).await;
        all.iter().all(|delivery| delivery.attempts == 1 && delivery.state == DeliveryState::Pending)
    };
    until(waits).await;

    let enable = |enabled| ChannelPatch { enabled: Some(enabled), ..ChannelPatch::default() };
    engine.update_channel(channel, enable(false), None).await.unwrap();
    wait_until(&engine, "held", 25).await;
    receiver.answer(Answer::status(503).header("retry-after", 3_000));
    engine.update_channel(channel, enable(true), None).await.unwrap();
    receiver.wait_for_answered(3, PATIENCE).await;
    until(async || deliveries(&engine).await.iter().all(|delivery| delivery.attempts == 2)).await;
    wait_until(&engine, "pending", 25).await;

    // One member takes all of them along: the digest can only be sent as it is.
    receiver.answer(Answer::status(503).header("retry-after", 3_000));
    engine.retry(deliveries(&engine).await[7].id).await.unwrap();
    receiver.wait_for_answered(4, PATIENCE).await;
    until(async || deliveries(&engine).await.iter().all(|delivery| delivery.attempts == 3)).await;
    assert_eq!(engine.retry_many(DeliveryState::Pending, None, None).await.unwrap(), 25);
    wait_until(&engine, "delivered", 25).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 5);
    assert!(requests[2..].iter().all(|request| (id(request), &request.body) == (id(&requests[1]), &requests[1].body)));
    engine.stop(PATIENCE).await;
}

#[rstest]
#[case(Sqlite)]
#[case(Postgresql)]
#[tokio::test]
async fn a_waiting_digest_goes_with_its_channel(#[case] database: Database) {
    let (home, receiver) = (Home::on(database).await, Receiver::start().await);
    let (engine, channel) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 25, [Answer::status(503).header("retry-after", 3_000)]).await;
    until(async || deliveries(&engine).await.iter().all(|delivery| delivery.attempts == 1)).await;
    engine.delete_channel(channel, true, None).await.unwrap();
    wait_until(&engine, "suppressed", 25).await;
    engine.stop(PATIENCE).await;
    let engine = node(&home).await;
    wait_until(&engine, "suppressed", 25).await;
    assert_eq!(receiver.count(), 2);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_member_that_cannot_be_read_counts_and_keeps_nobody_waiting() {
    let (home, receiver) = (Home::on(Postgresql).await, Receiver::start().await);
    let (engine, _) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 25, []).await;
    let damage =
        "UPDATE fanfare_events SET notification = '{' WHERE id = (SELECT min(id::text)::uuid FROM fanfare_events)";
    home.postgres().sql("fanfare", damage);
    wait_until(&engine, "delivered", 25).await;
    let told = receiver.requests()[1].json();
    assert_eq!(told["fields"][0]["value"], "25");
    assert!(told["message"].as_str().unwrap().contains("A notification that cannot be read"), "{told}");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_digest_that_cannot_be_read_is_given_up_and_nothing_waits_behind_it() {
    let (home, receiver) = (Home::on(Postgresql).await, Receiver::start().await);
    let (engine, _) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 25, [Answer::status(503).header("retry-after", 3_000)]).await;
    until(async || deliveries(&engine).await.iter().all(|delivery| delivery.attempts == 1)).await;

    home.postgres().sql("fanfare", "UPDATE fanfare_digests SET notification = '{'");
    engine.retry(deliveries(&engine).await[0].id).await.unwrap();
    wait_until(&engine, "dead", 25).await;
    raise(&engine, 25..26).await;
    wait_until(&engine, "delivered", 1).await;
    assert_eq!(receiver.count(), 3);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_digest_that_finds_the_configuration_wrong_waits_for_the_right_one() {
    let (home, receiver) = (Home::on(Sqlite).await, Receiver::start().await);
    let (engine, channel) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 25, [Answer::status(404)]).await;
    until(async || deliveries(&engine).await.iter().filter(|delivery| delivery.attempts == 1).count() >= 25).await;
    assert_eq!(engine.counters().await.unwrap().1["dead"], 0, "a rotated webhook does not kill what waits");
    let config = json!({ "url": receiver.url("/new") });
    let patch = ChannelPatch { config: Some(config), ..ChannelPatch::default() };
    engine.update_channel(channel, patch, None).await.unwrap();
    until(async || engine.counters().await.unwrap().1["pending"] == 0).await;
    let digests: Vec<_> = receiver.requests().into_iter().filter(is_digest).collect();
    assert_eq!(digests.len(), 2);
    assert_eq!(id(&digests[0]), id(&digests[1]));
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn without_a_storm_all_leave_one_by_one() {
    let (home, receiver) = (Home::on(Sqlite).await, Receiver::start().await);
    let engine = node(&home).await;
    // A webhook gets no digests by itself.
    make_global(&engine, &[webhook(&engine, "plain", receiver.url("/")).await]).await;
    hold_back(&engine, &receiver, 40, []).await;
    wait_until(&engine, "delivered", 40).await;
    assert!(!receiver.requests().iter().any(is_digest));
    engine.stop(PATIENCE).await;

    // Nor does one where too few wait.
    let (home, receiver) = (Home::on(Sqlite).await, Receiver::start().await);
    let (engine, _) = start(&home, &receiver).await;
    hold_back(&engine, &receiver, 20, []).await;
    wait_until(&engine, "delivered", 20).await;
    assert!(!receiver.requests().iter().any(is_digest));
    // A receiver that is slow holds nothing back.
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(20)));
    raise(&engine, 0..30).await;
    wait_until(&engine, "delivered", 50).await;
    assert!(!receiver.requests().iter().any(is_digest));
    engine.stop(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_under_one_storm_tell_each_delivery_once() {
    let (home, receiver) = (Home::on(Postgresql).await, Receiver::start().await);
    let (one, channel) = start(&home, &receiver).await;
    let two = node(&home).await;
    until(async || two.settings().global_channels == [channel]).await;
    for (already, node) in [&one, &two].into_iter().enumerate() {
        receiver.answer(Answer::status(429).header("retry-after", PAUSE_S));
        raise(node, already..already + 1).await;
        receiver.wait_for_answered(already + 1, PATIENCE).await;
    }
    tokio::join!(raise(&one, 2..42), raise(&two, 42..82));
    wait_until(&one, "delivered", 82).await;
    let sent = receiver.requests().split_off(2);
    let all = deliveries(&two).await;
    assert_eq!(all.len(), 82);
    // By what it was told: the digest that it is in, or itself.
    let by = |delivery: &DeliveryView| delivery.digest.map_or(delivery.id.0, |digest| digest.id).to_string();
    let told: BTreeSet<_> = all.iter().map(by).collect();
    assert_eq!(sent.len(), told.len(), "what arrived is what the ledger tells of, each once");
    for request in &sent {
        let members: Vec<_> = all.iter().filter(|delivery| by(delivery) == id(request)).collect();
        assert!(!members.is_empty(), "{} is in nobody's ledger", id(request));
        if is_digest(request) {
            assert_eq!(request.json()["fields"][0]["value"], members.len().to_string());
            assert!(members.iter().all(|member| member.digest.unwrap().count as usize == members.len()));
        }
    }
    assert!(sent.iter().any(is_digest), "this was a storm");
    tokio::join!(one.stop(PATIENCE), two.stop(PATIENCE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_digest_under_way_at_a_node_that_is_gone_is_sent_as_it_was_by_another() {
    let (home, receiver) = (Arc::new(Home::on(Postgresql).await), Arc::new(Receiver::start().await));
    let gone = tokio::task::spawn_blocking({
        let (home, receiver) = (home.clone(), receiver.clone());
        move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                let engine = prepared(&home).lease(LEASE).start().await.unwrap();
                told_in_digests(&engine, &receiver).await;
                receiver.answer(Answer::status(429).header("retry-after", PAUSE_S));
                receiver.answer(Answer::hang());
                raise(&engine, 0..1).await;
                receiver.wait_for_answered(1, PATIENCE).await;
                raise(&engine, 1..30).await;
                receiver.wait_for(2, PATIENCE).await;
            });
            runtime.shutdown_background();
        }
    });
    gone.await.unwrap();
    let other = prepared(&home).lease(LEASE).start().await.unwrap();
    wait_until(&other, "delivered", 30).await;
    let requests = receiver.requests();
    assert_eq!(requests.len(), 3);
    assert!(is_digest(&requests[1]));
    assert_eq!((id(&requests[1]), &requests[1].body), (id(&requests[2]), &requests[2].body));
    let all = deliveries(&other).await;
    assert_eq!((all.len(), digest_of(&all).count), (30, 30));
    other.stop(PATIENCE).await;
}
