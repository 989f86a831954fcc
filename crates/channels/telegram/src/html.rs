//! Telegram's HTML, written together with its length once Telegram has read it.

use fanfare_core::text::utf16;

/// A piece of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Html {
    /// What is sent.
    pub(crate) raw: String,
    /// How many UTF-16 code units are left of it once tags are gone and entities are characters: what the limit
    /// counts.
    pub(crate) units: usize,
}

impl Html {
    /// Adds text, escaped.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.raw.push_str(&escape(text));
        self.units += utf16(text);
        self
    }

    /// Adds a tag of our own.
    pub(crate) fn tag(&mut self, tag: &str) -> &mut Self {
        self.raw.push_str(tag);
        self
    }

    /// Adds text in bold print.
    pub(crate) fn bold(&mut self, text: &str) -> &mut Self {
        self.tag("<b>").text(text).tag("</b>")
    }

    /// Adds a link.
    pub(crate) fn link(&mut self, address: &str, label: &str) -> &mut Self {
        let address = escape(address).replace('"', "&quot;");
        self.tag(&format!("<a href=\"{address}\">")).text(label).tag("</a>")
    }

    /// Adds another piece.
    pub(crate) fn html(&mut self, other: &Self) -> &mut Self {
        self.raw.push_str(&other.raw);
        self.units += other.units;
        self
    }
}

/// Text in which nothing is a tag or an entity.
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

/// Text that calls nobody. Telegram makes a mention of every `@name`, and nothing escapes it: a word joiner, which is
/// not seen, keeps sign and name apart. Addresses of mail stay as they are.
pub(crate) fn quiet(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        out.push(c);
        let begins = !before.is_some_and(|b: char| b.is_alphanumeric() || b == '_');
        if c == '@' && begins && characters.peek().is_some_and(|n| n.is_alphanumeric() || *n == '_') {
            out.push('\u{2060}');
        }
        before = Some(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_and_what_is_counted() {
        let mut html = Html::default();
        html.bold("a & b").text(" <👩> \"").link("https://x/?a=1&b=\"2\"", "View");
        assert_eq!(html.raw, "<b>a &amp; b</b> &lt;👩&gt; \"<a href=\"https://x/?a=1&amp;b=&quot;2&quot;\">View</a>");
        assert_eq!(html.units, utf16("a & b <👩> \"View"));
    }

    #[rstest::rstest]
    #[case("@zoe", "@\u{2060}zoe")]
    #[case("(@zoe) @@x", "(@\u{2060}zoe) @@\u{2060}x")]
    #[case("zoe@mail.example @ 5 @", "zoe@mail.example @ 5 @")]
    fn nobody_is_called(#[case] text: &str, #[case] said: &str) {
        assert_eq!(quiet(text), said);
    }
}
