//! What a server answers, and what that means for a delivery.

use fanfare_core::{ErrorKind, SendError, one_line};

/// One answer: a code and the server's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) code: u16,
    pub(crate) lines: Vec<String>,
}

/// What an answer is an answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Everything before the first message: greeting, introduction, TLS, signing in.
    Session,
    /// A message: sender, recipient, content.
    Message,
}

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Meaning {
    /// This message will never pass.
    Rejected,
    /// It may pass later.
    Temporary,
    /// Nothing will pass until the configuration is mended.
    Misconfigured,
}

impl Reply {
    /// The server says yes.
    pub(crate) fn is_positive(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// The server ends the connection.
    pub(crate) fn is_closing(&self) -> bool {
        self.code == 421
    }

    /// Code and words in one line.
    pub(crate) fn describe(&self) -> String {
        let words = one_line(&self.words());
        if words.is_empty() { self.code.to_string() } else { format!("{} {words}", self.code) }
    }

    /// The lines joined; a status code like `5.1.1` that begins each of them is kept once.
    fn words(&self) -> String {
        let Some((first, rest)) = self.lines.split_first() else { return String::new() };
        let status = first.split(' ').next().filter(|word| is_enhanced_status(word));
        let rest = rest.iter().map(|line| match status {
            Some(status) => line.strip_prefix(status).unwrap_or(line),
            None => line,
        });
        std::iter::once(first.as_str()).chain(rest).collect::<Vec<_>>().join(" ")
    }

    /// What this means as a refusal (RFC 5321, 4.2.1; RFC 4954, 6). Where the words of a session are refused for
    /// good, the next message will fare no better.
    pub(crate) fn meaning(&self, stage: Stage) -> Meaning {
        match self.code {
            530 | 534 | 535 | 538 => Meaning::Misconfigured,
            500..=599 if stage == Stage::Session => Meaning::Misconfigured,
            500..=599 => Meaning::Rejected,
            _ => Meaning::Temporary,
        }
    }

    /// The error that this refusal is.
    pub(crate) fn refusal(&self, stage: Stage) -> SendError {
        let detail = match self.code {
            400..=599 => self.describe(),
            _ => format!("{} (an answer that makes no sense here)", self.describe()),
        };
        self.meaning(stage).error(detail).with_status(self.code)
    }
}

impl Meaning {
    pub(crate) fn error(self, detail: String) -> SendError {
        let kind = match self {
            Self::Rejected => ErrorKind::Rejected,
            Self::Temporary => ErrorKind::Temporary { after: None, outcome_unknown: false },
            Self::Misconfigured => ErrorKind::Misconfigured { blocked_network: None },
        };
        SendError { kind, status: None, detail }
    }
}

/// A status code of RFC 3463, such as `5.7.1`.
fn is_enhanced_status(word: &str) -> bool {
    let mut parts = word.split('.');
    let digits =
        |part: Option<&str>| part.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
    parts.next().is_some_and(|class| matches!(class, "2" | "4" | "5"))
        && digits(parts.next())
        && digits(parts.next())
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: u16, lines: &[&str]) -> Reply {
        Reply { code, lines: lines.iter().map(|&line| line.into()).collect() }
    }

    #[rstest::rstest]
    #[case(421, "temporary", "temporary")]
    #[case(450, "temporary", "temporary")]
    #[case(451, "temporary", "temporary")]
    #[case(452, "temporary", "temporary")]
    #[case(454, "temporary", "temporary")]
    #[case(500, "misconfigured", "rejected")]
    #[case(530, "misconfigured", "misconfigured")]
    #[case(534, "misconfigured", "misconfigured")]
    #[case(535, "misconfigured", "misconfigured")]
    #[case(538, "misconfigured", "misconfigured")]
    #[case(550, "misconfigured", "rejected")]
    #[case(552, "misconfigured", "rejected")]
    #[case(554, "misconfigured", "rejected")]
    #[case(250, "temporary", "temporary")]
    fn what_a_code_means(#[case] code: u16, #[case] session: &str, #[case] message: &str) {
        let reply = reply(code, &["words"]);
        assert_eq!(reply.refusal(Stage::Session).outcome(), session);
        assert_eq!(reply.refusal(Stage::Message).outcome(), message);
        assert_eq!(reply.refusal(Stage::Message).status, Some(code));
        assert!(reply.refusal(Stage::Message).detail.starts_with(&format!("{code} words")));
    }

    #[rstest::rstest]
    #[case(&["5.1.1 No such user", "5.1.1 Try another"], "550 5.1.1 No such user Try another")]
    #[case(&["No such user", "5.1.1 here"], "550 No such user 5.1.1 here")]
    #[case(&["", ""], "550")]
    #[case(&[], "550")]
    #[case(&["a\t\u{7}b"], "550 a b")]
    fn the_servers_own_words(#[case] lines: &[&str], #[case] line: &str) {
        assert_eq!(reply(550, lines).describe(), line);
    }
}
