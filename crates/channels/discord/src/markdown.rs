//! Text that Discord shows as it is, whatever it contains.

use std::borrow::Cow;

use fanfare_core::text;

/// The text with a backslash before everything that Discord would take for a format, a mention or a link with a name
/// of its own. Addresses stay as they are: Discord shows them as links, and a backslash would become part of them.
///
/// A text is never longer than the sum of its characters, each escaped alone, so that it can be cut by that measure.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let mut line_start = true;
    let mut in_number = false;
    let mut word_start = true;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if word_start && let Some(address) = address(rest) {
            out.push_str(address);
            rest = &rest[address.len()..];
            (word_start, line_start, in_number) = (false, false, false);
            continue;
        }
        let after = &rest[c.len_utf8()..];
        let escaped = match c {
            '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' => true,
            // Headings, small print, quotes, lists.
            '#' | '-' | '+' | '>' => line_start,
            // Numbered lists.
            '.' => (line_start || in_number) && after.chars().next().is_none_or(char::is_whitespace),
            ':' => after.is_empty() || is_emoji(after),
            '@' => after.is_empty() || ["everyone", "here"].iter().any(|all| after.starts_with(all)),
            _ => false,
        };
        if escaped {
            out.push('\\');
        }
        out.push(c);
        in_number = c.is_ascii_digit() && (line_start || in_number);
        line_start = c == '\n' || line_start && c.is_whitespace();
        word_start = c.is_whitespace();
        rest = after;
    }
    out
}

/// The address that a text begins with, up to the end of its word, if nothing in it could be a format.
fn address(text: &str) -> Option<&str> {
    let path = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let end = path.find(char::is_whitespace).unwrap_or(path.len());
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#@!$&'+,;=%".contains(&b);
    // Discord wants more than one character before it takes something for an address.
    (end > 3 && path[..end].bytes().all(plain)).then(|| &text[..text.len() - path.len() + end])
}

/// Whether the text behind a colon makes the name of an emoji of it: `smile:`. Times (`12:30:45`) are none.
fn is_emoji(after: &str) -> bool {
    let Some((name, _)) = after.split_once(':') else { return false };
    let named = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b));
    named && (name.bytes().any(|b| !b.is_ascii_digit()) || name.len() > 2)
}

/// The length of a text in UTF-16 code units once it is escaped, as Discord counts it.
pub(crate) fn length(text: &str) -> usize {
    text::utf16(&escape(text))
}

/// As much of the beginning as is at most `limit` long when escaped.
pub(crate) fn shorten(text: &str, limit: usize) -> Cow<'_, str> {
    text::shorten(text, limit, length)
}

/// Cut and escaped.
pub(crate) fn fitting(text: &str, limit: usize) -> String {
    escape(&shorten(text, limit))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[rstest::rstest]
    #[case("plain text, with (parentheses) - and 3.5 dots.", "plain text, with (parentheses) - and 3.5 dots.")]
    #[case("**b** _i_ ~~s~~ `c` ||x||", r"\*\*b\*\* \_i\_ \~\~s\~\~ \`c\` \|\|x\|\|")]
    #[case("[a](https://evil.example)", r"\[a\](https://evil.example)")]
    #[case(r"C:\temp\*", r"C:\\temp\\\*")]
    #[case("# h\n-# s\n> q\n- i\n  + i\n10. n\na # - > b", "\\# h\n\\-# s\n\\> q\n\\- i\n  \\+ i\n10\\. n\na # - > b")]
    #[case("90.0% of 3. x", "90.0% of 3. x")]
    #[case("@everyone @here a@b.example <@1> <#2> <t:1:R>", r"\@everyone \@here a@b.example \<@1> \<#2> \<t:1:R>")]
    #[case("a :smile: b:100:c at 12:30:45 x:y", r"a \:smile: b\:100:c at 12:30:45 x:y")]
    #[case("see https://x.example/a_b_c?d=~e now", "see https://x.example/a_b_c?d=~e now")]
    #[case("https://x.example/*b*", r"https://x.example/\*b\*")]
    #[case("https://_a", r"https://\_a")]
    #[case("xhttps://x.example/_b_", r"xhttps://x.example/\_b\_")]
    fn escaped(#[case] plain: &str, #[case] shown: &str) {
        assert_eq!(escape(plain), shown);
    }

    #[test]
    fn a_cut_counts_backslashes() {
        assert_eq!(fitting(&"*".repeat(30), 41), format!("{}… (+19 characters)", r"\*".repeat(11)));
        assert_eq!(fitting(&"*".repeat(30), 60), r"\*".repeat(30));
    }

    proptest! {
        #[test]
        fn no_cut_text_is_too_long(text in "[\\PC\n *_.:@#0-9-]{0,80}", limit in 0usize..120) {
            prop_assert!(text::utf16(&fitting(&text, limit)) <= limit);
        }
    }
}
