//! Text that Teams shows as it is, whatever it contains.

use fanfare_core::text;

/// Shows nothing, and stands between characters that mean something together.
const NOTHING: char = '\u{200b}';

/// The text for a card: cleaned, with its indentation in spaces that are kept, and that make no block of code.
pub(crate) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut line_start = true;
    for c in text::lines(text).chars() {
        out.push(if line_start && c == ' ' { '\u{a0}' } else { c });
        line_start = c == '\n' || line_start && c == ' ';
    }
    out
}

/// The text with a backslash before everything that a card would take for a format. Line ends are doubled: a single
/// one is a space to most clients.
///
/// A text is never longer than the sum of its characters, each escaped alone, so that it can be cut by that measure.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut line_start = true;
    let mut in_number = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\n' => out.push('\n'),
            '\\' | '*' | '_' | '~' | '`' | '[' | ']' => out.push('\\'),
            '#' | '-' | '+' if line_start => out.push('\\'),
            '.' | ')' if (line_start || in_number) && after.chars().next().is_none_or(char::is_whitespace) => {
                out.push('\\');
            }
            '>' if line_start => out.push(NOTHING),
            _ => {}
        }
        out.push(c);
        if joins(c, after) {
            out.push(NOTHING);
        }
        in_number = c.is_ascii_digit() && (line_start || in_number);
        line_start = c == '\n' || line_start && c.is_whitespace();
        rest = after;
    }
    out
}

/// Whether a character begins something with what follows: an entity (`&amp;`), a date (`{{DATE(`), an address in
/// brackets. Backslashes would not be hidden everywhere here.
fn joins(c: char, after: &str) -> bool {
    if after.is_empty() {
        return matches!(c, '&' | '{' | '<');
    }
    let begins = |with: &str| after.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with));
    match c {
        '&' => after
            .split_once(';')
            .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#')),
        '{' => begins("{date(") || begins("{time("),
        '<' => begins("http") || begins("mailto:"),
        _ => false,
    }
}

/// The length in bytes that a text has in JSON, written in ASCII alone: the longest form in which it may be passed on.
pub(crate) fn in_json(text: &str) -> usize {
    let length = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        ' '..='~' => 1,
        c => 6 * c.len_utf16(),
    };
    text.chars().map(length).sum()
}

/// The same of the escaped text.
pub(crate) fn length(text: &str) -> usize {
    in_json(&escape(text))
}

/// Cut, so that it is at most `limit` long when escaped, and escaped.
pub(crate) fn fitting(text: &str, limit: usize) -> String {
    escape(&text::shorten(text, limit, length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[rstest::rstest]
    #[case("plain (text) - and 3.5 + 1 # <b>", "plain (text) - and 3.5 + 1 # <b>")]
    #[case("**b** _i_ ~s~ `c` [a](https://x.example)", r"\*\*b\*\* \_i\_ \~s\~ \`c\` \[a\](https://x.example)")]
    #[case(r"C:\temp", r"C:\\temp")]
    #[case("90.0% (1)a", "90.0% (1)a")]
    #[case("# h\n- i\n+ i\n1. n\n2) n\n> q", "\\# h\n\n\\- i\n\n\\+ i\n\n1\\. n\n\n2\\) n\n\n\u{200b}> q")]
    #[case("a &amp; &b & c", "a &\u{200b}amp; &b & c")]
    #[case(
        "{{title}} {{DATE(2026-01-01T00:00:00Z)}} {{time(x)}}",
        "{{title}} {\u{200b}{DATE(2026-01-01T00:00:00Z)}} {\u{200b}{time(x)}}"
    )]
    #[case("<https://x.example> <at>", "<\u{200b}https://x.example> <at>")]
    fn escaped(#[case] plain: &str, #[case] shown: &str) {
        assert_eq!(escape(plain), shown);
    }

    #[test]
    fn indentation_is_kept() {
        assert_eq!(lines("a b\n\tc\r\n\n  d"), "a b\n\u{a0}\u{a0}\u{a0}\u{a0}c\n\n\u{a0}\u{a0}d");
    }

    proptest! {
        #[test]
        fn no_cut_text_is_too_long(text in "[\\PC\n *_.&{<>#0-9-]{0,80}", limit in 0usize..200) {
            prop_assert!(in_json(&fitting(&text, limit)) <= limit);
        }

        #[test]
        fn nothing_is_longer_than_its_ascii_form(text in "\\PC{0,40}") {
            prop_assert!(serde_json::to_string(&text).unwrap().len() <= in_json(&text) + 2);
        }
    }
}
