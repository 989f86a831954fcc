//! What a mail server was sent.

/// A message that a mail server took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients that were accepted, in order.
    pub to: Vec<String>,
    /// What stood behind the sender in MAIL, such as `SIZE=1234`.
    pub parameters: String,
    /// The message's bytes as they came, without the dots that SMTP adds.
    pub message: Vec<u8>,
    /// Whether it came through TLS.
    pub encrypted: bool,
    /// Who had signed in.
    pub account: Option<Account>,
    /// The connection that it came on; the first is 0.
    pub connection: usize,
}

impl Mail {
    /// The message as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.message).into_owned()
    }
}

/// Who signed in, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `PLAIN` or `LOGIN`.
    pub mechanism: &'static str,
    /// The account's name.
    pub username: String,
}
