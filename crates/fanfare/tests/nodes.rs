//! Several nodes on one PostgreSQL: what one accepts another may deliver, and nothing is recorded by whoever lost its
//! lease.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{Database::Postgresql, Home, PATIENCE, make_global, system_error, until, wait_until, webhook};
use fanfare::{ChannelPatch, Engine, Fanfare};
use fanfare_testkit::{Answer, Receiver};
use serde_json::json;

/// Short, so that a test needs not wait long for a takeover.
const LEASE: Duration = Duration::from_millis(750);

struct Cluster(Home);

impl Cluster {
    async fn new() -> Self {
        Self(Home::on(Postgresql).await)
    }

    fn node(&self) -> Fanfare {
        self.0.node().lease(LEASE)
    }

    async fn start(&self) -> Engine {
        self.node().start().await.unwrap()
    }

    fn number(&self, sql: &str) -> i64 {
        self.0.postgres().sql("fanfare", sql).parse().unwrap()
    }
}

#[tokio::test]
async fn nodes_may_start_together_on_an_empty_database() {
    let cluster = Cluster::new().await;
    let (one, two, three) = tokio::join!(cluster.start(), cluster.start(), cluster.start());
    assert_eq!(cluster.number("SELECT COUNT(*) FROM fanfare_nodes"), 3);
    for node in [one, two, three] {
        node.stop(PATIENCE).await;
    }
    assert_eq!(cluster.number("SELECT COUNT(*) FROM fanfare_nodes"), 0, "whoever stops takes its leave");
}

#[tokio::test]
async fn a_change_is_known_everywhere_within_two_seconds() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.start().await, cluster.start().await);
    let receiver = Receiver::start().await;
    let channel = webhook(&one, "ops", receiver.url("/")).await;
    make_global(&one, &[channel]).await;
    let seen = until(async || two.settings().global_channels == [channel]);
    tokio::time::timeout(Duration::from_secs(2), seen).await.expect("the channel is known");
    two.accept(system_error("by the other one"), None).await.unwrap();
    receiver.wait_for(1, PATIENCE).await;
    wait_until(&one, "delivered", 1).await;

    // Disabled by one, it holds what the other accepts; enabled again, all of it leaves.
    one.update_channel(channel, ChannelPatch { enabled: Some(false), ..ChannelPatch::default() }, None).await.unwrap();
    let seen = until(async || two.channel(channel).is_some_and(|channel| !channel.enabled));
    tokio::time::timeout(Duration::from_secs(2), seen).await.expect("that it is disabled is known");
    two.accept(system_error("held"), None).await.unwrap();
    wait_until(&two, "held", 1).await;
    two.update_channel(channel, ChannelPatch { enabled: Some(true), ..ChannelPatch::default() }, None).await.unwrap();
    wait_until(&one, "delivered", 2).await;

    // Deleted by one, it is planned for by neither.
    one.delete_channel(channel, true, None).await.unwrap();
    until(async || two.channels().is_empty()).await;
    assert_eq!(two.accept(system_error("to nobody"), None).await.unwrap().deliveries.len(), 0);
}

#[tokio::test]
async fn what_waits_at_a_node_whose_channel_another_one_disables_is_held() {
    let cluster = Cluster::new().await;
    let (one, two) = (cluster.start().await, cluster.start().await);
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(300)));
    let channel = webhook(&one, "slow", receiver.url("/")).await;
    let lane = ChannelPatch { delivery: Some(json!({ "concurrency": 1 })), ..ChannelPatch::default() };
    one.update_channel(channel, lane, None).await.unwrap();
    make_global(&one, &[channel]).await;
    until(async || two.settings().global_channels == [channel]).await;
    for i in 0..50 {
        two.accept(system_error(&i.to_string()), None).await.unwrap();
    }
    receiver.wait_for(1, PATIENCE).await;
    one.update_channel(channel, ChannelPatch { enabled: Some(false), ..ChannelPatch::default() }, None).await.unwrap();
    until(async || two.counters().await.unwrap().1["pending"] == 0).await;
    let (accepted, states) = two.counters().await.unwrap();
    assert_eq!(accepted, 50);
    assert!(states["held"] > 30, "{states:?}");
    let sent = receiver.requests().len();
    assert_eq!(states["delivered"], i64::try_from(sent).unwrap(), "what was sent is recorded: {states:?}");
}

#[tokio::test]
async fn the_deliveries_of_a_node_that_is_gone_are_taken_over() {
    let cluster = Cluster::new().await;
    let receiver = Receiver::start().await;
    // It accepts and never sees an answer, and then it is gone without a word.
    receiver.answer_always(Answer::hang());
    let (node, url) = (cluster.node(), receiver.url("/"));
    let gone = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let node = node.start().await.unwrap();
            let channel = webhook(&node, "ops", url).await;
            make_global(&node, &[channel]).await;
            for i in 0..100 {
                node.accept(system_error(&i.to_string()), None).await.unwrap();
            }
        });
        runtime.shutdown_background();
    });
    gone.await.unwrap();
    let owned = "SELECT COUNT(*) FROM fanfare_deliveries WHERE state = 0 AND owner IS NOT NULL";
    assert_eq!(cluster.number(owned), 100);
    receiver.answer_always(Answer::status(200));
    let other = cluster.start().await;
    wait_until(&other, "delivered", 100).await;
    assert_eq!(cluster.number("SELECT COUNT(*) FROM fanfare_deliveries WHERE NOT possibly_duplicate"), 0);
}
