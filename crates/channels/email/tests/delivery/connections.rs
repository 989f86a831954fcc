//! Connections that are kept, that end, and that take too long.

use std::time::Duration;

use fanfare_email::Limits;
use fanfare_testkit::smtp::{At, Say};
use rstest::rstest;
use serde_json::json;
use tokio::time::Instant;

use crate::bench::{Bench, LIMIT, channel, failed, starttls};

#[tokio::test]
async fn a_connection_is_used_again() {
    let bench = Bench::secure(starttls(), json!({})).await;
    for _ in 0..3 {
        bench.send().await.unwrap();
    }
    assert_eq!(bench.server.connections(), 1);
    assert_eq!(bench.server.commands().iter().filter(|command| command.starts_with("AUTH")).count(), 1);
}

#[tokio::test]
async fn a_restart_of_the_server_costs_nothing() {
    let bench = Bench::plain().await;
    bench.send().await.unwrap();
    bench.server.drop_connections();
    bench.server.wait_for_closed(LIMIT).await;
    bench.send().await.unwrap();
    assert_eq!((bench.server.mails().len(), bench.server.connections()), (2, 2));
}

#[rstest]
#[case(At::Mail, Say::Close)]
#[case(At::Mail, "421 4.4.2 idle for too long".into())]
#[case(At::Recipient, Say::Close)]
#[case(At::Recipient, "421 4.4.2 going down".into())]
#[case(At::Data, Say::Close)]
#[tokio::test]
async fn a_kept_connection_that_ends_is_replaced(#[case] at: At, #[case] say: Say) {
    let bench = Bench::plain().await;
    bench.send().await.unwrap();
    bench.server.say(at, say);
    bench.send().await.unwrap();
    assert_eq!((bench.server.mails().len(), bench.server.connections()), (2, 2));
}

#[tokio::test]
async fn a_new_connection_that_ends_is_not() {
    let bench = Bench::plain().await;
    bench.server.say_always(At::Mail, Say::Close);
    failed(bench.send().await, "temporary", "broke off before the message was complete");
    assert_eq!(bench.server.connections(), 1);
}

#[rstest]
#[case(false)]
#[case(true)]
#[tokio::test]
async fn after_the_final_dot_the_outcome_is_unknown(#[case] kept: bool) {
    let bench = Bench::plain().await;
    if kept {
        bench.send().await.unwrap();
    }
    let before = bench.server.mails().len();
    bench.server.say(At::Message, Say::Close);
    failed(bench.send().await, "unknown", "no answer");
    assert_eq!((bench.server.mails().len(), bench.server.connections()), (before, 1), "it is not sent twice");
}

#[rstest]
#[case(At::Greeting, Say::Hang, "temporary")]
#[case(At::Hello, Say::Drip("250 mail.test".repeat(100), Duration::from_millis(20)), "temporary")]
#[case(At::Mail, Say::Hang, "temporary")]
#[case(At::Recipient, Say::Drip("250 Ok".repeat(100), Duration::from_millis(20)), "temporary")]
#[case(At::Message, Say::Hang, "unknown")]
#[case(At::Message, Say::Drip("250 Ok".repeat(100), Duration::from_millis(20)), "unknown")]
#[tokio::test]
async fn whoever_takes_too_long_is_cut_off(#[case] at: At, #[case] say: Say, #[case] outcome: &str) {
    let bench = Bench::plain().await.within(Duration::from_millis(500));
    bench.server.say_always(at, say);
    let began = Instant::now();
    failed(bench.send().await, outcome, "the time for the whole exchange was over");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    bench.server.wait_for_closed(LIMIT).await;
}

#[rstest]
#[case(At::Greeting, Say::EndlessLine, "temporary")]
#[case(At::Hello, Say::EndlessLines, "temporary")]
#[case(At::Mail, Say::EndlessLine, "temporary")]
#[case(At::Message, Say::EndlessLines, "unknown")]
#[tokio::test]
async fn answers_are_bounded(#[case] at: At, #[case] say: Say, #[case] outcome: &str) {
    let bench = Bench::plain().await;
    bench.server.say_always(at, say);
    failed(bench.send().await, outcome, "longer than 65536 bytes");
    bench.server.wait_for_closed(LIMIT).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_with_a_farewell() {
    let bench = Bench::plain().await;
    let channel = channel(&bench.server, json!({"security": "none"}));
    let idle = Duration::from_millis(100);
    let bench = Bench { channel: channel.with_limits(Limits { idle, ..Limits::default() }), ..bench };
    bench.send().await.unwrap();
    bench.server.wait_for_closed(LIMIT).await;
    assert_eq!(bench.server.commands().last().unwrap(), "QUIT");
    bench.send().await.unwrap();
    assert_eq!(bench.server.connections(), 2);
}

#[tokio::test]
async fn several_at_once() {
    let bench = Bench::plain().await;
    let sending = (0..8).map(|_| bench.send());
    let all: Vec<_> = futures_util::future::join_all(sending).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    assert_eq!(bench.server.mails().len(), 8);
    assert!(bench.server.connections() <= 8);
    bench.send().await.unwrap();
    assert!(bench.server.connections() <= 8, "a kept connection is used");
}
