//! One notification as one Adaptive Card, within what Teams takes.

use fanfare_core::{AttemptInfo, Field, Hue, Notification, text};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::markdown;

/// The whole message, in bytes of JSON written in ASCII. Microsoft names about 28 KB, but messages of 21 KB have been
/// refused: what counts is some form that they are passed on in, and ASCII is the longest one.
const MESSAGE: usize = 20 * 1_024;
/// The title.
const TITLE: usize = 1_500;
/// The name and the value of a field.
const NAME: usize = 600;
const VALUE: usize = 6_000;
/// The event type.
const TYPE: usize = 200;
/// What the text keeps when it has to make room for fields.
const TEXT: usize = 6_000;
/// The address that the button opens.
const LINK: usize = 2_000;
/// Room for saying how many fields are missing, in a block of its own.
const COUNT: usize = 150;
/// What stands around the name and the value of a field.
const AROUND: usize = r#"{"title":"","value":""},"#.len();

/// The message: an envelope with one card.
pub(crate) fn message(notification: &Notification, info: &AttemptInfo<'_>) -> Value {
    let (button, written_out) = link(notification.link.as_deref());
    let message = markdown::lines(&notification.message);
    let message = if text::is_blank(&message) { "" } else { &message };
    let facts: Vec<Fact> = notification.fields.iter().chain(&written_out).map(Fact::of).collect();

    let around = envelope(notification, info, " ", &[], 0, button.as_deref());
    let room = MESSAGE - markdown::in_json(&around.to_string()) - COUNT;
    let wanted = facts.iter().map(Fact::length).sum();
    let (_, for_facts) = text::share(room, markdown::length(message), TEXT, wanted);
    let (facts, missing) = text::those_that_fit(facts, for_facts, Fact::length);
    let for_message = room - facts.iter().map(Fact::length).sum::<usize>();
    envelope(notification, info, &markdown::fitting(message, for_message), &facts, missing, button.as_deref())
}

struct Fact {
    title: String,
    value: String,
}

impl Fact {
    fn of(field: &Field) -> Self {
        let title = markdown::fitting(&text::line(&field.name), NAME);
        let value = markdown::fitting(&markdown::lines(&field.value), VALUE);
        Self { title: text::seen_or(title, "-"), value: text::seen_or(value, "-") }
    }

    fn length(&self) -> usize {
        AROUND + markdown::in_json(&self.title) + markdown::in_json(&self.value)
    }
}

fn envelope(
    said: &Notification,
    info: &AttemptInfo<'_>,
    text: &str,
    facts: &[Fact],
    missing: usize,
    link: Option<&str>,
) -> Value {
    let mut body = vec![head(said)];
    if !text.is_empty() {
        body.push(json!({"type": "TextBlock", "text": text, "wrap": true}));
    }
    if !facts.is_empty() || text == " " {
        let facts: Vec<_> = facts.iter().map(|fact| json!({"title": fact.title, "value": fact.value})).collect();
        body.push(json!({"type": "FactSet", "facts": facts}));
    }
    if let Some(missing) = text::missing_fields(missing) {
        body.push(json!({"type": "TextBlock", "text": missing, "isSubtle": true, "wrap": true}));
    }
    body.push(foot(said.time, info));
    let mut card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    });
    if let Some(url) = link {
        card["actions"] = json!([{"type": "Action.OpenUrl", "title": "View details", "url": url}]);
    }
    card["msteams"] = json!({"width": "Full"});
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": card,
        }],
    })
}

/// The coloured part: how things stand, and the title.
fn head(said: &Notification) -> Value {
    let word = format!("{} {}", said.status.emoji(), markdown::escape(&said.word()));
    let title = text::seen_or(text::line(&said.title), "Notification");
    let style = style(said.hue());
    // Texts have no colour `emphasis`.
    let color = if style == "emphasis" { "default" } else { style };
    json!({
        "type": "Container",
        "style": style,
        "bleed": true,
        "items": [
            {"type": "TextBlock", "text": word, "weight": "bolder", "color": color, "wrap": true},
            {
                "type": "TextBlock",
                "text": markdown::fitting(&title, TITLE),
                "size": "large",
                "weight": "bolder",
                "wrap": true,
                "spacing": "small",
            },
        ],
    })
}

/// The time as each reader writes it, in their own time zone, and the event type.
fn foot(time: Timestamp, info: &AttemptInfo<'_>) -> Value {
    // The function takes no fractions.
    let time = Timestamp::from_second(time.as_second()).unwrap_or(time);
    let event_type = markdown::fitting(&text::line(info.event_type.as_str()), TYPE);
    json!({
        "type": "TextBlock",
        "text": format!("{{{{DATE({time},SHORT)}}}} {{{{TIME({time})}}}} · {event_type}"),
        "size": "small",
        "isSubtle": true,
        "wrap": true,
        "separator": true,
    })
}

/// The nearest of the colours that a card has.
fn style(hue: Hue) -> &'static str {
    match hue {
        Hue::Green => "good",
        Hue::Amber | Hue::Orange => "warning",
        Hue::Red => "attention",
        Hue::Blue | Hue::Purple => "accent",
        Hue::Gray => "emphasis",
    }
}

/// What the button opens; or the address as a field, where it would take too much of the message.
fn link(link: Option<&str>) -> (Option<String>, Option<Field>) {
    match link.and_then(text::web_address) {
        Some(address) if markdown::in_json(&address) <= LINK => (Some(address), None),
        Some(address) => (None, Some(Field { name: "Link".into(), value: address, inline: false })),
        None => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_testkit::fixtures::{backup_success, hostile, info};

    fn card(message: &str, fields: Vec<Field>) -> (Value, usize) {
        let said = Notification { message: message.into(), fields, ..backup_success() };
        let message = super::message(&said, &info());
        let length = markdown::in_json(&message.to_string());
        (message["attachments"][0]["content"].clone(), length)
    }

    fn field(value: &str) -> Field {
        Field { name: "Error".into(), value: value.into(), inline: false }
    }

    #[test]
    fn every_colour_has_its_style() {
        for (color, style) in [
            ("#22c55e", "good"),
            ("#3b82f6", "accent"),
            ("#8b5cf6", "accent"),
            ("#f59e0b", "warning"),
            ("#f97316", "warning"),
            ("#ef4444", "attention"),
            ("#6b7280", "emphasis"),
        ] {
            let said = Notification { color: color.parse().unwrap(), ..backup_success() };
            assert_eq!(head(&said)["style"], style, "{color}");
        }
    }

    #[test]
    fn the_message_gives_way_to_fields_until_a_part_is_left() {
        let (few, length) = card(&"m".repeat(19_000), (0..3).map(|_| field(&"v".repeat(3_000))).collect());
        assert_eq!(few["body"][2]["facts"].as_array().unwrap().len(), 3);
        assert!(few["body"][1]["text"].as_str().unwrap().ends_with("characters)"));
        assert!((MESSAGE - 200..=MESSAGE).contains(&length), "{length}");

        let (many, length) = card(&"m".repeat(19_000), (0..9).map(|_| field(&"v".repeat(3_000))).collect());
        assert_eq!(many["body"][2]["facts"].as_array().unwrap().len(), 4);
        assert_eq!(many["body"][3]["text"], "… (+5 fields)");
        assert!(many["body"][1]["text"].as_str().unwrap().len() >= 5_900);
        assert!(length <= MESSAGE, "{length}");
    }

    #[test]
    fn the_longest_notification_fills_a_message() {
        let huge = message(&hostile().pop().unwrap(), &info()).to_string();
        let length = markdown::in_json(&huge);
        assert!((MESSAGE - 200..=MESSAGE).contains(&length) && huge.len() <= length, "{length}");
    }

    #[test]
    fn what_is_empty_is_said() {
        let fact = Fact::of(&Field { name: " ".into(), value: "\0\u{200b}".into(), inline: true });
        assert_eq!((fact.title.as_str(), fact.value.as_str()), ("-", "-"));
    }

    #[test]
    fn a_long_address_is_written_out() {
        let long = format!("https://fanfare.example/{}", "x".repeat(LINK));
        assert!(link(Some(&long)).0.is_none() && link(Some(&long)).1.is_some());
        assert!(matches!(link(Some("javascript:alert(1)")), (None, None)));
    }
}
