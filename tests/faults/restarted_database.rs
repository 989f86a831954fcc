//! PostgreSQL stopped and started again under load, in order and as a crash.

use std::time::{Duration, Instant};

use fanfare_testkit::{Answer, Receiver};
use fanfare_tests::{PATIENCE, until};
use tokio::time::sleep;

use crate::{
    disk_full::statuses,
    harness::{Database, ms, no_panic, only_channel, ready_is, settled_within, short_or_long, tell},
    load::Load,
};

#[tokio::test]
async fn postgresql_restarted_under_load() {
    let rounds = short_or_long(2, 20);
    let mut database = Database::postgres().await;
    let mut server = database.start("retry_schedule_s = [0.1]\nlease_s = 3").await;
    let receiver = Receiver::start().await;
    receiver.answer_always(Answer::status(200).delay(Duration::from_millis(20)));
    let api = server.api().clone();
    only_channel(&api, receiver.url("/")).await;
    let load = Load::start(&api, 8, Duration::from_millis(2));
    let mut slowest = Duration::ZERO;
    for round in 0..rounds {
        let so_far = load.told().accepted.len();
        until("load", PATIENCE, async || (load.told().accepted.len() > so_far + 100).then_some(())).await;
        let Database::Postgres(postgres) = &mut database else { unreachable!("it was made above") };
        postgres.stop(round % 2 == 0);
        ready_is(&api, false, PATIENCE).await;
        sleep(Duration::from_millis(short_or_long(500, 3_000))).await;
        let before = load.told().accepted.len();
        postgres.start_again().await;
        let began = Instant::now();
        until("acceptance after the restart", PATIENCE, async || (load.told().accepted.len() > before).then_some(()))
            .await;
        slowest = slowest.max(began.elapsed());
        ready_is(&api, true, PATIENCE).await;
    }
    let told = load.stop().await;
    for (status, (_, body)) in &told.refused {
        assert_eq!(*status, 503, "{body}");
    }
    assert_eq!(told.broken, 0);
    let metrics = settled_within(&api, Duration::from_secs(40)).await;
    assert_eq!(metrics.of("delivered"), metrics.accepted, "{metrics:?}");
    // A commit may have happened although its answer was lost; nothing else is kept that was refused.
    let accepted = told.accepted.len() as u64;
    assert!(metrics.accepted >= accepted && metrics.accepted <= accepted + told.refusals() as u64, "{metrics:?}");
    let twice = told.check_arrivals(&receiver);
    no_panic(&server);
    assert_eq!(server.terminate().await, Some(0));
    tell(
        "PostgreSQL stopped and started under load",
        "lost 0, no panic, readyz red and green again without a restart",
        &format!(
            "stops {rounds}, accepted {accepted}, refused {} ({}), kept though refused {}, lost 0, twice {twice}, \
             accepted again after at most {}",
            told.refusals(),
            statuses(&told),
            metrics.accepted - accepted,
            ms(slowest)
        ),
    );
}
