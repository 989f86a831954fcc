//! Mail as its readers see it.

use fanfare_testkit::smtp::{Mail, SmtpReceiver};
use mail_parser::MessageParser;

/// A mail that arrived, read by a parser that is not ours.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Whom the server gave it to, in order of the envelope.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The form in plain text, with plain line ends.
    pub text: String,
    /// The other form.
    pub html: String,
    /// What identifies it, without brackets.
    pub id: String,
    /// The mail itself.
    pub mail: Mail,
}

impl Letter {
    /// Reads a mail.
    ///
    /// # Panics
    /// When it is none, or lacks a part that every mail of ours has.
    pub fn of(mail: Mail) -> Self {
        let message = MessageParser::default().parse(&mail.message).expect("a mail");
        let body = |part: Option<std::borrow::Cow<'_, str>>| part.expect("both forms").replace("\r\n", "\n");
        Self {
            to: mail.to.clone(),
            subject: message.subject().expect("a subject").into(),
            text: body(message.body_text(0)),
            html: body(message.body_html(0)),
            id: message.message_id().expect("a Message-ID").into(),
            mail: mail.clone(),
        }
    }
}

/// All that a mail server took so far, oldest first.
pub fn letters(server: &SmtpReceiver) -> Vec<Letter> {
    server.mails().into_iter().map(Letter::of).collect()
}
