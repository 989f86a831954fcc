//! Takes out of a service's words what it merely repeats of our request.
//!
//! Many servers answer an unknown path with that path, some a bad token with that token. Both may be secrets.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Request, Uri};

/// What stands in the place of a secret.
const HIDDEN: &str = "…";

/// What is shorter, in bytes, tells nothing, and hiding it would tear holes into every text.
const SHORTEST: usize = 4;

/// The confidential parts of one request: its address, and every header value that is marked as sensitive.
pub(crate) struct Confidential {
    uri: Uri,
    values: Vec<HeaderValue>,
}

impl Confidential {
    /// The confidential parts of this request.
    pub(crate) fn of(request: &Request<Bytes>) -> Self {
        let values = request.headers().values().filter(|value| value.is_sensitive()).cloned().collect();
        Self { uri: request.uri().clone(), values }
    }

    /// Whether an answer of this many bytes can repeat one of them. Most answers say `ok`, or nothing.
    pub(crate) fn may_stand_in(answer: usize) -> bool {
        answer >= SHORTEST
    }

    /// `text` without them.
    pub(crate) fn hide(&self, text: String) -> String {
        let mut needles = self.needles();
        // The longest first, so that a part does not break up the whole.
        needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        needles.iter().fold(text, |text, needle| match text.contains(needle.as_str()) {
            true => text.replace(needle, HIDDEN),
            false => text,
        })
    }

    fn needles(&self) -> Vec<String> {
        let mut found = Vec::new();
        let path = self.uri.path();
        let query = self.uri.query().unwrap_or_default();
        found.push(path.to_owned());
        found.push(query.to_owned());
        found.extend(self.uri.path_and_query().map(|whole| whole.as_str().to_owned()));
        let values = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value));
        let parts = path.split('/').chain(values);
        // `bot123:key`, `user:key`: each by itself as well.
        let parts = parts.flat_map(|part| std::iter::once(part).chain(part.split(':')));
        found.extend(parts.filter(|part| is_key(part)).map(Into::into));
        for value in self.values.iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok()) {
            // `Bearer token`: the token alone as well.
            found.extend(value.split(' ').chain([value]).filter(|part| part.len() >= 6).map(Into::into));
        }
        found.retain(|needle| needle.len() >= SHORTEST);
        let other_forms: Vec<String> = found.iter().flat_map(|needle| other_forms(needle)).collect();
        found.extend(other_forms);
        found
    }
}

/// Whether a part of an address looks like a key and not like a word, which would tear holes into every text.
fn is_key(part: &str) -> bool {
    let mixed = part.bytes().any(|b| b.is_ascii_digit()) || part.bytes().any(|b| b.is_ascii_uppercase());
    part.len() >= 20 || part.len() >= 6 && mixed
}

/// How else a service may write it: decoded, or inside JSON.
fn other_forms(needle: &str) -> Vec<String> {
    let decoded = percent_decoded(needle);
    let in_json = |text: &str| {
        let quoted = serde_json::to_string(text).unwrap_or_default();
        quoted.trim_matches('"').to_owned()
    };
    let mut forms = vec![in_json(needle), needle.replace('/', "\\/"), in_json(&decoded), decoded.into_owned()];
    forms.retain(|form| form != needle && form.len() >= SHORTEST);
    forms
}

fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let coded = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = coded.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(text: &str) -> String {
        let mut secret = HeaderValue::from_static("Bearer s3cr3t");
        secret.set_sensitive(true);
        let request =
            Request::post("https://h.example/hooks/T0K3N%2Fx?key=K3Y%20K3Y&page=1").header("x-plain", "plain text");
        Confidential::of(&request.header("authorization", secret).body(Bytes::new()).unwrap()).hide(text.into())
    }

    #[test]
    fn a_key_behind_a_name_is_hidden_alone() {
        let request = Request::post("https://h.example/bot123456:AbC-d_9/send").body(Bytes::new()).unwrap();
        let hide = |text: &str| Confidential::of(&request).hide(text.into());
        assert_eq!(hide("no bot123456:AbC-d_9 here"), "no … here");
        assert_eq!(hide("123456:AbC-d_9 and send"), "123456:… and send");
    }

    #[rstest::rstest]
    #[case("404 Not Found: Cannot POST /hooks/T0K3N%2Fx", "404 Not Found: Cannot POST …")]
    #[case("no /hooks/T0K3N/x?key=K3Y K3Y&page=1 here", "no … here")]
    #[case(r#"{"path":"\/hooks\/T0K3N%2Fx"}"#, r#"{"path":"…"}"#)]
    #[case("unknown token T0K3N%2Fx", "unknown token …")]
    #[case("unknown key \"K3Y K3Y\"", "unknown key \"…\"")]
    #[case("bad header Bearer s3cr3t (s3cr3t)", "bad header … (…)")]
    #[case("401 Unauthorized: hooks need a plain text", "401 Unauthorized: hooks need a plain text")]
    fn what_is_repeated_is_hidden(#[case] said: &str, #[case] shown: &str) {
        assert_eq!(hidden(said), shown);
    }
}
