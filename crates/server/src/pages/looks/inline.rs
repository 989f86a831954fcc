//! The few signs of emphasis that channels write, each in its service's syntax. Everything else in a payload is escaped by
//! its channel, and shown here as it was meant.

use maud::{Markup, html};

/// A piece of text in one manner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Piece {
    text: String,
    bold: bool,
    italic: bool,
}

/// Markdown as Discord, Teams and Gotify read it: a backslash before a sign takes its meaning, `**` is bold.
pub(super) fn markdown(text: &str) -> Markup {
    show(read_markdown(text))
}

/// Slack's own: `*` around a name is bold, `&`, `<` and `>` are written as in HTML, `<…|text>` shows as its text.
pub(super) fn mrkdwn(text: &str) -> Markup {
    show(read_mrkdwn(text))
}

/// The tags that Telegram knows.
pub(super) fn tagged(text: &str) -> Markup {
    show(read_tagged(text))
}

fn show(pieces: Vec<Piece>) -> Markup {
    html! {
        @for piece in pieces {
            @match (piece.bold, piece.italic) {
                (true, _) => { strong { (piece.text) } }
                (_, true) => { em { (piece.text) } }
                _ => { (piece.text) }
            }
        }
    }
}

/// Pieces as they come, where a mark turns a manner on and off.
#[derive(Default)]
struct Pieces(Vec<Piece>, Piece);

impl Pieces {
    fn push(&mut self, letter: char) {
        // What only keeps a service from reading a sign shows nothing.
        if !matches!(letter, '\u{200b}' | '\u{2060}' | '\u{feff}') {
            self.1.text.push(letter);
        }
    }

    fn turn(&mut self, change: impl FnOnce(&mut Piece)) {
        let mut next = Piece { text: String::new(), ..self.1.clone() };
        change(&mut next);
        let done = std::mem::replace(&mut self.1, next);
        if !done.text.is_empty() {
            self.0.push(done);
        }
    }

    fn done(mut self) -> Vec<Piece> {
        self.turn(|_| ());
        self.0
    }
}

fn read_markdown(text: &str) -> Vec<Piece> {
    let mut pieces = Pieces::default();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let next = after.chars().next();
        if letter == '\\' && next.is_some_and(|next| next.is_ascii_punctuation()) {
            pieces.push(next.unwrap_or_default());
            rest = &after[1..];
        } else if let Some((meant, long)) = entity(rest) {
            pieces.push(meant);
            rest = &rest[long..];
        } else if rest.starts_with("**") {
            pieces.turn(|piece| piece.bold = !piece.bold);
            rest = &rest[2..];
        } else {
            pieces.push(letter);
            rest = after;
        }
    }
    pieces.done()
}

fn read_mrkdwn(text: &str) -> Vec<Piece> {
    let mut pieces = Pieces::default();
    let mut rest = text;
    // Only a name at the beginning is meant to be bold; later signs belong to the data.
    let mut marks = if text.trim_start_matches(|c: char| !c.is_ascii()).trim_start().starts_with('*') { 2 } else { 0 };
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        if letter == '*' && marks > 0 {
            marks -= 1;
            pieces.turn(|piece| piece.bold = !piece.bold);
            rest = after;
        } else if let Some((meant, long)) = entity(rest) {
            pieces.push(meant);
            rest = &rest[long..];
        } else if let Some((inside, behind)) = after.split_once('>').filter(|_| letter == '<') {
            let shown = inside.rsplit('|').next().unwrap_or_default();
            shown.chars().for_each(|letter| pieces.push(letter));
            rest = behind;
        } else {
            pieces.push(letter);
            rest = after;
        }
    }
    pieces.done()
}

fn read_tagged(text: &str) -> Vec<Piece> {
    let mut pieces = Pieces::default();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        if let Some((tag, behind)) = after.split_once('>').filter(|_| letter == '<') {
            match tag {
                "b" => pieces.turn(|piece| piece.bold = true),
                "/b" => pieces.turn(|piece| piece.bold = false),
                "i" => pieces.turn(|piece| piece.italic = true),
                "/i" => pieces.turn(|piece| piece.italic = false),
                _ => {}
            }
            rest = behind;
        } else if let Some((meant, long)) = entity(rest) {
            pieces.push(meant);
            rest = &rest[long..];
        } else {
            pieces.push(letter);
            rest = after;
        }
    }
    pieces.done()
}

/// A character that is written as in HTML, and how long that is.
fn entity(text: &str) -> Option<(char, usize)> {
    let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\'')];
    known.into_iter().find(|(written, _)| text.starts_with(written)).map(|(written, meant)| (meant, written.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(read: fn(&str) -> Vec<Piece>, text: &str, pieces: &[(&str, bool)]) {
        let told: Vec<_> = read(text).into_iter().map(|piece| (piece.text, piece.bold)).collect();
        let wanted: Vec<_> = pieces.iter().map(|(text, bold)| ((*text).to_owned(), *bold)).collect();
        assert_eq!(told, wanted, "{text}");
    }

    #[test]
    fn emphasis_is_seen_and_data_are_data() {
        check(read_markdown, r"**Name:** shop\_staging \*\*x\*\*", &[("Name:", true), (" shop_staging **x**", false)]);
        check(read_markdown, "a &lt;b&gt; \\\\", &[("a <b> \\", false)]);
        check(read_mrkdwn, "*Error:*\n2 * 3 * 4 &lt;b&gt;", &[("Error:", true), ("\n2 * 3 * 4 <b>", false)]);
        check(read_mrkdwn, "<!date^1795852920^{date}|2026-11-28 08:02 UTC>", &[("2026-11-28 08:02 UTC", false)]);
        check(read_mrkdwn, "❌ *Failed*", &[("❌ ", false), ("Failed", true)]);
        check(read_tagged, "<b>A &amp; B</b> &lt;b&gt;", &[("A & B", true), (" <b>", false)]);
        check(read_tagged, "ends with <", &[("ends with <", false)]);
        check(read_markdown, "ends with \\", &[("ends with \\", false)]);
    }
}
