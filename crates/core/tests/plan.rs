//! Who hears of an event: the rules case by case, then the laws that hold for every case.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, sync::LazyLock};

use fanfare_core::{
    Assignment, Catalog, ChannelId, ChannelInfo, Channels, EventSettings, Facts, NotificationSettings, NotifyUser,
    Plan, Recipients, RunCondition, SkipReason, TargetReason, plan,
};
use proptest::prelude::*;
use uuid::Uuid;

#[derive(Debug, Default, Clone)]
struct Table(BTreeMap<ChannelId, ChannelInfo>);

impl Channels for Table {
    fn get(&self, id: ChannelId) -> Option<&ChannelInfo> {
        self.0.get(&id)
    }
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().unwrap());

fn id(n: u8) -> ChannelId {
    ChannelId(Uuid::from_u128(n.into()))
}

impl Table {
    fn with(mut self, n: u8, enabled: bool, recipients: Option<&[&str]>) -> Self {
        let recipients = recipients.map(|list| list.iter().map(|address| (*address).to_owned()).collect());
        let kind = if recipients.is_some() { "email" } else { "webhook" };
        let info = ChannelInfo { id: id(n), name: format!("c{n}"), kind: kind.into(), enabled, recipients };
        self.0.insert(id(n), info);
        self
    }
}

#[derive(Debug)]
struct Case {
    event_type: &'static str,
    settings: NotificationSettings,
    channels: Table,
    assignments: Vec<Assignment>,
    user: Option<&'static str>,
}

impl Case {
    fn system(event_type: &'static str, channels: Table) -> Self {
        let global_channels = channels.0.keys().copied().collect();
        let settings = NotificationSettings { global_channels, ..Default::default() };
        Self { event_type, settings, channels, assignments: Vec::new(), user: None }
    }

    fn own(mut self, own: EventSettings) -> Self {
        self.settings.events.insert(self.event_type.into(), own);
        self
    }

    fn login(channels: Table, notify_user: NotifyUser, user: Option<&'static str>) -> Self {
        let own = EventSettings { enabled: Some(true), notify_user, ..Default::default() };
        Self { user, ..Self::system("user_login", channels).own(own) }
    }

    fn plan(&self) -> Plan {
        plan(&Facts {
            event_type: CATALOG.get(self.event_type).unwrap(),
            settings: &self.settings,
            channels: &self.channels,
            assignments: &self.assignments,
            user_address: self.user,
        })
    }

    /// The plan in one line: `c1 global, c2 global | user_only c3`.
    fn told(&self) -> String {
        let plan = self.plan();
        let targets = plan.targets.iter().map(|target| {
            let who = match &target.recipients {
                Recipients::Configured => String::new(),
                Recipients::Except(address) => format!(" but {address}"),
                Recipients::Only(address) => format!(" to {address}"),
            };
            let held = if target.held { " held" } else { "" };
            format!("{}{who} {}{held}", target.channel_name, target.reason.as_str())
        });
        let skips = plan.skips.iter().map(|skip| {
            let name = |id| self.channels.get(id).map_or("?", |c| c.name.as_str());
            let reason = serde_json::to_value(skip.reason).unwrap();
            format!(
                "{}{}",
                reason.as_str().unwrap(),
                skip.channel_id.map(|id| format!(" {}", name(id))).unwrap_or_default()
            )
        });
        format!("{} | {}", targets.collect::<Vec<_>>().join(", "), skips.collect::<Vec<_>>().join(", "))
    }
}

fn hooks() -> Table {
    Table::default().with(1, true, None).with(2, true, None)
}

fn with_mail() -> Table {
    Table::default().with(1, true, None).with(2, true, Some(&["ops@x.example", "ada@x.example"]))
}

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

fn any_case() -> impl Strategy<Value = Case> {
    let address = prop_oneof![Just("ada@x.example"), Just("ADA@X.example"), Just("b@x.example")];
    let recipients = prop::option::of(prop::collection::vec(address, 0..3));
    let channels = prop::collection::vec((any::<bool>(), recipients), 0..5);
    let lists = prop::collection::vec(0_u8..6, 0..6);
    let mode = prop_oneof![Just(NotifyUser::None), Just(NotifyUser::Also), Just(NotifyUser::Only)];
    let event_type = prop_oneof![
        Just("user_login"),
        Just("user_created"),
        Just("system_error"),
        Just("backup_success"),
        Just("backup_failure"),
        Just("run_missed")
    ];
    let user = prop::option::of(prop_oneof![Just("ada@x.example"), Just("B <b@x.example>"), Just("nobody")]);
    let condition =
        prop_oneof![Just(RunCondition::Always), Just(RunCondition::OnSuccess), Just(RunCondition::OnFailure)];
    let assignments = prop::collection::vec((0_u8..6, condition), 0..6);
    (event_type, channels, lists.clone(), prop::option::of(lists), any::<Option<bool>>(), mode, user, assignments)
        .prop_map(|(event_type, channels, global, own, enabled, notify_user, user, assignments)| {
            let mut table = Table::default();
            for (n, (enabled, recipients)) in (0_u8..).zip(channels) {
                table = table.with(n, enabled, recipients.as_deref());
            }
            let ids = |list: Vec<u8>| list.into_iter().map(id).collect::<Vec<_>>();
            let own = EventSettings { enabled, channels: own.map(ids), notify_user, ..Default::default() };
            let settings =
                NotificationSettings { global_channels: ids(global), events: [(event_type.into(), own)].into() };
            let assign = |(n, condition)| Assignment { channel_id: id(n), condition };
            let assignments = assignments.into_iter().map(assign).collect();
            Case { event_type, settings, channels: table, assignments, user }
        })
}

/// Addresses that hear of it, by channel; `*` for a channel without recipients.
fn heard(case: &Case, plan: &Plan) -> Vec<(ChannelId, String)> {
    let bare = |text: &str| fanfare_core::bare_address(text).unwrap_or(text).to_lowercase();
    let mut heard = Vec::new();
    for target in &plan.targets {
        let configured = case.channels.get(target.channel_id).unwrap().recipients.clone();
        let all = configured.unwrap_or_else(|| vec!["*".into()]);
        match &target.recipients {
            Recipients::Configured => heard.extend(all.iter().map(|a| (target.channel_id, bare(a)))),
            Recipients::Except(user) => {
                heard.extend(all.iter().map(|a| bare(a)).filter(|a| *a != bare(user)).map(|a| (target.channel_id, a)));
            }
            Recipients::Only(user) => heard.push((target.channel_id, bare(user))),
        }
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_laws_of_a_plan(case in any_case()) {
        let plan = case.plan();
        prop_assert_eq!(&plan, &case.plan(), "the same facts give the same plan");

        let mut targets: Vec<_> = plan.targets.iter().map(|t| (t.channel_id, matches!(t.recipients, Recipients::Only(_)))).collect();
        targets.sort();
        let all = targets.len();
        targets.dedup();
        prop_assert_eq!(all, targets.len(), "no target twice");

        let user = plan.targets.iter().find_map(|t| match &t.recipients {
            Recipients::Only(address) => Some(address.to_lowercase()),
            _ => None,
        });
        if let Some(user) = &user {
            let mails = heard(&case, &plan).into_iter().filter(|(_, address)| address == user).count();
            prop_assert_eq!(mails, 1, "the user gets exactly one mail");
        }

        prop_assert!(!plan.targets.is_empty() || !plan.skips.is_empty(), "silence has a reason");

        let channels = case.settings.events.values().next().and_then(|own| own.channels.clone());
        let event_type = CATALOG.get(case.event_type).unwrap();
        let is_job = event_type.layer == fanfare_core::catalog::Layer::Job;
        if !is_job && channels.as_ref().is_some_and(Vec::is_empty) {
            prop_assert!(plan.targets.is_empty(), "a muted event has no target");
        }
        let effective = channels.as_ref().unwrap_or(&case.settings.global_channels);
        let exist = effective.iter().any(|id| case.channels.get(*id).is_some());
        if !is_job && case.settings.is_enabled(event_type) && exist {
            let merged = plan.skips.iter().all(|s| s.reason == SkipReason::RecipientMerged);
            prop_assert!(!plan.targets.is_empty() || merged, "somebody is told: {:?}", plan);
        }
    }

    #[test]
    fn taking_a_channel_away_adds_no_target_but_by_fallback(case in any_case(), victim in 0_u8..5, disable in any::<bool>()) {
        let before = case.plan();
        let mut after = Case { settings: case.settings.clone(), channels: case.channels.clone(), assignments: case.assignments.clone(), ..case };
        if disable {
            if let Some(info) = after.channels.0.get_mut(&id(victim)) {
                info.enabled = false;
            }
        } else {
            after.channels.0.remove(&id(victim));
            after.settings = after.settings.clone().without(id(victim));
            after.assignments.retain(|a| a.channel_id != id(victim));
        }
        let plan = after.plan();
        let excused = plan.targets.iter().any(|t| t.reason == TargetReason::UserFallback)
            || plan.skips.iter().any(|s| s.reason == SkipReason::UserUnreachable)
            || plan.targets.iter().any(|t| t.reason == TargetReason::NotifyUser);
        if !excused {
            for target in &plan.targets {
                let known = before.targets.iter().any(|t| t.channel_id == target.channel_id);
                prop_assert!(known, "{:?} is new", target);
            }
        }
    }
}
