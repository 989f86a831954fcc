//! One notification as one embed, within Discord's limits. All lengths are UTF-16 code units of the text as it is sent.

use fanfare_core::{AttemptInfo, Color, Field, Notification, text, whole_millis};
use jiff::Timestamp;
use serde::Serialize;
use url::{Host, Url};

use crate::markdown;

/// Discord's limits: <https://discord.com/developers/docs/resources/message#embed-object-embed-limits>.
const TITLE: usize = 256;
const DESCRIPTION: usize = 4_096;
const FIELDS: usize = 25;
const NAME: usize = 256;
const VALUE: usize = 1_024;
const LINK: usize = 2_048;
/// All texts of a message together.
const TOTAL: usize = 6_000;

/// The footer: an event type's id, which is short. Discord takes 2,048.
const FOOTER: usize = 200;
/// What the message keeps when it has to make room for fields.
const MESSAGE: usize = 2_000;
/// Room for saying how many fields are missing.
const COUNT: usize = "\n… (+99999 fields)".len();

#[derive(Debug, Serialize)]
pub(crate) struct Embed {
    author: Author,
    title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    color: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<EmbedField>,
    footer: Footer,
    timestamp: Timestamp,
}

/// The line above the title.
#[derive(Debug, Serialize)]
struct Author {
    name: String,
}

#[derive(Debug, Serialize)]
struct Footer {
    text: String,
}

#[derive(Debug, Serialize)]
struct EmbedField {
    name: String,
    value: String,
    inline: bool,
}

impl Embed {
    pub(crate) fn new(notification: &Notification, info: &AttemptInfo<'_>) -> Self {
        let author = Author { name: format!("{} {}", notification.status.emoji(), notification.word()) };
        let title = markdown::fitting(&text::seen_or(text::line(&notification.title), "Notification"), TITLE);
        let event_type = text::line(info.event_type.as_str());
        let footer = Footer { text: text::shorten(&event_type, FOOTER, text::utf16).into() };
        let (url, written_out) = link(notification.link.as_deref());

        let room = TOTAL - [&author.name, &title, &footer.text].map(|part| text::utf16(part)).iter().sum::<usize>();
        let (description, fields) = share(&notification.message, &notification.fields, written_out.as_ref(), room);
        Self {
            author,
            title,
            url,
            description,
            color: number(notification.color),
            fields,
            footer,
            timestamp: whole_millis(notification.time),
        }
    }
}

/// The description and the fields, which share `room`. Fields that an embed cannot have become lines of the
/// description; those that there is no room for are counted in its last line.
fn share(message: &str, fields: &[Field], link: Option<&Field>, room: usize) -> (String, Vec<EmbedField>) {
    let message = text::lines(message);
    let message = if text::is_blank(&message) { "" } else { &message };
    let all: Vec<&Field> = fields.iter().chain(link).collect();
    let (own, more) = all.split_at(all.len().min(FIELDS));

    let lines: Vec<String> = more.iter().map(|field| line(field)).collect();
    let lines_wanted = lines.iter().map(|line| text::utf16(line) + 1).sum::<usize>();
    let wanted = (markdown::length(message) + lines_wanted).min(DESCRIPTION);
    let own: Vec<EmbedField> = own.iter().map(|field| embedded(field)).collect();
    let own_wanted = own.iter().map(EmbedField::length).sum();

    let (_, for_own) = text::share(room - COUNT, wanted, MESSAGE, own_wanted);
    let (own, mut missing) = text::those_that_fit(own, for_own, EmbedField::length);
    let used: usize = own.iter().map(EmbedField::length).sum();

    let room = DESCRIPTION.min(room - used) - COUNT;
    let (_, for_lines) = text::share(room, markdown::length(message), MESSAGE, lines_wanted);
    let (lines, left_out) = text::those_that_fit(lines, for_lines, |line| text::utf16(line) + 1);
    missing += left_out;

    let for_message = room - lines.iter().map(|line| text::utf16(line) + 1).sum::<usize>();
    let mut parts = vec![markdown::fitting(message, for_message)];
    parts.extend(lines);
    parts.extend(text::missing_fields(missing));
    parts.retain(|part| !part.is_empty());
    (parts.join("\n"), own)
}

impl EmbedField {
    fn length(&self) -> usize {
        text::utf16(&self.name) + text::utf16(&self.value)
    }
}

fn embedded(field: &Field) -> EmbedField {
    EmbedField {
        name: text::seen_or(markdown::fitting(&text::line(&field.name), NAME), "-"),
        value: text::seen_or(markdown::fitting(&text::lines(&field.value), VALUE), "-"),
        inline: field.inline,
    }
}

/// A field as a line of text.
fn line(field: &Field) -> String {
    let (name, value) = (text::seen_or(text::line(&field.name), "-"), text::seen_or(text::line(&field.value), "-"));
    let (name, value) = (markdown::shorten(&name, NAME), markdown::shorten(&value, VALUE));
    markdown::escape(&format!("{name}: {value}"))
}

fn number(color: Color) -> u32 {
    u32::from_be_bytes([0, color.r, color.g, color.b])
}

/// What the title links to; or the address as a field, where Discord would refuse the whole message for it: it wants
/// hosts as in the public net, so `http://server:8080` is none to it.
fn link(link: Option<&str>) -> (Option<String>, Option<Field>) {
    let Some(address) = link.and_then(text::web_address) else { return (None, None) };
    if address.len() <= LINK && Url::parse(&address).is_ok_and(|url| url.host().is_some_and(|host| is_public(&host))) {
        return (Some(address), None);
    }
    (None, Some(Field { name: "Link".into(), value: address, inline: false }))
}

fn is_public(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(_) => true,
        Host::Ipv6(_) => false,
        Host::Domain(name) => {
            let (rest, top) = name.rsplit_once('.').unwrap_or_default();
            let label = |label: &str| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && label.len() <= 63
            };
            top.len() >= 2
                && top.starts_with(|c: char| c.is_ascii_alphabetic())
                && label(top)
                && rest.split('.').all(label)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_testkit::fixtures::{backup_success, hostile, info};

    fn field(name: &str, value: &str) -> Field {
        Field { name: name.into(), value: value.into(), inline: true }
    }

    fn embed(message: &str, fields: Vec<Field>) -> Embed {
        Embed::new(&Notification { message: message.into(), fields, ..backup_success() }, &info())
    }

    #[test]
    fn fields_beyond_the_25th_become_lines() {
        let fields = (1..=27).map(|i| field(&format!("N{i}"), "a\nb")).collect();
        let embed = embed("Hello.", fields);
        assert_eq!(embed.fields.len(), 25);
        assert_eq!(embed.description, "Hello.\nN26: a b\nN27: a b");
    }

    #[test]
    fn the_message_gives_way_to_fields_until_2000_are_left() {
        let few = embed(&"m".repeat(4_000), (0..3).map(|_| field("Error", &"v".repeat(1_024))).collect());
        assert_eq!(few.fields.len(), 3);
        assert!(few.description.ends_with("characters)") && few.description.len() > 2_500, "{}", few.description);

        let many = embed(&"m".repeat(4_000), (0..10).map(|_| field("Error", &"v".repeat(1_024))).collect());
        assert_eq!(many.fields.len(), 3);
        assert!(many.description.ends_with("characters)\n… (+7 fields)") && many.description.len() > 1_990);
    }

    #[test]
    fn a_long_field_does_not_hide_short_ones() {
        let mut fields: Vec<_> = (0..6).map(|_| field("Error", &"v".repeat(1_024))).collect();
        fields.push(field("Size", "1 GB"));
        let embed = embed("Hello.", fields);
        let names: Vec<_> = embed.fields.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["Error", "Error", "Error", "Error", "Error", "Size"]);
        assert_eq!(embed.description, "Hello.\n… (+1 field)");
    }

    #[test]
    fn the_longest_notification_fills_a_message() {
        let embed = Embed::new(&hostile().pop().unwrap(), &info());
        let texts = [&embed.author.name, &embed.title, &embed.description, &embed.footer.text];
        let length = texts.map(|part| text::utf16(part)).iter().sum::<usize>()
            + embed.fields.iter().map(EmbedField::length).sum::<usize>();
        assert!((TOTAL - 300..=TOTAL).contains(&length), "{length}");
        assert!(embed.description.ends_with(" fields)"), "{}", embed.description);
    }

    #[test]
    fn what_is_empty_is_said() {
        let said = embedded(&field(" ", "\0\u{200b}"));
        assert_eq!((said.name.as_str(), said.value.as_str()), ("-", "-"));
    }

    #[rstest::rstest]
    #[case(Some("https://fanfare.example/a"), true)]
    #[case(Some("http://10.0.0.5:8080/"), true)]
    #[case(Some("http://server:8080/"), false)]
    #[case(Some("http://localhost/"), false)]
    #[case(Some("http://a_b.example/"), false)]
    #[case(Some("http://[::1]/"), false)]
    fn an_address_that_discord_refuses_is_written_out(#[case] address: Option<&str>, #[case] links: bool) {
        let (url, written_out) = link(address);
        assert_eq!(url.as_deref(), address.filter(|_| links));
        assert_eq!(written_out.map(|field| field.value).as_deref(), address.filter(|_| !links));
    }

    #[test]
    fn an_address_that_is_too_long_is_written_out_and_one_that_is_none_is_not() {
        let long = format!("https://fanfare.example/{}", "x".repeat(LINK));
        assert!(link(Some(&long)).0.is_none() && link(Some(&long)).1.is_some());
        assert!(matches!(link(Some("javascript:alert(1)")), (None, None)));
    }
}
