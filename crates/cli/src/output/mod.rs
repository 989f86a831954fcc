//! What people read: plain text, aligned, coloured where that helps.

mod table;
mod time;

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use jiff::Timestamp;

pub(crate) use table::{Cell, Table, Tone, details};
pub(crate) use time::{duration, exact, relative, utc};

/// What is known of the place where text appears, and of the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// Whether colours are wanted.
    pub(crate) colours: bool,
    /// How wide it is; `None` where that does not matter, as in a file.
    pub(crate) width: Option<u16>,
    /// The time.
    pub(crate) now: Timestamp,
}

impl Screen {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        let terminal = io::stdout().is_terminal();
        // What a table would find out by itself, asked once.
        let width = comfy_table::Table::new().width().filter(|_| terminal);
        Self { colours: colours_wanted(terminal), width, now: Timestamp::now() }
    }

    /// An id: in full where a program may read it, else its end, which tells ids apart and can be given back to
    /// every command.
    pub(crate) fn id(&self, id: &str) -> String {
        let id = clean(id);
        match (self.width, id.char_indices().rev().nth(SHORT_ID - 1)) {
            (Some(_), Some((start, _))) => id[start..].to_owned(),
            _ => id,
        }
    }

    /// A heading.
    pub(crate) fn heading(&self, text: &str) -> String {
        self.toned(text, Tone::Strong)
    }

    /// A text in this tone.
    pub(crate) fn toned(&self, text: &str, tone: Tone) -> String {
        match tone.code().filter(|_| self.colours) {
            Some(code) => format!("\u{1b}[{code}m{}\u{1b}[0m", clean(text)),
            None => clean(text),
        }
    }
}

/// The last characters of an id, all of them random.
const SHORT_ID: usize = 8;

/// Whether to use colours on an output that is a terminal or not (<https://no-color.org>).
pub(crate) fn colours_wanted(terminal: bool) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    terminal && !set("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// A text on one line that cannot steer the terminal: what comes from events and services may hold anything.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { harmless(c) }).collect()
}

/// As [`clean`], with the lines kept.
pub(crate) fn clean_lines(text: &str) -> impl Iterator<Item = String> {
    text.lines().map(clean)
}

fn harmless(c: char) -> char {
    // Besides control characters, those that turn the direction of writing and so can show another text.
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if c.is_control() || turns { '\u{fffd}' } else { c }
}

/// Every line of a text, indented by two.
pub(crate) fn indented(text: &str) -> String {
    clean_lines(text).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n")
}

/// Prints to standard output. That nobody reads it any more is no failure.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| match text.ends_with('\n') {
        true => out.flush(),
        false => out.write_all(b"\n").and_then(|()| out.flush()),
    });
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
pub(crate) fn test_screen(width: Option<u16>) -> Screen {
    Screen { colours: false, width, now: "2026-03-29T12:00:00Z".parse().unwrap() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2J\r\nb\u{9b}\u{202e}c"), "a\u{fffd}[2J  b\u{fffd}\u{fffd}c");
        assert_eq!(indented("a\n\tb"), "  a\n   b");
    }

    #[test]
    fn ids_are_short_on_a_screen_only() {
        let id = "01987a5e-1234-7000-8000-0123456789ab";
        assert_eq!(test_screen(Some(80)).id(id), "456789ab");
        assert_eq!(test_screen(None).id(id), id);
        assert_eq!(test_screen(Some(80)).id("x"), "x");
    }

    #[test]
    fn colours_appear_only_where_they_are_wanted() {
        let plain = test_screen(None);
        assert_eq!(plain.heading("Told"), "Told");
        assert_eq!(Screen { colours: true, ..plain }.heading("Told"), "\u{1b}[1mTold\u{1b}[0m");
    }
}
