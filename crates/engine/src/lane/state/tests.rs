use super::*;
use crate::HealthState;

const LIFE: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn limited(after: Option<u64>) -> SendError {
    let kind = ErrorKind::RateLimited { after: after.map(Duration::from_secs) };
    SendError { kind, status: Some(429), detail: "429".into() }
}

/// A lane whose life begins at 0, without jitter.
#[derive(Default)]
struct Lane {
    state: LaneState,
    health: LaneHealth,
}

impl Lane {
    fn judge(&mut self, error: Option<&SendError>, attempts: u32, now: i64) -> Verdict {
        let outcome =
            Outcome { error, attempts, expires_at: at(LIFE), is_own: false, is_stale: false, is_digest: false };
        self.judge_as(outcome, now)
    }

    fn judge_as(&mut self, outcome: Outcome<'_>, now: i64) -> Verdict {
        let (retry, policy) = (RetryPolicy { jitter: 0.0, ..RetryPolicy::default() }, LanePolicy::default());
        let rules = Rules { retry: &retry, policy: &policy, random: 0.5 };
        self.state.judge(outcome, &mut self.health, rules, at(now))
    }

    fn gate(&mut self, now: i64) -> Gate {
        self.state.gate(at(now))
    }
}

fn again(second: i64) -> Next {
    Next::Again(second * 1_000)
}

#[test]
fn a_named_time_shuts_the_lane_until_then() {
    let mut lane = Lane::default();
    assert_eq!(lane.gate(0), Gate::Open);
    assert_eq!(lane.judge(Some(&limited(Some(77))), 0, 10).next, again(87));
    assert_eq!(lane.gate(86), Gate::Shut(at(87)));
    // One that was under way and is answered with a shorter time does not shorten it.
    assert_eq!(lane.judge(Some(&limited(Some(1))), 0, 11).next, again(12));
    assert_eq!(lane.gate(86), Gate::Shut(at(87)));
    assert_eq!(lane.gate(87), Gate::Open);
}

#[test]
fn without_a_time_the_schedule_counts_how_often_it_was_turned_away() {
    let mut lane = Lane::default();
    let mut now = 0;
    // 32 under way together, four times in a row: attempts stay 0, the lane's waits grow all the same.
    let waits = [5, 30, 120, 600].map(|wait| {
        for _ in 0..32 {
            assert_eq!(lane.judge(Some(&limited(None)), 0, now).next, again(now + wait));
        }
        now += wait;
        wait
    });
    assert_eq!(waits.iter().sum::<i64>(), now);
    assert_eq!(lane.judge(None, 0, now).next, Next::Delivered);
    assert_eq!(lane.judge(Some(&limited(None)), 0, now).next, again(now + 5));
}

#[test]
fn an_absurd_time_is_cut_to_the_delivery_s_life_and_said() {
    let mut lane = Lane::default();
    let verdict = lane.judge(Some(&limited(Some(u64::MAX))), 0, 0);
    assert_eq!(verdict.next, again(LIFE));
    assert_eq!(verdict.absurd, Some(Duration::from_secs(u64::MAX)));
    assert_eq!(lane.gate(1), Gate::Shut(at(LIFE)));
    assert_eq!(lane.judge(Some(&limited(Some(5))), 0, 0).absurd, None);
}

#[test]
fn a_rotated_webhook_kills_two_deliveries_and_the_rest_waits() {
    let mut lane = Lane::default();
    let gone = SendError::misconfigured("404");
    assert_eq!(lane.judge(Some(&gone), 0, 0), Verdict { next: Next::Dead, turn: None, absurd: None });
    let second = lane.judge(Some(&gone), 0, 0);
    assert_eq!((second.next, second.turn), (Next::Dead, Some(Turn::Failing("404".into()))));
    // Thirty more were under way.
    for _ in 0..30 {
        assert_eq!(lane.judge(Some(&gone), 0, 1), Verdict { next: again(1), turn: None, absurd: None });
    }
    assert_eq!(lane.gate(59), Gate::Shut(at(60)));
    assert_eq!(lane.gate(60), Gate::Probe);
    assert_eq!(lane.judge(Some(&gone), 1, 61).next, again(61));
    assert_eq!(lane.gate(61), Gate::Shut(at(361)));
    assert_eq!(lane.judge(Some(&SendError::temporary("503")), 2, 361).next, again(361 + 120));
    assert_eq!(lane.gate(400), Gate::Shut(at(361 + 900)));
    let mended = lane.judge(None, 2, 1_300);
    assert_eq!((mended.next, mended.turn), (Next::Delivered, Some(Turn::Recovered)));
    assert_eq!(lane.gate(1_300), Gate::Open);
}

#[test]
fn a_digest_that_finds_the_configuration_wrong_waits_with_all_its_members() {
    let mut lane = Lane::default();
    let gone = SendError::misconfigured("404");
    let digest = Outcome {
        error: Some(&gone),
        attempts: 0,
        expires_at: at(LIFE),
        is_own: false,
        is_stale: false,
        is_digest: true,
    };
    let verdict = lane.judge_as(digest, 0);
    assert_eq!((verdict.next, verdict.turn), (again(0), Some(Turn::Failing("404".into()))));
    assert_eq!(lane.gate(59), Gate::Shut(at(60)));
    assert_eq!(lane.gate(60), Gate::Probe);
    assert_eq!(lane.judge_as(digest, LIFE).next, Next::Dead);
}

#[test]
fn nothing_waits_beyond_its_life() {
    let mut lane = Lane::default();
    let gone = SendError::misconfigured("404");
    for _ in 0..2 {
        lane.judge(Some(&gone), 0, LIFE - 10);
    }
    assert_eq!(lane.judge(Some(&gone), 0, LIFE - 9).next, again(LIFE - 9));
    assert_eq!(lane.judge(Some(&gone), 0, LIFE).next, Next::Dead);
}

#[test]
fn a_changed_configuration_begins_anew() {
    let mut lane = Lane::default();
    let gone = SendError::misconfigured("404");
    for _ in 0..2 {
        lane.judge(Some(&gone), 0, 0);
    }
    lane.judge(Some(&limited(Some(500))), 0, 0);
    lane.state.begin_anew();
    assert_eq!(lane.gate(0), Gate::Open);
    assert_eq!(lane.health.state(), HealthState::Failing, "until something gets through");
    // What was under way by the old one proves nothing, and is tried by the new one.
    let stale = Outcome {
        error: Some(&gone),
        attempts: 0,
        expires_at: at(LIFE),
        is_own: false,
        is_stale: true,
        is_digest: false,
    };
    for _ in 0..5 {
        assert_eq!(lane.judge_as(stale, 1).next, again(1));
    }
    assert_eq!(lane.gate(1), Gate::Open);
}

#[test]
fn a_message_that_is_refused_is_dead_and_opens_nothing() {
    let mut lane = Lane::default();
    for _ in 0..50 {
        assert_eq!(lane.judge(Some(&SendError::rejected("400")), 0, 0).next, Next::Dead);
    }
    assert_eq!(lane.gate(0), Gate::Open);
}
