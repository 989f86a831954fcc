//! The word and the accent by which a reader sees at a glance how things stand. Colour never says it alone.

use fanfare_core::{Hue, Notification, text::line};

use super::content::within;

/// A word, and its colours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Badge {
    pub(super) word: String,
    pub(super) accent: Accent,
}

/// Colours that are readable together, on light paper and on dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accent {
    /// The bar above everything.
    pub(super) bar: &'static str,
    /// The badge's ground and letters.
    pub(super) light: (&'static str, &'static str),
    /// The same in the dark.
    pub(super) dark: (&'static str, &'static str),
}

const fn accent(bar: &'static str, light: (&'static str, &'static str), dark: (&'static str, &'static str)) -> Accent {
    Accent { bar, light, dark }
}

const GREEN: Accent = accent("#22c55e", ("#dcfce7", "#166534"), ("#12301f", "#86efac"));
const BLUE: Accent = accent("#3b82f6", ("#dbeafe", "#1e40af"), ("#17294a", "#93c5fd"));
const PURPLE: Accent = accent("#8b5cf6", ("#ede9fe", "#5b21b6"), ("#2a2150", "#c4b5fd"));
const AMBER: Accent = accent("#f59e0b", ("#fef3c7", "#92400e"), ("#3a2a0c", "#fcd34d"));
const ORANGE: Accent = accent("#f97316", ("#ffedd5", "#9a3412"), ("#3d2212", "#fdba74"));
const RED: Accent = accent("#ef4444", ("#fee2e2", "#991b1b"), ("#401a1c", "#fca5a5"));

/// How long a word may be, in graphemes and in bytes.
const WORD: (usize, usize) = (40, 400);

impl Badge {
    pub(super) fn of(notification: &Notification) -> Self {
        let given = notification.badge.as_deref().map(line).filter(|word| !word.is_empty());
        let (word, accent) = match (notification.status.is_success(), notification.hue()) {
            (true, Hue::Blue) => ("Info", BLUE),
            (true, Hue::Purple) => ("Completed", PURPLE),
            (true, Hue::Amber) => ("Warning", AMBER),
            (true, _) => ("Success", GREEN),
            (false, _) if given.is_none() => ("Failed", RED),
            (false, Hue::Blue) => ("Failed", BLUE),
            (false, Hue::Red) => ("Failed", RED),
            (false, Hue::Orange) => ("Failed", ORANGE),
            (false, _) => ("Failed", AMBER),
        };
        let word = given.map_or_else(|| word.to_owned(), |given| within(&given, WORD));
        Self { word, accent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanfare_core::Status;
    use fanfare_testkit::fixtures::user_login;

    #[rstest::rstest]
    #[case(Status::Success, "#22c55e", None, "Success", GREEN)]
    #[case(Status::Info, "#3b82f6", None, "Info", BLUE)]
    #[case(Status::Success, "#8b5cf6", None, "Completed", PURPLE)]
    #[case(Status::Info, "#f59e0b", None, "Warning", AMBER)]
    #[case(Status::Info, "#6b7280", None, "Success", GREEN)]
    #[case(Status::Info, "#3b82f6", Some("Update"), "Update", BLUE)]
    #[case(Status::Failure, "#ef4444", None, "Failed", RED)]
    #[case(Status::Warning, "#f97316", None, "Failed", RED)]
    #[case(Status::Warning, "#f97316", Some("Partial"), "Partial", ORANGE)]
    #[case(Status::Warning, "#3b82f6", Some("Alert"), "Alert", BLUE)]
    #[case(Status::Failure, "#ef4444", Some("Offline"), "Offline", RED)]
    #[case(Status::Failure, "#ff0000", Some("Down"), "Down", RED)]
    #[case(Status::Warning, "#6b7280", Some("\u{202e}Odd\r\n"), "Odd", AMBER)]
    #[case(Status::Warning, "#123456", Some("Cold"), "Cold", BLUE)]
    #[case(Status::Failure, "#123456", Some("\0"), "Failed", RED)]
    fn words_and_accents(
        #[case] status: Status,
        #[case] color: &str,
        #[case] badge: Option<&str>,
        #[case] word: &str,
        #[case] accent: Accent,
    ) {
        let mut said = user_login();
        (said.status, said.color, said.badge) = (status, color.parse().unwrap(), badge.map(Into::into));
        assert_eq!(Badge::of(&said), Badge { word: word.into(), accent });
    }
}
