//! What a message says, ready to be written as text and as HTML: cleaned, and cut where it is too long.

use fanfare_core::{AttemptInfo, Field, Notification};
use jiff::{Timestamp, tz::TimeZone};
use url::Url;

use super::{badge::Badge, clean};

/// The subject, in graphemes and in bytes.
const SUBJECT: (usize, usize) = (200, 1_000);
/// The title above the text.
const TITLE: (usize, usize) = (500, 4_000);
/// The message.
const MESSAGE: usize = 64 * 1024;
/// The name of a field.
const NAME: (usize, usize) = (200, 2_000);
/// The value of a field.
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
        let title = match clean::line(&notification.title) {
            title if title.is_empty() => "Notification".into(),
            title => title,
        };
        let (fields, left_out) = fields(&notification.fields);
        let event_type = clean::line(info.event_type.as_str());
        Self {
            subject: clean::shorten(title.clone(), SUBJECT.0, SUBJECT.1),
            title: clean::shorten(title, TITLE.0, TITLE.1),
            message: clean::shorten(clean::lines(&notification.message), MESSAGE, MESSAGE),
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

/// An address that may be a link: `http` or `https`, in the form in which every program reads it alike.
pub(super) fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host()).then(|| url.into())
}

fn fields(all: &[Field]) -> (Vec<Field>, usize) {
    let mut kept = Vec::with_capacity(all.len());
    let mut used = 0;
    for field in all {
        if used >= FIELDS {
            break;
        }
        let name = clean::shorten(clean::line(&field.name), NAME.0, NAME.1);
        let value = clean::shorten(clean::lines(&field.value), VALUE, VALUE);
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
        assert!(content.message.ends_with("… (+34464 characters)"), "{}", &content.message[MESSAGE..]);
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
    #[case("https://fanfare.example/a?b=c&d=\"e\"", Some("https://fanfare.example/a?b=c&d=%22e%22"))]
    #[case("http://x", Some("http://x/"))]
    #[case("javascript:alert(1)", None)]
    #[case("data:text/html,x", None)]
    #[case("//x/", None)]
    fn links(#[case] link: &str, #[case] address: Option<&str>) {
        let mut said = storage_limit();
        said.link = Some(link.into());
        assert_eq!(Content::new(&said, &info()).link.as_deref(), address);
    }
}
