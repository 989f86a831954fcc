//! Plain text as Markdown that shows exactly this text.
//!
//! The web page and the Android app read CommonMark with the extensions that GitHub added. What could be a mark
//! anywhere is escaped everywhere, what is one only at the beginning of a line only there, and an underscore only where
//! it is not inside a word: programs that show the text as it is should still show a readable one.

/// A line break inside a paragraph.
pub(crate) const BREAK: &str = "  \n";

/// At most so long is a character of a text in [`escape`]: in bytes, for cutting before escaping.
pub(crate) fn measure(text: &str) -> usize {
    let length = |c: char| match c {
        '\n' => BREAK.len(),
        // A space may become one that does not break, which keeps its place at the beginning of a line.
        ' ' | '\u{21}'..='\u{7e}' if !c.is_ascii_alphanumeric() => 2,
        c => c.len_utf8(),
    };
    text.chars().map(length).sum()
}

/// The text as Markdown that begins a line. It is clean: line ends are `\n`, and there are no tabs.
pub(crate) fn escape(text: &str) -> String {
    write(text, true)
}

/// The same behind something else on its line.
pub(crate) fn escape_behind(text: &str) -> String {
    write(text, false)
}

fn write(text: &str, begins_line: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut blank = false;
    for (number, line) in text.split('\n').enumerate() {
        let (indent, line) = line.split_at(line.len() - line.trim_start_matches(' ').len());
        // Two line ends make a paragraph, which needs no break.
        match number {
            0 => {}
            _ if blank || line.is_empty() => out.push('\n'),
            _ => out.push_str(BREAK),
        }
        blank = line.is_empty();
        if !blank {
            out.extend(indent.chars().map(|_| '\u{a0}'));
            let start = if number > 0 || begins_line { start_of_line(line) } else { None };
            push_line(&mut out, line, start);
        }
    }
    out
}

/// `start` is where a mark is that counts at the beginning of a line.
fn push_line(out: &mut String, line: &str, start: Option<usize>) {
    let mut before: Option<char> = None;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let after = characters.peek().map(|(_, c)| *c);
        let follows = |could: fn(char) -> bool| after.is_some_and(could);
        let mark = match c {
            '\\' | '`' | '*' | '[' | '~' => true,
            '_' => !(before.is_some_and(char::is_alphanumeric) && follows(char::is_alphanumeric)),
            '<' => follows(|c| c.is_alphabetic() || matches!(c, '/' | '!' | '?')),
            '&' => follows(|c| c.is_alphanumeric() || c == '#'),
            _ => start == Some(at),
        };
        if mark {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
}

/// Where the character is that would make this line a heading, a quotation, a list, a rule or a table.
fn start_of_line(line: &str) -> Option<usize> {
    let mut characters = line.chars();
    match (characters.next()?, characters.next()) {
        ('#' | '>' | '=' | ':' | '|', _) => return Some(0),
        ('-' | '+', second) => return (!second.is_some_and(char::is_alphanumeric)).then_some(0),
        _ => {}
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let behind = line[digits..].strip_prefix(['.', ')'])?;
    (digits > 0 && (behind.is_empty() || behind.starts_with(' '))).then_some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("out of disk <space> & time", "out of disk \\<space> & time")]
    #[case("a < b &lt; &#60; </x> <!-- <?x", "a < b \\&lt; \\&#60; \\</x> \\<!-- \\<?x")]
    #[case("1.5 GB 203.0.113.7\n-5 | x\n| a |", "1.5 GB 203.0.113.7  \n-5 | x  \n\\| a |")]
    #[case("nightly_2026.sql _x_ __init__", "nightly_2026.sql \\_x\\_ \\_\\_init\\_\\_")]
    #[case("**b** `c` ~d~ [l](u) ![i](u)", "\\*\\*b\\*\\* \\`c\\` \\~d\\~ \\[l](u) !\\[i](u)")]
    #[case("# h\n> q\n- i\n1. n\n2) m\n===\n:-", "\\# h  \n\\> q  \n\\- i  \n1\\. n  \n2\\) m  \n\\===  \n\\:-")]
    #[case("a - b # 3. > c", "a - b # 3. > c")]
    #[case("a\n    code\n\n\n    b", "a  \n\u{a0}\u{a0}\u{a0}\u{a0}code\n\n\n\u{a0}\u{a0}\u{a0}\u{a0}b")]
    #[case("C:\\dir\\", "C:\\\\dir\\\\")]
    fn marks_are_escaped(#[case] text: &str, #[case] markdown: &str) {
        assert_eq!(escape(text), markdown);
        assert!(markdown.len() <= measure(text));
    }

    #[test]
    fn behind_something_else_no_line_begins() {
        assert_eq!(escape_behind("- a\n- b"), "- a  \n\\- b");
    }
}
