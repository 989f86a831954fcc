//! What Discord refuses of a message to a webhook, and what it would show otherwise than it is meant.
//!
//! From its reference (webhook resource, message resource, embed limits); "characters" are counted as UTF-16 units,
//! the strictest reading. The official schema is consulted as well where it is at hand.

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

use super::conforms;

/// Checks a request.
///
/// # Errors
/// What Discord would refuse, or take for markup or a mention.
pub fn check(request: &Request<Bytes>) -> Result<(), String> {
    address(request)?;
    let body: Value = serde_json::from_slice(request.body()).map_err(|e| format!("the body is not JSON: {e}"))?;
    members(&body, &["content", "username", "avatar_url", "embeds", "allowed_mentions"])?;
    let embeds = body["embeds"].as_array().ok_or("there are no embeds")?;
    if embeds.is_empty() || embeds.len() > 10 {
        return Err(format!("{} embeds", embeds.len()));
    }
    let total = embeds.iter().map(embed).sum::<Result<usize, String>>()?;
    if total > 6_000 {
        return Err(format!("the embeds hold {total} characters"));
    }
    if let Some(name) = optional(&body, "username", 80)? {
        let small = name.to_lowercase();
        if small.trim().is_empty() || small.contains("discord") || small.contains("clyde") {
            return Err(format!("username is {name:?}"));
        }
    }
    if let Some(address) = optional(&body, "avatar_url", 2_048)? {
        web(address)?;
    }
    mentions(&body)?;
    conforms("discord-webhook-execute.schema.json", "", &body)
}

fn address(request: &Request<Bytes>) -> Result<(), String> {
    if request.method() != Method::POST {
        return Err(format!("the method is {}", request.method()));
    }
    if request.headers().get("content-type").is_none_or(|value| value != "application/json") {
        return Err("the body is not announced as JSON".into());
    }
    let parts: Vec<&str> = request.uri().path().split('/').collect();
    let parts = match parts.as_slice() {
        ["", "api", version, rest @ ..] if version.starts_with('v') => rest,
        ["", "api", rest @ ..] => rest,
        _ => return Err("the path does not begin with /api".into()),
    };
    match parts {
        ["webhooks", id, token] if id.parse::<u64>().is_ok() && !token.is_empty() => {}
        _ => return Err("the path is not that of a webhook".into()),
    }
    let pairs: Vec<&str> = request.uri().query().unwrap_or_default().split('&').collect();
    if !pairs.contains(&"wait=true") {
        return Err("wait=true is missing: messages could be lost in silence".into());
    }
    match pairs.iter().find(|pair| **pair != "wait=true" && !pair.starts_with("thread_id=")) {
        Some(other) => Err(format!("the query holds {other}")),
        None => Ok(()),
    }
}

/// Checks an embed and counts its characters.
fn embed(embed: &Value) -> Result<usize, String> {
    members(embed, &["author", "title", "url", "description", "color", "fields", "footer", "timestamp"])?;
    let mut total = 0;
    for (name, limit, formatted) in [("title", 256, true), ("description", 4_096, true)] {
        if let Some(text) = optional(embed, name, limit)? {
            total += length(text);
            if formatted {
                plain(text)?;
            }
        }
    }
    for (name, member, limit) in [("author", "name", 256), ("footer", "text", 2_048)] {
        if let Some(part) = embed.get(name) {
            members(part, &[member])?;
            total += length(optional(part, member, limit)?.ok_or(format!("{name} has no {member}"))?);
        }
    }
    if let Some(fields) = embed.get("fields") {
        let fields = fields.as_array().ok_or("fields is not a list")?;
        if fields.len() > 25 {
            return Err(format!("{} fields", fields.len()));
        }
        for field in fields {
            members(field, &["name", "value", "inline"])?;
            for (name, limit) in [("name", 256), ("value", 1_024)] {
                let text = optional(field, name, limit)?.ok_or(format!("a field without {name}"))?;
                if text.trim().is_empty() {
                    return Err(format!("the {name} of a field is empty"));
                }
                plain(text)?;
                total += length(text);
            }
        }
    }
    if embed.get("color").is_some_and(|color| color.as_u64().is_none_or(|color| color > 0xff_ffff)) {
        return Err(format!("color is {}", embed["color"]));
    }
    if let Some(time) = optional(embed, "timestamp", 64)? {
        time.parse::<jiff::Timestamp>().map_err(|error| format!("timestamp: {error}"))?;
    }
    if let Some(url) = optional(embed, "url", 2_048)? {
        web(url)?;
        let host = url.split('/').nth(2).unwrap_or_default();
        // Many reports: a host without a dot is "not a well formed URL", and the message is refused.
        if !host.contains('.') {
            return Err(format!("Discord does not take {host:?} for the host of a link"));
        }
    }
    if total == 0 { Err("the embed is empty".into()) } else { Ok(total) }
}

/// Nobody is called but by a list of ids, and all whom the text calls are on it.
fn mentions(body: &Value) -> Result<(), String> {
    let allowed = &body["allowed_mentions"];
    members(allowed, &["parse", "roles", "users"])?;
    if allowed["parse"].as_array().is_none_or(|parse| !parse.is_empty()) {
        return Err("allowed_mentions.parse is not an empty list: texts could call people".into());
    }
    let mut expected = Vec::new();
    for (name, sign) in [("roles", "@&"), ("users", "@")] {
        for id in allowed.get(name).and_then(Value::as_array).into_iter().flatten() {
            let id = id.as_str().filter(|id| id.parse::<u64>().is_ok()).ok_or(format!("{name} holds {id}"))?;
            expected.push(format!("<{sign}{id}>"));
        }
    }
    let content = optional(body, "content", 2_000)?.unwrap_or_default();
    let called: Vec<&str> = content.split_whitespace().collect();
    if called == expected { Ok(()) } else { Err(format!("content is {content:?}, while {expected:?} are allowed")) }
}

fn members(value: &Value, known: &[&str]) -> Result<(), String> {
    let object = value.as_object().ok_or(format!("{value} is no object"))?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        Some(other) => Err(format!("there is no {other} here")),
        None => Ok(()),
    }
}

/// A text that may be missing, of 1 to `limit` characters.
fn optional<'a>(object: &'a Value, name: &str, limit: usize) -> Result<Option<&'a str>, String> {
    let Some(value) = object.get(name) else { return Ok(None) };
    let text = value.as_str().ok_or(format!("{name} is not text"))?;
    match length(text) {
        0 => Err(format!("{name} is empty")),
        length if length > limit => Err(format!("{name} has {length} characters, {limit} are allowed")),
        _ => Ok(Some(text)),
    }
}

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

fn web(address: &str) -> Result<(), String> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let rest = rest.ok_or(format!("{address} is no address"))?;
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    if rest.bytes().all(allowed) { Ok(()) } else { Err(format!("{address} holds characters that no address has")) }
}

/// Checks that nothing in a text is a format, a link with another name, an emoji or a mention: all of these begin
/// with a character that a backslash must stand before. Addresses by themselves may hold such characters.
fn plain(text: &str) -> Result<(), String> {
    for line in text.split('\n') {
        let start = line.trim_start();
        let digits = start.trim_start_matches(|c: char| c.is_ascii_digit());
        let numbered = digits.len() < start.len()
            && digits.strip_prefix('.').is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        // A dash alone stands for something empty.
        let begins = text != "-" && start.starts_with(['#', '>', '-', '+', '*']);
        if begins || numbered {
            return Err(format!("a line begins as a heading, quote or list: {line:?}"));
        }
        for word in line.split(char::is_whitespace) {
            let is_address = word.starts_with("https://") || word.starts_with("http://");
            if !(is_address && web(word).is_ok() && !word.contains(['*', '(', ')', '[', ']'])) {
                live(word)?;
            }
        }
    }
    Ok(())
}

fn live(word: &str) -> Result<(), String> {
    let mut characters = word.char_indices();
    while let Some((at, c)) = characters.next() {
        let rest = &word[at..];
        let emoji = || {
            let name = rest[1..].split(':').next().unwrap_or_default();
            let closed = rest[1..].len() > name.len();
            closed && ["smile", "fire", "100", "+1", "warning"].contains(&name)
        };
        match c {
            // Before anything but a letter, a digit or white space it hides; else it is itself.
            '\\' => match rest[1..].chars().next() {
                Some(next) if !next.is_alphanumeric() && next.is_ascii() => {
                    characters.next();
                }
                _ => return Err(format!("a backslash stands alone in {word:?}")),
            },
            '*' | '_' | '~' | '`' | '|' | '[' | '<' => return Err(format!("{c} formats something in {word:?}")),
            '@' if rest.starts_with("@everyone") || rest.starts_with("@here") => {
                return Err(format!("{word:?} looks like a call to everyone"));
            }
            ':' if emoji() => return Err(format!("{word:?} becomes an emoji")),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(uri: &str, body: &Value) -> Request<Bytes> {
        let request = Request::post(uri).header("content-type", "application/json");
        request.body(body.to_string().into()).unwrap()
    }

    fn checked(change: impl Fn(&mut Value)) -> Result<(), String> {
        let mut body = json!({
            "embeds": [{"title": "t", "fields": [{"name": "n", "value": "v", "inline": true}], "color": 1}],
            "allowed_mentions": {"parse": []},
        });
        change(&mut body);
        check(&request("https://discord.com/api/v10/webhooks/123/t?wait=true", &body))
    }

    #[test]
    fn a_message_passes() {
        assert_eq!(checked(|_| ()), Ok(()));
        let called = |body: &mut Value| {
            body["content"] = json!("<@&1> <@2>");
            body["allowed_mentions"] = json!({"parse": [], "roles": ["1"], "users": ["2"]});
        };
        assert_eq!(checked(called), Ok(()));
        assert_eq!(
            checked(|body| body["embeds"][0]["description"] = json!("a \\*b\\* https://x.example/a_b_")),
            Ok(())
        );
    }

    #[rstest::rstest]
    #[case("/embeds", json!([]), "0 embeds")]
    #[case("/embeds/0/title", json!("x".repeat(257)), "title has 257")]
    #[case("/embeds/0/title", json!("👩".repeat(129)), "title has 258")]
    #[case("/embeds/0/fields/0/value", json!(" \n"), "is empty")]
    #[case("/embeds/0/fields/0/name", json!("x".repeat(257)), "name has 257")]
    #[case("/embeds/0/fields", Value::from(vec![json!({"name": "n", "value": "v"}); 26]), "")]
    #[case("/embeds/0/fields", Value::from(vec![json!({"name": "n", "value": "v".repeat(1_024)}); 6]), "hold 61")]
    #[case("/embeds/0/color", json!(0x100_0000), "")]
    #[case("/embeds/0/title", json!("a *b*"), "formats")]
    #[case("/embeds/0/title", json!("a\n- b"), "list")]
    #[case("/embeds/0/title", json!("[a](https://x.example)"), "formats")]
    #[case("/embeds/0/title", json!("@everyone"), "everyone")]
    #[case("/embeds/0/title", json!("x:fire:"), "emoji")]
    #[case("/allowed_mentions", json!({"parse": ["users"]}), "parse")]
    #[case("/allowed_mentions", json!({"parse": [], "roles": ["1"]}), "are allowed")]
    fn what_discord_refuses(#[case] place: &str, #[case] value: Value, #[case] why: &str) {
        let refused = checked(|body| *body.pointer_mut(place).unwrap() = value.clone()).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }

    #[rstest::rstest]
    #[case("https://discord.com/api/webhooks/1/t")]
    #[case("https://discord.com/api/webhooks/1?wait=true")]
    #[case("https://discord.com/webhooks/1/t?wait=true")]
    #[case("https://discord.com/api/webhooks/1/t?wait=true&x=y")]
    fn other_addresses_are_refused(#[case] uri: &str) {
        assert!(address(&request(uri, &Value::Null)).is_err());
    }
}
