//! How a notification will look in a service: small renderings of our own, made from the payload that the channel
//! builds, so that what was shortened or left out there is so here.

mod chat;
mod inline;
mod mail;
mod phone;

use maud::{Markup, html};
use serde_json::Value;

pub(super) use mail::html_part;

/// How a payload of this kind looks at its receiver; `None` where that is up to the receiver, or where it cannot be read.
/// `mail` is where the HTML part of a mail can be shown by itself.
pub(super) fn look(kind: &str, payload: &str, mail: Option<&str>) -> Option<Markup> {
    let json = || serde_json::from_str::<Value>(payload).ok();
    let (service, shown) = match kind {
        "discord" => ("Discord", chat::discord(&json()?)),
        "slack" => ("Slack", chat::slack(&json()?)),
        "teams" => ("Teams", chat::teams(&json()?)),
        "telegram" => ("Telegram", phone::telegram(&json()?)),
        "gotify" => ("Gotify", phone::gotify(&json()?)),
        "ntfy" => ("ntfy", phone::ntfy(&json()?)),
        "twilio" => ("A text message", phone::text_message(payload)),
        "email" => ("A mail program", mail::mail(payload, mail)?),
        _ => return None,
    };
    Some(html! {
        figure.look data-look=(kind) aria-label={ (service) " shows it about like this" } { (shown) }
    })
}

/// A member that is a text; empty where it is not.
fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

/// The items of a member that is a list.
fn items<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().map(Vec::as_slice).unwrap_or_default()
}

/// A bar in the notification's colour. Drawn, because nothing may have a style of its own.
fn bar(colour: &str) -> Markup {
    html! { svg.look-bar preserveAspectRatio="none" viewBox="0 0 4 4" aria-hidden="true" { rect width="4" height="4" fill=(colour) {} } }
}

#[cfg(test)]
mod tests {
    use fanfare::{Preview, core::Catalog};
    use jiff::Timestamp;

    use super::*;

    fn previews(kind: &str) -> Vec<(String, Preview)> {
        let (registry, catalog) = (fanfare::registry(), Catalog::builtin().unwrap());
        let now: Timestamp = "2026-03-29T01:30:00Z".parse().unwrap();
        let of = |id: &str| Preview::of_kind(&registry, &catalog, kind, id, now).unwrap();
        catalog.iter().map(|known| (known.id.to_string(), of(known.id.as_str()))).collect()
    }

    /// What people read of a look, without tags.
    fn read(markup: &Markup) -> String {
        let mut text = String::new();
        let mut inside = false;
        for letter in markup.0.chars() {
            match letter {
                '<' => inside = true,
                '>' => inside = false,
                letter if !inside => text.push(letter),
                _ => {}
            }
        }
        text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"")
    }

    #[test]
    fn every_kind_shows_every_event_in_the_words_of_its_sample() {
        let catalog = Catalog::builtin().unwrap();
        for kind in ["discord", "slack", "teams", "telegram", "gotify", "ntfy", "twilio", "email"] {
            for (id, preview) in previews(kind) {
                let shown = read(&look(kind, &preview.payload, None).unwrap_or_else(|| panic!("{kind} {id}")));
                assert!(shown.len() > 20, "{kind} {id}: {shown}");
                for mark in ["\\_", "**", "<b>", "&amp;", "<!date", "{{DATE"] {
                    assert!(!shown.contains(mark), "{kind} {id} shows {mark}: {shown}");
                }
            }
            let failed = previews(kind).into_iter().find(|(id, _)| id == "restore_failure").unwrap().1;
            let shown = read(&look(kind, &failed.payload, None).unwrap());
            let error = catalog.get("restore_failure").unwrap().sample["error"].as_str().unwrap();
            assert!(shown.contains("Restore Failed") && shown.contains(error), "{kind}: {shown}");
            assert!(shown.contains("shop_staging"), "{kind}: {shown}");
        }
    }

    #[test]
    fn a_program_makes_of_a_webhook_what_it_wants() {
        assert!(look("webhook", "{}", None).is_none());
        assert!(look("discord", "no JSON", None).is_none());
    }
}
