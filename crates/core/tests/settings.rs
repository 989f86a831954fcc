//! Which settings are refused, and where the refusal points.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, sync::LazyLock};

use fanfare_core::{
    Catalog, ChannelId, ChannelInfo, Channels, EventSettings, NotificationSettings, NotifyUser, check_settings,
};
use uuid::Uuid;

#[derive(Default)]
struct Table(BTreeMap<ChannelId, ChannelInfo>);

impl Channels for Table {
    fn get(&self, id: ChannelId) -> Option<&ChannelInfo> {
        self.0.get(&id)
    }
}

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().unwrap());

/// A webhook, an e-mail channel, one that is disabled, and one that is gone.
const HOOK: u8 = 1;
const MAIL: u8 = 2;
const OFF: u8 = 3;
const GONE: u8 = 4;

fn id(n: u8) -> ChannelId {
    ChannelId(Uuid::from_u128(n.into()))
}

fn ids(list: &[u8]) -> Vec<ChannelId> {
    list.iter().copied().map(id).collect()
}

fn channels() -> Table {
    let info = |n, recipients: Option<&str>, enabled| {
        let recipients = recipients.map(|address| vec![address.to_owned()]);
        (id(n), ChannelInfo { id: id(n), name: format!("c{n}"), kind: "any".into(), enabled, recipients })
    };
    Table([info(HOOK, None, true), info(MAIL, Some("o@x.example"), true), info(OFF, Some("o@x.example"), false)].into())
}

/// Settings with these global channels, and with these for `user_login`.
fn settings(global: &[u8], login: Option<(NotifyUser, Option<&[u8]>)>) -> NotificationSettings {
    let own = login.map(|(notify_user, own)| EventSettings {
        notify_user,
        channels: own.map(ids),
        ..EventSettings::default()
    });
    let events = own.map(|own| ("user_login".into(), own)).into_iter().collect();
    NotificationSettings { global_channels: ids(global), events }
}

/// Where the change from one to the other is refused.
#[track_caller]
fn check(old: &NotificationSettings, new: &NotificationSettings, expected: &[&str]) {
    let faults = check_settings(new, old, &CATALOG, &channels());
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, expected, "{faults:?}");
}

use NotifyUser::{Also, None as Nobody, Only};

#[test]
fn telling_the_user_needs_an_email_channel_enabled_or_not() {
    let old = settings(&[HOOK], None);
    for mode in [Also, Only] {
        check(&old, &settings(&[HOOK], Some((mode, None))), &["/events/user_login/notify_user"]);
        check(&old, &settings(&[], Some((mode, None))), &["/events/user_login/notify_user"]);
        check(&old, &settings(&[HOOK, MAIL], Some((mode, Some(&[])))), &["/events/user_login/notify_user"]);
        check(&old, &settings(&[HOOK, MAIL], Some((mode, Some(&[HOOK])))), &["/events/user_login/notify_user"]);
        check(&old, &settings(&[HOOK, MAIL], Some((mode, None))), &[]);
        check(&old, &settings(&[HOOK, OFF], Some((mode, None))), &[]);
        check(&old, &settings(&[HOOK], Some((mode, Some(&[OFF])))), &[]);
    }
    check(&old, &settings(&[HOOK], Some((Nobody, None))), &[]);
}

#[test]
fn taking_the_email_channel_away_points_at_what_did_it() {
    let old = settings(&[HOOK, MAIL], Some((Also, None)));
    check(&old, &settings(&[HOOK], Some((Also, None))), &["/global_channels"]);
    check(&old, &settings(&[HOOK], Some((Only, None))), &["/global_channels"]);
    check(&old, &settings(&[HOOK, MAIL], Some((Also, Some(&[HOOK])))), &["/events/user_login/channels"]);
    check(&old, &settings(&[HOOK], Some((Nobody, None))), &[]);
    check(&old, &settings(&[HOOK], Some((Also, Some(&[MAIL])))), &[]);
    // An event type with a channel of its own does not depend on the global ones; without it, it does.
    let own = settings(&[HOOK, MAIL], Some((Only, Some(&[MAIL]))));
    check(&own, &settings(&[HOOK], Some((Only, Some(&[MAIL])))), &[]);
    check(&own, &settings(&[HOOK], Some((Only, None))), &["/events/user_login/channels"]);
}

#[test]
fn every_event_type_that_would_lose_its_email_channel_is_named() {
    let of = |global: &[u8]| {
        let own = EventSettings { notify_user: Also, ..EventSettings::default() };
        let events = [("user_login".into(), own.clone()), ("user_created".into(), own)].into();
        NotificationSettings { global_channels: ids(global), events }
    };
    let faults = check_settings(&of(&[HOOK]), &of(&[MAIL]), &CATALOG, &channels());
    assert_eq!(faults.len(), 2);
    for (fault, event_type) in faults.iter().zip(["user_login", "user_created"]) {
        assert_eq!(fault.pointer, "/global_channels");
        assert!(fault.detail.starts_with(event_type), "{fault:?}");
    }
}

#[test]
fn what_a_forced_deletion_left_behind_may_be_saved_again() {
    let left = settings(&[HOOK], Some((Only, None)));
    check(&left, &left, &[]);
    let mut changed = left.clone();
    changed.events.get_mut("user_login").unwrap().enabled = Some(true);
    changed.events.insert("system_error".into(), EventSettings { enabled: Some(false), ..EventSettings::default() });
    check(&left, &changed, &[]);
    // Once it has been mended, it cannot be broken again.
    check(&settings(&[MAIL], Some((Only, None))), &left, &["/global_channels"]);
}

#[test]
fn an_event_type_that_has_left_the_catalog_hinders_no_other() {
    let gone = |enabled| ("user_logout".into(), EventSettings { enabled: Some(enabled), ..EventSettings::default() });
    let mut old = NotificationSettings::default();
    old.events.extend([gone(true)]);
    let mut new = old.clone();
    new.events.insert("system_error".into(), EventSettings { enabled: Some(false), ..EventSettings::default() });
    check(&old, &new, &[]);
    new.events.extend([gone(false)]);
    check(&old, &new, &["/events/user_logout"]);
    // Nor does one that is no longer about a user.
    let told = |enabled| {
        (
            "config_backup".into(),
            EventSettings { notify_user: Also, enabled, channels: Some(ids(&[MAIL])), ..EventSettings::default() },
        )
    };
    old.events = [told(None)].into();
    new.events = [told(None), ("system_error".into(), EventSettings::default())].into();
    check(&old, &new, &[]);
    new.events.extend([told(Some(true))]);
    check(&old, &new, &["/events/config_backup/notify_user"]);
}

#[test]
fn what_does_not_exist_is_pointed_at() {
    let none = NotificationSettings::default();
    check(&none, &settings(&[HOOK, GONE], None), &["/global_channels/1"]);
    check(&none, &settings(&[], Some((Nobody, Some(&[GONE])))), &["/events/user_login/channels/0"]);
    let of = |event_type: &str, own: EventSettings| NotificationSettings {
        events: [(event_type.into(), own)].into(),
        ..NotificationSettings::default()
    };
    check(&none, &of("user_logout", EventSettings::default()), &["/events/user_logout"]);
    check(&none, &of("backup_success", EventSettings::default()), &["/events/backup_success"]);
    let tells = EventSettings { notify_user: Also, channels: Some(ids(&[MAIL])), ..EventSettings::default() };
    check(&none, &of("system_error", tells), &["/events/system_error/notify_user"]);
}
