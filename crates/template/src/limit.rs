//! How large a notification may be.

use std::io;

use fanfare_core::Notification;
use handlebars::Output;

/// The most bytes of text in a notification.
pub const MAX_BYTES: usize = 256 * 1024;

/// The most bytes that one template may write before the notification is shortened.
const MAX_OUTPUT_BYTES: usize = 16 * MAX_BYTES;

/// What is kept free for the mark that says how much is missing.
const MARK_BYTES: usize = 40;

/// Where a template writes to. A template that writes without end is stopped.
#[derive(Default)]
pub(crate) struct Bounded {
    pub(crate) text: String,
    pub(crate) is_full: bool,
}

impl Output for Bounded {
    fn write(&mut self, part: &str) -> io::Result<()> {
        let room = MAX_OUTPUT_BYTES - self.text.len();
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        self.is_full = part.len() > room;
        if self.is_full { Err(io::ErrorKind::OutOfMemory.into()) } else { Ok(()) }
    }
}

/// Cuts the longest texts of a notification until all of it fits.
pub(crate) fn shorten(notification: &mut Notification) {
    let Notification { title, message, fields, badge, link, .. } = notification;
    let fields = fields.iter_mut().flat_map(|field| [&mut field.name, &mut field.value]);
    let mut texts: Vec<&mut String> = [title, message].into_iter().chain(fields).chain(badge).chain(link).collect();
    if texts.iter().map(|text| text.len()).sum::<usize>() <= MAX_BYTES {
        return;
    }
    // Short texts leave what they do not need to the longer ones, which share it.
    texts.sort_by_key(|text| text.len());
    let (mut room, mut left) = (MAX_BYTES, texts.len());
    for text in texts {
        let share = room / left;
        if text.len() > share {
            cut(text, share.saturating_sub(MARK_BYTES));
        }
        room -= text.len().min(room);
        left -= 1;
    }
}

/// Cuts a text and says how many characters are missing.
fn cut(text: &mut String, bytes: usize) {
    let end = text.floor_char_boundary(bytes);
    let missing = text[end..].chars().count();
    text.truncate(end);
    crate::format::append(text, format_args!("… (+{missing} characters)"));
}
