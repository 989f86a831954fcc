//! What a message says, ready to be written as text and as HTML: cleaned, and cut where it is too long.

use fanfare_core::{
    AttemptInfo, Field, Notification,
    text::{bytes, line, lines, shorten, web_address},
};
use jiff::{Timestamp, tz::TimeZone};
use unicode_segmentation::UnicodeSegmentation;

use super::badge::Badge;

/// The subject, in graphemes and in bytes.
const SUBJECT: (usize, usize) = (200, 1_000);
/// The title above the text.
const TITLE: (usize, usize) = (500, 4_000);
/// The message, in bytes.
const MESSAGE: usize = 64 * 1024;
/// The name of a field.
const NAME: (usize, usize) = (200, 2_000);
/// The value of a field, in bytes.
const VALUE: usize = 32 * 1024;
/// All fields together, in bytes; those that begin behind it are counted and left out.
const FIELDS: usize = 192 * 1024;

/// What a message says.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) subject: String,
    pub(super) title: String,
    pub(super) message: String,
    pub(super) fields: Vec<Field>,
    /// How many fields there were no room for.
    pub(super) left_out: usize,
    pub(super) badge: Badge,
    pub(super) link: Option<String>,
    /// Why this was sent.
    pub(super) footer: String,
}

impl Content {
    pub(super) fn new(notification: &Notification, info: &AttemptInfo<'_>) -> Self {
        let title = match line(&notification.title) {
            title if title.is_empty() => "Notification".into(),
            title => title,
        };
        let (fields, left_out) = fields(&notification.fields);
        let event_type = line(info.event_type.as_str());
        Self {
            subject: within(&title, SUBJECT),
            title: within(&title, TITLE),
            message: shorten(&lines(&notification.message), MESSAGE, bytes).into_owned(),
            fields,
            left_out,
            badge: Badge::of(notification),
            link: notification.link.as_deref().and_then(web_address),
            footer: format!("Sent by Fanfare · {event_type} · {}", moment(notification.time)),
        }
    }

    /// What stands in the place of fields that there was no room for.
    pub(super) fn more(&self) -> Option<String> {
        (self.left_out > 0).then(|| format!("… (+{} fields)", self.left_out))
    }
}

/// Shortened to a number of graphemes and of bytes, whichever ends first.
pub(super) fn within(text: &str, (graphemes, bytes): (usize, usize)) -> String {
    // Each grapheme takes at least its share of the bytes, so that one count keeps to both.
    let least = bytes / graphemes;
    shorten(text, bytes, |text| text.graphemes(true).map(|grapheme| grapheme.len().max(least)).sum()).into_owned()
}

fn fields(all: &[Field]) -> (Vec<Field>, usize) {
    let mut kept = Vec::with_capacity(all.len());
    let mut used = 0;
    for field in all {
        if used >= FIELDS {
            break;
        }
        let name = within(&line(&field.name), NAME);
        let value = shorten(&lines(&field.value), VALUE, bytes).into_owned();
        used += name.len() + value.len();
        kept.push(Field { name, value: if value.is_empty() { "-".into() } else { value }, inline: field.inline });
    }
    let left_out = all.len() - kept.len();
    (kept, left_out)
}

/// To the second, in UTC.
fn moment(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_testkit::fixtures::{backup_success, hostile, info, storage_limit};

    #[test]
    fn everything_has_its_limit() {
        let huge = hostile().pop().unwrap();
        let content = Content::new(&huge, &info());
        assert!(content.subject.len() < 1_100 && content.subject.contains("… (+"), "{}", content.subject);
        assert!(content.message.len() <= MESSAGE && content.message.ends_with("x… (+34488 characters)"));
        assert!(content.left_out > 0 && content.fields.len() + content.left_out == huge.fields.len());
        assert_eq!(content.more().unwrap(), format!("… (+{} fields)", content.left_out));
    }

    #[test]
    fn what_is_empty_is_said() {
        let mut said = backup_success();
        (said.title, said.fields[0].value) = ("\r\n".into(), "\0".into());
        let content = Content::new(&said, &info());
        assert_eq!((content.subject.as_str(), content.fields[0].value.as_str()), ("Notification", "-"));
        assert_eq!(content.footer, "Sent by Fanfare · backup_success · 2026-03-14 01:02:03 UTC");
    }

    #[rstest::rstest]
    #[case("", "")]
    #[case("abcdefghijklmnopqrstuvwxyz1234", "abcdefghijklmnopqrstuvwxyz1234")]
    #[case("abcdefghijklmnopqrstuvwxyz12345", "abcdefghijkl… (+19 characters)")]
    #[case("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", "👩‍👩‍👧‍👦👩‍👩‍👧‍👦… (+3 characters)")]
    fn graphemes_and_bytes(#[case] text: &str, #[case] shortened: &str) {
        assert_eq!(within(text, (30, 120)), shortened);
    }

    #[rstest::rstest]
    #[case("https://fanfare.example/a?b=c", Some("https://fanfare.example/a?b=c"))]
    #[case("javascript:alert(1)", None)]
    fn links(#[case] link: &str, #[case] address: Option<&str>) {
        let mut said = storage_limit();
        said.link = Some(link.into());
        assert_eq!(Content::new(&said, &info()).link.as_deref(), address);
    }
}
