//! Text that mail programs show as it is meant.

use unicode_segmentation::UnicodeSegmentation;

/// What is left of a text of several lines: line ends are `\n`, and what has no shape of its own but changes how
/// other text is shown (control characters, marks of direction) is gone.
pub(super) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\r' => {
                characters.next_if_eq(&'\n');
                out.push('\n');
            }
            '\n' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push_str("    "),
            c if is_shapeless(c) => {}
            c => out.push(c),
        }
    }
    let trimmed = out.trim_end().len();
    out.truncate(trimmed);
    out
}

/// The same on one line.
pub(super) fn line(text: &str) -> String {
    lines(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cuts at the end of the last grapheme that fits into `bytes`, and says how many are missing.
pub(super) fn shorten(text: String, graphemes: usize, bytes: usize) -> String {
    // Nothing has more graphemes than bytes.
    if text.len() <= graphemes.min(bytes) {
        return text;
    }
    let fits = |&(i, (at, grapheme)): &(usize, (usize, &str))| i < graphemes && at + grapheme.len() <= bytes;
    let kept = text.grapheme_indices(true).enumerate().take_while(fits).last();
    let end = kept.map_or(0, |(_, (at, grapheme))| at + grapheme.len());
    if end == text.len() {
        return text;
    }
    let missing = text[end..].graphemes(true).count();
    format!("{}… (+{missing} characters)", text[..end].trim_end())
}

/// Control characters; marks, embeddings and isolates of direction; byte order marks; annotations; code points that
/// are no characters. Joiners stay: emoji and many scripts are written with them.
fn is_shapeless(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a\r\nb\rc\nd\u{2028}e\u{85}f", "a\nb\nc\nd\ne\nf")]
    #[case("\u{202e}evil\u{202c} \u{2066}x\u{2069}\u{200f}", "evil x")]
    #[case("a\0b\u{7}c\u{feff}\u{ffff}\u{10ffff}", "abc")]
    #[case("a\n\tb\n\n", "a\n    b")]
    #[case("👩\u{200d}👧 e\u{301}", "👩\u{200d}👧 e\u{301}")]
    fn several_lines(#[case] text: &str, #[case] clean: &str) {
        assert_eq!(lines(text), clean);
    }

    #[test]
    fn one_line() {
        assert_eq!(line(" a\r\nBcc:  x\t\u{2029}y\0 "), "a Bcc: x y");
    }

    #[rstest::rstest]
    #[case("", 5, 100, "")]
    #[case("abcde", 5, 100, "abcde")]
    #[case("ëëëëë", 5, 100, "ëëëëë")]
    #[case("abc def", 5, 100, "abc d… (+2 characters)")]
    #[case("abcd efg", 5, 100, "abcd… (+3 characters)")]
    #[case("ëëëëë", 100, 5, "ëë… (+3 characters)")]
    #[case("👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 1, 100, "👩‍👩‍👧‍👦… (+1 characters)")]
    #[case("👩‍👩‍👧‍👦", 5, 10, "… (+1 characters)")]
    fn what_is_too_long_is_cut(
        #[case] text: &str,
        #[case] graphemes: usize,
        #[case] bytes: usize,
        #[case] shortened: &str,
    ) {
        assert_eq!(shorten(text.into(), graphemes, bytes), shortened);
    }
}
