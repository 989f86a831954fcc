//! What Teams refuses of a message to a webhook, and what it would show otherwise than it is meant.
//!
//! From the documents of Teams and Adaptive Cards 1.4; the official schema is consulted as well where it is at hand.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Value, json};

use super::conforms;

/// The whole message. Documented are about 28 KB; 21 KB is the least that somebody was refused at.
const LIMIT: usize = 21_000;

/// Checks a request.
///
/// # Errors
/// What Teams would refuse, or take for markup.
pub fn check(request: &Request<Bytes>) -> Result<(), String> {
    if request.method() != Method::POST {
        return Err(format!("the method is {}", request.method()));
    }
    if request.headers().get("content-type").is_none_or(|value| value != "application/json") {
        return Err("the body is not announced as JSON".into());
    }
    let path = request.uri().path();
    let signed = request.uri().query().is_some_and(|query| query.contains("sig="));
    let workflow = path.contains("/workflows/") && path.trim_end_matches('/').ends_with("/paths/invoke") && signed;
    if !workflow && !path.starts_with("/webhookb2/") {
        return Err("the address is neither that of a workflow nor of a connector".into());
    }
    if request.body().len() > LIMIT {
        return Err(format!("the message has {} bytes", request.body().len()));
    }
    let body: Value = serde_json::from_slice(request.body()).map_err(|e| format!("the body is not JSON: {e}"))?;
    let mut card = body["attachments"][0]["content"].clone();
    let envelope = json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
        }],
    });
    if body != envelope {
        return Err("the envelope has another form".into());
    }
    if (&card["type"], &card["version"]) != (&json!("AdaptiveCard"), &json!("1.4")) {
        return Err(format!("the card is {} {}", card["type"], card["version"]));
    }
    let elements = card["body"].as_array().filter(|body| !body.is_empty()).ok_or("the card has no body")?;
    elements.iter().try_for_each(element)?;
    for action in card.get("actions").and_then(Value::as_array).into_iter().flatten() {
        let web = action["url"].as_str().is_some_and(|url| url.starts_with("https://") || url.starts_with("http://"));
        if action["type"] != "Action.OpenUrl" || !web || !action["title"].is_string() {
            return Err(format!("webhooks cannot have this action: {action}"));
        }
    }
    // Teams' own, and not part of the schema.
    let own = card.as_object_mut().and_then(|card| card.remove("msteams"));
    if own.is_some_and(|own| own != json!({"width": "Full"})) {
        return Err("msteams holds something else than the width".into());
    }
    conforms("adaptive-card-1.4.schema.json", "", &card)
}

fn element(element: &Value) -> Result<(), String> {
    match element["type"].as_str() {
        Some("Container") => {
            let style = element["style"].as_str().unwrap_or("default");
            if !["default", "emphasis", "good", "attention", "warning", "accent"].contains(&style) {
                return Err(format!("there is no style {style}"));
            }
            element["items"].as_array().ok_or("a container without items")?.iter().try_for_each(self::element)
        }
        Some("TextBlock") => {
            if element["wrap"] != true {
                return Err(format!("a text that is clipped: {element}"));
            }
            shown(element, "text")
        }
        Some("FactSet") => {
            let facts = element["facts"].as_array().filter(|facts| !facts.is_empty()).ok_or("no facts")?;
            facts.iter().try_for_each(|fact| shown(fact, "title").and_then(|()| shown(fact, "value")))
        }
        _ => Err(format!("an element of another type: {element}")),
    }
}

fn shown(element: &Value, name: &str) -> Result<(), String> {
    let text = element[name].as_str().ok_or(format!("{name} is not text in {element}"))?;
    if text.trim().is_empty() {
        return Err(format!("{name} is empty in {element}"));
    }
    plain(text)
}

/// Checks that nothing is a format, a list, a link or an entity, that lines really break, and that functions are dates.
fn plain(text: &str) -> Result<(), String> {
    if text.replace("\n\n", "").contains(['\n', '\r']) {
        return Err(format!("a single line end is a space to most clients: {text:?}"));
    }
    for line in text.split('\n') {
        let start = line.trim_start();
        let digits = start.trim_start_matches(|c: char| c.is_ascii_digit());
        let point = digits.strip_prefix(['.', ')']).filter(|_| digits.len() < start.len());
        let numbered = point.is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        // A dash alone stands for something empty.
        let begins = text != "-" && start.starts_with(['#', '-', '+', '>']);
        if begins || numbered {
            return Err(format!("a line begins as a heading, quote or list: {line:?}"));
        }
        if line.starts_with("    ") {
            return Err(format!("a line begins as a block of code: {line:?}"));
        }
    }
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.next().is_none_or(|next| !next.is_ascii_punctuation()) => {
                return Err(format!("a backslash stands alone in {text:?}"));
            }
            '*' | '_' | '~' | '`' | '[' | ']' => return Err(format!("{c} formats something in {text:?}")),
            _ => {}
        }
    }
    for (at, _) in text.match_indices('&') {
        if text[at + 1..].split_once(';').is_some_and(|(n, _)| ["amp", "lt", "gt", "quot", "nbsp", "#60"].contains(&n))
        {
            return Err(format!("an entity in {text:?}"));
        }
    }
    for (at, _) in text.match_indices("{{") {
        let inside = text[at + 2..].split_once('(').filter(|(name, _)| ["DATE", "TIME"].contains(name));
        let Some((_, argument)) = inside else { continue };
        let time = argument.split([',', ')']).next().unwrap_or_default();
        if time.contains('.') || !time.ends_with('Z') || time.parse::<jiff::Timestamp>().is_err() {
            return Err(format!("a function of {time:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(element: Value) -> Result<(), String> {
        let card = json!({"type": "AdaptiveCard", "version": "1.4", "body": [element], "msteams": {"width": "Full"}});
        let attachment =
            json!({"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card});
        let body = json!({"type": "message", "attachments": [attachment]});
        let request = Request::post("https://t.example/workflows/a/triggers/manual/paths/invoke?sig=k");
        check(&request.header("content-type", "application/json").body(body.to_string().into()).unwrap())
    }

    fn text(text: &str) -> Value {
        json!({"type": "TextBlock", "text": text, "wrap": true})
    }

    #[rstest::rstest]
    #[case(text("a \\*b\\* & c\n\nd"))]
    #[case(text("{{DATE(2026-03-14T01:02:03Z,SHORT)}} {{title}}"))]
    #[case(json!({"type": "FactSet", "facts": [{"title": "a", "value": "-"}]}))]
    #[case(json!({"type": "Container", "style": "good", "items": [text("a")]}))]
    fn messages_that_pass(#[case] element: Value) {
        assert_eq!(checked(element), Ok(()));
    }

    #[rstest::rstest]
    #[case(text(""), "empty")]
    #[case(text("a *b*"), "formats")]
    #[case(text("[a](https://x.example)"), "formats")]
    #[case(text("a\nb"), "single line end")]
    #[case(text("a\n\n- b"), "list")]
    #[case(text("1. b"), "list")]
    #[case(text("a &amp; b"), "entity")]
    #[case(text("a\\b"), "backslash")]
    #[case(text("{{DATE(2026-03-14T01:02:03.5Z)}}"), "function")]
    #[case(text(&"x".repeat(21_000)), "bytes")]
    #[case(json!({"type": "TextBlock", "text": "a"}), "clipped")]
    #[case(json!({"type": "FactSet", "facts": [{"title": "a"}]}), "value is not text")]
    #[case(json!({"type": "Container", "style": "red", "items": [text("a")]}), "style")]
    #[case(json!({"type": "Image", "url": "x"}), "another type")]
    fn messages_that_teams_refuses(#[case] element: Value, #[case] why: &str) {
        let refused = checked(element).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
