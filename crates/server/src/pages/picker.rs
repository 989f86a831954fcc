//! Choosing channels: a button that says what is chosen, and below it the list.

use fanfare::{ChannelView, core::ChannelId};
use maud::{Markup, html};

use super::icons;

/// A list of channels to choose from.
#[derive(Debug)]
pub(super) struct Picker<'a> {
    /// What the ids of its parts begin with.
    pub(super) id: &'a str,
    /// All channels.
    pub(super) channels: &'a [ChannelView],
    /// Those that are chosen now.
    pub(super) chosen: &'a [ChannelId],
    /// The call that a choice makes.
    pub(super) call: &'a str,
    /// Its document, where "$chosen" stands for the choice.
    pub(super) body: &'a str,
    /// Whether somebody may choose.
    pub(super) may_change: bool,
}

impl Picker<'_> {
    /// The list itself.
    pub(super) fn list(&self) -> Markup {
        html! {
            @if self.channels.len() > 8 {
                input.slim type="search" data-filter aria-label="Search channels" placeholder="Search";
            }
            div.picker-list {
                @for channel in self.channels {
                    label.check {
                        input type="checkbox" id={ (self.id) "-" (channel.id) } value=(channel.id) checked[self.chosen.contains(&channel.id)] disabled[!self.may_change] autocomplete="off" data-call=(self.call) data-body=(self.body);
                        (icons::kind_mini(&channel.kind))
                        span.grow { (channel.name) @if !channel.enabled { " " span.badge { "Disabled" } } }
                    }
                }
            }
        }
    }

    /// The names of what is chosen, briefly.
    pub(super) fn summary(&self) -> String {
        let names: Vec<_> =
            self.channels.iter().filter(|c| self.chosen.contains(&c.id)).map(|c| c.name.as_str()).collect();
        match names.as_slice() {
            [] => "No channel".into(),
            [one] => brief(one),
            [first, rest @ ..] => format!("{} + {}", brief(first), rest.len()),
        }
    }
}

fn brief(name: &str) -> String {
    let mut letters = name.chars();
    let start: String = letters.by_ref().take(24).collect();
    if letters.next().is_some() { format!("{start}…") } else { start }
}
