//! Discord's embed, Slack's attachment, Teams' card.

use maud::{Markup, html};
use serde_json::Value;

use super::{
    bar,
    inline::{markdown, mrkdwn},
    items, text,
};

fn sender(name: &str, about: &str) -> Markup {
    html! { div.look-from { span.look-face aria-hidden="true" { "F" } strong { (name) } span.look-tag { (about) } } }
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

pub(super) fn discord(payload: &Value) -> Markup {
    html! {
        (sender(or(text(payload, "username"), "Fanfare"), "APP"))
        @if !text(payload, "content").is_empty() { p.look-mention { (text(payload, "content")) } }
        @for embed in items(payload, "embeds") {
            div.look-embed {
                (bar(&format!("#{:06x}", embed["color"].as_u64().unwrap_or(0x6b_75_85) & 0xff_ff_ff)))
                div.look-body {
                    @if let Some(author) = embed["author"]["name"].as_str() { p.small { strong { (author) } } }
                    p { strong { (markdown(text(embed, "title"))) } }
                    @if !text(embed, "description").is_empty() { p.look-said { (markdown(text(embed, "description"))) } }
                    @if !items(embed, "fields").is_empty() {
                        dl.look-facts {
                            @for field in items(embed, "fields") {
                                div.wide[field["inline"] != true] { dt { (markdown(text(field, "name"))) } dd { (markdown(text(field, "value"))) } }
                            }
                        }
                    }
                    p.look-foot { (embed["footer"]["text"].as_str().unwrap_or_default()) @if let Some(at) = embed["timestamp"].as_str() { " • " (moment(at)) } }
                }
            }
        }
    }
}

pub(super) fn slack(payload: &Value) -> Markup {
    html! {
        (sender(or(text(payload, "username"), "Fanfare"), "APP"))
        @for block in items(payload, "blocks") { (slack_block(block)) }
        @for attachment in items(payload, "attachments") {
            div.look-embed.plain {
                (bar(or(text(attachment, "color"), "#6b7585")))
                div.look-body { @for block in items(attachment, "blocks") { (slack_block(block)) } }
            }
        }
    }
}

fn slack_block(block: &Value) -> Markup {
    html! {
        @match text(block, "type") {
            "header" => { p.look-title { strong { (text(&block["text"], "text")) } } }
            "context" => { p.look-foot { @for (i, element) in items(block, "elements").iter().enumerate() { @if i > 0 { " · " } (slack_text(element)) } } }
            "divider" => { hr; }
            _ => {
                @if block["text"].is_object() { p.look-said { (slack_text(&block["text"])) } }
                @if !items(block, "fields").is_empty() {
                    div.look-facts.two { @for field in items(block, "fields") { p.look-said { (slack_text(field)) } } }
                }
            }
        }
    }
}

fn slack_text(object: &Value) -> Markup {
    match text(object, "type") {
        "mrkdwn" => mrkdwn(text(object, "text")),
        _ => html! { (text(object, "text")) },
    }
}

pub(super) fn teams(payload: &Value) -> Markup {
    html! {
        (sender("Fanfare", "Workflows"))
        @for attachment in items(payload, "attachments") {
            div.look-card { @for element in items(&attachment["content"], "body") { (card_element(element)) } }
        }
    }
}

fn card_element(element: &Value) -> Markup {
    html! {
        @match text(element, "type") {
            "Container" => { div class={ "look-container " (tone(text(element, "style"))) } { @for inner in items(element, "items") { (card_element(inner)) } } }
            "FactSet" => { dl.look-rows { @for fact in items(element, "facts") { div { dt { (markdown(text(fact, "title"))) } dd { (markdown(text(fact, "value"))) } } } } }
            "TextBlock" => {
                @let said = with_moments(text(element, "text"));
                @if element["isSubtle"] == true { p.look-foot { (markdown(&said)) } }
                @else if text(element, "size") == "large" { p.look-title { strong { (markdown(&said)) } } }
                @else if text(element, "weight") == "bolder" { p.look-said { strong { (markdown(&said)) } } }
                @else { p.look-said { (markdown(&said)) } }
            }
            "ActionSet" => { p.row { @for action in items(element, "actions") { span.badge { (text(action, "title")) } } } }
            _ => {}
        }
    }
}

fn tone(style: &str) -> &'static str {
    match style {
        "attention" => "failure",
        "good" => "success",
        "warning" => "warning",
        "accent" => "info",
        _ => "",
    }
}

/// A moment as a person would write it.
fn moment(at: &str) -> String {
    at.parse::<jiff::Timestamp>().map_or_else(|_| at.to_owned(), |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// Teams writes moments in the reader's own way, from `{{DATE(…)}}` and `{{TIME(…)}}`.
fn with_moments(said: &str) -> String {
    let mut out = String::new();
    let mut rest = said;
    while let Some((before, behind)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((inside, after)) = behind.split_once("}}") else {
            out.push_str("{{");
            rest = behind;
            continue;
        };
        let (what, at) = inside.split_once('(').unwrap_or((inside, ""));
        let at = moment(at.trim_end_matches(')').split(',').next().unwrap_or_default());
        match (what, at.split_once(' ')) {
            ("DATE", Some((day, _))) => out.push_str(day),
            ("TIME", Some((_, time))) => out.push_str(time),
            _ => {
                out.push_str("{{");
                out.push_str(inside);
                out.push_str("}}");
            }
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_out() {
        assert_eq!(
            with_moments("{{DATE(2026-11-28T08:02:01Z,SHORT)}} {{TIME(2026-11-28T08:02:01Z)}} · x {{y"),
            "2026-11-28 08:02 UTC · x {{y"
        );
    }
}
