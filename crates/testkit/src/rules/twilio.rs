//! What Twilio takes, and how many segments it bills.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Method, Request};
use serde_json::Value;

/// Characters in a body.
const BODY: usize = 1_600;
/// Segments that a notification may cost.
const SEGMENTS: usize = 3;
const SCHEMA: &str = "/paths/~12010-04-01~1Accounts~1{AccountSid}~1Messages.json/post/requestBody/content/\
                      application~1x-www-form-urlencoded/schema";

/// Checks a request to Twilio.
///
/// # Errors
/// What the service would refuse, or bill too dear.
pub fn check(request: &Request<Bytes>) -> Result<(), String> {
    if request.method() != Method::POST {
        return Err(format!("the method is {}", request.method()));
    }
    let path = request.uri().path();
    let account = path.split_once("/2010-04-01/Accounts/").and_then(|(_, rest)| rest.strip_suffix("/Messages.json"));
    if !account.is_some_and(|sid| sid.len() == 34 && sid.starts_with("AC")) {
        return Err(format!("20404: no such call: {path}"));
    }
    let header = |name: &str| request.headers().get(name).ok_or(format!("there is no header {name}"));
    if header("content-type")?.as_bytes() != b"application/x-www-form-urlencoded" {
        return Err("the body is no form".into());
    }
    let authorization = header("authorization")?;
    if !authorization.is_sensitive() || !authorization.as_bytes().starts_with(b"Basic ") {
        return Err("20003: no Basic authorization, or it is not marked as sensitive".into());
    }
    let form = form(request.body())?;
    let document: serde_json::Map<String, Value> =
        form.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    super::conforms("twilio-message-create.openapi.json", SCHEMA, &Value::Object(document))?;
    if let Some(name) = form.keys().find(|name| !["To", "From", "MessagingServiceSid", "Body"].contains(&name.as_str()))
    {
        return Err(format!("{name} is nothing that we send"));
    }
    let to = form.get("To").ok_or("21604: there is no To")?;
    if !to.starts_with('+') || to.len() > 16 || !to[1..].bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("21211: To is {to:?}"));
    }
    if form.contains_key("From") == form.contains_key("MessagingServiceSid") {
        return Err("21603: there has to be one sender".into());
    }
    body(form.get("Body").ok_or("21602: there is no Body")?)
}

fn body(text: &str) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err("21602: Body is empty".into());
    }
    if text.chars().count() > BODY {
        return Err(format!("21617: Body has {} characters", text.chars().count()));
    }
    if text.chars().any(|c| c.is_control() && c != '\n') {
        return Err("there are control characters".into());
    }
    match segments(text) {
        few if few <= SEGMENTS => Ok(()),
        many => Err(format!("{many} segments are billed")),
    }
}

/// How many segments a text takes: a character of two units is never divided between two of them.
pub fn segments(text: &str) -> usize {
    let units: Option<Vec<usize>> = text.chars().map(gsm_units).collect();
    let (units, alone, each) = match units {
        Some(units) => (units, 160, 153),
        None => (text.chars().map(char::len_utf16).collect(), 70, 67),
    };
    if units.iter().sum::<usize>() <= alone {
        return 1;
    }
    let mut segments = 1;
    let mut used = 0;
    for unit in units {
        if used + unit > each {
            segments += 1;
            used = 0;
        }
        used += unit;
    }
    segments
}

/// Units of a character in the alphabet of 3GPP 23.038; `None` where it has none.
fn gsm_units(c: char) -> Option<usize> {
    let basic = c.is_ascii_alphanumeric()
        || " \n\r!\"#$%&'()*+,-./:;<=>?@_".contains(c)
        || "¡£¤¥§¿ÄÅÆÇÉÑÖØÜßàäåæèéìñòöøùüΓΔΘΛΞΠΣΦΨΩ".contains(c);
    match c {
        _ if basic => Some(1),
        '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€' => Some(2),
        _ => None,
    }
}

/// Reads a form; a name that is there twice is a mistake.
fn form(body: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let text = std::str::from_utf8(body).ok().filter(|text| text.is_ascii()).ok_or("the form is not ASCII")?;
    let mut form = BTreeMap::new();
    for pair in text.split('&') {
        let (name, value) = pair.split_once('=').ok_or(format!("no pair: {pair:?}"))?;
        if form.insert(decoded(name)?, decoded(value)?).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(form)
}

fn decoded(text: &str) -> Result<String, String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || bytes.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit(), digit());
                let value = high.zip(low).map(|(high, low)| high * 16 + low);
                value.and_then(|value| u8::try_from(value).ok()).ok_or(format!("no percent code in {text:?}"))?
            }
            byte => byte,
        });
    }
    String::from_utf8(out).map_err(|_| format!("no UTF-8 in {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[rstest::rstest]
    #[case(&"a".repeat(160), 1)]
    #[case(&"a".repeat(161), 2)]
    #[case(&"a".repeat(306), 2)]
    #[case(&"a".repeat(307), 3)]
    #[case(&"€".repeat(80), 1)]
    #[case(&"€".repeat(152), 2)]
    #[case(&"€".repeat(153), 3)]
    #[case(&"ж".repeat(70), 1)]
    #[case(&"ж".repeat(71), 2)]
    #[case(&"👍".repeat(66), 2)]
    #[case(&"👍".repeat(67), 3)]
    #[case("", 1)]
    fn counted_segments(#[case] text: &str, #[case] count: usize) {
        assert_eq!(segments(text), count);
    }

    fn sent(form: &str) -> Result<(), String> {
        let mut key = HeaderValue::from_static("Basic QUM6eA==");
        key.set_sensitive(true);
        let path = format!("https://api.example/2010-04-01/Accounts/AC{}/Messages.json", "0".repeat(32));
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        check(&request.header("authorization", key).body(form.to_owned().into()).unwrap())
    }

    #[rstest::rstest]
    #[case("To=%2B15005550006&From=%2B15005550006&Body=a%0Ab+c%C3%A4", None)]
    #[case("To=+15005550006&From=%2B15005550006&Body=a", Some("21211"))]
    #[case("To=%2B15005550006&Body=a", Some("21603"))]
    #[case("To=%2B15005550006&From=x&Body=+", Some("21602"))]
    #[case("To=%2B15005550006&From=x&Body=%01", Some("control"))]
    #[case("To=%2B15005550006&From=x&Body=a&Body=b", Some("twice"))]
    #[case("To=%2B15005550006&From=x&Body=%zz", Some("percent"))]
    fn mistakes_are_found(#[case] form: &str, #[case] says: Option<&str>) {
        match (sent(form), says) {
            (Ok(()), None) => {}
            (Err(why), Some(says)) => assert!(why.contains(says), "{why}"),
            (other, says) => panic!("{other:?} instead of {says:?}"),
        }
    }

    #[test]
    fn what_costs_too_much_is_found() {
        let body = format!("To=%2B15005550006&From=x&Body={}", "a".repeat(460));
        assert!(sent(&body).unwrap_err().contains("4 segments"));
    }
}
