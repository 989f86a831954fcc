//! Times and durations, for people.

use jiff::{Timestamp, tz::TimeZone};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long ago a time is, or how far ahead; beyond a month, its date.
pub(crate) fn relative(time: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - time.as_second();
    let distance = seconds.abs();
    // What was 90 s ago was 1 min ago; what comes in 90 s comes within 2 min.
    let whole = |unit: i64| if seconds < 0 { (distance + unit - 1) / unit } else { distance / unit };
    let words = match distance {
        0..5 if seconds >= 0 => return "just now".into(),
        0..MINUTE => format!("{distance} s"),
        MINUTE..HOUR => format!("{} min", whole(MINUTE)),
        HOUR..=DAY => format!("{} h", whole(HOUR)),
        _ if distance < 30 * DAY => format!("{} d", whole(DAY)),
        _ => return time.to_zoned(TimeZone::UTC).date().to_string(),
    };
    if seconds > 0 { format!("{words} ago") } else { format!("in {words}") }
}

/// The time to the second, and how long ago that is.
pub(crate) fn exact(time: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", utc(time), relative(time, now))
}

/// The time to the second.
pub(crate) fn utc(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A duration.
pub(crate) fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    let two = |large: u64, unit: &str, small: u64, unit_of_small: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {unit_of_small}"),
    };
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => two(seconds / 60, "min", seconds % 60, "s"),
        3_600..172_800 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_told_from_now() {
        let now = at("2026-03-29T12:00:00Z");
        let cases = [
            ("2026-03-29T11:59:58Z", "just now"),
            ("2026-03-29T11:59:20Z", "40 s ago"),
            ("2026-03-29T11:57:01Z", "2 min ago"),
            ("2026-03-29T02:00:00Z", "10 h ago"),
            ("2026-03-22T12:00:00Z", "7 d ago"),
            ("2025-12-24T18:00:00Z", "2025-12-24"),
            ("2026-03-29T12:00:03Z", "in 3 s"),
            ("2026-03-29T12:29:01Z", "in 30 min"),
            ("2026-03-30T11:59:59Z", "in 24 h"),
        ];
        for (time, words) in cases {
            assert_eq!(relative(at(time), now), words);
        }
        assert_eq!(exact(at("2026-03-29T11:57:01.25Z"), now), "2026-03-29 11:57:01 UTC (2 min ago)");
    }

    #[test]
    fn durations_have_two_figures_or_so() {
        let cases = [(0, "0 ms"), (850, "850 ms"), (1_250, "1.2 s"), (185_000, "3 min 5 s"), (7_260_000, "2 h 1 min")];
        let more = [(60_000, "1 min"), (86_400_000, "24 h"), (604_800_000, "7 d")];
        for (millis, words) in cases.into_iter().chain(more) {
            assert_eq!(duration(millis), words);
        }
    }
}
