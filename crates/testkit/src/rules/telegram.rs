//! Telegram's `sendMessage` with HTML: the Bot API's reference, and how its server reads tags and entities.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

type Checked = Result<(), String>;

/// UTF-16 code units once tags and entities are read.
const PARSED: usize = 4_096;
/// Bytes of the raw text: above this it is refused unread.
const RAW: usize = 32_768;
/// Marks of which about as many take effect.
const ENTITIES: usize = 100;

/// Checks a request as Telegram would.
///
/// # Errors
/// What the Bot API would refuse.
pub fn check(request: &Request<Bytes>) -> Checked {
    ensure(request.method() == Method::POST, || format!("{} is not POST", request.method()))?;
    let path = request.uri().path();
    let (before, method) = path.rsplit_once('/').ok_or("no path")?;
    ensure(method == "sendMessage", || format!("{method} is not the method"))?;
    let token = before.rsplit('/').next().and_then(|part| part.strip_prefix("bot")).ok_or("no token")?;
    let (id, key) = token.split_once(':').ok_or("the token has no colon")?;
    ensure(id.bytes().all(|b| b.is_ascii_digit()) && key.len() == 35, || "404 Not Found".into())?;
    let kind = request.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    ensure(kind.starts_with("application/json"), || format!("the content type is {kind:?}"))?;

    let body: Value = serde_json::from_slice(request.body()).map_err(|error| format!("not JSON: {error}"))?;
    let members = body.as_object().ok_or("no object")?;
    for (name, value) in members {
        let right = match name.as_str() {
            "chat_id" => value.is_i64() || value.as_str().is_some_and(|name| name.starts_with('@') && name.len() > 1),
            "text" => value.is_string(),
            "parse_mode" => value.as_str().is_some_and(|mode| mode.eq_ignore_ascii_case("html")),
            "message_thread_id" => value.as_i64().is_some_and(|id| id > 0),
            "disable_notification" | "protect_content" => value.is_boolean(),
            "link_preview_options" => value["is_disabled"] == true,
            _ => false,
        };
        ensure(right, || format!("{name} cannot be {value}"))?;
    }
    for name in ["chat_id", "parse_mode", "link_preview_options"] {
        ensure(members.contains_key(name), || format!("{name} is missing"))?;
    }
    text(body["text"].as_str().ok_or("text is missing")?)
}

fn text(raw: &str) -> Checked {
    ensure(raw.len() < RAW, || "text is too long".into())?;
    let Parsed { text, entities } = parse(raw).map_err(|why| format!("can't parse entities: {why}\n{raw}"))?;
    let seen =
        |c: char| !c.is_whitespace() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    ensure(text.chars().any(seen), || "message text is empty".into())?;
    let units = text.encode_utf16().count();
    ensure(units <= PARSED, || format!("message is too long: {units}"))?;
    ensure(entities <= ENTITIES, || format!("{entities} entities"))
}

/// What Telegram makes of a text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Parsed {
    text: String,
    entities: usize,
}

fn parse(raw: &str) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = raw;
    while let Some(c) = rest.chars().next() {
        match c {
            '<' => {
                let (tag, after) = rest[1..].split_once('>').ok_or("Unclosed start tag")?;
                rest = after;
                if let Some(name) = tag.strip_prefix('/') {
                    let opened = open.pop().ok_or_else(|| format!("Unexpected end tag {name:?}"))?;
                    ensure(opened == name, || format!("Unmatched end tag {name:?}, expected {opened:?}"))?;
                    continue;
                }
                let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
                start_tag(name, attributes)?;
                ensure(!(name == "blockquote" && open.contains(&name)), || "nested blockquote".into())?;
                open.push(name);
                parsed.entities += 1;
            }
            '>' => return Err("a > that is not escaped".into()),
            '&' => {
                let (character, after) = entity(rest)?;
                parsed.text.push(character);
                rest = after;
            }
            c => {
                parsed.text.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    match open.pop() {
        None => Ok(parsed),
        Some(name) => Err(format!("Can't find end tag corresponding to start tag {name:?}")),
    }
}

fn start_tag(name: &str, attributes: &str) -> Checked {
    const PLAIN: &[&str] =
        &["b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "tg-spoiler", "code", "pre", "blockquote"];
    let right = match (name, attributes) {
        (name, "") => PLAIN.contains(&name),
        ("blockquote", "expandable") | ("span", "class=\"tg-spoiler\"") => true,
        ("a", attributes) => {
            let address = attributes.strip_prefix("href=\"").and_then(|rest| rest.strip_suffix('"'));
            match address {
                Some(address) => {
                    ensure(!address.contains(['"', '<', '>']), || "an address that is not escaped".into())?;
                    let address = parse(address)?.text;
                    address.starts_with("https://") || address.starts_with("http://")
                }
                None => false,
            }
        }
        _ => false,
    };
    ensure(right, || format!("Unsupported start tag \"{name} {attributes}\""))
}

/// The character that an entity stands for, and what follows it. What the service does not know it leaves as it is;
/// to us that is a text that was not escaped.
fn entity(rest: &str) -> Result<(char, &str), String> {
    let not_escaped = || format!("an & that is not escaped: {:?}", rest.chars().take(20).collect::<String>());
    let (name, after) = rest[1..].split_once(';').ok_or_else(not_escaped)?;
    let character = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        name => {
            let number = name.strip_prefix('#').and_then(|digits| digits.parse().ok());
            number.and_then(char::from_u32).ok_or_else(not_escaped)?
        }
    };
    Ok((character, after))
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn text_is_read_as_telegram_reads_it() {
        let raw = "<b>a &amp; <i>b</i></b>\n<a href=\"https://x/?a&amp;b=&quot;\">l</a><blockquote expandable>👩&#33;</blockquote>";
        assert_eq!(parse(raw), Ok(Parsed { text: "a & b\nl👩!".into(), entities: 4 }));
    }

    #[test]
    fn what_cannot_be_parsed_is_refused() {
        let refused = [
            "<b>x",
            "x</b>",
            "<b><i>x</b></i>",
            "<h1>x</h1>",
            "<b class=\"y\">x</b>",
            "a < b",
            "a > b",
            "a & b",
            "a &nbsp; b",
            "<a href=\"javascript:x\">l</a>",
            "<a href=\"https://x/?a&b\">l</a>",
            "<a>l</a>",
            "<blockquote>x<blockquote>y</blockquote></blockquote>",
        ];
        for raw in refused {
            assert!(parse(raw).is_err(), "{raw}");
        }
    }

    fn sent(changes: Value) -> Checked {
        let mut body = json!({"chat_id": -1, "text": "t", "parse_mode": "HTML",
            "link_preview_options": {"is_disabled": true}});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let uri = format!("https://api.telegram.org/bot1:{}/sendMessage", "x".repeat(35));
        let request = Request::post(uri).header("content-type", "application/json");
        check(&request.body(body.to_string().into()).unwrap())
    }

    #[test]
    fn lengths_and_members() {
        sent(json!({"text": format!("<b>{}</b>", "&amp;".repeat(PARSED))})).unwrap();
        for body in [
            json!({"text": "x".repeat(PARSED + 1)}),
            json!({"text": "👩".repeat(PARSED / 2 + 1)}),
            json!({"text": "<b></b>".repeat(5_000)}),
            json!({"text": "<b>x</b>".repeat(ENTITIES + 1)}),
            json!({"text": " <b>\u{200b}</b> "}),
            json!({"chat_id": "ops"}),
            json!({"parse_mode": "Markdown"}),
            json!({"message_thread_id": 0}),
            json!({"link_preview_options": {}}),
            json!({"disable_web_page_preview": true}),
        ] {
            assert!(sent(body.clone()).is_err(), "{body}");
        }
    }
}
