//! Slack's incoming webhooks: Block Kit reference, formatting guide, and reports of what is refused beyond them.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::{Map, Value};

type Checked = Result<(), String>;

/// Blocks of a message; an attachment with more than `ATTACHED` has been reported as refused.
const BLOCKS: usize = 50;
const ATTACHED: usize = 20;
const ATTACHMENTS: usize = 100;
/// The header's text.
const HEADER: usize = 150;
/// Any text object, and so a section's text.
const TEXT: usize = 3_000;
/// A section's columns: how many, and how long each.
const COLUMNS: usize = 10;
const COLUMN: usize = 2_000;
const CONTEXT: usize = 10;
const ACTIONS: usize = 25;
const BLOCK_ID: usize = 255;
/// The recommended length of `text`.
const SUMMARY: usize = 4_000;
/// All texts of all blocks: reported as `msg_blocks_too_long` somewhere above this.
const TOGETHER: usize = 12_000;

/// Checks a request as Slack would.
pub fn check(request: &Request<Bytes>) -> Checked {
    ensure(request.method() == Method::POST, || format!("{} is not POST", request.method()))?;
    let kind = request.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
    ensure(kind.starts_with("application/json"), || format!("the content type is {kind:?}"))?;
    let path: Vec<&str> = request.uri().path().split('/').collect();
    ensure(matches!(path[..], ["", "services", _, _, _]), || "not the path of an incoming webhook".to_owned())?;
    let body: Value = serde_json::from_slice(request.body()).map_err(|error| format!("not JSON: {error}"))?;
    Message::default().check(object(&body)?)
}

/// What has to be known of the whole message.
#[derive(Default)]
struct Message {
    ids: BTreeSet<String>,
    together: usize,
}

impl Message {
    fn check(&mut self, body: &Map<String, Value>) -> Checked {
        only(body, &["text", "blocks", "attachments", "channel", "username", "icon_emoji"])?;
        let text = string(body, "text")?;
        marked(text, true).map_err(|why| format!("text: {why}"))?;
        within("text", text, SUMMARY)?;
        for name in ["channel", "username", "icon_emoji"] {
            if body.contains_key(name) {
                within(name, string(body, name)?, 120)?;
            }
        }
        if let Some(blocks) = body.get("blocks") {
            self.blocks(blocks, BLOCKS)?;
        }
        let none = Vec::new();
        let attachments = body.get("attachments").map_or(Ok(&none), array)?;
        ensure(attachments.len() <= ATTACHMENTS, || "too_many_attachments".to_owned())?;
        for attachment in attachments {
            let attachment = object(attachment)?;
            // Older members beside blocks are answered 400.
            only(attachment, &["color", "fallback", "blocks"])?;
            let color = string(attachment, "color")?;
            let digits = color.strip_prefix('#').unwrap_or_default();
            let hex = digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit());
            ensure(hex || matches!(color, "good" | "warning" | "danger"), || format!("{color:?} is no colour"))?;
            let fallback = string(attachment, "fallback")?;
            marked(fallback, false).map_err(|why| format!("fallback: {why}"))?;
            within("fallback", fallback, SUMMARY)?;
            self.blocks(attachment.get("blocks").ok_or("an attachment without blocks")?, ATTACHED)?;
        }
        ensure(self.together <= TOGETHER, || format!("msg_blocks_too_long: {}", self.together))
    }

    fn blocks(&mut self, blocks: &Value, most: usize) -> Checked {
        let blocks = array(blocks)?;
        ensure((1..=most).contains(&blocks.len()), || format!("{} blocks", blocks.len()))?;
        blocks
            .iter()
            .try_for_each(|block| self.block(object(block)?).map_err(|why| format!("invalid_blocks: {why} in {block}")))
    }

    fn block(&mut self, block: &Map<String, Value>) -> Checked {
        if block.contains_key("block_id") {
            let id = string(block, "block_id")?;
            within("block_id", id, BLOCK_ID)?;
            ensure(self.ids.insert(id.to_owned()), || format!("block_id {id:?} is there twice"))?;
        }
        match string(block, "type")? {
            "header" => {
                only(block, &["type", "block_id", "text"])?;
                self.plain(member(block, "text")?, HEADER)
            }
            "section" => {
                only(block, &["type", "block_id", "text", "fields", "expand"])?;
                ensure(block.contains_key("text") || block.contains_key("fields"), || {
                    "neither text nor fields".to_owned()
                })?;
                if let Some(text) = block.get("text") {
                    self.text(text, TEXT)?;
                }
                match block.get("fields") {
                    Some(fields) => self.all(fields, COLUMNS, COLUMN),
                    None => Ok(()),
                }
            }
            "context" => {
                only(block, &["type", "block_id", "elements"])?;
                self.all(member(block, "elements")?, CONTEXT, TEXT)
            }
            "divider" => only(block, &["type", "block_id"]),
            "actions" => {
                only(block, &["type", "block_id", "elements"])?;
                let elements = array(member(block, "elements")?)?;
                ensure((1..=ACTIONS).contains(&elements.len()), || format!("{} elements", elements.len()))?;
                elements.iter().try_for_each(|element| self.button(object(element)?))
            }
            other => Err(format!("{other:?} is no block that is known here")),
        }
    }

    fn button(&mut self, button: &Map<String, Value>) -> Checked {
        only(button, &["type", "text", "url", "action_id", "style", "value"])?;
        ensure(string(button, "type")? == "button", || "only buttons are known here".to_owned())?;
        within("url", string(button, "url")?, 3_000)?;
        self.plain(member(button, "text")?, 75)
    }

    fn all(&mut self, texts: &Value, most: usize, long: usize) -> Checked {
        let texts = array(texts)?;
        ensure((1..=most).contains(&texts.len()), || format!("{} texts", texts.len()))?;
        texts.iter().try_for_each(|text| self.text(text, long))
    }

    fn plain(&mut self, text: &Value, most: usize) -> Checked {
        ensure(text["type"] == "plain_text", || "not plain_text".to_owned())?;
        self.text(text, most)
    }

    /// A text object.
    fn text(&mut self, value: &Value, most: usize) -> Checked {
        let object = object(value)?;
        let formatted = match string(object, "type")? {
            "plain_text" => {
                only(object, &["type", "text", "emoji"])?;
                false
            }
            "mrkdwn" => {
                only(object, &["type", "text", "verbatim"])?;
                true
            }
            other => return Err(format!("{other:?} is no text object")),
        };
        for name in ["emoji", "verbatim"] {
            ensure(object.get(name).is_none_or(Value::is_boolean), || format!("{name} is not true or false"))?;
        }
        let text = string(object, "text")?;
        within("a text", text, most)?;
        self.together += units(text);
        marked(text, formatted)
    }
}

/// Every `&` is one of three entities; `<` and `>` are there only around a mark that Slack knows.
fn marked(text: &str, formatted: bool) -> Checked {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>']) {
        let from = &rest[at..];
        if let Some(entity) = ["&amp;", "&lt;", "&gt;"].iter().find(|entity| from.starts_with(**entity)) {
            rest = &from[entity.len()..];
            continue;
        }
        let mark = from.strip_prefix('<').and_then(|inner| inner.split_once('>')).filter(|_| formatted);
        let (inner, after) =
            mark.ok_or_else(|| format!("not escaped: {:?}", from.chars().take(20).collect::<String>()))?;
        ensure(is_mark(inner), || format!("<{inner}> is no mark"))?;
        rest = after;
    }
    Ok(())
}

fn is_mark(inner: &str) -> bool {
    let id = |text: &str, letters: &str| {
        text.starts_with(|c| letters.contains(c)) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    if let Some(user) = inner.strip_prefix('@') {
        return id(user, "UW");
    }
    if let Some(group) = inner.strip_prefix("!subteam^") {
        return id(group, "S");
    }
    if let Some(date) = inner.strip_prefix("!date^") {
        let parts = date.split_once('|').and_then(|(date, fallback)| Some((date.split_once('^')?, fallback)));
        return parts.is_some_and(|((epoch, form), fallback)| {
            epoch.parse::<i64>().is_ok() && form.contains('{') && !fallback.is_empty()
        });
    }
    let is_link =
        |address: &str| (address.starts_with("https://") || address.starts_with("http://")) && !address.contains(' ');
    matches!(inner, "!here" | "!channel" | "!everyone")
        || inner.split_once('|').map_or(is_link(inner), |(address, label)| is_link(address) && !label.is_empty())
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Between one sign that can be seen, and so many.
fn within(what: &str, text: &str, most: usize) -> Checked {
    ensure(text.chars().any(|c| !c.is_whitespace()), || format!("{what} is empty"))?;
    ensure(units(text) <= most, || format!("{what} has {} of {most} characters", units(text)))
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn only(object: &Map<String, Value>, names: &[&str]) -> Checked {
    let unknown = object.keys().find(|name| !names.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| Err(format!("{name:?} does not belong here")))
}

fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a Value, String> {
    object.get(name).ok_or_else(|| format!("no {name}"))
}

fn string<'a>(object: &'a Map<String, Value>, name: &str) -> Result<&'a str, String> {
    member(object, name)?.as_str().ok_or_else(|| format!("{name} is no string"))
}

fn object(value: &Value) -> Result<&Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{value} is no object"))
}

fn array(value: &Value) -> Result<&Vec<Value>, String> {
    value.as_array().ok_or_else(|| format!("{value} is no list"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(block: Value) -> Checked {
        sent(json!({"text": "t", "blocks": [block]}))
    }

    fn sent(body: Value) -> Checked {
        let request = Request::post("https://h.example/services/T1/B1/x").header("content-type", "application/json");
        check(&request.body(body.to_string().into()).unwrap())
    }

    fn section(kind: &str, text: &str) -> Value {
        json!({"type": "section", "text": {"type": kind, "text": text}})
    }

    #[test]
    fn what_slack_takes() {
        with(section("mrkdwn", "<@U1> <!subteam^S1> <!here> <https://x/?a&amp;b|l> &lt; <!date^1^{time}|x>")).unwrap();
        with(section("plain_text", &"x".repeat(TEXT))).unwrap();
        let attached = json!({"color": "#00ff00", "fallback": "f", "blocks": [section("plain_text", "x")]});
        sent(json!({"text": "t", "attachments": [attached]})).unwrap();
    }

    #[test]
    fn what_slack_refuses() {
        let refused = [
            section("mrkdwn", "<!channel"),
            section("mrkdwn", "a & b"),
            section("mrkdwn", "<javascript:x|l>"),
            section("plain_text", "<!here>"),
            section("plain_text", "a > b"),
            section("plain_text", " "),
            section("plain_text", &"x".repeat(TEXT + 1)),
            json!({"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": true}}),
            json!({"type": "section", "text": {"type": "plain_text", "text": "x", "verbatim": true}}),
            json!({"type": "section", "fields": []}),
            json!({"type": "section", "fields": vec![json!({"type": "mrkdwn", "text": "x"}); 11]}),
            json!({"type": "section", "fields": [{"type": "mrkdwn", "text": "x".repeat(COLUMN + 1)}]}),
            json!({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}),
            json!({"type": "header", "text": {"type": "plain_text", "text": "x".repeat(HEADER + 1)}}),
            json!({"type": "context", "elements": []}),
            json!({"type": "section"}),
            json!({"type": "video"}),
        ];
        for block in refused {
            assert!(with(block.clone()).is_err(), "{block}");
        }
        let blocks = |count| vec![section("plain_text", "x"); count];
        for body in [
            json!({"blocks": blocks(1)}),
            json!({"text": "t", "blocks": blocks(51)}),
            json!({"text": "t", "blocks": vec![section("plain_text", &"x".repeat(TEXT)); 5]}),
            json!({"text": "t", "attachments": [{"color": "#00ff00", "fallback": "f", "blocks": blocks(21)}]}),
            json!({"text": "t", "attachments": [{"color": "green", "fallback": "f", "blocks": blocks(1)}]}),
            json!({"text": "t", "attachments": [{"color": "good", "fallback": "f", "blocks": blocks(1), "ts": 1}]}),
        ] {
            assert!(sent(body.clone()).is_err(), "{body}");
        }
    }
}
