//! Notifications to try a channel with.

use std::sync::LazyLock;

use fanfare_core::{AttemptInfo, Color, Field, NoVariables, Notification, Recipients, Status, Variables};
use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

/// The time of every fixture.
pub const TIME: &str = "2026-03-14T01:02:03Z";

/// The facts of an attempt: fixed ids, and a time half a minute after the event.
pub fn info() -> AttemptInfo<'static> {
    info_with(&NoVariables)
}

/// The same with variables.
pub fn info_with(variables: &dyn Variables) -> AttemptInfo<'_> {
    AttemptInfo {
        delivery_id: Uuid::from_u128(0x019c_e8a4_1f00_7000_8000_0000_0000_00d1).into(),
        event_id: Uuid::from_u128(0x019c_e8a4_1f00_7000_8000_0000_0000_00e1).into(),
        event_type: "backup_success".into(),
        job: Some(Uuid::from_u128(0x019c_e8a4_1f00_7000_8000_0000_0000_00a1).into()),
        recipients: &Recipients::Configured,
        at: "2026-03-14T01:02:33.5Z".parse().unwrap(),
        variables,
    }
}

/// A backup that went well.
pub fn backup_success() -> Notification {
    notification(Status::Success, "#22c55e", "Backup Successful: Nightly", "The job \"Nightly\" completed.")
        .with("Job", "Nightly", true)
        .with("Source", "Production DB", true)
        .with("Duration", "42s", true)
        .with("Size", "1.5 GB", true)
        .timed()
}

/// A backup that reached only some of its destinations.
pub fn backup_partial() -> Notification {
    let message = "The job \"Nightly\" partly succeeded; some destinations failed.\nPartial upload: ✓ NAS, ✗ Cloud";
    let mut partial = notification(Status::Warning, "#f97316", "Backup Partial: Nightly", message)
        .with("Job", "Nightly", true)
        .with("Source", "Production DB", true)
        .with("Details", "Partial upload: ✓ NAS, ✗ Cloud", false)
        .timed();
    partial.badge = Some("Partial".into());
    partial
}

/// A backup that failed, with an error of several lines.
pub fn backup_failure() -> Notification {
    let error = "pg_dump: error: connection to server at \"db\" (10.0.0.5) failed:\n\tFATAL: password wrong";
    notification(Status::Failure, "#ef4444", "Backup Failed: Nightly", &format!("The job \"Nightly\" failed.\n{error}"))
        .with("Job", "Nightly", true)
        .with("Source", "Production DB", true)
        .with("Error", error, false)
        .timed()
}

/// Somebody signed in.
pub fn user_login() -> Notification {
    notification(Status::Info, "#3b82f6", "User Login", "Zoë O'Neil (zoe@example.com) logged in.")
        .with("User", "Zoë O'Neil", true)
        .with("Email", "zoe@example.com", true)
        .with("IP Address", "203.0.113.7", true)
        .timed()
}

/// A restore that failed.
pub fn restore_failure() -> Notification {
    notification(Status::Failure, "#ef4444", "Restore Failed", "A database restore failed: out of disk <space> & time")
        .with("Source", "Production DB", true)
        .with("Database Type", "POSTGRESQL", true)
        .with("Backup File", "nightly_2026-03-14.sql.gz", false)
        .with("Error", "out of disk <space> & time", false)
        .with("Duration", "7s", true)
        .timed()
}

/// A destination that is nearly full.
pub fn storage_limit() -> Notification {
    let mut limit = notification(
        Status::Failure,
        "#ef4444",
        "Storage Limit Warning",
        "The storage \"NAS\" is at 90.0% of its limit.",
    )
    .with("Storage", "NAS", true)
    .with("Usage", "90.0%", true)
    .with("Current Size", "9 GB", true)
    .with("Limit", "10 GB", true)
    .timed();
    limit.badge = Some("Alert".into());
    limit.link = Some("https://fanfare.example/storage?id=1&tab=usage".into());
    limit
}

/// The six notifications that people see most, each with a name for snapshots.
pub fn typical() -> Vec<(&'static str, Notification)> {
    vec![
        ("backup_success", backup_success()),
        ("backup_partial", backup_partial()),
        ("backup_failure", backup_failure()),
        ("user_login", user_login()),
        ("restore_failure", restore_failure()),
        ("storage_limit", storage_limit()),
    ]
}

/// Text that is nothing but text, however much it looks like something else.
pub const HOSTILE: &[&str] = &[
    "",
    " ",
    "\0",
    "\u{1}\u{8}\u{b}\u{1b}[31m\u{7f}\u{85}",
    "line\r\nInjected: header\r\n\r\nbody",
    "{{title}} {{{message}}} {{fields}} {{#each x}} {% if %} ${HOME} $(id) `id`",
    "\"quoted\" \\ \\\" \\u0000 \\n ' /",
    "<b>bold</b> <script>alert(1)</script> &amp; <!channel> <@U123> <!here>",
    "@everyone @here <@&1> *bold* _it_ ~no~ `code` ```block``` ||spoiler|| [a](https://evil.example)",
    "# heading\n> quote\n- item\n1. item\n---\n| a | b |",
    "שלום עולם مرحبا \u{202e}reversed\u{202c} \u{200f}\u{2066}isolated\u{2069}",
    "👩‍👩‍👧‍👦🇩🇪é\u{301}\u{0301}\u{0301}\u{fe0f}\u{200d}",
    "\u{feff}\u{2028}\u{2029}\u{fffd}\u{ffff}\u{10ffff}",
];

/// Notifications made of [`HOSTILE`] text, then one that is empty and one that is too long for every service.
pub fn hostile() -> Vec<Notification> {
    let mut all: Vec<Notification> = HOSTILE
        .iter()
        .map(|text| {
            let mut hostile = notification(Status::Failure, "#ef4444", text, text).with(text, text, true);
            hostile.badge = Some((*text).into());
            hostile
        })
        .collect();
    all.push(notification(Status::Info, "#6b7280", "", ""));
    let long = "Long wörds ".repeat(20_000);
    let unbroken = "x".repeat(100_000);
    let huge = notification(Status::Warning, "#f59e0b", &long, &unbroken);
    all.push((0..60).fold(huge, |huge, _| huge.with(&long[..2_000], &unbroken[..5_000], false)));
    all
}

/// Any notification: every kind of text that an event can bring.
pub fn any_notification() -> impl Strategy<Value = Notification> {
    let field = (any_text(), any_text(), any::<bool>()).prop_map(|(name, value, inline)| Field { name, value, inline });
    let status = prop::sample::select(&[Status::Success, Status::Info, Status::Warning, Status::Failure][..]);
    let link = prop::option::of(prop::sample::select(&["https://fanfare.example/a?b=c&d=\"e\"", "http://x/"][..]));
    (
        any_text(),
        any_text(),
        prop::collection::vec(field, 0..12),
        status,
        any::<[u8; 3]>(),
        prop::option::of(any_text()),
        link,
        0_i64..4_000_000_000_000,
    )
        .prop_map(|(title, message, fields, status, [r, g, b], badge, link, millis)| Notification {
            title,
            message,
            fields,
            status,
            color: Color { r, g, b },
            badge,
            link: link.map(Into::into),
            time: Timestamp::from_millisecond(millis).unwrap(),
        })
}

/// Any text: all of Unicode, control characters, markup, template syntax, long words.
pub fn any_text() -> impl Strategy<Value = String> {
    static HOSTILE_TEXT: LazyLock<Vec<String>> = LazyLock::new(|| HOSTILE.iter().map(|&text| text.into()).collect());
    let hostile = prop::sample::select(HOSTILE_TEXT.clone());
    let long = ("\\PC{1,8}", 500_usize..3_000).prop_map(|(word, times)| word.repeat(times));
    prop_oneof![
        4 => "\\PC{0,40}",
        4 => prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
        2 => "[\\x00-\\x7f]{0,40}",
        2 => hostile.clone(),
        1 => (hostile, "\\PC{0,10}").prop_map(|(a, b)| a + &b),
        1 => long,
    ]
}

fn notification(status: Status, color: &str, title: &str, message: &str) -> Notification {
    Notification {
        title: title.into(),
        message: message.into(),
        fields: Vec::new(),
        status,
        color: color.parse().unwrap(),
        badge: None,
        link: None,
        time: TIME.parse().unwrap(),
    }
}

/// Short forms for writing fixtures.
trait Build: Sized {
    fn with(self, name: &str, value: &str, inline: bool) -> Self;

    fn timed(self) -> Self {
        self.with("Time", TIME, true)
    }
}

impl Build for Notification {
    fn with(mut self, name: &str, value: &str, inline: bool) -> Self {
        self.fields.push(Field { name: name.into(), value: value.into(), inline });
        self
    }
}
