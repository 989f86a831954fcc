//! What is sent: a line that says how things stand, and an attachment with everything else beside its coloured bar.

use fanfare_core::{AttemptInfo, Color, Notification, text};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use crate::{
    Slack, fields,
    markup::{self, Text, escape},
};

/// The header, at most.
const HEADER: usize = 150;
/// The message: what the text of a section holds.
const MESSAGE: usize = 3_000;
/// The title and the first line of the message in the summary. Both are a glance, not the whole.
const SUMMARY: (usize, usize) = (300, 300);
/// The name of the event type.
const EVENT_TYPE: usize = 100;

/// The body of the request.
#[derive(Debug, Serialize)]
pub(crate) struct Message<'a> {
    /// What notifications on a screen or a phone say, and screen readers read. It is not shown beside blocks.
    text: String,
    blocks: Vec<Block>,
    attachments: [Attachment; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icon_emoji: Option<&'a str>,
}

/// Blocks beside a coloured bar. Any older member but `fallback` beside `blocks` is refused by Slack.
#[derive(Debug, Serialize)]
struct Attachment {
    color: Color,
    fallback: String,
    blocks: Vec<Block>,
}

/// A block of Block Kit.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Block {
    /// A large line.
    Header {
        /// Plain text.
        text: Text,
    },
    /// A text, or texts in two columns.
    Section {
        /// The text.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Text>,
        /// The columns.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<Text>,
    },
    /// Small print.
    Context {
        /// Its parts.
        elements: Vec<Text>,
    },
}

impl Block {
    /// A text.
    pub(crate) fn section(text: Text) -> Self {
        Self::Section { text: Some(text), fields: Vec::new() }
    }

    /// The first text of two columns.
    pub(crate) fn columns(first: Text) -> Self {
        Self::Section { text: None, fields: vec![first] }
    }
}

impl<'a> Message<'a> {
    /// What tells `notification`.
    pub(crate) fn new(slack: &'a Slack, notification: &Notification, info: &AttemptInfo<'_>) -> Self {
        let title = match text::line(&notification.title) {
            title if text::is_blank(&title) => "Notification".to_owned(),
            title => title,
        };
        let message = text::lines(&notification.message);
        let summary = summary(notification, &title, &message);
        let called = if notification.status.is_success() { "" } else { slack.mention.as_str() };
        let blocks = attached(notification, info, &title, &message);
        Self {
            text: format!("{called} {summary}").trim_start().to_owned(),
            blocks: status(notification, called),
            attachments: [Attachment { color: notification.color, fallback: summary, blocks }],
            channel: slack.channel.as_deref(),
            username: slack.username.as_deref(),
            icon_emoji: slack.icon_emoji.as_deref(),
        }
    }
}

/// The title and the first line of the message.
fn summary(notification: &Notification, title: &str, message: &str) -> String {
    let mut summary = format!("{} {}", notification.status.emoji(), escape(&markup::shorten(title, SUMMARY.0)));
    if let Some(line) = message.lines().map(text::line).find(|line| !text::is_blank(line)) {
        summary.push('\n');
        summary.push_str(&escape(&markup::shorten(&line, SUMMARY.1)));
    }
    summary
}

/// How things stand, by a sign and a word, and who is called because of it.
fn status(notification: &Notification, called: &str) -> Vec<Block> {
    let (emoji, word) = (notification.status.emoji(), notification.word());
    // A word that would be formatted, or brings a star of its own, cannot be made bold.
    if markup::is_formatting(&word) || word.contains('*') {
        let mut blocks = vec![Block::section(Text::plain(&format!("{emoji} {word}")))];
        if !called.is_empty() {
            blocks.push(Block::section(Text::formatted(called.to_owned())));
        }
        return blocks;
    }
    let text = format!("{emoji} *{}* {called}", escape(&word));
    vec![Block::section(Text::formatted(text.trim_end().to_owned()))]
}

fn attached(notification: &Notification, info: &AttemptInfo<'_>, title: &str, message: &str) -> Vec<Block> {
    let mut blocks = vec![Block::Header { text: Text::plain(&markup::shorten(title, HEADER)) }];
    if !text::is_blank(message) {
        blocks.push(Block::section(Text::plain(&markup::shorten(message, MESSAGE))));
    }
    blocks.extend(fields::sections(&notification.fields));
    if let Some(address) = notification.link.as_deref().and_then(text::web_address) {
        // A button would be the form for it, but Slack reports a click on one to the app, and warns people where
        // nobody answers: an incoming webhook has nobody.
        blocks.push(Block::section(match markup::link(&address, "View details") {
            Some(link) => Text::formatted(link),
            None => Text::plain("The address of the details is too long for Slack."),
        }));
    }
    let event_type = text::line(info.event_type.as_str());
    let mut elements = vec![Text::formatted(moment(notification.time))];
    if !text::is_blank(&event_type) {
        elements.push(Text::plain(&markup::shorten(&event_type, EVENT_TYPE)));
    }
    blocks.push(Block::Context { elements });
    blocks
}

/// A time that Slack shows in the reader's own zone and language.
fn moment(time: Timestamp) -> String {
    let utc = time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC");
    format!("<!date^{}^{{date_short_pretty}} at {{time}}|{utc}>", time.as_second())
}
