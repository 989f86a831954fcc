//! The text of a message: how things stand, title, message, fields, link, time.

use fanfare_core::{AttemptInfo, Field, Notification, text};
use jiff::tz::TimeZone;

use crate::html::{Html, quiet};

/// A whole text, as Telegram counts it after reading tags and entities.
const TEXT: usize = 4_096;
/// The title.
const TITLE: usize = 256;
/// The name of a field, and its value.
const NAME: usize = 100;
const VALUE: usize = 1_500;
/// A cut value is at least so long; with less room the field is counted instead.
const LEAST: usize = 40;
/// The count of fields that there is no room for.
const MORE: usize = 24;
/// The name of the event type.
const EVENT_TYPE: usize = 100;
/// The address of a link, in bytes: all tags together have to stay below the 32,768 bytes of a raw text.
const ADDRESS: usize = 2_000;
/// Fields with a bold name, and a frame where they have several lines: after about a hundred marks Telegram shows no
/// more of them.
const BOLD: usize = 45;
/// Values that are folded: more UTF-16 code units or lines than these.
const FOLDED: (usize, usize) = (400, 6);

/// What tells `notification`, in Telegram's HTML.
pub(crate) fn text(notification: &Notification, info: &AttemptInfo<'_>) -> String {
    let mut html = head(notification);
    let tail = tail(notification, info);
    let room = TEXT - html.units - tail.units;

    let message = quiet(&text::lines(&notification.message));
    let message = if text::is_blank(&message) { String::new() } else { message };
    let fields: Vec<Written> = notification.fields.iter().map(Written::of).collect();
    let wanted = if message.is_empty() { 0 } else { BREAK.len() + text::utf16(&message) };
    // Each side has half of the room for certain, and what the other one leaves.
    let fields = written(&fields, room.saturating_sub(wanted).max(room / 2));

    if !message.is_empty() {
        html.text(BREAK).text(&text::shorten(&message, room - fields.units - BREAK.len(), text::utf16));
    }
    html.html(&fields).html(&tail);
    html.raw
}

const BREAK: &str = "\n\n";

fn head(notification: &Notification) -> Html {
    let title = match quiet(&text::line(&notification.title)) {
        title if text::is_blank(&title) => "Notification".to_owned(),
        title => title,
    };
    let word = quiet(&notification.word());
    let mut html = Html::default();
    html.text(notification.status.emoji()).text(" ").bold(&word).text("\n");
    html.bold(&text::shorten(&title, TITLE, text::utf16));
    html
}

fn tail(notification: &Notification, info: &AttemptInfo<'_>) -> Html {
    let mut html = Html::default();
    html.text(BREAK);
    if let Some(address) = notification.link.as_deref().and_then(text::web_address) {
        match address.len() {
            0..=ADDRESS => html.link(&address, "View details"),
            _ => html.text("The address of the details is too long for Telegram."),
        };
        html.text("\n");
    }
    // Most notifications have a field that says when; those need no second word about it.
    let time = notification.time_field().map(|_| notification.time.to_zoned(TimeZone::UTC));
    let time = time.map(|time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let event_type = quiet(&text::line(info.event_type.as_str()));
    let event_type = Some(event_type).filter(|name| !text::is_blank(name));
    let event_type = event_type.map(|name| text::shorten(&name, EVENT_TYPE, text::utf16).into_owned());
    let small: Vec<String> = time.into_iter().chain(event_type).collect();
    if !small.is_empty() {
        html.tag("<i>").text(&small.join(" · ")).tag("</i>");
    }
    html
}

/// A field, cleaned.
struct Written {
    /// With its colon; empty where the field has no name.
    name: String,
    value: String,
}

impl Written {
    fn of(field: &Field) -> Self {
        let name = quiet(&text::line(&field.name));
        let name =
            if text::is_blank(&name) { String::new() } else { format!("{}:", text::shorten(&name, NAME, text::utf16)) };
        let value = quiet(&text::lines(&field.value));
        let value = if text::is_blank(&value) { "-".into() } else { text::shorten(&value, VALUE, text::utf16) };
        Self { name, value: value.into_owned() }
    }

    /// Everything but the value: the line break before, and a space or another line break between.
    fn around(&self) -> usize {
        1 + text::utf16(&self.name) + usize::from(!self.name.is_empty())
    }

    fn length(&self) -> usize {
        self.around() + text::utf16(&self.value)
    }

    fn put(&self, value: &str, bold: bool, html: &mut Html) {
        html.text("\n");
        match (self.name.as_str(), bold) {
            ("", _) => {}
            (name, true) => _ = html.bold(name),
            (name, false) => _ = html.text(name),
        }
        let lines = value.lines().count();
        if lines < 2 || !bold {
            html.text(if self.name.is_empty() { "" } else { " " }).text(value);
            return;
        }
        let long = text::utf16(value) > FOLDED.0 || lines > FOLDED.1;
        html.text(if self.name.is_empty() { "" } else { "\n" });
        html.tag(if long { "<blockquote expandable>" } else { "<blockquote>" }).text(value).tag("</blockquote>");
    }
}

/// As many fields as there is room for, in their order, and the number of the others.
fn written(fields: &[Written], room: usize) -> Html {
    let mut html = Html::default();
    if fields.is_empty() {
        return html;
    }
    html.text("\n");
    let mut kept = 0;
    for (i, field) in fields.iter().enumerate() {
        let reserved = if i + 1 == fields.len() { 0 } else { MORE };
        let left = room.saturating_sub(html.units + reserved);
        if field.length() > left {
            let value = left.saturating_sub(field.around());
            if value >= LEAST {
                field.put(&text::shorten(&field.value, value, text::utf16), i < BOLD, &mut html);
                kept += 1;
            }
            break;
        }
        field.put(&field.value, i < BOLD, &mut html);
        kept += 1;
    }
    match fields.len() - kept {
        0 => {}
        1 => _ = html.text("\n… (+1 field)"),
        missing => _ = html.text(&format!("\n… (+{missing} fields)")),
    }
    html
}
