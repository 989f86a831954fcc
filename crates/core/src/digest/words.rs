//! What a digest says.

use jiff::Timestamp;

use crate::{Field, Notification, Status, text};

/// So many different lines are told at the most; of the others it is told how many they are.
const MOST_LINES: usize = 10;

/// How long a line may be, in UTF-16 code units.
const LINE: usize = 120;

/// What tells of all of these at once: how many they are, when the first and the last occurred, and what they begin
/// with. `name` is what their event type is called; their order is that in which they were accepted.
///
/// The number stands first in the title, so that it is seen however much a channel must shorten.
pub fn digest(name: &str, members: &[Notification]) -> Option<Notification> {
    let first = members.iter().map(|member| member.time).min()?;
    let last = members.iter().map(|member| member.time).max()?;
    let worst = members.iter().rev().max_by_key(|member| gravity(member.status))?;
    let title = common(members, |member| &member.title).map_or(name, String::as_str);
    let mut message = vec![WHY.to_owned()];
    message.extend(lines(members));
    Some(Notification {
        title: format!("{}: {title}", counted(members.len())),
        message: message.join("\n"),
        fields: vec![
            fact("Notifications", members.len().to_string()),
            fact("First", second(first)),
            fact("Last", second(last)),
        ],
        status: worst.status,
        color: worst.color,
        badge: common(members, |member| &member.badge).cloned().flatten(),
        link: common(members, |member| &member.link).cloned().flatten(),
        time: last,
    })
}

const WHY: &str = "They waited while the channel was held back, and are told as one:";

/// What they begin with, each once and with its number, in the order of their first.
fn lines(members: &[Notification]) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    let mut more = 0;
    for member in members {
        let line = first_line(member);
        match lines.iter().position(|(known, _)| *known == line) {
            Some(known) => lines[known].1 += 1,
            None if lines.len() < MOST_LINES => lines.push((line, 1)),
            None => more += 1,
        }
    }
    let line = |(line, times): (String, usize)| match times {
        1 => format!("- {line}"),
        times => format!("- {times} times: {line}"),
    };
    lines.into_iter().map(line).chain((more > 0).then(|| format!("… and {more} more"))).collect()
}

/// The first line of the message that can be read, else the title.
fn first_line(member: &Notification) -> String {
    let message = text::lines(&member.message);
    let line = message.lines().find(|line| !text::is_blank(line)).unwrap_or(&member.title);
    text::shorten(&text::line(line), LINE, text::utf16).into_owned()
}

/// What all of them have in common.
fn common<T: PartialEq>(members: &[Notification], of: impl Fn(&Notification) -> &T) -> Option<&T> {
    let (first, others) = members.split_first()?;
    let first = of(first);
    others.iter().all(|other| of(other) == first).then_some(first)
}

fn gravity(status: Status) -> u8 {
    match status {
        Status::Success => 0,
        Status::Info => 1,
        Status::Warning => 2,
        Status::Failure => 3,
    }
}

fn counted(number: usize) -> String {
    format!("{number} notification{}", if number == 1 { "" } else { "s" })
}

fn fact(name: &str, value: String) -> Field {
    Field { name: name.into(), value, inline: true }
}

fn second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}
