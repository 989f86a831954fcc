//! The server's refusals, for people.

use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;

use crate::output::clean;

/// An answer of the server that is no success.
#[derive(Debug)]
pub(crate) struct Problem {
    /// Its status.
    pub(crate) status: StatusCode,
    /// What it said.
    pub(crate) body: Bytes,
}

/// What a problem document (RFC 9457) tells.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Document {
    title: String,
    detail: String,
    errors: Vec<InputError>,
    uses: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct InputError {
    pointer: String,
    detail: String,
}

impl Problem {
    /// Whether what the server said is a JSON document.
    pub(crate) fn is_json(&self) -> bool {
        serde_json::from_slice::<serde::de::IgnoredAny>(&self.body).is_ok()
    }

    /// The refusal in words: one line, then one for each thing that is wrong.
    pub(crate) fn words(&self) -> String {
        let Ok(document) = serde_json::from_slice::<Document>(&self.body) else {
            return format!("the server answered {}, and nothing that this command understands", self.status);
        };
        let what = match (document.title.as_str(), document.detail.as_str()) {
            ("", "") => "the server gives no reason".to_owned(),
            (words, "") | ("", words) => words.to_owned(),
            // What is listed below need not stand here as well.
            (title, _) if !document.errors.is_empty() || !document.uses.is_empty() => title.to_owned(),
            (title, detail) => format!("{title}: {detail}"),
        };
        let mut words = format!("{} ({})", clean(&what), self.status.as_u16());
        let width = document.errors.iter().map(|error| error.pointer.chars().count()).max().unwrap_or(0);
        for error in &document.errors {
            words += &format!("\n  {:width$}  {}", clean(&error.pointer), clean(&error.detail));
        }
        for place in &document.uses {
            words += &format!("\n  used in {}", clean(place));
        }
        if !document.uses.is_empty() {
            words += "\n  Take it out there, or delete it with --force, which takes it out everywhere.";
        }
        if self.status == StatusCode::UNAUTHORIZED {
            words += "\n  FANFARE_TOKEN holds the token that is sent; on the server's machine, the file admin-token in \
                      its data directory is read without it. What FANFARE_SIGNING_SECRET holds signs, for a token that \
                      demands it.";
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(status: u16, body: &'static str) -> String {
        let status = StatusCode::from_u16(status).unwrap();
        Problem { status, body: Bytes::from_static(body.as_bytes()) }.words()
    }

    #[test]
    fn every_fault_has_its_line() {
        let body = r#"{"title": "The input is not valid", "status": 422, "detail": "2 things are wrong: see errors",
            "errors": [{"pointer": "/data/usage_percent", "detail": "usage_percent must be a number"},
                       {"pointer": "/type", "detail": "there is no such type"}]}"#;
        let expected = "The input is not valid (422)\n\
                        \x20 /data/usage_percent  usage_percent must be a number\n\
                        \x20 /type                there is no such type";
        assert_eq!(words(422, body), expected);
    }

    #[test]
    fn a_refusal_without_faults_is_one_line() {
        let body = r#"{"title": "This cannot be done now", "detail": "the channel has been deleted"}"#;
        assert_eq!(words(409, body), "This cannot be done now: the channel has been deleted (409)");
    }

    #[test]
    fn uses_are_listed_once() {
        let body = r#"{"title": "The channel is in use", "detail": "the channel is in use: the global channels",
            "uses": ["the global channels"]}"#;
        let expected = "The channel is in use (409)\n\
                        \x20 used in the global channels\n\
                        \x20 Take it out there, or delete it with --force, which takes it out everywhere.";
        assert_eq!(words(409, body), expected);
    }

    #[test]
    fn other_servers_are_recognised() {
        assert!(words(502, "<html>Bad Gateway</html>").starts_with("the server answered 502 Bad Gateway"));
    }

    #[test]
    fn a_server_cannot_steer_the_terminal() {
        assert!(!words(400, r#"{"title": "\u001b[2Jgone"}"#).contains('\u{1b}'));
    }
}
