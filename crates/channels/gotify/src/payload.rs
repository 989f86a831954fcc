//! The message, and what is cut where it is too long.

use std::borrow::Cow;

use fanfare_core::{
    AttemptInfo, Field, Notification,
    text::{self, fit_lines, shorten},
};
use serde::Serialize;

use crate::markdown::{BREAK, escape, escape_behind, measure};

/// The title, in UTF-16 code units: more than a phone shows.
const TITLE: usize = 200;
/// The message as it is sent, in bytes. The server sets no limit; MySQL keeps 65,535 bytes, and half of that is more
/// than anybody reads on a phone.
const MESSAGE: usize = 32_768;
/// The name and the value of one field in bytes, escaped.
const NAME: usize = 400;
const VALUE: usize = 4_096;
/// The link, in bytes. A part of an address leads nowhere, so a longer one is left out, and the message says so.
const LINK: usize = 2_000;

/// What a message that went wrong has at least.
const FAILED: u8 = 8;
/// The type of the event that tests a channel, and the priority of it.
const TEST: (&str, u8) = ("test", 1);

/// A message as the server reads it.
#[derive(Serialize)]
pub(crate) struct Payload {
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    message: String,
    priority: u8,
    extras: Extras,
}

/// How clients show it.
#[derive(Serialize)]
struct Extras {
    #[serde(rename = "client::display")]
    display: Display,
    #[serde(rename = "client::notification", skip_serializing_if = "Option::is_none")]
    notification: Option<Tap>,
}

#[derive(Serialize)]
struct Display {
    #[serde(rename = "contentType")]
    content_type: &'static str,
}

/// What happens when the notification is tapped.
#[derive(Serialize)]
struct Tap {
    click: Click,
}

#[derive(Serialize)]
struct Click {
    url: String,
}

impl Payload {
    /// What `notification` says, where good news has this priority.
    pub(crate) fn new(notification: &Notification, info: &AttemptInfo<'_>, normal: u8) -> Self {
        let link = notification.link.as_deref().and_then(text::web_address);
        let click = link.clone().filter(|link| link.len() <= LINK);
        let message = message(notification, link.is_some() && click.is_none());
        Self {
            title: shorten(&text::line(&notification.title), TITLE, text::utf16).into(),
            message,
            priority: match notification.status.is_success() {
                _ if info.event_type.as_str() == TEST.0 => TEST.1,
                true => normal,
                false => normal.max(FAILED),
            },
            extras: Extras {
                display: Display { content_type: "text/markdown" },
                notification: click.map(|url| Tap { click: Click { url } }),
            },
        }
    }
}

/// How things stand, the message, the fields. Values are cut first, then the message down to half of the room, then the
/// last fields are counted instead of told. The title stands above and is not repeated.
fn message(notification: &Notification, link_left_out: bool) -> String {
    const BETWEEN: &str = "\n\n";
    let mut fields: Vec<Cow<'_, Field>> = notification.fields.iter().map(Cow::Borrowed).collect();
    fields.extend(notification.time_field().map(Cow::Owned));
    if link_left_out {
        fields.push(Cow::Owned(Field { name: "Link".into(), value: "too long to be sent".into(), inline: true }));
    }
    let lines: Vec<String> = fields.iter().map(|field| line(field)).collect();
    let head = format!("{} **{}**", notification.status.emoji(), escape_behind(&notification.word()));
    let limit = MESSAGE - head.len() - 2 * BETWEEN.len();
    let wanted: usize = lines.iter().map(|line| line.len() + BREAK.len()).sum();
    let said = text::lines(&notification.message);
    // Line ends at the beginning would be gone; an indent is not.
    let said = shorten(said.trim_start_matches('\n'), limit.saturating_sub(wanted).max(limit / 2), measure);
    let said = escape(&said);
    let fields = fit_lines(&lines, BREAK, limit - said.len(), text::bytes, more);
    let parts = [head, said, fields];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(BETWEEN)
}

fn more(left_out: usize) -> String {
    format!("… (+{left_out} field{})", if left_out == 1 { "" } else { "s" })
}

/// `**Name:** value`. Further lines of a value are set in.
fn line(field: &Field) -> String {
    let (name, value) = (text::line(&field.name), text::lines(&field.value));
    let name = escape_behind(&or_dash(&name, NAME));
    // A value has no paragraphs: what follows one could not be told from the next field.
    let value: Vec<&str> = value.lines().filter(|line| !text::is_blank(line)).collect();
    let value = value.join("\n    ");
    format!("**{name}:** {}", escape_behind(&or_dash(value.trim_start(), VALUE)))
}

fn or_dash(text: &str, limit: usize) -> Cow<'_, str> {
    if text::is_blank(text) { "-".into() } else { shorten(text, limit, measure) }
}
