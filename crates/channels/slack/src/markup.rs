//! Slack's text: what is escaped, how long that is, and what would be taken for formatting.

use fanfare_core::text;
use serde::Serialize;

/// A text object of Block Kit.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Text {
    /// Shown as it is. Without `emoji`, `:names:` stay what they are.
    PlainText {
        /// Escaped.
        text: String,
        /// Whether `:names:` become pictures.
        emoji: bool,
    },
    /// With formatting. `verbatim`: nothing but marks in angle brackets becomes a link or calls anybody.
    Mrkdwn {
        /// Escaped, but for what is meant as formatting.
        text: String,
        /// Whether texts that look like links or names are left alone.
        verbatim: bool,
    },
}

impl Text {
    /// Text of an event, to be shown exactly as it is.
    pub(crate) fn plain(text: &str) -> Self {
        Self::PlainText { text: escape(text), emoji: false }
    }

    /// Text of our own with formatting; what it holds of an event is escaped and without markup.
    pub(crate) fn formatted(text: String) -> Self {
        Self::Mrkdwn { text, verbatim: true }
    }

    /// Its length as it is sent.
    pub(crate) fn length(&self) -> usize {
        let (Self::PlainText { text, .. } | Self::Mrkdwn { text, .. }) = self;
        text::utf16(text)
    }
}

/// Text in which nothing calls anybody or makes a link. Slack knows three entities and no others.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// The length of a text once it is escaped, in UTF-16 code units: never less than what Slack counts.
pub(crate) fn length(text: &str) -> usize {
    let escaped = text.chars().map(|c| match c {
        '&' => 5,
        '<' | '>' => 4,
        c => c.len_utf16(),
    });
    escaped.sum()
}

/// The text, or as much of its beginning as is at most `limit` long once it is escaped.
pub(crate) fn shorten(text: &str, limit: usize) -> std::borrow::Cow<'_, str> {
    text::shorten(text, limit, length)
}

/// Whether Slack would format such text. Nothing escapes these signs, so text with them has to be sent as plain text.
/// Some text is taken for formatting that is not; that costs it no more than bold print.
pub(crate) fn is_formatting(text: &str) -> bool {
    let paired = ['*', '_', '~', '`'].iter().any(|&sign| text.matches(sign).nth(1).is_some());
    let quoted = text.lines().any(|line| line.trim_start().starts_with('>'));
    paired || quoted || names_emoji(text)
}

/// Whether there may be the name of an emoji between colons. Numbers alone are times and ports, with two exceptions.
fn names_emoji(text: &str) -> bool {
    let between = text.split(':').skip(1);
    let count = text.matches(':').count();
    between.take(count.saturating_sub(1)).any(|name| {
        let possible = !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        possible && (matches!(name, "100" | "1234") || !name.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// An address as a link with a label of our own, or `None` where it is too long for one.
pub(crate) fn link(address: &str, label: &str) -> Option<String> {
    const LONGEST: usize = 2_000;
    // A bar would end the address; the other signs that could are never bare in one.
    let address = escape(&address.replace('|', "%7C"));
    (address.len() <= LONGEST).then(|| format!("<{address}|{label}>"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_signs_are_escaped_and_counted() {
        let text = "<!channel> & \"*\" 👩 &amp;";
        assert_eq!(escape(text), "&lt;!channel&gt; &amp; \"*\" 👩 &amp;amp;");
        assert_eq!(length(text), text::utf16(&escape(text)));
    }

    #[rstest::rstest]
    #[case("*bold*", true)]
    #[case("_it_ is", true)]
    #[case("~no~", true)]
    #[case("`code`", true)]
    #[case("a\n > b", true)]
    #[case("all :tada: here", true)]
    #[case(":+1:", true)]
    #[case("a:100:b", true)]
    #[case("2 * 3 ~ 6", false)]
    #[case("nightly_2026-03-14.sql.gz", false)]
    #[case("2026-03-14T01:02:03Z", false)]
    #[case("https://fanfare.example:8443/x?a=b", true)]
    #[case("a -> b: c", false)]
    fn formatting_is_recognised(#[case] text: &str, #[case] formatting: bool) {
        assert_eq!(is_formatting(text), formatting);
    }

    #[test]
    fn links() {
        assert_eq!(link("https://x/a|b?c&d", "View").as_deref(), Some("<https://x/a%7Cb?c&amp;d|View>"));
        assert_eq!(link(&format!("https://x/{}", "y".repeat(2_000)), "View"), None);
    }
}
