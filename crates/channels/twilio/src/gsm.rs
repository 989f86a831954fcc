//! The alphabets of SMS: GSM-7, in which a message holds 160 characters, and UCS-2, in which it holds 70.

use std::borrow::Cow;

/// The default alphabet of GSM 03.38.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension: each of these takes the room of two.
const EXTENSION: &str = "^{}\\[~]|€";

/// How a message is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// Seven bits for a character.
    Gsm7,
    /// UTF-16.
    Ucs2,
}

impl Alphabet {
    /// How long a text is at most when it is cut into this many segments, so that characters of two units, which no
    /// cut divides, do not make it one more.
    pub(crate) fn room(self, segments: usize) -> usize {
        let unit = match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        };
        unit * segments - (segments - 1)
    }

    /// Length in this alphabet's units. In GSM-7 it is that of the twin, and what the alphabet lacks counts one.
    pub(crate) fn measure(self, text: &str) -> usize {
        let length = |c: char| match self {
            Self::Ucs2 => c.len_utf16(),
            Self::Gsm7 => match twin(c) {
                Some(plain) => plain.chars().map(septets).sum(),
                None => septets(c),
            },
        };
        text.chars().map(length).sum()
    }
}

fn septets(c: char) -> usize {
    if EXTENSION.contains(c) { 2 } else { 1 }
}

/// The text in GSM-7, where that alphabet and plain twins of what it lacks are enough.
pub(crate) fn plain(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match twin(c) {
            Some(plain) => out.push_str(plain),
            None if BASIC.contains(c) || EXTENSION.contains(c) => out.push(c),
            None => return None,
        }
    }
    Some(out)
}

/// What a reader takes for the same: signs of typography, never letters, which names consist of.
fn twin(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2018}' | '\u{2019}' | '\u{201a}' | '\u{201b}' | '\u{2032}' | '\u{2b9}' | '\u{2bc}' | '`' | '´' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{201f}' | '\u{2033}' | '«' | '»' => "\"",
        '‹' => "<",
        '›' => ">",
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2043}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => "-",
        '…' => "...",
        '•' | '‣' | '∙' | '·' => "-",
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '\u{ad}' | '\u{200b}' | '\u{2060}' => "",
        '→' => "->",
        '←' => "<-",
        '⇒' => "=>",
        '≤' => "<=",
        '≥' => ">=",
        '≠' => "!=",
        '×' => "x",
        '✓' | '✔' | '✅' | '☑' => "OK",
        '✗' | '✘' | '✕' | '✖' | '❌' => "X",
        '⚠' => "!",
        '©' => "(c)",
        '®' => "(R)",
        '™' => "(TM)",
        '½' => "1/2",
        '¼' => "1/4",
        '¾' => "3/4",
        _ => return None,
    })
}

/// The text without what only chose between signs: the selector of a coloured form, behind a sign that has a twin.
pub(crate) fn without_selectors(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{fe0f}') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\u{fe0f}' || out.chars().next_back().is_none_or(|before| twin(before).is_none()) {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("„a“ – ‘b’… 5\u{a0}GB `x`", "\"a\" - 'b'... 5 GB 'x'")]
    #[case("✓ NAS, ✗ Cloud", "OK NAS, X Cloud")]
    #[case("Grüße, 5 € {x}", "Grüße, 5 € {x}")]
    fn twins(#[case] text: &str, #[case] twin: &str) {
        assert_eq!(plain(text).as_deref(), Some(twin));
        assert_eq!(Alphabet::Gsm7.measure(text), Alphabet::Gsm7.measure(twin));
    }

    #[test]
    fn letters_are_kept() {
        for text in ["Zoë", "garçon", "Łódź", "Привет", "日本", "👍"] {
            assert_eq!(plain(text), None);
        }
        assert_eq!(without_selectors("⚠\u{fe0f} ❤\u{fe0f}"), "⚠ ❤\u{fe0f}");
    }

    #[test]
    fn rooms_and_lengths() {
        assert_eq!([Alphabet::Gsm7.room(3), Alphabet::Ucs2.room(3)], [457, 199]);
        assert_eq!(Alphabet::Gsm7.measure("a[€]"), 7);
        assert_eq!(Alphabet::Ucs2.measure("a👍"), 3);
        assert_eq!(BASIC.chars().count() + 1, 128, "one is the escape to the extension");
    }
}
