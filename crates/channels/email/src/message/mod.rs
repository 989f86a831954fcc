//! From a notification to the bytes of a message (RFC 5322, MIME). Pure: the same input gives the same bytes.

mod badge;
mod content;
mod html;
mod text;

use base64::{Engine, prelude::BASE64_STANDARD};
use fanfare_core::{AttemptInfo, Notification};
use jiff::{Timestamp, tz::TimeZone};
use lettre::message::{
    Body, Mailbox, Mailboxes, MultiPart, SinglePart,
    header::{self, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers},
};
use sha2::{Digest, Sha256};

use content::Content;

/// A message that can be written.
pub(crate) struct Message {
    headers: Headers,
    boundary: String,
    text: String,
    html: String,
}

impl Message {
    /// What tells `notification` to `to`.
    pub(crate) fn new(notification: &Notification, info: &AttemptInfo<'_>, from: &Mailbox, to: &[Mailbox]) -> Self {
        let content = Content::new(notification, info);
        Self {
            headers: headers(&content.subject, info, from, to),
            // An equals sign followed by an underscore stands in no encoded text, so no text can hold the boundary.
            boundary: format!("=_fanfare_{}", info.delivery_id.0.simple()),
            text: text::render(&content),
            html: html::render(&content),
        }
    }

    /// The message as it is sent: ASCII, lines of 76 characters at the most in its body, ended by CRLF.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.assemble(encoded)
    }

    /// The same message with its parts as they read: for people.
    pub(crate) fn readable(&self) -> String {
        let plain = |text: &str| {
            let bytes = text.replace('\n', "\r\n").into_bytes();
            Body::dangerous_pre_encoded(bytes, ContentTransferEncoding::EightBit)
        };
        String::from_utf8_lossy(&self.assemble(plain)).replace("\r\n", "\n")
    }

    fn assemble(&self, body: impl Fn(&str) -> Body) -> Vec<u8> {
        let part = |kind: ContentType, text: &str| SinglePart::builder().header(kind).body(body(text));
        let parts = MultiPart::alternative()
            .boundary(self.boundary.as_str())
            .singlepart(part(ContentType::TEXT_PLAIN, &self.text))
            .singlepart(part(ContentType::TEXT_HTML, &self.html));
        let mut bytes = self.headers.to_string().into_bytes();
        bytes.extend_from_slice(&parts.formatted());
        bytes
    }
}

/// What is mostly ASCII as quoted-printable, else base64; never as it is, so that no relay can change a space.
fn encoded(text: &str) -> Body {
    match Body::new(text.to_owned()) {
        body if body.encoding() == ContentTransferEncoding::Base64 => body,
        _ => {
            let quoted = Body::new_with_encoding(text.to_owned(), ContentTransferEncoding::QuotedPrintable);
            // This encoding can write everything.
            quoted.unwrap_or_else(Body::new)
        }
    }
}

fn headers(subject: &str, info: &AttemptInfo<'_>, from: &Mailbox, to: &[Mailbox]) -> Headers {
    let domain = from.email.domain();
    let id = format!("<{}@{domain}>", info.delivery_id);
    let thread = format!("<thread.{}@{domain}>", thread(info));
    let mut headers = Headers::new();
    headers.insert_raw(raw("Date", date(info.at)));
    headers.set(header::From::from(Mailboxes::from(from.clone())));
    headers.set(header::To::from(to.iter().cloned().collect::<Mailboxes>()));
    headers.insert_raw(subject_header(subject));
    headers.insert_raw(raw("Message-ID", id));
    headers.insert_raw(raw("In-Reply-To", thread.clone()));
    headers.insert_raw(raw("References", thread));
    headers.insert_raw(raw("Auto-Submitted", "auto-generated".into()));
    headers.insert_raw(raw("X-Auto-Response-Suppress", "All".into()));
    headers.set(header::MIME_VERSION_1_0);
    headers
}

/// A header of our own making: ASCII, and short enough for one line.
fn raw(name: &'static str, value: String) -> HeaderValue {
    HeaderValue::dangerous_new_pre_encoded(HeaderName::new_from_ascii_str(name), value.clone(), value)
}

/// What is not plain ASCII, and what a reader would take for an encoded word, is written as encoded words (RFC 2047).
fn subject_header(subject: &str) -> HeaderValue {
    let name = HeaderName::new_from_ascii_str("Subject");
    if subject.is_ascii() && !subject.contains("=?") {
        return HeaderValue::new(name, subject.to_owned());
    }
    let words: Vec<_> = pieces(subject).map(|piece| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(piece))).collect();
    HeaderValue::dangerous_new_pre_encoded(name, subject.to_owned(), words.join("\r\n "))
}

/// Pieces of whole characters, each short enough for an encoded word of 75 characters beside the header's name.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    const PIECE: usize = 39;
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

/// The conversation that a message belongs to: mail programs show what is said about one job, or by one type of event
/// that belongs to none, together.
fn thread(info: &AttemptInfo<'_>) -> String {
    let job = info.job.map(|job| job.to_string()).unwrap_or_default();
    let digest = Sha256::digest(format!("{}\n{job}", info.event_type));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// The form of RFC 5322, in UTC.
fn date(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    jiff::fmt::rfc2822::to_string(&at).unwrap_or_else(|_| "Thu, 1 Jan 1970 00:00:00 +0000".into())
}

#[cfg(test)]
mod tests;
