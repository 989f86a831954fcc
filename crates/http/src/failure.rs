//! From the library's errors, which print addresses, to our own words, which do not.

use std::{error::Error, io, time::Duration};

use fanfare_core::TransportError;
use fanfare_net::{NetError, connect_words, find, io_kind};

use crate::Limits;

/// Why the answer did not begin. Whatever is not certain never to have left may have arrived.
pub(crate) fn request_failure(error: &reqwest::Error, limits: &Limits) -> TransportError {
    if let Some(error) = find::<NetError>(error) {
        return match error {
            NetError::Refused(refusal) => refusal.clone().into(),
            other => TransportError::Connect(other.to_string().into()),
        };
    }
    if error.is_connect() {
        if error.is_timeout() {
            return TransportError::Connect(format!("timed out after {:?}", limits.connect).into());
        }
        return TransportError::Connect(connect_words(error, limits.connect).into());
    }
    answer_failure(error)
}

/// Why the answer did not come to its end.
pub(crate) fn answer_failure(error: &(dyn Error + 'static)) -> TransportError {
    match find::<hyper::Error>(error) {
        // The library gives the request back unsent when a kept connection turns out to be closed.
        Some(error) if error.is_canceled() => TransportError::Connect("the connection was closed".into()),
        Some(error) if error.is_incomplete_message() => answer("the server closed the connection without an answer"),
        Some(error) if error.is_parse() => answer("what the server sent is not HTTP"),
        _ => match io_kind(error) {
            None | Some(io::ErrorKind::UnexpectedEof) => answer("the answer broke off"),
            Some(_) => answer("the connection broke"),
        },
    }
}

/// That the time for the whole exchange is over.
pub(crate) fn timed_out(after: Duration) -> TransportError {
    TransportError::Answer(format!("timed out after {after:?}").into())
}

fn answer(words: &'static str) -> TransportError {
    TransportError::Answer(words.into())
}
