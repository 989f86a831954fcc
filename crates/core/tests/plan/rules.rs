//! The rules, case by case.

use fanfare_core::{Assignment, ChannelId, EventSettings, NotifyUser, RunCondition, SkipReason};

use crate::case::{Case, Table, hooks, id, with_mail};

#[test]
fn channels_are_global_or_the_event_types_own() {
    assert_eq!(Case::system("system_error", hooks()).told(), "c1 global, c2 global | ");
    let own = |channels| EventSettings { channels: Some(channels), ..Default::default() };
    let case = |channels| Case::system("system_error", hooks()).own(own(channels)).told();
    assert_eq!(case(vec![id(2)]), "c2 override | ");
    assert_eq!(case(vec![id(2), id(2), id(9)]), "c2 override | ");
    assert_eq!(case(vec![]), " | muted");
    assert_eq!(case(vec![id(9)]), " | muted");
    assert_eq!(Case::system("system_error", Table::default()).told(), " | no_channels");
}

#[test]
fn an_event_type_is_on_by_its_setting_or_else_its_default() {
    assert_eq!(Case::system("user_login", hooks()).told(), " | event_disabled");
    let set = |enabled| EventSettings { enabled: Some(enabled), ..Default::default() };
    assert_eq!(Case::system("user_login", hooks()).own(set(true)).told(), "c1 global, c2 global | ");
    assert_eq!(Case::system("system_error", hooks()).own(set(false)).told(), " | event_disabled");
}

#[test]
fn a_disabled_channel_is_a_target_that_is_held() {
    let channels = Table::default().with(1, false, None);
    assert_eq!(Case::system("system_error", channels).told(), "c1 global held | ");
}

#[test]
fn the_user_is_told_once_and_left_out_elsewhere() {
    let told = |channels, mode, user| Case::login(channels, mode, user).told();
    use NotifyUser::{Also, None as Nobody, Only};
    let ada = Some("Ada <ADA@x.example>");
    assert_eq!(told(with_mail(), Nobody, ada), "c1 global, c2 global | ");
    assert_eq!(
        told(with_mail(), Also, ada),
        "c1 global, c2 but ADA@x.example global, c2 to ADA@x.example notify_user | recipient_merged c2"
    );
    assert_eq!(told(with_mail(), Only, ada), "c2 to ADA@x.example notify_user | user_only c1, user_only c2");
    let alone = Table::default().with(1, true, None).with(2, true, Some(&["ada@x.example"]));
    assert_eq!(told(alone, Also, ada), "c1 global, c2 to ADA@x.example notify_user | recipient_merged c2");
    let two = with_mail().with(3, true, Some(&["ada@x.example", "b@x.example"]));
    assert_eq!(
        told(two, Also, ada),
        "c1 global, c2 but ADA@x.example global, c3 but ADA@x.example global, c2 to ADA@x.example notify_user \
         | recipient_merged c2, recipient_merged c3"
    );
    let disabled_first =
        Table::default().with(1, false, Some(&["ada@x.example", "x@x.example"])).with(2, true, Some(&["o@x.example"]));
    assert_eq!(
        told(disabled_first, Also, ada),
        "c1 but ADA@x.example global held, c2 global, c2 to ADA@x.example notify_user | recipient_merged c1"
    );
}

#[test]
fn a_user_who_cannot_be_told_is_no_reason_for_silence() {
    let told = |channels, mode, user| Case::login(channels, mode, user).told();
    use NotifyUser::{Also, Only};
    for user in [None, Some(""), Some("not an address")] {
        assert_eq!(told(with_mail(), Only, user), "c1 user_fallback, c2 user_fallback | ");
        assert_eq!(told(with_mail(), Also, user), "c1 global, c2 global | user_unreachable");
    }
    assert_eq!(told(hooks(), Only, Some("ada@x.example")), "c1 user_fallback, c2 user_fallback | ");
    let off = Table::default().with(1, true, None).with(2, false, Some(&["o@x.example"]));
    assert_eq!(told(off.clone(), Only, Some("ada@x.example")), "c1 user_fallback, c2 user_fallback held | ");
    assert_eq!(told(off, Also, Some("ada@x.example")), "c1 global, c2 global held | user_unreachable");
}

#[test]
fn addresses_are_compared_bare_without_case_and_in_both_forms_of_a_domain() {
    for user in ["ADA@X.EXAMPLE", "Ada Lovelace <ada@x.example>"] {
        let plan = Case::login(with_mail(), NotifyUser::Also, Some(user)).plan();
        assert_eq!(plan.skips[0].reason, SkipReason::RecipientMerged, "{user}");
    }
    let channels = || Table::default().with(1, true, Some(&["Zoë <zoe@bücher.example>", "o@x.example"]));
    let plan = Case::login(channels(), NotifyUser::Also, Some("zoe@xn--bcher-kva.example")).plan();
    assert_eq!(plan.skips[0].reason, SkipReason::RecipientMerged);
    let plan = Case::login(channels(), NotifyUser::Also, Some("zoe@buecher.example")).plan();
    assert!(plan.skips.is_empty());
}

#[test]
fn an_address_that_no_mail_goes_to_is_none() {
    for user in ["größe@x.example", "ada@127.0.0.1", "ada..l@x.example"] {
        let case = Case::login(with_mail(), NotifyUser::Only, Some(user));
        assert_eq!(case.told(), "c1 user_fallback, c2 user_fallback | ", "{user}");
    }
}

#[test]
fn the_user_is_told_through_the_first_enabled_email_channel_of_the_list() {
    let channels = Table::default()
        .with(1, false, Some(&["a@x.example"]))
        .with(2, true, Some(&["b@x.example"]))
        .with(3, true, None)
        .with(4, true, Some(&["d@x.example"]));
    let via = |list: Vec<ChannelId>| {
        let own = EventSettings {
            enabled: Some(true),
            notify_user: NotifyUser::Only,
            channels: Some(list),
            ..Default::default()
        };
        let case = Case { user: Some("u@x.example"), ..Case::system("user_login", channels.clone()).own(own) };
        case.plan().targets.into_iter().map(|target| target.channel_name).collect::<Vec<_>>()
    };
    assert_eq!(via(vec![id(3), id(1), id(4), id(2)]), ["c4"]);
    assert_eq!(via(vec![id(1), id(2), id(4)]), ["c2"]);
    assert_eq!(via(vec![id(1), id(3)]), ["c1", "c3"], "a disabled one is none");
}

#[test]
fn only_event_types_about_users_tell_users() {
    let own = EventSettings { notify_user: NotifyUser::Only, ..Default::default() };
    let case = Case { user: Some("ada@x.example"), ..Case::system("system_error", with_mail()).own(own) };
    assert_eq!(case.told(), "c1 global, c2 global | ");
}

#[test]
fn a_run_is_told_to_its_jobs_assignments_only() {
    let on = |n, condition| Assignment { channel_id: id(n), condition };
    let case =
        |event_type, assignments| Case { assignments, ..Case::system(event_type, hooks().with(3, true, None)) }.told();
    use RunCondition::{Always, OnFailure, OnSuccess};
    let three = || vec![on(3, Always), on(2, OnSuccess), on(1, OnFailure)];
    assert_eq!(case("backup_success", three()), "c3 assignment, c2 assignment | condition_not_met c1");
    for event_type in ["backup_partial", "backup_failure", "run_missed"] {
        assert_eq!(case(event_type, three()), "c3 assignment, c1 assignment | condition_not_met c2");
    }
    let both = vec![on(1, OnSuccess), on(1, OnFailure), on(2, OnSuccess), on(2, OnSuccess)];
    assert_eq!(case("backup_failure", both), "c1 assignment | condition_not_met c2");
    assert_eq!(case("backup_success", vec![]), " | no_channels");
    assert_eq!(case("backup_success", vec![on(9, Always)]), " | no_channels");
}
