//! Reminders: who hears again of a condition that lasts, and who hears of its end.

use jiff::{SignedDuration, Timestamp};

use crate::{ConditionState, Plan, Recipients, Skip, SkipReason, Target};

/// Hours between reminders where neither the settings nor the catalog say anything else.
pub(crate) const DEFAULT_REMINDER_HOURS: f64 = 24.0;

/// How often a target is told of a condition that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reminder {
    /// Once, when the condition begins.
    Never,
    /// Again, so long after it was last told.
    After(SignedDuration),
}

impl Reminder {
    /// So many hours, fractions allowed. None at all for 0, and for more than time has.
    pub fn hours(hours: f64) -> Self {
        match SignedDuration::try_from_secs_f64(hours * 3_600.0) {
            Ok(wait) if wait > SignedDuration::ZERO => Self::After(wait),
            _ => Self::Never,
        }
    }
}

/// What one target knows of a condition that lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Who: a target's [`Target::key`].
    pub target: String,
    /// When it was last told, successfully.
    pub at: Option<Timestamp>,
    /// Whether it is about to be told: a delivery has neither arrived yet nor been given up.
    pub on_its_way: bool,
}

/// What is known of the condition that an event begins, continues or ends.
#[derive(Clone, Copy, Debug)]
pub struct ConditionFacts<'a> {
    /// Whether the condition lasts or is over.
    pub state: ConditionState,
    /// Who was told of it since it began.
    pub told: &'a [Told],
    /// How often it is told while it lasts.
    pub reminder: Reminder,
    /// The time.
    pub now: Timestamp,
}

/// The second half of a plan, for an event with a condition: takes out whoever knows already, and of an end whoever
/// never heard of the beginning. Pure and total, as [`plan`](crate::plan()) is; only ever moves targets to skips.
///
/// What is still on its way counts as told: nobody gets the same twice at once, and whoever will hear of a beginning
/// hears of its end. What never arrived does not: the next event is told at once.
#[must_use]
pub fn remind(plan: Plan, facts: &ConditionFacts<'_>) -> Plan {
    let Plan { targets, mut skips } = plan;
    let mut kept = Vec::with_capacity(targets.len());
    for target in targets {
        match reason(&target, facts) {
            None => kept.push(target),
            Some((reason, detail)) => {
                let channel_id = (!is_user(&target)).then_some(target.channel_id);
                skips.push(Skip { reason, channel_id, detail });
            }
        }
    }
    Plan { targets: kept, skips }
}

/// Why a target is not told; `None` where it is.
fn reason(target: &Target, facts: &ConditionFacts<'_>) -> Option<(SkipReason, String)> {
    let key = target.key();
    let known = facts.told.iter().filter(|told| told.target == key);
    let who = if is_user(target) { "the user" } else { target.channel_name.as_str() };
    if facts.state == ConditionState::Resolved {
        let knows = known.into_iter().any(|told| told.at.is_some() || told.on_its_way);
        let detail = || format!("{who} was not told of what is over now");
        return (!knows).then(|| (SkipReason::NotTold, detail()));
    }
    let mut not_due = None;
    for told in known {
        if told.on_its_way {
            return Some((SkipReason::RepeatNotDue, format!("what {who} is told of this is still on its way")));
        }
        // A time to come was written before the clock was put back, and counts as now.
        let Some(at) = told.at.map(|at| at.min(facts.now)) else { continue };
        let detail = match facts.reminder {
            Reminder::Never => format!("{who} was told of this already, and there are no reminders"),
            Reminder::After(wait) => match at.checked_add(wait) {
                Ok(due) if due <= facts.now => continue,
                Ok(due) => format!("{who} was told of this already; the next reminder is due at {due:.0}"),
                Err(_) => format!("{who} was told of this already"),
            },
        };
        not_due = Some((SkipReason::RepeatNotDue, detail));
    }
    not_due
}

fn is_user(target: &Target) -> bool {
    matches!(target.recipients, Recipients::Only(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChannelId, TargetReason};
    use proptest::prelude::*;

    fn target(number: u128, recipients: Recipients) -> Target {
        Target {
            channel_id: ChannelId(uuid::Uuid::from_u128(number)),
            channel_name: format!("c{number}"),
            kind: "email".into(),
            recipients,
            reason: TargetReason::Global,
            held: false,
        }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3_600).unwrap()
    }

    fn told(target: &Target, at: Option<Timestamp>, on_its_way: bool) -> Told {
        Told { target: target.key(), at, on_its_way }
    }

    /// What becomes of one channel that knows this, an hour count after it was told.
    fn outcome(state: ConditionState, told: &[Told], reminder: f64, now: Timestamp) -> Option<SkipReason> {
        let plan = Plan { targets: vec![target(1, Recipients::Configured)], skips: Vec::new() };
        let facts = ConditionFacts { state, told, reminder: Reminder::hours(reminder), now };
        let plan = remind(plan, &facts);
        assert_eq!(plan.targets.len() + plan.skips.len(), 1);
        plan.skips.first().map(|skip| skip.reason)
    }

    #[test]
    fn a_reminder_is_due_after_its_interval() {
        use ConditionState::Firing;
        let one = target(1, Recipients::Configured);
        let known = [told(&one, Some(at(0)), false)];
        assert_eq!(outcome(Firing, &[], 24.0, at(0)), None, "the first is told");
        assert_eq!(outcome(Firing, &known, 24.0, at(23)), Some(SkipReason::RepeatNotDue));
        assert_eq!(outcome(Firing, &known, 24.0, at(24)), None);
        assert_eq!(outcome(Firing, &known, 0.5, at(1)), None);
        assert_eq!(outcome(Firing, &known, 0.0, at(1_000_000)), Some(SkipReason::RepeatNotDue), "off");
        assert_eq!(outcome(Firing, &known, f64::MAX, at(1_000_000)), Some(SkipReason::RepeatNotDue));
    }

    #[test]
    fn what_never_arrived_does_not_count() {
        let one = target(1, Recipients::Configured);
        assert_eq!(outcome(ConditionState::Firing, &[told(&one, None, false)], 24.0, at(0)), None);
        let under_way = [told(&one, None, true)];
        assert_eq!(outcome(ConditionState::Firing, &under_way, 24.0, at(99)), Some(SkipReason::RepeatNotDue));
    }

    #[test]
    fn a_clock_that_is_put_back_delays_by_one_interval_at_the_most() {
        let one = target(1, Recipients::Configured);
        let known = [told(&one, Some(at(24)), false)];
        assert_eq!(outcome(ConditionState::Firing, &known, 24.0, at(0)), Some(SkipReason::RepeatNotDue));
        assert_eq!(outcome(ConditionState::Firing, &[told(&one, Some(at(0)), false)], 24.0, at(24)), None);
    }

    #[test]
    fn an_end_is_told_to_those_who_were_told_of_the_beginning() {
        use ConditionState::Resolved;
        let one = target(1, Recipients::Configured);
        assert_eq!(outcome(Resolved, &[], 24.0, at(0)), Some(SkipReason::NotTold));
        assert_eq!(outcome(Resolved, &[told(&one, None, false)], 24.0, at(0)), Some(SkipReason::NotTold));
        assert_eq!(outcome(Resolved, &[told(&one, None, true)], 24.0, at(0)), None);
        assert_eq!(outcome(Resolved, &[told(&one, Some(at(0)), false)], 0.0, at(0)), None);
    }

    #[test]
    fn a_user_is_told_apart_from_the_channel_that_writes_to_them() {
        let (channel, user) =
            (target(1, Recipients::Except("A@b.example".into())), Recipients::Only("A@b.example".into()));
        let user = target(1, user);
        assert_eq!(channel.key(), target(1, Recipients::Configured).key());
        let other_way = target(2, Recipients::Only("a@B.example".into()));
        assert_eq!(user.key(), other_way.key(), "through whichever channel, and however it is written");
        let plan = Plan { targets: vec![channel.clone(), user.clone()], skips: Vec::new() };
        let known = [told(&user, Some(at(0)), false)];
        let facts =
            ConditionFacts { state: ConditionState::Firing, told: &known, reminder: Reminder::Never, now: at(1) };
        let plan = remind(plan, &facts);
        assert_eq!(plan.targets, [channel]);
        assert_eq!((plan.skips[0].reason, plan.skips[0].channel_id), (SkipReason::RepeatNotDue, None));
        assert!(!plan.skips[0].detail.contains('@'), "addresses stand in targets only");
    }

    fn any_told() -> impl Strategy<Value = Vec<Told>> {
        let one = (1..5u128, prop::option::of(-100..100i64), any::<bool>());
        prop::collection::vec(one, 0..6).prop_map(|all| {
            let told_of = |(number, hours, on_its_way): (u128, Option<i64>, bool)| {
                told(&target(number, Recipients::Configured), hours.map(at), on_its_way)
            };
            all.into_iter().map(told_of).collect()
        })
    }

    proptest! {
        #[test]
        fn targets_are_only_ever_taken_out_and_each_for_a_reason(
            known in any_told(), firing in any::<bool>(), hours in 0.0..200.0, now in -100..100i64
        ) {
            let targets: Vec<_> = (1..5).map(|number| target(number, Recipients::Configured)).collect();
            let plan = Plan { targets: targets.clone(), skips: Vec::new() };
            let state = if firing { ConditionState::Firing } else { ConditionState::Resolved };
            let facts = ConditionFacts { state, told: &known, reminder: Reminder::hours(hours), now: at(now) };
            let after = remind(plan, &facts);
            let skipped: Vec<_> = after.skips.iter().map(|skip| skip.channel_id.unwrap()).collect();
            let mut kept = after.targets.iter();
            for target in &targets {
                let is_kept = kept.clone().next() == Some(target);
                prop_assert_ne!(is_kept, skipped.contains(&target.channel_id), "one or the other, in order");
                if is_kept {
                    kept.next();
                }
                let reached = known.iter().any(|told| told.target == target.key() && (told.at.is_some() || told.on_its_way));
                prop_assert!(is_kept || reached == firing);
            }
            let expected = if firing { SkipReason::RepeatNotDue } else { SkipReason::NotTold };
            prop_assert!(after.skips.iter().all(|skip| skip.reason == expected));
        }
    }
}
