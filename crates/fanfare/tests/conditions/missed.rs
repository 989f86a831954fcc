//! Runs that do not come, and those that come at last.

use std::time::Duration;

use fanfare::{
    CheckIn, DeliveryFilter, Engine, EventView, JobSpec, Page, Run,
    core::{Assignment, JobId, Outcome, RunCondition, SkipReason},
};
use fanfare_testkit::{Answer, Receiver};

use crate::home::{HOUR, Home, PATIENCE, settled, webhook};

/// Steps that are no jumps of the clock.
const EVERY: u32 = 120;
const GRACE: u32 = 60;

/// A job that is to report every two minutes and may be a minute late.
async fn watched(engine: &Engine, receiver: &Receiver) -> JobId {
    let channel_id = webhook(engine, "ops", receiver).await;
    let spec = JobSpec {
        name: "nightly".into(),
        notifications: vec![Assignment { channel_id, condition: RunCondition::OnFailure }],
        expect_every_s: Some(EVERY),
        grace_s: Some(GRACE),
        wording: None,
    };
    engine.create_job(spec).await.unwrap().id
}

async fn report(engine: &Engine, outcome: Outcome) {
    engine.report_run("nightly", Run::new(outcome), None).await.unwrap();
}

/// All events of a type, oldest first.
async fn events(engine: &Engine, event_type: &str) -> Vec<EventView> {
    let all = engine.events(None, Page { before: None, limit: 200 }).await.unwrap();
    all.into_iter().rev().filter(|event| event.event_type.as_str() == event_type).collect()
}

/// Waits for so many events of a type.
async fn wait_for(engine: &Engine, event_type: &str, count: usize) -> Vec<EventView> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = events(engine, event_type).await;
        if found.len() >= count {
            assert_eq!(found.len(), count, "{found:?}");
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "{count} of {event_type}: {found:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the job waits for a run at a time that is not this one.
async fn wait_for_look(engine: &Engine, id: JobId, expected: Option<i64>) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let next = engine.job(id).await.unwrap().unwrap().next_expected_at.map(|at| at.as_second());
        if next != expected {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "nobody looked at {next:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn next_expected(engine: &Engine, id: JobId) -> Option<i64> {
    engine.job(id).await.unwrap().unwrap().next_expected_at.map(|at| at.as_second())
}

#[tokio::test]
async fn a_miss_is_told_once_and_its_end_to_those_who_were_told() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    let id = watched(&engine, &receiver).await;
    let first = next_expected(&engine, id).await.unwrap();
    home.clock.advance(100);
    report(&engine, Outcome::Success).await;
    assert_eq!(next_expected(&engine, id).await, Some(first + 100), "so long after each run");

    home.clock.advance(i64::from(EVERY + GRACE));
    let missed = wait_for(&engine, "run_missed", 1).await;
    assert_eq!((missed[0].plan.targets.len(), missed[0].job_id), (1, Some(id)));
    assert_eq!(missed[0].data["expected_at"], "2027-01-15T08:03:40Z");
    assert_eq!(missed[0].data["last_run_at"], "2027-01-15T08:01:40Z");
    assert_eq!(next_expected(&engine, id).await, Some(first + 100), "still that one");
    settled(&engine).await;

    report(&engine, Outcome::Success).await;
    let recovered = wait_for(&engine, "run_recovered", 1).await;
    assert_eq!(recovered[0].plan.targets.len(), 1);
    assert_eq!(recovered[0].data["missed_since"], "2027-01-15T08:03:40Z");
    settled(&engine).await;
    report(&engine, Outcome::Success).await;

    home.clock.advance(i64::from(EVERY + GRACE));
    wait_for(&engine, "run_missed", 2).await;
    assert_eq!(settled(&engine).await, 3, "the next miss is told again");
    wait_for(&engine, "run_recovered", 1).await;
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_miss_that_lasts_is_told_again_after_a_day() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    watched(&engine, &receiver).await;
    home.clock.advance(i64::from(EVERY + GRACE));
    wait_for(&engine, "run_missed", 1).await;
    settled(&engine).await;
    home.clock.advance(23 * HOUR);
    home.clock.advance(HOUR);
    wait_for(&engine, "run_missed", 2).await;
    assert_eq!(settled(&engine).await, 2);
    engine.stop(PATIENCE).await;
    let engine = home.start().await;
    home.clock.advance(24 * HOUR);
    wait_for(&engine, "run_missed", 3).await;
    settled(&engine).await;
    report(&engine, Outcome::Failure).await;
    let recovered = wait_for(&engine, "run_recovered", 1).await;
    assert_eq!(recovered[0].plan.targets.len(), 1, "a run that failed is a run");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_miss_that_nobody_could_be_told_is_told_when_somebody_can() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    receiver.answer(Answer::status(400));
    let engine = home.start().await;
    watched(&engine, &receiver).await;
    home.clock.advance(i64::from(EVERY + GRACE));
    wait_for(&engine, "run_missed", 1).await;
    assert_eq!(settled(&engine).await, 0);
    home.clock.advance(299);
    wait_for(&engine, "run_missed", 1).await;
    home.clock.advance(1);
    wait_for(&engine, "run_missed", 2).await;
    assert_eq!(settled(&engine).await, 1, "within five minutes");

    let filter = DeliveryFilter { event_type: Some("run_missed".into()), ..DeliveryFilter::default() };
    assert_eq!(engine.deliveries(filter, Page { before: None, limit: 10 }).await.unwrap().len(), 2);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn the_end_of_a_miss_that_nobody_was_told_of_is_told_to_nobody() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    receiver.answer_always(Answer::status(400));
    let engine = home.start().await;
    watched(&engine, &receiver).await;
    home.clock.advance(i64::from(EVERY + GRACE));
    wait_for(&engine, "run_missed", 1).await;
    settled(&engine).await;
    report(&engine, Outcome::Success).await;
    let recovered = wait_for(&engine, "run_recovered", 1).await;
    assert!(recovered[0].plan.targets.is_empty());
    assert_eq!(recovered[0].plan.skips[0].reason, SkipReason::NotTold);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_stop_forgets_no_miss_and_makes_no_storm() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    let id = watched(&engine, &receiver).await;
    let expected = next_expected(&engine, id).await;
    engine.stop(PATIENCE).await;
    home.clock.advance(9 * 24 * HOUR);
    let engine = home.start().await;
    assert_eq!(next_expected(&engine, id).await, expected);
    let mut waited = 0;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while events(&engine, "run_missed").await.is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the miss was forgotten");
        home.clock.advance(1);
        waited += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(waited >= i64::from(GRACE), "reports may come in still, and {waited} s are too few");
    wait_for(&engine, "run_missed", 1).await;
    assert_eq!(settled(&engine).await, 1, "one, not one for each run");
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_clock_that_is_set_makes_no_miss() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    let id = watched(&engine, &receiver).await;
    // Whoever raises this has looked at the clock before.
    home.clock.advance(i64::from(EVERY + GRACE));
    wait_for(&engine, "run_missed", 1).await;
    report(&engine, Outcome::Success).await;
    wait_for(&engine, "run_recovered", 1).await;
    let mut expected = next_expected(&engine, id).await;
    for jump in [24 * HOUR, -24 * HOUR] {
        home.clock.advance(jump);
        wait_for_look(&engine, id, expected).await;
        expected = next_expected(&engine, id).await;
    }
    assert_eq!(events(&engine, "run_missed").await.len(), 1);
    home.clock.advance(i64::from(EVERY + GRACE));
    wait_for(&engine, "run_missed", 2).await;
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn what_is_expected_can_change_and_end() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    let id = watched(&engine, &receiver).await;
    let job = engine.job(id).await.unwrap().unwrap();
    let spec = |expect_every_s| JobSpec {
        name: job.name.clone(),
        notifications: job.notifications.clone(),
        expect_every_s,
        grace_s: None,
        wording: None,
    };
    home.clock.advance(i64::from(EVERY + GRACE));
    wait_for(&engine, "run_missed", 1).await;
    settled(&engine).await;
    assert_eq!(engine.update_job(id, spec(None)).await.unwrap().next_expected_at, None);
    assert!(engine.update_job(id, spec(Some(60))).await.unwrap().next_expected_at.is_some());
    home.clock.advance(120);
    let missed = wait_for(&engine, "run_missed", 2).await;
    assert_eq!(missed[1].plan.targets.len(), 1, "what is expected anew is missed anew");
    engine.delete_job(id).await.unwrap();
    home.clock.advance(25 * HOUR);
    settled(&engine).await;
    assert_eq!(events(&engine, "run_missed").await.len(), 2);
    engine.stop(PATIENCE).await;
}

#[tokio::test]
async fn a_job_checks_in_by_its_key() {
    let (home, receiver) = (Home::new(), Receiver::start().await);
    let engine = home.start().await;
    let id = watched(&engine, &receiver).await;
    let key = engine.job(id).await.unwrap().unwrap().ping_key;
    let last = async || engine.job(id).await.unwrap().unwrap().last_run;
    assert!(engine.check_in(&key, CheckIn::Started, b"").await.unwrap());
    assert_eq!(last().await, None, "a start is no run");
    home.clock.advance(42);
    assert!(engine.check_in(&key, CheckIn::Ended(Outcome::Failure), b"no space\r\nleft\n").await.unwrap());
    let run = last().await.unwrap();
    assert_eq!(
        (run.outcome, run.duration_ms, run.error.as_deref()),
        (Outcome::Failure, Some(42_000), Some("no space\nleft"))
    );
    home.clock.advance(42);
    assert!(engine.check_in(&key, CheckIn::Ended(Outcome::Success), b"").await.unwrap());
    assert_eq!(last().await.unwrap().duration_ms, None, "a start is the beginning of one run");

    let new = engine.rotate_ping_key(id).await.unwrap().ping_key;
    assert!(!engine.check_in(&key, CheckIn::Started, b"").await.unwrap(), "the old key ends");
    assert!(engine.check_in(&new, CheckIn::Started, b"").await.unwrap());
    assert!(!engine.check_in("", CheckIn::Started, b"").await.unwrap());
    assert_eq!(settled(&engine).await, 1, "the failure");
    engine.stop(PATIENCE).await;
}
