//! What a mail server says instead of the usual answer.

use std::time::Duration;

/// A point in the conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum At {
    /// Right after the connection was accepted.
    Greeting,
    /// After EHLO.
    Hello,
    /// After STARTTLS.
    StartTls,
    /// After AUTH.
    Auth,
    /// After MAIL.
    Mail,
    /// After RCPT.
    Recipient,
    /// After DATA.
    Data,
    /// After the dot that ends a message.
    Message,
}

/// What is said.
#[derive(Clone, Debug)]
pub enum Say {
    /// These lines; without a code that says yes, what was asked for does not happen.
    Lines(String),
    /// Nothing: the connection is closed.
    Close,
    /// Nothing: the connection stays open.
    Hang,
    /// This line, one byte at a time.
    Drip(String, Duration),
    /// A line that never ends.
    EndlessLine,
    /// Lines that never end.
    EndlessLines,
}

impl From<&str> for Say {
    fn from(lines: &str) -> Self {
        Self::Lines(lines.into())
    }
}
