//! One event of the log is one line, in which everything can be seen.
//!
//! What is logged may be somebody else's words: a service's answer, a path that was asked for. A line break in there would
//! begin a line that we never wrote, and a mark of direction would show another one than stands there.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

/// How what cannot be seen is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escaping {
    /// As in Rust, such as `\n` or `\u{202e}`.
    Text,
    /// The same where colours are wanted, whose marks the formatter writes itself; it escapes those in values.
    Coloured,
    /// As in JSON, such as `\u202e`.
    Json,
}

/// Takes whole events, as the formatter gives them, and writes each as a line.
#[derive(Debug)]
pub(super) struct Lines<W> {
    pub(super) to: W,
    pub(super) escaping: Escaping,
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let (line, end) = match event.split_last() {
            Some((b'\n', line)) => (line, "\n"),
            _ => (event, ""),
        };
        if line.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            self.to.write_all(event)?;
        } else {
            let line = String::from_utf8_lossy(line);
            self.to.write_all((self.escaping.escape(&line) + end).as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Escaping {
    fn escape(self, line: &str) -> String {
        let mut out = String::with_capacity(line.len() + 16);
        for c in line.chars() {
            match self {
                _ if !is_hidden(c) => out.push(c),
                Self::Coloured if c == '\u{1b}' => out.push(c),
                Self::Text | Self::Coloured => out.extend(c.escape_default()),
                Self::Json => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Writing to a string does not fail.
                        let _ = write!(out, "\\u{unit:04x}");
                    }
                }
            }
        }
        out
    }
}

/// Whether a character cannot be seen, or changes how others are seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}'
        )
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}')
        || matches!(c, '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(escaping: Escaping, event: &str) -> String {
        let mut lines = Lines { to: Vec::new(), escaping };
        lines.write_all(event.as_bytes()).unwrap();
        String::from_utf8(lines.to).unwrap()
    }

    #[test]
    fn one_event_is_one_line() {
        let event = "said a\r\nFORGED \u{202e}x\u{200b}\0 ä 👍\n";
        assert_eq!(written(Escaping::Text, event), "said a\\r\\nFORGED \\u{202e}x\\u{200b}\\u{0} ä 👍\n");
        assert_eq!(written(Escaping::Text, "plain\n"), "plain\n");
        assert_eq!(written(Escaping::Text, "\u{1b}[31m\n"), "\\u{1b}[31m\n");
        assert_eq!(written(Escaping::Coloured, "\u{1b}[31m a\nb\n"), "\u{1b}[31m a\\nb\n");
    }

    #[test]
    fn json_stays_json() {
        let value = "a\n\u{202e}\u{e0041}\u{2028}ä";
        let line = written(Escaping::Json, &format!("{}\n", serde_json::json!({ "said": value })));
        assert!(line.is_ascii() || line.contains('ä'));
        assert!(line.contains("\\u202e\\udb40\\udc41\\u2028"), "{line}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["said"], value);
    }
}
