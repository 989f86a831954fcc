//! What people read for the words that programs use.

use fanfare::core::{Outcome, RunCondition, SkipReason};
use maud::Markup;

use super::parts::{Tone, badge};

/// How a run ended.
pub(super) fn outcome_badge(outcome: Outcome) -> Markup {
    run_badge(outcome.event_type())
}

/// How a run ended, from the event type that tells of it.
pub(super) fn run_badge(event_type: &str) -> Markup {
    match event_type {
        "backup_success" => badge(Tone::Success, "Success"),
        "backup_partial" => badge(Tone::Warning, "Partial"),
        "backup_failure" => badge(Tone::Failure, "Failure"),
        "run_missed" => badge(Tone::Failure, "Missed"),
        "run_recovered" => badge(Tone::Success, "Recovered"),
        other => badge(Tone::Plain, other),
    }
}

/// Which runs somebody hears of.
pub(super) fn condition(condition: RunCondition) -> &'static str {
    match condition {
        RunCondition::Always => "Always",
        RunCondition::OnSuccess => "On Success",
        RunCondition::OnFailure => "On Failure",
    }
}

/// The same as it stands in documents.
pub(super) fn condition_word(condition: RunCondition) -> &'static str {
    match condition {
        RunCondition::Always => "always",
        RunCondition::OnSuccess => "on_success",
        RunCondition::OnFailure => "on_failure",
    }
}

/// Why somebody was told.
pub(super) fn reason(reason: &str) -> &'static str {
    match reason {
        "global" => "It is one of the Global Channels.",
        "override" => "It is one of this event's Custom Channels.",
        "assignment" => "The job names it, for runs that end like this.",
        "notify_user" => "The event is about this user, who is notified directly.",
        "user_fallback" => "Only the user was to be told, and could not be.",
        _ => "",
    }
}

/// Why somebody was not told, in short.
pub(super) fn skip(reason: SkipReason) -> &'static str {
    match reason {
        SkipReason::EventDisabled => "Event is off",
        SkipReason::NoChannels => "No channels",
        SkipReason::Muted => "Muted",
        SkipReason::ConditionNotMet => "Other outcome",
        SkipReason::UserOnly => "User only",
        SkipReason::UserUnreachable => "User cannot be reached",
        SkipReason::RecipientMerged => "Gets it already",
        SkipReason::RepeatNotDue => "Reminder not due",
        SkipReason::NotTold => "Was not told before",
    }
}

/// A stretch of time in its largest whole unit.
pub(super) fn seconds(seconds: u32) -> String {
    let units = [(604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let whole = units.into_iter().find(|(length, _)| seconds >= *length && seconds.is_multiple_of(*length));
    match whole {
        Some((length, name)) if seconds == length => name.to_owned(),
        Some((length, name)) => format!("{} {name}s", seconds / length),
        None => format!("{seconds} seconds"),
    }
}

/// How long something took.
pub(super) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..10_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        10_000..60_000 => format!("{} s", ms / 1_000),
        60_000..3_600_000 => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// How large something is.
pub(super) fn size(bytes: u64) -> String {
    let (mut tenths, mut unit) = (bytes.saturating_mul(10), 0);
    let units = ["Bytes", "KB", "MB", "GB", "TB", "PB"];
    while tenths >= 10_240 && unit < units.len() - 1 {
        tenths /= 1_024;
        unit += 1;
    }
    match tenths % 10 {
        0 => format!("{} {}", tenths / 10, units[unit]),
        rest => format!("{}.{rest} {}", tenths / 10, units[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(duration(940), "940 ms");
        assert_eq!(duration(4_250), "4.2 s");
        assert_eq!(duration(42_900), "42 s");
        assert_eq!(duration(125_000), "2 min 5 s");
        assert_eq!(duration(7_500_000), "2 h 5 min");
        assert_eq!(size(512), "512 Bytes");
        assert_eq!(size(1_572_864), "1.5 MB");
        assert_eq!(size(1_048_576), "1 MB");
        assert_eq!(seconds(86_400), "day");
        assert_eq!(seconds(7_200), "2 hours");
        assert_eq!(seconds(90), "90 seconds");
    }
}
