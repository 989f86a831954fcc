//! Tables without borders, and lists of a thing's members.

use comfy_table::{Attribute, Color, ColumnConstraint, ContentArrangement, Row, presets};

use super::{Screen, clean};

/// How a text is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it stands.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Less important than the rest.
    Faint,
    /// As it should be.
    Good,
    /// Not there yet.
    Waiting,
    /// Wrong.
    Bad,
}

impl Tone {
    /// The parameter of the escape sequence.
    pub(super) fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Strong => Some("1"),
            Self::Faint => Some("2"),
            Self::Good => Some("32"),
            Self::Waiting => Some("33"),
            Self::Bad => Some("31"),
        }
    }

    /// The tone of a word for a state.
    pub(crate) fn of_state(state: &str) -> Self {
        match state {
            "delivered" | "ok" | "yes" | "success" => Self::Good,
            "pending" | "held" | "limited" | "warning" | "partial" => Self::Waiting,
            "dead" | "failing" | "failed" | "failure" => Self::Bad,
            "suppressed" | "unknown" | "no" => Self::Faint,
            _ => Self::Plain,
        }
    }
}

/// What stands in one place of a table.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text in this tone.
    pub(crate) fn toned(text: impl AsRef<str>, tone: Tone) -> Self {
        Self { text: clean(text.as_ref()), tone }
    }

    /// A word for a state, in its tone.
    pub(crate) fn state(word: &str) -> Self {
        Self::toned(word, Tone::of_state(word))
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(text, Tone::Plain)
    }
}

/// A table in the making.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
    indent: usize,
    one_line: bool,
}

#[derive(Debug)]
struct Column {
    title: &'static str,
    room: Room,
}

/// What becomes of a column where there is little room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// It keeps what it needs.
    Kept,
    /// It gives way.
    Yielded,
    /// It is left out.
    Spared,
}

/// A screen below this many columns is narrow.
const NARROW: u16 = 100;

/// Where a text may be broken. None holds this, so what is shortened is cut at any character, not at a word.
const NOWHERE: char = '\u{1f}';

impl Table {
    /// A table with these columns. One whose title begins with `~` gives way as far as the screen needs it; one
    /// with `?` is left out on a narrow screen; the others are always there in full.
    pub(crate) fn new<const N: usize>(titles: [&'static str; N]) -> Self {
        let column = |title: &'static str| match (title.strip_prefix('~'), title.strip_prefix('?')) {
            (Some(title), _) => Column { title, room: Room::Yielded },
            (_, Some(title)) => Column { title, room: Room::Spared },
            _ => Column { title, room: Room::Kept },
        };
        Self { columns: titles.map(column).into(), rows: Vec::new(), indent: 0, one_line: true }
    }

    /// The same table as a part of something larger, two columns further right. Where the screen is too narrow, its
    /// texts are continued on further lines, since they are what was asked for.
    pub(crate) fn inner(self) -> Self {
        Self { indent: 2, ..self.wrapped() }
    }

    /// The same table with texts that are continued on further lines rather than shortened.
    pub(crate) fn wrapped(self) -> Self {
        Self { one_line: false, ..self }
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(crate) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    /// The table as text, or `none` in words where it has no rows. Columns that are empty throughout are left out.
    pub(crate) fn render(self, screen: &Screen, none: &str) -> String {
        if self.rows.is_empty() {
            return format!("{:1$}{none}", "", self.indent);
        }
        let narrow = screen.width.is_some_and(|width| width < NARROW);
        let filled = |i: usize| self.rows.iter().any(|row| row.get(i).is_some_and(|cell| !cell.text.is_empty()));
        let shown = |(i, column): &(usize, &Column)| filled(*i) && !(narrow && column.room == Room::Spared);
        let shown: Vec<(usize, &Column)> = self.columns.iter().enumerate().filter(shown).collect();

        let mut table = comfy_table::Table::new();
        table.force_no_tty().load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.style_text_only();
        if screen.colours {
            table.enforce_styling();
        }
        if let Some(width) = screen.width {
            table.set_width(width.saturating_sub(u16::try_from(self.indent).unwrap_or(0)));
        }
        let line = |cells: Vec<comfy_table::Cell>| {
            let mut row = Row::from(cells);
            if self.one_line && screen.width.is_some() {
                row.max_height(1);
            }
            row
        };
        table.set_header(line(shown.iter().map(|(_, column)| styled(column.title, Tone::Faint)).collect()));
        for cells in &self.rows {
            let cells = shown.iter().filter_map(|(i, _)| cells.get(*i));
            table.add_row(line(cells.map(|cell| styled(&cell.text, cell.tone)).collect()));
        }
        let last = shown.len().saturating_sub(1);
        for (place, (_, shown)) in shown.iter().enumerate() {
            if let Some(column) = table.column_mut(place) {
                column.set_padding((0, if place == last { 0 } else { 2 }));
                if self.one_line {
                    column.set_delimiter(NOWHERE);
                }
                if shown.room != Room::Yielded {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
        }
        let lines: Vec<_> = table.lines().map(|line| format!("{:1$}{line}", "", self.indent)).collect();
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n")
    }
}

fn styled(text: &str, tone: Tone) -> comfy_table::Cell {
    let cell = comfy_table::Cell::new(text);
    match tone {
        Tone::Plain => cell,
        Tone::Strong => cell.add_attribute(Attribute::Bold),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Waiting => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
    }
}

/// A thing's members, one on each line, the values aligned; what is empty is left out.
pub(crate) fn details<const N: usize>(screen: &Screen, members: [(&str, Cell); N]) -> String {
    let members: Vec<_> = members.into_iter().filter(|(_, value)| !value.text.is_empty()).collect();
    let width = members.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, Cell)| {
        let padding = width - name.chars().count();
        format!("{}{:padding$}  {}", screen.toned(name, Tone::Faint), "", screen.toned(&value.text, value.tone))
    };
    members.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{super::test_screen, *};

    fn sample() -> Table {
        let mut table = Table::new(["CHANNEL", "STATE", "NOTE", "~TITLE"]);
        table.row(["ops".into(), Cell::state("delivered"), "".into(), "The disk is full again".into()]);
        table.row(["on-call".into(), Cell::state("dead"), "".into(), "x".into()]);
        table
    }

    #[test]
    fn columns_are_aligned_and_empty_ones_left_out() {
        let expected = "CHANNEL  STATE      TITLE\n\
                        ops      delivered  The disk is full again\n\
                        on-call  dead       x";
        assert_eq!(sample().render(&test_screen(None), "none"), expected);
    }

    #[test]
    fn a_narrow_screen_shortens_what_may_be_shortened() {
        let text = sample().render(&test_screen(Some(32)), "none");
        assert!(text.lines().all(|line| line.chars().count() <= 32), "{text}");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("on-call  dead") && text.contains('…'), "{text}");
    }

    #[test]
    fn what_was_asked_for_is_continued() {
        let mut table = Table::new(["A", "~B"]).inner();
        table.row(["a".into(), "one two three four".into()]);
        assert_eq!(table.render(&test_screen(Some(16)), "none"), "  A  B\n  a  one two\n     three four");
    }

    #[test]
    fn a_narrow_screen_spares_some_columns() {
        let text = |width| {
            let mut table = Table::new(["A", "?B", "~C"]);
            table.row(["a".into(), "b".into(), "one two three four".into()]);
            table.render(&test_screen(width), "none")
        };
        assert_eq!(text(None), "A  B  C\na  b  one two three four");
        assert_eq!(text(Some(120)), text(None));
        assert_eq!(text(Some(15)), "A  C\na  one two thr…");
    }

    #[test]
    fn colours_do_not_move_columns() {
        let screen = Screen { colours: true, ..test_screen(Some(80)) };
        let text = sample().inner().render(&screen, "none");
        let plain = sample().inner().render(&test_screen(Some(80)), "none");
        let mut bare = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            bare += before;
            rest = after.split_once('m').map_or("", |(_, after)| after);
        }
        assert_eq!(bare + rest, plain);
        assert!(text.contains('\u{1b}'));
    }

    #[test]
    fn nothing_is_said_in_words() {
        assert_eq!(Table::new(["A"]).inner().render(&test_screen(None), "No channels."), "  No channels.");
    }

    #[test]
    fn members_are_aligned() {
        let text = details(&test_screen(None), [("id", "1".into()), ("kind", "webhook".into()), ("error", "".into())]);
        assert_eq!(text, "id    1\nkind  webhook");
    }
}
