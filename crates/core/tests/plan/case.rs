//! One decision with everything that it depends on.

use std::{collections::BTreeMap, sync::LazyLock};

use fanfare_core::{
    Assignment, Catalog, ChannelId, ChannelInfo, Channels, EventSettings, Facts, NotificationSettings, NotifyUser,
    Plan, Recipients, RunCondition, plan,
};
use proptest::prelude::*;
use uuid::Uuid;

/// The channels that there are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(pub(crate) BTreeMap<ChannelId, ChannelInfo>);

impl Channels for Table {
    fn get(&self, id: ChannelId) -> Option<&ChannelInfo> {
        self.0.get(&id)
    }
}

/// The event types that come with Fanfare, and one about a user that is on by default, as none of these is.
pub(crate) static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    Catalog::builtin().unwrap().with_type("user_locked.toml", include_str!("user_locked.toml")).unwrap()
});

pub(crate) fn id(n: u8) -> ChannelId {
    ChannelId(Uuid::from_u128(n.into()))
}

impl Table {
    pub(crate) fn with(mut self, n: u8, enabled: bool, recipients: Option<&[&str]>) -> Self {
        let recipients = recipients.map(|list| list.iter().map(|address| (*address).to_owned()).collect());
        let kind = if recipients.is_some() { "email" } else { "webhook" };
        let info = ChannelInfo { id: id(n), name: format!("c{n}"), kind: kind.into(), enabled, recipients };
        self.0.insert(id(n), info);
        self
    }
}

/// The facts of a decision.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) event_type: &'static str,
    pub(crate) settings: NotificationSettings,
    pub(crate) channels: Table,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) user: Option<&'static str>,
}

impl Case {
    pub(crate) fn system(event_type: &'static str, channels: Table) -> Self {
        let global_channels = channels.0.keys().copied().collect();
        let settings = NotificationSettings { global_channels, ..Default::default() };
        Self { event_type, settings, channels, assignments: Vec::new(), user: None }
    }

    pub(crate) fn own(mut self, own: EventSettings) -> Self {
        self.settings.events.insert(self.event_type.into(), own);
        self
    }

    pub(crate) fn login(channels: Table, notify_user: NotifyUser, user: Option<&'static str>) -> Self {
        let own = EventSettings { enabled: Some(true), notify_user, ..Default::default() };
        Self { user, ..Self::system("user_login", channels).own(own) }
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&Facts {
            event_type: CATALOG.get(self.event_type).unwrap(),
            settings: &self.settings,
            channels: &self.channels,
            assignments: &self.assignments,
            user_address: self.user,
        })
    }

    /// The plan in one line: `c1 global, c2 global | user_only c3`.
    pub(crate) fn told(&self) -> String {
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

pub(crate) fn hooks() -> Table {
    Table::default().with(1, true, None).with(2, true, None)
}

pub(crate) fn with_mail() -> Table {
    Table::default().with(1, true, None).with(2, true, Some(&["ops@x.example", "ada@x.example"]))
}

pub(crate) fn any_case() -> impl Strategy<Value = Case> {
    let address = prop_oneof![Just("ada@x.example"), Just("ADA@X.example"), Just("b@x.example")];
    let recipients = prop::option::of(prop::collection::vec(address, 0..3));
    let channels = prop::collection::vec((any::<bool>(), recipients), 0..5);
    let lists = prop::collection::vec(0_u8..6, 0..6);
    let mode = prop_oneof![Just(NotifyUser::None), Just(NotifyUser::Also), Just(NotifyUser::Only)];
    let event_type = prop_oneof![
        Just("user_login"),
        Just("user_locked"),
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
