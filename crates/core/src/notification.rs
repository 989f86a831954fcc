//! What an event says, before any channel gives it a form.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text;

/// What an event says: plain text, the same for every channel.
///
/// Nothing in it is markup; each channel escapes it for its own syntax.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// One line.
    pub title: String,
    /// A sentence or a few lines; may be empty.
    pub message: String,
    /// Named facts, in the order in which they are shown.
    pub fields: Vec<Field>,
    /// Whether this is good news.
    pub status: Status,
    /// The accent.
    pub color: Color,
    /// A word that stands beside the title, such as `Recovered`.
    pub badge: Option<String>,
    /// Where to read more: an `http` or `https` address.
    pub link: Option<String>,
    /// When the event occurred.
    pub time: Timestamp,
}

/// A named fact of a [`Notification`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The label.
    pub name: String,
    /// The fact; may be empty.
    pub value: String,
    /// Whether it may share a line with its neighbours.
    pub inline: bool,
}

/// Whether a notification is good news.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Something went well.
    Success,
    /// Something happened.
    Info,
    /// Something needs a look.
    Warning,
    /// Something went wrong.
    Failure,
}

impl Status {
    /// Whether this counts as success; raised priority and mentions follow its absence.
    pub fn is_success(self) -> bool {
        matches!(self, Self::Success | Self::Info)
    }

    /// The word as it stands in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }

    /// The word for readers, where an event brings no badge of its own.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Info => "Info",
            Self::Warning => "Warning",
            Self::Failure => "Failed",
        }
    }

    /// A sign that tells it by its shape, for services whose texts cannot be coloured.
    pub fn emoji(self) -> &'static str {
        match self {
            Self::Success => "✅",
            Self::Info => "ℹ️",
            Self::Warning => "⚠️",
            Self::Failure => "❌",
        }
    }
}

/// How long a badge may be in [`Notification::word`], in UTF-16 code units.
const BADGE: usize = 40;

impl Notification {
    /// The word that says how things stand: the badge, else the status. One line, at most 40 UTF-16 code units.
    pub fn word(&self) -> String {
        let badge = self.badge.as_deref().map(text::line).filter(|badge| !text::is_blank(badge));
        badge.map_or_else(|| self.status.word().to_owned(), |badge| text::shorten(&badge, BADGE, text::utf16).into())
    }
}

impl Notification {
    /// A field that says when it occurred, where none of its own does, as in most built-in event types.
    pub fn time_field(&self) -> Option<Field> {
        let told = self.fields.iter().any(|field| field.tells(self.time));
        let second = Timestamp::from_second(self.time.as_second()).unwrap_or(self.time);
        (!told).then(|| Field { name: "Time".into(), value: second.to_string(), inline: true })
    }
}

impl Field {
    /// Whether its value is this moment, to the second.
    pub fn tells(&self, time: Timestamp) -> bool {
        self.value.trim().parse::<Timestamp>().is_ok_and(|told| told.as_second() == time.as_second())
    }
}

/// A colour in sRGB, written `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red, 0 to 255.
    pub r: u8,
    /// Green, 0 to 255.
    pub g: u8,
    /// Blue, 0 to 255.
    pub b: u8,
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }
}

/// A colour that is not written `#rrggbb`.
#[derive(Debug, thiserror::Error)]
#[error("a colour is written #rrggbb, such as #22c55e")]
pub struct ColorError;

impl FromStr for Color {
    type Err = ColorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('#').filter(|d| d.len() == 6 && d.bytes().all(|b| b.is_ascii_hexdigit()));
        let value = digits.and_then(|d| u32::from_str_radix(d, 16).ok()).ok_or(ColorError)?;
        let [_, r, g, b] = value.to_be_bytes();
        Ok(Self { r, g, b })
    }
}

impl Serialize for Color {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Color {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Status::Failure, None, "Failed")]
    #[case(Status::Success, Some("\u{202e}Reco\r\nvered\0"), "Reco vered")]
    #[case(Status::Info, Some(" \u{200b}"), "Info")]
    fn the_word_is_the_badge_or_the_status(#[case] status: Status, #[case] badge: Option<&str>, #[case] word: &str) {
        let said = Notification {
            title: String::new(),
            message: String::new(),
            fields: Vec::new(),
            status,
            color: Color { r: 0, g: 0, b: 0 },
            badge: badge.map(Into::into),
            link: None,
            time: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(said.word(), word);
        assert!(text::utf16(&Notification { badge: Some("x".repeat(99)), ..said }.word()) <= 40);
    }

    #[rstest::rstest]
    #[case("2026-03-14T01:02:03Z", true)]
    #[case("2026-03-14T02:02:03.5+01:00", true)]
    #[case("2026-03-14T01:02:04Z", false)]
    #[case("yesterday", false)]
    fn a_field_can_tell_the_time(#[case] value: &str, #[case] tells: bool) {
        let field = Field { name: "When".into(), value: value.into(), inline: true };
        assert_eq!(field.tells("2026-03-14T01:02:03Z".parse().unwrap()), tells);
    }
}
