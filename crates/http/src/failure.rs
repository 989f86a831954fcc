//! From the library's errors, which print addresses, to our own words, which do not.

use std::{error::Error, io, time::Duration};

use fanfare_core::TransportError;
use fanfare_net::NetError;
use rustls::CertificateError;

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

fn connect_words(error: &reqwest::Error, limit: Duration) -> String {
    if let Some(error) = find::<rustls::Error>(error) {
        return tls_words(error);
    }
    if error.is_timeout() {
        return format!("timed out after {limit:?}");
    }
    match io_kind(error) {
        Some(io::ErrorKind::ConnectionRefused) => "the connection was refused".into(),
        Some(io::ErrorKind::ConnectionReset) => "the connection was reset".into(),
        Some(io::ErrorKind::UnexpectedEof) => "the server closed the connection during the TLS handshake".into(),
        Some(io::ErrorKind::HostUnreachable) => "the host cannot be reached".into(),
        Some(io::ErrorKind::NetworkUnreachable) => "the network cannot be reached".into(),
        Some(io::ErrorKind::TimedOut) => format!("timed out after {limit:?}"),
        Some(kind) => kind.to_string(),
        None => "the connection failed".into(),
    }
}

/// The library's texts name the host, so only the kinds are told.
fn tls_words(error: &rustls::Error) -> String {
    let reason = match error {
        rustls::Error::InvalidCertificate(reason) => reason,
        rustls::Error::AlertReceived(alert) => return format!("the server ended the TLS handshake: {alert:?}"),
        rustls::Error::InvalidMessage(_) => return "the server does not speak TLS on this port".into(),
        rustls::Error::PeerIncompatible(_) => return "the server's version of TLS is not supported".into(),
        _ => return "the TLS handshake failed".into(),
    };
    let reason = match reason {
        CertificateError::UnknownIssuer => "it was issued by an authority that is not trusted here",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "it is not valid yet",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it was issued for another name"
        }
        CertificateError::Revoked => "it was revoked",
        CertificateError::BadSignature => "its signature is wrong",
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not meant for servers"
        }
        CertificateError::BadEncoding => "it cannot be read",
        _ => "it is not valid",
    };
    format!("the server's TLS certificate is not accepted: {reason}")
}

/// The innermost one: libraries wrap one in another.
fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|cause| cause.downcast_ref::<E>())
}

/// The error and what caused it. An `io::Error` hides the error that it wraps from the chain, so it is opened.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error: &&'a (dyn Error + 'static)| {
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        }
    })
}
