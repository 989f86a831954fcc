//! The laws: what holds for every event, whatever the settings, the channels and the user.

use std::collections::BTreeSet;

use fanfare_core::{
    ChannelId, ChannelInfo, Channels, EventSettings, NotifyUser, Plan, Recipients, SkipReason, Target, TargetReason,
    bare_address, catalog::Layer,
};
use proptest::prelude::*;

use crate::case::{CATALOG, Case, any_case, id};

/// Somebody who hears: the reader of a mailbox, or whoever looks at a channel without mailboxes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ear {
    Mailbox(String),
    Channel(ChannelId),
}

fn mailbox(address: &str) -> Ear {
    Ear::Mailbox(bare_address(address).unwrap_or(address).to_lowercase())
}

/// Who hears, once for each time that they hear.
fn ears(case: &Case, plan: &Plan) -> Vec<Ear> {
    let of = |target: &Target| -> Vec<Ear> {
        let configured = case.channels.get(target.channel_id).unwrap().recipients.as_deref();
        let all = || configured.map(|all| all.iter().map(|address| mailbox(address)).collect::<Vec<_>>());
        match &target.recipients {
            Recipients::Configured => all().unwrap_or_else(|| vec![Ear::Channel(target.channel_id)]),
            Recipients::Except(user) => all().unwrap().into_iter().filter(|ear| *ear != mailbox(user)).collect(),
            Recipients::Only(user) => vec![mailbox(user)],
        }
    };
    plan.targets.iter().flat_map(of).collect()
}

fn is_user(target: &Target) -> bool {
    matches!(target.recipients, Recipients::Only(_))
}

fn is_system(case: &Case) -> bool {
    CATALOG.get(case.event_type).unwrap().layer == Layer::System
}

fn is_enabled(case: &Case) -> bool {
    case.settings.is_enabled(CATALOG.get(case.event_type).unwrap())
}

fn own(case: &Case) -> &EventSettings {
    &case.settings.events[case.event_type]
}

/// The channels that the event is meant for, each once, in their order.
fn meant(case: &Case) -> Vec<&ChannelInfo> {
    let list: Vec<_> = match is_system(case) {
        true => own(case).channels.as_ref().unwrap_or(&case.settings.global_channels).clone(),
        false => case.assignments.iter().map(|assignment| assignment.channel_id).collect(),
    };
    let mut seen = BTreeSet::new();
    list.into_iter().filter(|id| seen.insert(*id)).filter_map(|id| case.channels.get(id)).collect()
}

/// The same without a channel, as after its deletion with force.
fn without(case: &Case, channel: ChannelId) -> Case {
    let mut case = case.clone();
    case.channels.0.remove(&channel);
    case.settings = case.settings.without(channel);
    case.assignments.retain(|assignment| assignment.channel_id != channel);
    case
}

/// Whether `part` is `whole` with some left out.
fn is_part<T: PartialEq>(part: impl IntoIterator<Item = T>, whole: impl IntoIterator<Item = T>) -> bool {
    let mut whole = whole.into_iter();
    part.into_iter().all(|one| whole.any(|other| other == one))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_target_is_reached_twice(case in any_case()) {
        let plan = case.plan();
        let mut seen = BTreeSet::new();
        for target in &plan.targets {
            prop_assert!(seen.insert((target.channel_id, is_user(target))), "{target:?} is told twice");
        }
        let users: Vec<_> = plan.targets.iter().filter(|target| is_user(target)).collect();
        prop_assert!(users.len() <= 1, "one user is told directly at the most");
        for user in users {
            let Recipients::Only(address) = &user.recipients else { unreachable!() };
            let mails = ears(&case, &plan).into_iter().filter(|ear| *ear == mailbox(address)).count();
            prop_assert_eq!(mails, 1, "a user who is told directly gets exactly one mail: {:?}", plan);
        }
    }

    #[test]
    fn an_event_that_is_on_and_has_channels_is_told_to_somebody(case in any_case()) {
        let plan = case.plan();
        prop_assert!(!plan.targets.is_empty() || !plan.skips.is_empty(), "silence has a reason");
        if is_system(&case) && is_enabled(&case) && !meant(&case).is_empty() {
            prop_assert!(!plan.targets.is_empty(), "whatever notify_user says: {:?}", plan);
        }
    }

    #[test]
    fn an_event_that_is_off_or_muted_or_without_channels_has_no_target(case in any_case()) {
        let expected = match (is_enabled(&case), meant(&case).is_empty(), own(&case).channels.is_some()) {
            _ if !is_system(&case) => return Ok(()),
            (false, _, _) => SkipReason::EventDisabled,
            (true, true, true) => SkipReason::Muted,
            (true, true, false) => SkipReason::NoChannels,
            (true, false, _) => return Ok(()),
        };
        let plan = case.plan();
        prop_assert!(plan.targets.is_empty());
        prop_assert_eq!(plan.skips.iter().map(|skip| skip.reason).collect::<Vec<_>>(), [expected]);
    }

    #[test]
    fn each_channel_is_told_or_left_out_for_one_reason(case in any_case()) {
        let plan = case.plan();
        let meant = meant(&case);
        for channel in &meant {
            let told: Vec<_> =
                plan.targets.iter().filter(|target| target.channel_id == channel.id && !is_user(target)).collect();
            let left_out: Vec<_> = plan.skips.iter().filter(|skip| skip.channel_id == Some(channel.id)).collect();
            let is_one = match (told.as_slice(), left_out.as_slice()) {
                ([_], []) | ([], [_]) => true,
                // Both at once only where a part of its recipients is left out.
                ([told], [left_out]) => {
                    matches!(told.recipients, Recipients::Except(_))
                        && left_out.reason == SkipReason::RecipientMerged
                }
                ([], []) => is_system(&case) && !is_enabled(&case),
                _ => false,
            };
            prop_assert!(is_one, "{}: {plan:?}", channel.name);
        }
        let known = |id| meant.iter().any(|channel| channel.id == id);
        prop_assert!(plan.targets.iter().all(|target| known(target.channel_id)), "nobody else is told");
        prop_assert!(plan.skips.iter().filter_map(|skip| skip.channel_id).all(known), "nobody else is left out");
        let of_the_whole: Vec<_> = plan.skips.iter().filter(|skip| skip.channel_id.is_none()).collect();
        prop_assert!(of_the_whole.len() <= 1);
        for skip in of_the_whole {
            let is_alone = plan.targets.is_empty() && plan.skips.len() == 1;
            prop_assert!(is_alone || skip.reason == SkipReason::UserUnreachable, "{plan:?}");
        }
    }

    #[test]
    fn a_reason_says_what_decided(case in any_case()) {
        let plan = case.plan();
        let wants = case.settings.events[case.event_type].notify_user;
        let told_directly = plan.targets.iter().any(is_user);
        for target in &plan.targets {
            let expected = match (is_system(&case), is_user(target), told_directly, &own(&case).channels) {
                (false, ..) => TargetReason::Assignment,
                (true, true, ..) => TargetReason::NotifyUser,
                (true, false, false, _) if wants == NotifyUser::Only && tells_users(&case) => TargetReason::UserFallback,
                (true, false, _, Some(_)) => TargetReason::Override,
                (true, false, _, None) => TargetReason::Global,
            };
            prop_assert_eq!(target.reason, expected, "{:?}", plan);
            prop_assert_eq!(target.held, !case.channels.get(target.channel_id).unwrap().enabled);
            prop_assert!(!(is_user(target) && target.held), "a user's mail does not wait for a disabled channel");
        }
    }

    #[test]
    fn disabling_or_deleting_a_channel_lets_nobody_else_hear(case in any_case(), n in 0_u8..5, delete in any::<bool>()) {
        let after = if delete { without(&case, id(n)) } else { disabled(&case, id(n)) };
        let (before, plan) = (case.plan(), after.plan());
        // The one exception: nobody being told would be worse.
        if plan.targets.iter().any(|target| target.reason == TargetReason::UserFallback) {
            return Ok(());
        }
        let heard: BTreeSet<_> = ears(&case, &before).into_iter().collect();
        for ear in ears(&after, &plan) {
            prop_assert!(heard.contains(&ear), "{ear:?} hears only now: {before:?}, then {plan:?}");
        }
        for target in plan.targets.iter().filter(|target| !is_user(target)) {
            let was_told = before.targets.iter().any(|old| old.channel_id == target.channel_id && !is_user(old));
            // Or it has one reader, the user, who was told directly and cannot be any more.
            let was_merged = before.skips.iter().any(|skip| {
                skip.channel_id == Some(target.channel_id) && skip.reason == SkipReason::RecipientMerged
            });
            prop_assert!(was_told || was_merged, "{target:?} is new");
        }
    }

    #[test]
    fn an_override_that_loses_its_last_channel_is_muted_and_never_inherits(case in any_case()) {
        if !(is_system(&case) && is_enabled(&case) && own(&case).channels.is_some()) {
            return Ok(());
        }
        let last = (0..6).fold(case, |case, n| {
            let mut left = without(&case, id(n));
            // The global channels are there, all the more so.
            left.channels = case.channels;
            left.settings.global_channels = case.settings.global_channels;
            left
        });
        prop_assert_eq!(own(&last).channels.as_deref(), Some(&[][..]));
        let plan = last.plan();
        prop_assert!(plan.targets.is_empty() && plan.skips.len() == 1 && plan.skips[0].reason == SkipReason::Muted);
    }

    #[test]
    fn the_order_is_that_of_the_list_and_the_user_comes_last(case in any_case(), n in 0_u8..5) {
        let plan = case.plan();
        let meant: Vec<_> = meant(&case).iter().map(|channel| channel.id).collect();
        let channels = |plan: &Plan| -> Vec<_> {
            plan.targets.iter().filter(|target| !is_user(target)).map(|target| target.channel_id).collect()
        };
        prop_assert!(is_part(channels(&plan), meant.iter().copied()), "{plan:?}");
        prop_assert!(is_part(plan.skips.iter().filter_map(|skip| skip.channel_id), meant.iter().copied()), "{plan:?}");
        let user = plan.targets.iter().position(is_user);
        prop_assert!(user.is_none_or(|place| place + 1 == plan.targets.len()));
        // What is taken away leaves the others where they were.
        let left = channels(&without(&case, id(n)).plan());
        let kept = |ids: Vec<ChannelId>, others: &[ChannelId]| -> Vec<_> {
            ids.into_iter().filter(|id| others.contains(id)).collect()
        };
        prop_assert_eq!(kept(left.clone(), &channels(&plan)), kept(channels(&plan), &left));
    }

    #[test]
    fn the_same_facts_give_the_same_plan_and_others_change_nothing(case in any_case(), more in any_case()) {
        let plan = case.plan();
        prop_assert_eq!(&case.plan(), &plan);
        let mut other = case.clone();
        if more.event_type != case.event_type {
            other.settings.events.extend(more.settings.events.clone());
        }
        other.channels = other.channels.with(9, true, None).with(10, true, Some(&["ada@x.example"]));
        if is_system(&case) {
            other.assignments = more.assignments;
        } else {
            other.settings = more.settings;
            other.user = more.user;
        }
        prop_assert_eq!(other.plan(), plan);
    }
}

fn tells_users(case: &Case) -> bool {
    CATALOG.get(case.event_type).unwrap().notify_user.is_some()
}

fn disabled(case: &Case, channel: ChannelId) -> Case {
    let mut case = case.clone();
    if let Some(info) = case.channels.0.get_mut(&channel) {
        info.enabled = false;
    }
    case
}
