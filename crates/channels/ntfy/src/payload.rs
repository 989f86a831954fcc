//! What is published, and what is cut where it is too long.

use std::borrow::Cow;

use fanfare_core::{
    AttemptInfo, Field, Notification, Status,
    text::{self, Measure, fit_lines, shorten},
};
use serde::Serialize;

/// The title, in UTF-16 code units: more than a phone shows. The server sets no limit.
const TITLE: usize = 200;
/// The message, in bytes. What is longer becomes an attachment, or is refused.
const MESSAGE: usize = 4_096;
/// The whole body, in bytes: a server refuses more than twice the message.
const BODY: usize = 8_192;
/// The name and the value of one field, in bytes, so that one field does not take the room of all.
const NAME: usize = 200;
const VALUE: usize = 1_000;
/// The link, in bytes. A part of an address leads nowhere, so a longer one is left out, and the message says so.
const LINK: usize = 2_000;
/// A badge, in UTF-16 code units.
const BADGE: usize = 40;

/// The type of the event that tests a channel.
const TEST: &str = "test";

/// A message as the server reads it at its root: with JSON, no character of a text can be mistaken for anything else.
#[derive(Serialize)]
pub(crate) struct Payload<'a> {
    topic: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    title: String,
    message: String,
    priority: u8,
    tags: Vec<Cow<'static, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click: Option<String>,
}

impl<'a> Payload<'a> {
    /// What `notification` says, for this topic, where good news has this priority.
    pub(crate) fn new(notification: &Notification, info: &AttemptInfo<'_>, topic: &'a str, normal: u8) -> Self {
        let test = info.event_type.as_str() == TEST;
        let success = notification.status.is_success();
        let link = notification.link.as_deref().and_then(text::web_address);
        let click = link.clone().filter(|link| escaped(link) <= LINK);
        let mut payload = Self {
            topic,
            title: shorten(&text::line(&notification.title), TITLE, text::utf16).into(),
            message: String::new(),
            priority: match (test, success) {
                (true, _) => 2,
                (false, true) => normal,
                (false, false) => 5,
            },
            tags: tags(notification, info, test),
            click,
        };
        let parts = Parts::of(notification, link.is_some() && payload.click.is_none());
        payload.message = parts.within(MESSAGE, text::bytes);
        // Escaping can double a text. This is rare, so the second measure is the strict one for both limits.
        let around = serde_json::to_vec(&payload).map_or(BODY, |body| body.len() - escaped(&payload.message));
        if around + escaped(&payload.message) > BODY {
            payload.message = parts.within(MESSAGE.min(BODY.saturating_sub(around)), escaped);
        }
        payload
    }
}

/// Short codes of emoji, which the apps put in front of the title, then words, which they show below the message.
fn tags(notification: &Notification, info: &AttemptInfo<'_>, test: bool) -> Vec<Cow<'static, str>> {
    let signs: &[&'static str] = match notification.status {
        _ if test => &["test_tube"],
        Status::Success | Status::Info => &["white_check_mark"],
        Status::Warning => &["warning"],
        Status::Failure => &["x", "warning"],
    };
    let mut tags: Vec<Cow<'static, str>> = signs.iter().map(|&sign| sign.into()).collect();
    let about_backups = ["backup", "restore"].iter().any(|word| info.event_type.as_str().contains(word));
    if info.job.is_some() || about_backups {
        tags.push("backup".into());
    }
    tags.extend(notification.badge.as_deref().and_then(badge).map(Cow::Owned));
    tags
}

/// The badge as a word: never the short code of an emoji (all of which are lower case without spaces), and without
/// commas, at which servers divide what they have stored.
fn badge(badge: &str) -> Option<String> {
    let word = text::line(&badge.replace(',', " "));
    let word = shorten(&word, BADGE, text::utf16);
    let code = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-' | '+');
    match word.as_ref() {
        "" => None,
        word if word.chars().all(code) => Some(format!("badge {word}")),
        word => Some(word.into()),
    }
}

/// Length inside a JSON string, in bytes. Control characters but for line ends are gone before.
fn escaped(text: &str) -> usize {
    text.bytes().map(|byte| if matches!(byte, b'"' | b'\\' | b'\n') { 2 } else { 1 }).sum()
}

/// The parts of a message, cleaned.
struct Parts {
    message: String,
    fields: Vec<Field>,
}

impl Parts {
    fn of(notification: &Notification, link_left_out: bool) -> Self {
        let mut fields: Vec<Field> = notification
            .fields
            .iter()
            .map(|field| Field { name: text::line(&field.name), value: text::lines(&field.value), ..*field })
            .collect();
        fields.extend(notification.time_field());
        if link_left_out {
            fields.push(Field { name: "Link".into(), value: "too long to be sent".into(), inline: true });
        }
        Self { message: text::lines(&notification.message).trim().to_owned(), fields }
    }

    /// Message and fields. Values are cut first, then the message down to half of the room, then the last fields are
    /// counted instead of told.
    fn within(&self, limit: usize, measure: Measure) -> String {
        const BETWEEN: &str = "\n\n";
        let lines: Vec<String> = self.fields.iter().map(|field| line(field, measure)).collect();
        let wanted: usize = lines.iter().map(|line| measure(line) + measure("\n")).sum();
        let room = limit.saturating_sub(wanted + measure(BETWEEN)).max(limit / 2);
        let message = shorten(&self.message, room, measure);
        if message.is_empty() {
            return fit_lines(&lines, "\n", limit, measure, more);
        }
        let left = limit - measure(&message) - measure(BETWEEN);
        match fit_lines(&lines, "\n", left, measure, more) {
            fields if fields.is_empty() => message.into(),
            fields => format!("{message}{BETWEEN}{fields}"),
        }
    }
}

fn more(left_out: usize) -> String {
    format!("… (+{left_out} field{})", if left_out == 1 { "" } else { "s" })
}

/// `Name: value`. Further lines of a value are set in, so that none looks like another field.
fn line(field: &Field, measure: Measure) -> String {
    let or_dash = |text: Cow<'_, str>| if text.is_empty() { "-".into() } else { text.into_owned() };
    let name = or_dash(shorten(&field.name, NAME, measure));
    let value = or_dash(shorten(field.value.trim(), VALUE, measure));
    format!("{name}: {}", value.replace('\n', "\n    "))
}
