//! The last lines of what a command wrote to standard error.

use std::collections::VecDeque;

/// How many bytes are kept as they came. More than is told of, since what steers a terminal does not count.
const KEPT: usize = 64 * 1024;

/// How many lines are told of.
const LINES: usize = 50;

/// How many bytes of text are told of.
const BYTES: usize = 8 * 1024;

/// Keeps the end of a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    /// Goes on with these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let excess = self.bytes.len().saturating_sub(KEPT);
        self.cut |= excess > 0;
        self.bytes.drain(..excess);
    }

    /// The last lines as plain text, at most 50 of them and 8 KiB, without what steers a terminal.
    pub(super) fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        let bytes = [front, back].concat();
        let mut whole = bytes.as_slice();
        // The first line may have lost its beginning, which may have been half of an escape sequence.
        if self.cut
            && let Some(end) = whole.iter().position(|byte| matches!(byte, b'\n' | b'\r'))
        {
            whole = &whole[end + 1..];
        }
        last_lines(&plain(&String::from_utf8_lossy(whole)))
    }
}

/// The last lines, within both bounds. A line that alone is too long keeps its end.
fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim_matches('\n').lines().collect();
    let mut first = lines.len();
    let mut room = BYTES;
    while first > lines.len().saturating_sub(LINES) && lines[first - 1].len() < room {
        first -= 1;
        room -= lines[first].len() + 1;
    }
    match lines.last() {
        Some(line) if first == lines.len() => {
            let mark = '…';
            let from = line.len() - (BYTES - mark.len_utf8());
            let from = (from..=line.len()).find(|&i| line.is_char_boundary(i)).unwrap_or(line.len());
            format!("{mark}{}", &line[from..])
        }
        _ => lines[first..].join("\n"),
    }
}

/// Where in an escape sequence a character stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In none.
    Text,
    /// Behind ESC.
    Escape,
    /// In parameters, up to a final letter.
    Parameters,
    /// In a text for the terminal, such as a window's title, up to its end mark.
    Title,
    /// Behind an ESC in such a text, which may be half of the end mark.
    EndOfTitle,
}

/// What is left on the screen: no escape sequences, no control characters, and of a line that was written over, the
/// last version.
fn plain(text: &str) -> String {
    let (mut done, mut line) = (String::with_capacity(text.len()), String::new());
    let (mut state, mut returned) = (State::Text, false);
    for c in text.chars() {
        state = match (state, c) {
            (State::Text | State::Escape | State::Parameters | State::EndOfTitle, '\u{1b}') => State::Escape,
            (State::Text, '\u{9b}') => State::Parameters,
            (State::Text, '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => State::Title,
            // One that never ends must not take the rest with it.
            (_, '\n') => {
                done.push_str(line.trim_end());
                done.push('\n');
                (line, returned) = (String::new(), false);
                State::Text
            }
            (State::Text, '\r') => {
                returned = true;
                State::Text
            }
            (State::Text, '\u{8}') => {
                line.pop();
                State::Text
            }
            (State::Text, c) => {
                if c == '\t' || !(c.is_control() || turns(c)) {
                    if std::mem::take(&mut returned) {
                        line.clear();
                    }
                    line.push(c);
                }
                State::Text
            }
            (State::Escape, '[') => State::Parameters,
            (State::Escape, ']' | 'P' | 'X' | '^' | '_') => State::Title,
            // Characters between ESC and its letter, as in the choice of a character set.
            (State::Escape, ' '..='/') => State::Escape,
            (State::Escape, _) => State::Text,
            (State::Parameters, ' '..='?') => State::Parameters,
            (State::Parameters, _) => State::Text,
            (State::Title, '\u{7}' | '\u{9c}') => State::Text,
            (State::Title, '\u{1b}') => State::EndOfTitle,
            (State::Title, _) => State::Title,
            (State::EndOfTitle, '\\') => State::Text,
            (State::EndOfTitle, _) => State::Title,
        };
    }
    done.push_str(line.trim_end());
    done
}

/// Whether a character turns the direction of writing and so can show another text.
fn turns(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(parts: &[&[u8]], expected: &str) {
        let mut tail = Tail::default();
        parts.iter().for_each(|part| tail.push(part));
        assert_eq!(tail.text(), expected);
    }

    #[test]
    fn text_is_kept_as_it_is() {
        check(&[], "");
        check(&[b"pg_dump: err", b"or: no\n  detail\there\r\n\n"], "pg_dump: error: no\n  detail\there");
        check(&["gr\u{fc}\u{df}e \u{1f600}".as_bytes()], "gr\u{fc}\u{df}e \u{1f600}");
        check(&[b"\xff\xfe bytes"], "\u{fffd}\u{fffd} bytes");
    }

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        check(&[b"\x1b[1;31mred\x1b[0m \x1b(Bplain\x07"], "red plain");
        check(&[b"\x1b]0;title\x07after \x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\"], "after link");
        check(&["a\u{9b}2Jb\u{202e}c\0d".as_bytes()], "abcd");
        check(&[b"never ended \x1b]0;title\nnext"], "never ended\nnext");
        check(&[b"\x1b[31", b"mhalf\x1b"], "half");
        check(&[b"broken \x1b[31\x1b[0moff\x1b[2\nnext"], "broken off\nnext");
    }

    #[test]
    fn lines_that_were_written_over_show_their_last_version() {
        check(&[b" 10%\r 55%\r100%\ndone\r\n"], "100%\ndone");
        check(&[b"abc\x08\x08x\n"], "ax");
    }

    #[test]
    fn only_the_last_lines_are_told_of() {
        let all: String = (1..=120).map(|i| format!("line {i}\n")).collect();
        let expected: Vec<_> = (71..=120).map(|i| format!("line {i}")).collect();
        check(&[all.as_bytes()], &expected.join("\n"));
    }

    #[test]
    fn long_lines_are_bounded() {
        let mut tail = Tail::default();
        for i in 0..5_000 {
            tail.push(format!("{i:04} {}\n", "x".repeat(94)).as_bytes());
        }
        assert!(tail.bytes.len() <= KEPT);
        let text = tail.text();
        assert!(text.starts_with("49") && text.lines().all(|line| line.len() == 99), "{text}");
        assert_eq!(text.lines().count(), LINES);

        let mut tail = Tail::default();
        tail.push("first\n".as_bytes());
        tail.push("ä".repeat(100_000).as_bytes());
        let text = tail.text();
        assert!(text.starts_with('…') && text.ends_with('ä') && text.len() <= BYTES, "{}", text.len());
        // One that just fits.
        check(&[&[b'x'; BYTES - 1]], &"x".repeat(BYTES - 1));
    }
}
