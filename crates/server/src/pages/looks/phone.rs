//! What arrives on a phone: Telegram's message, Gotify's and ntfy's notification, a text message.

use maud::{Markup, html};
use serde_json::Value;

use super::{
    inline::{markdown, tagged},
    text,
};

pub(super) fn telegram(payload: &Value) -> Markup {
    html! {
        div.look-bubble { p.look-said { (tagged(text(payload, "text"))) } }
        @if payload["disable_notification"] == true { figcaption.small.quiet { "Arrives without a sound." } }
    }
}

pub(super) fn gotify(payload: &Value) -> Markup {
    html! {
        div.look-notice {
            div.row.spread { strong { (text(payload, "title")) } (priority(&payload["priority"], 8)) }
            // Two spaces at the end of a line break it.
            p.look-said { (markdown(&text(payload, "message").replace("  \n", "\n"))) }
        }
    }
}

pub(super) fn ntfy(payload: &Value) -> Markup {
    let tags = payload["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let tags: Vec<_> = tags.iter().filter_map(Value::as_str).collect();
    let (signs, words): (Vec<_>, Vec<_>) = tags.iter().partition(|tag| sign(tag).is_some());
    html! {
        div.look-notice {
            div.row.spread {
                strong { @for tag in signs { (sign(tag).unwrap_or_default()) " " } (text(payload, "title")) }
                (priority(&payload["priority"], 4))
            }
            p.look-said { (text(payload, "message")) }
            @if !words.is_empty() { p.look-foot { "Tags: " (words.join(", ")) } }
            p.look-foot { (text(payload, "topic")) }
        }
    }
}

/// ntfy shows some tags as signs before the title.
fn sign(tag: &str) -> Option<&'static str> {
    Some(match tag {
        "white_check_mark" => "✅",
        "heavy_check_mark" => "✔️",
        "x" => "❌",
        "warning" => "⚠️",
        "information_source" => "ℹ️",
        "rotating_light" => "🚨",
        "bell" => "🔔",
        "test_tube" => "🧪",
        _ => return None,
    })
}

fn priority(value: &Value, high: u64) -> Markup {
    html! { @if let Some(number) = value.as_u64() { span.badge.warning[number >= high] { "Priority " (number) } } }
}

pub(super) fn text_message(form: &str) -> Markup {
    let member = |wanted: &str| {
        let mut pairs = url::form_urlencoded::parse(form.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let body = member("Body");
    html! {
        p.look-foot { (member("From")) }
        div.look-bubble { p.look-said { (body) } }
        figcaption.small.quiet { (body.chars().count()) " characters to " (member("To")) }
    }
}
