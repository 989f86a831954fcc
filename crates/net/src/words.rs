//! From the libraries' errors, which print addresses, to our own words, which do not.

use std::{error::Error, io, time::Duration};

use rustls::CertificateError;

/// Why a connection did not come about, TLS included. The text holds no host and no address; `limit` is the time
/// that it was given.
pub fn connect_words(error: &(dyn Error + 'static), limit: Duration) -> String {
    if let Some(error) = find::<rustls::Error>(error) {
        return tls_words(error);
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

/// The kind of the innermost I/O error: libraries wrap one in another.
pub fn io_kind(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).last().map(io::Error::kind)
}

/// The first error of this type among `error` and what caused it.
pub fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
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
