//! What an SMS says: as much as three segments hold, since each is paid for.

use fanfare_core::{
    Field, Notification, Status,
    text::{self, fit_lines, shorten},
};
use jiff::tz::TimeZone;

use crate::gsm::{Alphabet, plain, without_selectors};

/// How many segments a message takes at most.
const SEGMENTS: usize = 3;
/// How many fields are told.
const FIELDS: usize = 4;

/// The text of the message. It is GSM-7 wherever signs with a plain twin are all that stands in the way.
pub(crate) fn write(notification: &Notification) -> String {
    let parts = Parts::of(notification);
    plain(&parts.within(Alphabet::Gsm7)).unwrap_or_else(|| parts.within(Alphabet::Ucs2))
}

/// The parts of a message, each cleaned.
struct Parts {
    title: String,
    message: String,
    /// The first ones: name and value, each on one line.
    fields: Vec<(String, String)>,
    /// How many there are more.
    left_out: usize,
    /// When it occurred, where no field that is told says so.
    time: Option<String>,
}

impl Parts {
    fn of(notification: &Notification) -> Self {
        let (first, others) = notification.fields.split_at(notification.fields.len().min(FIELDS));
        let tells = |field: &Field| field.tells(notification.time);
        let time = notification.time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string();
        Self {
            title: title(notification),
            message: short_lines(&notification.message),
            fields: first.iter().map(|field| (one_line(&field.name), one_line(&field.value))).collect(),
            left_out: others.iter().filter(|field| !tells(field)).count(),
            time: (!first.iter().any(tells)).then_some(time),
        }
    }

    /// Title, message, fields, time. Names and values are cut first, and the title where it is very long, then the
    /// message down to a third of the room, then the last fields are counted instead of told.
    fn within(&self, alphabet: Alphabet) -> String {
        let measure = |text: &str| alphabet.measure(text);
        let limit = alphabet.room(SEGMENTS);
        let title = shorten(&self.title, limit / 4, measure);
        let mut lines: Vec<String> =
            self.fields.iter().map(|(name, value)| line(name, value, limit, alphabet)).collect();
        let time = self.time.as_deref();
        let ends = [time.map(str::to_owned), (self.left_out > 0).then(|| more(self.left_out))];
        let ends: Vec<String> = ends.into_iter().flatten().collect();
        let length = |lines: &[String]| lines.iter().map(|line| measure(line) + 1).sum::<usize>();

        let around = if title.is_empty() { 0 } else { measure(&title) + 1 };
        let left = limit - around;
        let message =
            shorten(&self.message, left.saturating_sub(length(&lines) + length(&ends)).max(limit / 3), measure);
        let left = left - if message.is_empty() { 0 } else { measure(&message) + 1 };
        let told = match length(&lines) + length(&ends) <= left {
            true => {
                lines.extend(ends);
                lines.join("\n")
            }
            // The time is kept; the count speaks of all that are not told.
            false => {
                let room = left.saturating_sub(time.map_or(0, |time| measure(time) + 1));
                let fitting = fit_lines(&lines, "\n", room, measure, |some| more(some + self.left_out));
                join([fitting.as_str(), time.unwrap_or_default()])
            }
        };
        join([title.as_ref(), message.as_ref(), told.as_str()])
    }
}

fn join<const N: usize>(parts: [&str; N]) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

fn more(left_out: usize) -> String {
    format!("… (+{left_out} field{})", if left_out == 1 { "" } else { "s" })
}

fn line(name: &str, value: &str, limit: usize, alphabet: Alphabet) -> String {
    let cut = |text: &str, limit| shorten(text, limit, |text| alphabet.measure(text)).into_owned();
    format!("{}: {}", cut(name, limit / 10), cut(value, limit / 5))
}

/// The title, behind the badge or the word of the status where it says neither: a phone shows no colours.
fn title(notification: &Notification) -> String {
    let title = without_selectors(&text::line(&notification.title)).into_owned();
    let badge = notification.badge.as_deref().map(text::line).filter(|badge| !text::is_blank(badge));
    let lower = title.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let said = match (&badge, notification.status) {
        (Some(badge), _) => lower.contains(&badge.to_lowercase()),
        (None, Status::Success | Status::Info) => true,
        (None, Status::Warning) => says(&["warn", "alert", "partial", "fail", "error"]),
        (None, Status::Failure) => says(&["fail", "error", "alert", "offline"]),
    };
    let word = notification.word();
    match (said, text::is_blank(&title)) {
        (true, false) => title,
        (false, false) => format!("{}: {title}", without_selectors(&word)),
        (_, true) => without_selectors(&word).into_owned(),
    }
}

fn one_line(text: &str) -> String {
    match without_selectors(&text::line(text)) {
        text if text::is_blank(&text) => "-".into(),
        text => text.into_owned(),
    }
}

/// Each line with one space between words, without empty ones: room is paid for.
fn short_lines(text: &str) -> String {
    let lines = text::lines(text);
    let lines = lines.lines().map(text::line).filter(|line| !text::is_blank(line)).collect::<Vec<_>>();
    without_selectors(&lines.join("\n")).into_owned()
}
