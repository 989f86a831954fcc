//! How large a notification may be, and how long a wording that somebody saved may take to say it.

use std::{
    cell::Cell,
    io,
    time::{Duration, Instant},
};

use fanfare_core::Notification;
use handlebars::Output;

/// The most bytes of text in a notification.
pub const MAX_BYTES: usize = 256 * 1024;

/// How long an administrator's own wording may take.
pub const MAX_TIME: Duration = Duration::from_millis(50);

/// The most bytes that the texts of one notification may write before it is shortened.
const MAX_OUTPUT_BYTES: usize = 16 * MAX_BYTES;

/// What is kept free for the mark that says how much is missing.
const MARK_BYTES: usize = 40;

/// Why a template was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It wrote too much.
    Full,
    /// It took too long.
    Late,
}

/// What one rendering may still use up.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: Cell<usize>,
    until: Option<Instant>,
}

impl Budget {
    /// For the wordings of a catalog, which whoever runs Fanfare wrote: they may take their time.
    pub(crate) fn unhurried() -> Self {
        Self { bytes: Cell::new(MAX_OUTPUT_BYTES), until: None }
    }

    /// For the wordings that can be saved.
    pub(crate) fn within(time: Duration) -> Self {
        Self { bytes: Cell::new(MAX_OUTPUT_BYTES), until: Instant::now().checked_add(time) }
    }

    /// Whether to be stopped is a failure, rather than the end of what is said.
    pub(crate) fn is_strict(&self) -> bool {
        self.until.is_some()
    }

    /// Appends as much of `part` as may still be written.
    pub(crate) fn write(&self, part: &str, out: &mut String) -> Result<(), Stop> {
        let before = out.len();
        out.push_str(part);
        self.spend(before, out)
    }

    /// Accounts for what was appended to `out` when it was `before` bytes long, and takes away what is too much.
    pub(crate) fn spend(&self, before: usize, out: &mut String) -> Result<(), Stop> {
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Err(Stop::Late);
        }
        let (room, written) = (self.bytes.get(), out.len() - before);
        if written > room {
            out.truncate(out.floor_char_boundary(before + room));
            self.bytes.set(0);
            return Err(Stop::Full);
        }
        self.bytes.set(room - written);
        Ok(())
    }
}

/// Where a template writes to. A template that writes without end, or takes too long, is stopped.
pub(crate) struct Bounded<'a> {
    pub(crate) text: String,
    pub(crate) stop: Option<Stop>,
    budget: &'a Budget,
}

impl<'a> Bounded<'a> {
    pub(crate) fn new(budget: &'a Budget) -> Self {
        Self { text: String::new(), stop: None, budget }
    }
}

impl Output for Bounded<'_> {
    fn write(&mut self, part: &str) -> io::Result<()> {
        self.budget.write(part, &mut self.text).map_err(|stop| {
            self.stop = Some(stop);
            io::ErrorKind::Interrupted.into()
        })
    }
}

/// Cuts the longest texts of a notification until all of it fits; says whether it had to.
pub(crate) fn shorten(notification: &mut Notification) -> bool {
    let Notification { title, message, fields, badge, link, .. } = notification;
    let fields = fields.iter_mut().flat_map(|field| [&mut field.name, &mut field.value]);
    let mut texts: Vec<&mut String> = [title, message].into_iter().chain(fields).chain(badge).chain(link).collect();
    if texts.iter().map(|text| text.len()).sum::<usize>() <= MAX_BYTES {
        return false;
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
    true
}

/// Cuts a text and says how many characters are missing.
fn cut(text: &mut String, bytes: usize) {
    let end = text.floor_char_boundary(bytes);
    let missing = text[end..].chars().count();
    text.truncate(end);
    crate::format::append(text, format_args!("… (+{missing} characters)"));
}
