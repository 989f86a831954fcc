//! The few colours that a service can show, found by the nearest hue.

use crate::{Color, Notification};

/// A colour as a word: what services with a fixed palette are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hue {
    /// Something went wrong.
    Red,
    /// Partly.
    Orange,
    /// Needs a look.
    Amber,
    /// Went well.
    Green,
    /// Information.
    Blue,
    /// Done by the system itself.
    Purple,
    /// No colour: black, white and what is between.
    Gray,
}

impl Hue {
    /// The nearest one. A colour with hardly any saturation is gray.
    pub fn of(color: Color) -> Self {
        let [r, g, b] = [color.r, color.g, color.b].map(i32::from);
        let (most, least) = (r.max(g).max(b), r.min(g).min(b));
        let spread = most - least;
        // Below a quarter of the brightest part, people see a tint rather than a colour.
        if spread * 4 < most || most < 32 {
            return Self::Gray;
        }
        let degrees = match most {
            _ if most == r => (60 * (g - b) / spread).rem_euclid(360),
            _ if most == g => 120 + 60 * (b - r) / spread,
            _ => 240 + 60 * (r - g) / spread,
        };
        match degrees {
            0..=14 | 340..=359 => Self::Red,
            15..=31 => Self::Orange,
            32..=69 => Self::Amber,
            70..=179 => Self::Green,
            180..=244 => Self::Blue,
            _ => Self::Purple,
        }
    }
}

impl Notification {
    /// The nearest of the few colours that every service has a form for.
    pub fn hue(&self) -> Hue {
        Hue::of(self.color)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("#ef4444", Hue::Red)]
    #[case("#ff0000", Hue::Red)]
    #[case("#e11d48", Hue::Red)]
    #[case("#f97316", Hue::Orange)]
    #[case("#f59e0b", Hue::Amber)]
    #[case("#ffff00", Hue::Amber)]
    #[case("#22c55e", Hue::Green)]
    #[case("#00ff00", Hue::Green)]
    #[case("#3b82f6", Hue::Blue)]
    #[case("#0078d4", Hue::Blue)]
    #[case("#8b5cf6", Hue::Purple)]
    #[case("#ec4899", Hue::Purple)]
    #[case("#6b7280", Hue::Gray)]
    #[case("#000000", Hue::Gray)]
    #[case("#ffffff", Hue::Gray)]
    fn the_nearest_hue(#[case] color: &str, #[case] hue: Hue) {
        assert_eq!(Hue::of(color.parse().unwrap()), hue);
    }
}
