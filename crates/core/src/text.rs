//! What channels do to text before they escape it: clean it, and cut it where it is too long for a service.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use url::{Position, Url};

/// What is left of a text of several lines: line ends are `\n`, and what has no shape of its own but changes how
/// other text is shown (control characters, marks of direction) is gone. White space at the end is cut.
pub fn lines(text: &str) -> String {
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

/// The same on one line, with one space between words.
pub fn line(text: &str) -> String {
    lines(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Control characters; marks, embeddings and isolates of direction; byte order marks; annotations; code points that
/// are no characters. Joiners stay: emoji and many scripts are written with them.
fn is_shapeless(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// Whether a reader would see nothing: white space, and characters without width of their own. Services refuse such
/// texts as empty.
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_shapeless(c) || is_without_width(c))
}

/// Hyphens that do not show, joiners, fillers, variation selectors, accents without a letter, tags.
fn is_without_width(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}')
        || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}')
        || matches!(c, '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}')
}

/// The length of a text as a service counts it. The length of a whole is the sum of those of its parts.
pub type Measure = fn(&str) -> usize;

/// Length in bytes of UTF-8.
pub fn bytes(text: &str) -> usize {
    text.len()
}

/// Length in UTF-16 code units: never less than in code points, so it is also the safe count for a service that
/// does not say what its "characters" are.
pub fn utf16(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The text, or as much of its beginning as is at most `limit` long together with a mark that says how many
/// characters are missing: `… (+12 characters)`. It is cut between graphemes, the characters that people see.
///
/// Where the limit leaves no room for the count, the mark is `…` alone, and where not even that fits, nothing is
/// left.
pub fn shorten(text: &str, limit: usize, measure: impl Fn(&str) -> usize) -> Cow<'_, str> {
    if measure(text) <= limit {
        return Cow::Borrowed(text);
    }
    let graphemes: Vec<(usize, &str)> = text.grapheme_indices(true).collect();
    // The mark is longest where everything is missing.
    let counted = measure(&mark(graphemes.len()));
    let (room, count) = match limit.checked_sub(counted) {
        Some(room) if room > 0 => (room, true),
        _ => match limit.checked_sub(measure("…")) {
            Some(room) => (room, false),
            None => return Cow::Borrowed(""),
        },
    };
    let mut used = 0;
    let kept = graphemes.iter().take_while(|(_, grapheme)| {
        used += measure(grapheme);
        used <= room
    });
    let kept = kept.count();
    let end = graphemes.get(kept).map_or(text.len(), |(at, _)| *at);
    let start = text[..end].trim_end();
    Cow::Owned(format!("{start}{}", if count { mark(graphemes.len() - kept) } else { "…".to_owned() }))
}

fn mark(missing: usize) -> String {
    format!("… (+{missing} character{})", if missing == 1 { "" } else { "s" })
}

/// How a message and the fields beside it share a `room` that may be too small for both, each given by the length that
/// it would like to have. The message gives way first, until `least` of it is left; the answer is what each may have.
pub fn share(room: usize, message: usize, least: usize, fields: usize) -> (usize, usize) {
    let fields = fields.min(room.saturating_sub(message.min(least)));
    (message.min(room - fields), fields)
}

/// As many of the lines, from the first, as are at most `limit` long together with what joins them. If there is no
/// room for all, the last line is what `more` says of the number that is left out, such as `… (+3 fields)`; where not
/// even that fits, nothing is left.
pub fn fit_lines(
    lines: &[String],
    joint: &str,
    limit: usize,
    measure: impl Fn(&str) -> usize,
    more: impl Fn(usize) -> String,
) -> String {
    let joined = |lines: &[String]| lines.iter().map(|line| measure(line) + measure(joint)).sum::<usize>();
    if joined(lines) <= limit + measure(joint) {
        return lines.join(joint);
    }
    let ends = (0..lines.len()).rev().map(|kept| (kept, more(lines.len() - kept)));
    let mut fitting = ends.filter(|(kept, more)| joined(&lines[..*kept]) + measure(more) <= limit);
    match fitting.next() {
        Some((kept, more)) => {
            lines[..kept].iter().map(String::as_str).chain([more.as_str()]).collect::<Vec<_>>().join(joint)
        }
        None => String::new(),
    }
}

/// As many as there is room for, in their order, and the number of the others. A long one does not keep shorter ones
/// behind it from being shown.
pub fn those_that_fit<T>(all: Vec<T>, room: usize, length: impl Fn(&T) -> usize) -> (Vec<T>, usize) {
    let count = all.len();
    let mut left = room;
    let mut fits = |one: &T| {
        let rest = left.checked_sub(length(one));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    let kept: Vec<T> = all.into_iter().filter(|one| fits(one)).collect();
    let missing = count - kept.len();
    (kept, missing)
}

/// How many fields there was no room for: `… (+3 fields)`; `None` where there was.
pub fn missing_fields(missing: usize) -> Option<String> {
    (missing > 0).then(|| format!("… (+{missing} field{})", if missing == 1 { "" } else { "s" }))
}

/// The text, or another one where a reader would see nothing.
pub fn seen_or(text: String, other: &str) -> String {
    if is_blank(&text) { other.into() } else { text }
}

/// An address that may be a link: `http` or `https`, in the form in which every program reads it alike.
pub fn web_address(text: &str) -> Option<String> {
    let url = Url::parse(text.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return None;
    }
    let mut address = url[..Position::AfterPort].to_owned();
    // What browsers forgive and RFC 3986 does not allow, so that strict readers refuse it.
    let rest = &url[Position::AfterPort..];
    let fragment = rest.find('#');
    for (at, c) in rest.char_indices() {
        let coded = rest.get(at + 1..at + 3).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match c {
            '%' if coded => address.push(c),
            '#' if fragment == Some(at) => address.push(c),
            '%' | '#' | '|' | '{' | '}' | '[' | ']' | '^' | '`' | '\\' => {
                address.push_str(&format!("%{:02X}", u32::from(c)));
            }
            c => address.push(c),
        }
    }
    Some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
    #[case("", true)]
    #[case(" \n\u{a0}\u{3000}", true)]
    #[case("\u{200b}\u{200d}\u{fe0f}\u{2060}\u{301}", true)]
    #[case("\0\u{202e}\u{feff}\u{ffff}", true)]
    #[case("-", false)]
    #[case(" \u{200d}👩 ", false)]
    fn what_cannot_be_seen(#[case] text: &str, #[case] blank: bool) {
        assert_eq!(is_blank(text), blank);
    }

    #[rstest::rstest]
    #[case("", 5, "")]
    #[case("abcde", 5, "abcde")]
    #[case("abcdef", 5, "abcd…")]
    #[case("abcdef", 0, "")]
    #[case("ab cdefghijklmnopqrstuvwxyz", 22, "ab c… (+23 characters)")]
    #[case("👩‍👩‍👧‍👦👩‍👩‍👧‍👦👩‍👩‍👧‍👦", 32, "👩‍👩‍👧‍👦… (+2 characters)")]
    fn what_is_too_long_is_cut(#[case] text: &str, #[case] limit: usize, #[case] shortened: &str) {
        assert_eq!(shorten(text, limit, utf16), shortened);
    }

    proptest! {
        #[test]
        fn nothing_is_ever_longer_than_its_limit(text in "\\PC{0,80}", limit in 0usize..100) {
            for measure in [bytes as Measure, utf16] {
                let shortened = shorten(&text, limit, measure);
                prop_assert!(measure(&shortened) <= limit, "{shortened:?}");
                prop_assert_eq!(shortened == text, measure(&text) <= limit);
            }
        }
    }

    #[rstest::rstest]
    #[case(100, 60, 20, 40, (60, 40))]
    #[case(100, 90, 20, 40, (60, 40))]
    #[case(100, 90, 20, 95, (20, 80))]
    #[case(100, 10, 20, 95, (10, 90))]
    #[case(100, 300, 20, 300, (20, 80))]
    #[case(10, 300, 20, 300, (10, 0))]
    fn the_message_gives_way_first(
        #[case] room: usize,
        #[case] message: usize,
        #[case] least: usize,
        #[case] fields: usize,
        #[case] shares: (usize, usize),
    ) {
        assert_eq!(share(room, message, least, fields), shares);
    }

    #[test]
    fn short_ones_fit_behind_long_ones() {
        assert_eq!(those_that_fit(vec!["ab", "abcdef", "abc"], 5, |s| s.len()), (vec!["ab", "abc"], 1));
        let said = [0, 1, 2].map(missing_fields);
        assert_eq!(said, [None, Some("… (+1 field)".into()), Some("… (+2 fields)".into())]);
        assert_eq!((seen_or("\0 ".into(), "-"), seen_or("x".into(), "-")), ("-".into(), "x".into()));
    }

    #[rstest::rstest]
    #[case(11, "aaa\nbbb\nccc")]
    #[case(10, "aaa\n(+2)")]
    #[case(8, "aaa\n(+2)")]
    #[case(7, "(+3)")]
    #[case(3, "")]
    fn lines_that_do_not_fit_are_counted(#[case] limit: usize, #[case] fitting: &str) {
        let lines = ["aaa", "bbb", "ccc"].map(String::from);
        assert_eq!(fit_lines(&lines, "\n", limit, bytes, |left_out| format!("(+{left_out})")), fitting);
        assert_eq!(fit_lines(&[], "\n", limit, bytes, |_| "x".into()), "");
    }

    #[rstest::rstest]
    #[case("https://fanfare.example/a?b=c&d=\"e\"", Some("https://fanfare.example/a?b=c&d=%22e%22"))]
    #[case(" http://x ", Some("http://x/"))]
    #[case("http://[::1]:80/a[b]?c|d={e}#f#g%zz%20", Some("http://[::1]/a%5Bb%5D?c%7Cd=%7Be%7D#f%23g%25zz%20"))]
    #[case("javascript:alert(1)", None)]
    #[case("data:text/html,x", None)]
    #[case("//x/", None)]
    fn links(#[case] link: &str, #[case] address: Option<&str>) {
        assert_eq!(web_address(link).as_deref(), address);
    }
}
