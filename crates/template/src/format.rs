//! How single values are written. Each function appends to `out`; what it cannot format it writes as it is.

use std::fmt::Write;

use jiff::Timestamp;
use serde_json::{Number, Value};

/// Writes one value in some form.
pub(crate) type Formatter = fn(&Value, &mut String);

/// The formatters that templates can name.
pub(crate) const FORMATTERS: &[(&str, Formatter)] = &[
    ("abs_percent", abs_percent),
    ("bytes", bytes),
    ("date_time", date_time),
    ("number", number),
    ("percent", percent),
    ("seconds", seconds),
    ("signed_percent", signed_percent),
    ("upper", upper),
    ("yes_no", yes_no),
];

/// A value as it is; nothing for null.
pub(crate) fn plain(value: &Value, out: &mut String) {
    match value {
        Value::Null => {}
        Value::String(text) => out.push_str(text),
        other => append(out, format_args!("{other}")),
    }
}

/// A size to the base of 1024, with up to two decimals.
fn bytes(value: &Value, out: &mut String) {
    const UNITS: [&str; 9] = ["Bytes", "KB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
    with_number(value, out, |size, out| {
        let mut scaled = size.abs();
        let mut unit = 0;
        // What would be rounded up to 1024 is one of the next unit.
        while scaled >= 1023.995 && unit + 1 < UNITS.len() && (unit > 0 || scaled >= 1024.0) {
            scaled /= 1024.0;
            unit += 1;
        }
        let sign = if size < 0.0 { "-" } else { "" };
        append(out, format_args!("{sign}{} {}", trimmed(scaled), UNITS[unit]));
    });
}

/// Milliseconds as whole seconds, rounded half up.
fn seconds(value: &Value, out: &mut String) {
    with_number(value, out, |ms, out| append(out, format_args!("{}s", (ms / 1000.0 + 0.5).floor())));
}

/// One decimal.
fn percent(value: &Value, out: &mut String) {
    with_number(value, out, |n, out| append(out, format_args!("{}%", fixed(n, 1))));
}

/// One decimal, with a sign unless it is zero.
fn signed_percent(value: &Value, out: &mut String) {
    with_number(value, out, |n, out| {
        let text = fixed(n, 1);
        let sign = if n > 0.0 && text != "0.0" { "+" } else { "" };
        append(out, format_args!("{sign}{text}%"));
    });
}

/// One decimal, without a sign.
fn abs_percent(value: &Value, out: &mut String) {
    with_number(value, out, |n, out| append(out, format_args!("{}%", fixed(n.abs(), 1))));
}

/// At most two decimals.
fn number(value: &Value, out: &mut String) {
    match value.as_number() {
        Some(number) if !number.is_f64() => plain(value, out),
        _ => with_number(value, out, |n, out| out.push_str(&trimmed(n))),
    }
}

fn upper(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => out.extend(text.chars().flat_map(char::to_uppercase)),
        other => plain(other, out),
    }
}

fn yes_no(value: &Value, out: &mut String) {
    match value {
        Value::Bool(true) => out.push_str("Yes"),
        Value::Bool(false) => out.push_str("No"),
        other => plain(other, out),
    }
}

/// A time for people, to the minute and in UTC.
fn date_time(value: &Value, out: &mut String) {
    match value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(time) => append(out, format_args!("{}", time.strftime("%Y-%m-%d %H:%M UTC"))),
        None => plain(value, out),
    }
}

fn with_number(value: &Value, out: &mut String, write: impl FnOnce(f64, &mut String)) {
    match value.as_number().and_then(Number::as_f64) {
        Some(number) if number.is_finite() => write(number, out),
        _ => plain(value, out),
    }
}

/// At most two decimals and no trailing zeros.
fn trimmed(number: f64) -> String {
    let text = fixed(number, 2);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A number with a fixed count of decimals, halves away from zero (the standard library takes them to even).
fn fixed(number: f64, decimals: usize) -> String {
    let size = number.abs();
    // Multiplying by a power of two is exact, so this finds the halves that are stored as halves.
    let is_half = (size * f64::from(2u32 << decimals)) % 2.0 == 1.0;
    let power = 10f64.powi(decimals as i32);
    let rounded = if is_half { (size * power).ceil() / power } else { size };
    let text = format!("{rounded:.decimals$}");
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if number < 0.0 && !is_zero { format!("-{text}") } else { text }
}

/// Appends what is formatted.
pub(crate) fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A `String` takes all that it is given: the result says nothing.
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(formatter: Formatter, value: Value, expected: &str) {
        let mut out = String::new();
        formatter(&value, &mut out);
        assert_eq!(out, expected, "{value}");
    }

    #[rstest]
    #[case(json!(0), "0 Bytes")]
    #[case(json!(1), "1 Bytes")]
    #[case(json!(1023), "1023 Bytes")]
    #[case(json!(1024), "1 KB")]
    #[case(json!(1536), "1.5 KB")]
    #[case(json!(1_048_575), "1 MB")]
    #[case(json!(1_048_576), "1 MB")]
    #[case(json!(1_610_612_736), "1.5 GB")]
    #[case(json!(157_286_400), "150 MB")]
    #[case(json!(1_234_567), "1.18 MB")]
    #[case(json!(u64::MAX), "16 EB")]
    #[case(json!(1e30), "827180.61 YB")]
    #[case(json!(-2048), "-2 KB")]
    #[case(json!(null), "")]
    #[case(json!("many"), "many")]
    fn sizes(#[case] value: Value, #[case] expected: &str) {
        check(bytes, value, expected);
    }

    #[rstest]
    #[case(json!(0), "0s")]
    #[case(json!(499), "0s")]
    #[case(json!(500), "1s")]
    #[case(json!(1499), "1s")]
    #[case(json!(5000), "5s")]
    #[case(json!(3_600_000), "3600s")]
    #[case(json!(null), "")]
    fn durations(#[case] value: Value, #[case] expected: &str) {
        check(seconds, value, expected);
    }

    #[rstest]
    #[case(json!(50), "50.0%", "+50.0%", "50.0%")]
    #[case(json!(-12.34), "-12.3%", "-12.3%", "12.3%")]
    #[case(json!(0.25), "0.3%", "+0.3%", "0.3%")]
    #[case(json!(-0.75), "-0.8%", "-0.8%", "0.8%")]
    #[case(json!(0.35), "0.3%", "+0.3%", "0.3%")]
    #[case(json!(99.96), "100.0%", "+100.0%", "100.0%")]
    #[case(json!(0), "0.0%", "0.0%", "0.0%")]
    #[case(json!(-0.01), "0.0%", "0.0%", "0.0%")]
    #[case(json!(null), "", "", "")]
    fn percentages(#[case] value: Value, #[case] bare: &str, #[case] signed: &str, #[case] absolute: &str) {
        check(percent, value.clone(), bare);
        check(signed_percent, value.clone(), signed);
        check(abs_percent, value, absolute);
    }

    #[rstest]
    #[case(number, json!(50), "50")]
    #[case(number, json!(50.0), "50")]
    #[case(number, json!(50.126), "50.13")]
    #[case(number, json!(-0.5), "-0.5")]
    #[case(number, json!(100), "100")]
    #[case(number, json!(u64::MAX), "18446744073709551615")]
    #[case(upper, json!("straße"), "STRASSE")]
    #[case(upper, json!(null), "")]
    #[case(yes_no, json!(true), "Yes")]
    #[case(yes_no, json!(false), "No")]
    #[case(yes_no, json!(null), "")]
    #[case(date_time, json!("2026-03-29T03:30:59.5+02:00"), "2026-03-29 01:30 UTC")]
    #[case(date_time, json!("yesterday"), "yesterday")]
    #[case(plain, json!(null), "")]
    #[case(plain, json!(1.5), "1.5")]
    #[case(plain, json!(false), "false")]
    fn others(#[case] formatter: Formatter, #[case] value: Value, #[case] expected: &str) {
        check(formatter, value, expected);
    }
}
