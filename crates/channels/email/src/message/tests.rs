//! Messages as another parser reads them.

use fanfare_core::{AttemptInfo, Field, Notification, Recipients};
use fanfare_testkit::fixtures::{any_notification, any_text, backup_failure, backup_success, hostile, info, typical};
use lettre::message::Mailbox;
use mail_parser::{Message as Parsed, MessageParser, MimeHeaders, PartType};
use proptest::prelude::*;

use super::*;
use crate::address::mailbox;

fn from() -> Mailbox {
    mailbox("Fanfare <fanfare@mail.example>").unwrap()
}

fn to() -> Vec<Mailbox> {
    ["ops@mail.example", "Zoë O'Neil <zoe@bücher.example>"].iter().map(|text| mailbox(text).unwrap()).collect()
}

fn message(notification: &Notification) -> Vec<u8> {
    Message::new(notification, &info(), &from(), &to()).bytes()
}

fn parse(bytes: &[u8]) -> Parsed<'_> {
    MessageParser::default().parse(bytes).unwrap()
}

/// The two forms, decoded.
fn parts<'a>(parsed: &'a Parsed<'_>) -> (&'a str, &'a str) {
    let kinds: Vec<_> = parsed.parts.iter().map(|part| &part.body).collect();
    match kinds[..] {
        [PartType::Multipart(_), PartType::Text(text), PartType::Html(html)] => (text, html),
        _ => panic!("{kinds:?}"),
    }
}

/// What of a text has a shape: not spaces, line ends, control characters or marks of direction.
fn shapes(text: &str) -> String {
    let shapeless = |c: char| {
        let marks = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\
                     \u{feff}\u{fff9}\u{fffa}\u{fffb}\u{2028}\u{2029}";
        let no_character = u32::from(c) & 0xfffe == 0xfffe || ('\u{fdd0}'..='\u{fdef}').contains(&c);
        c.is_whitespace() || c.is_control() || marks.contains(c) || no_character
    };
    text.chars().filter(|&c| !shapeless(c)).collect()
}

fn unescaped(html: &str) -> String {
    let text = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

/// What every message has to be, whatever it says.
fn check(bytes: &[u8], notification: &Notification) -> Result<(), TestCaseError> {
    prop_assert!(bytes.is_ascii());
    let text = std::str::from_utf8(bytes).unwrap();
    for line in text.split_inclusive("\r\n") {
        prop_assert!(line.ends_with("\r\n") && line.len() <= 1_000, "{line:?}");
        prop_assert!(!line[..line.len() - 2].contains(['\r', '\n', '\0']), "{line:?}");
    }
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ");
    let names: Vec<_> = unfolded.split("\r\n").map(|line| line.split_once(": ").unwrap().0).collect();
    let expected = "Date,From,To,Subject,Message-ID,In-Reply-To,References,Auto-Submitted,X-Auto-Response-Suppress,\
                    MIME-Version,Content-Type";
    prop_assert_eq!(names.join(","), expected);
    let parsed = parse(bytes);
    let subject = parsed.subject().unwrap_or_default();
    if notification.title.len() <= 200 && !shapes(&notification.title).is_empty() {
        prop_assert_eq!(shapes(subject), shapes(&notification.title));
    }
    let (text, html) = parts(&parsed);
    let (text_shapes, html_shapes) = (shapes(text), shapes(&unescaped(&html.replace("<br>", " "))));
    let Notification { title, message, fields, .. } = notification;
    let pieces = [title, message].into_iter().chain(fields.iter().flat_map(|Field { name, value, .. }| [name, value]));
    for piece in pieces.filter(|piece| piece.len() <= 200) {
        prop_assert!(text_shapes.contains(&shapes(piece)), "{piece:?} is not in {text:?}");
        prop_assert!(html_shapes.contains(&shapes(piece)), "{piece:?} is not in {html:?}");
    }
    prop_assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("javascript:"));
    prop_assert!(text.contains("\nSent by Fanfare") && html.contains(">Sent by Fanfare"));
    Ok(())
}

#[test]
fn typical_messages() {
    for (name, notification) in typical() {
        let bytes = message(&notification);
        check(&bytes, &notification).unwrap();
        let parsed = parse(&bytes);
        let (text, html) = parts(&parsed);
        insta::assert_snapshot!(format!("{name}_text"), text.replace("\r\n", "\n"));
        insta::assert_snapshot!(format!("{name}_html"), html.replace("\r\n", "\n"));
    }
}

#[test]
fn headers_of_a_message() {
    let bytes = message(&backup_failure());
    let (head, _) = std::str::from_utf8(&bytes).unwrap().split_once("\r\n\r\n").unwrap();
    insta::assert_snapshot!("headers", head.replace("\r\n", "\n"));
    let parsed = parse(&bytes);
    let id = info().delivery_id.to_string();
    assert_eq!(parsed.message_id().unwrap(), format!("{id}@mail.example"));
    let to: Vec<_> = parsed.to().unwrap().iter().map(|to| (to.name(), to.address().unwrap())).collect();
    assert_eq!(to, [(None, "ops@mail.example"), (Some("Zoë O'Neil"), "zoe@xn--bcher-kva.example")]);
    assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Fanfare"));
    assert_eq!(parsed.date().unwrap().to_rfc3339(), "2026-03-14T01:02:33Z");
    let kinds: Vec<_> = parsed.parts.iter().map(|part| part.content_type().unwrap().subtype().unwrap()).collect();
    assert_eq!(kinds, ["alternative", "plain", "html"]);
}

#[test]
fn hostile_text_stays_text() {
    for notification in hostile() {
        check(&message(&notification), &notification).unwrap();
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    for (name, notification) in typical() {
        assert_eq!(message(&notification), message(&notification), "{name}");
    }
}

#[test]
fn every_attempt_has_one_id() {
    let of = |at: &str| {
        let info = AttemptInfo { at: at.parse().unwrap(), ..info() };
        String::from_utf8(Message::new(&backup_success(), &info, &from(), &to()).bytes()).unwrap()
    };
    let [first, second] = ["2026-03-14T01:02:33Z", "2026-03-14T01:03:03Z"].map(of);
    assert_ne!(first, second);
    assert_eq!(first.replace("01:02:33", "01:03:03"), second);
}

#[test]
fn one_job_is_one_conversation() {
    let thread = |event_type: &str, job: Option<u128>| {
        let recipients = Recipients::Configured;
        let job = job.map(|job| uuid::Uuid::from_u128(job).into());
        let info = AttemptInfo { event_type: event_type.into(), job, recipients: &recipients, ..info() };
        thread(&info)
    };
    let one = thread("backup_failure", Some(1));
    assert_eq!(one, thread("backup_failure", Some(1)));
    for other in [thread("backup_failure", Some(2)), thread("backup_failure", None), thread("backup_success", Some(1))]
    {
        assert_ne!(one, other);
    }
    assert!(one.len() == 32 && one.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[rstest::rstest]
#[case("Backup Failed: Nightly", "Subject: Backup Failed: Nightly")]
#[case("Grüße", "Subject: =?utf-8?B?R3LDvMOfZQ==?=")]
#[case("=?utf-8?Q?Bcc?=", "Subject: =?utf-8?B?PT91dGYtOD9RP0JjYz89?=")]
fn subjects(#[case] title: &str, #[case] line: &str) {
    let mut said = backup_success();
    said.title = title.into();
    let bytes = String::from_utf8(message(&said)).unwrap();
    assert!(bytes.contains(&format!("\r\n{line}\r\n")), "{bytes}");
    assert_eq!(parse(bytes.as_bytes()).subject(), Some(title));
}

#[test]
fn long_lines_are_folded() {
    let mut said = backup_success();
    for title in ["word ".repeat(39), "wörd ".repeat(39), "x".repeat(200)] {
        said.title = title.clone();
        let bytes = message(&said);
        check(&bytes, &said).unwrap();
        assert_eq!(parse(&bytes).subject(), Some(title.trim()));
    }
    let many: Vec<_> = (0..60).map(|i| mailbox(&format!("Näme {i} <user{i}@mail.example>")).unwrap()).collect();
    let bytes = Message::new(&backup_success(), &info(), &from(), &many).bytes();
    assert_eq!(parse(&bytes).to().unwrap().iter().count(), 60);
    let head = String::from_utf8(bytes).unwrap();
    let (head, _) = head.split_once("\r\n\r\n").unwrap();
    assert!(head.lines().all(|line| line.len() <= 100), "{head}");
}

#[test]
fn a_reader_sees_what_is_sent() {
    for (name, notification) in typical() {
        let message = Message::new(&notification, &info(), &from(), &to());
        let (sent, readable) = (message.bytes(), message.readable());
        let (sent, shown) = (parse(&sent), parse(readable.as_bytes()));
        let lf = |(text, html): (&str, &str)| (text.replace("\r\n", "\n"), html.replace("\r\n", "\n"));
        let trimmed = |(text, html): (String, String)| (text.trim_end().to_owned(), html.trim_end().to_owned());
        assert_eq!(trimmed(lf(parts(&sent))), trimmed(lf(parts(&shown))), "{name}");
        assert_eq!(sent.subject(), shown.subject());
        assert!(readable.contains("[") && readable.contains("<h1 class=\"ink\""));
    }
}

proptest! {
    #[test]
    fn any_text_makes_a_message(notification in any_notification()) {
        check(&message(&notification), &notification)?;
    }

    #[test]
    fn any_name_makes_a_header(name in any_text()) {
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        let Ok(named) = mailbox(&format!("\"{quoted}\" <ada@mail.example>")) else { return Ok(()) };
        let said = backup_success();
        let bytes = Message::new(&said, &info(), &named, std::slice::from_ref(&named)).bytes();
        check(&bytes, &said)?;
        let parsed = parse(&bytes);
        for addresses in [parsed.from().unwrap(), parsed.to().unwrap()] {
            prop_assert_eq!(addresses.iter().count(), 1);
            let address = addresses.first().unwrap();
            prop_assert_eq!(address.address(), Some("ada@mail.example"));
            prop_assert_eq!(shapes(address.name().unwrap_or_default()), shapes(named.name.as_deref().unwrap_or_default()));
        }
    }
}
