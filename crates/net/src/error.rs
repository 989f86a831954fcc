//! Why a host cannot be reached or a certificate cannot be trusted.

use std::borrow::Cow;

use fanfare_core::Refusal;

/// Why there is no address to connect to, no connection, or no TLS configuration. The text never holds the host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetError {
    /// The address guard refused the host.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The host is neither a name nor an address.
    #[error("this is not a host name or address")]
    Host,
    /// The name has no address, or the name server did not say.
    #[error("the host name could not be resolved: {0}")]
    Lookup(Cow<'static, str>),
    /// No address answered.
    #[error("no connection: {0}")]
    Connect(Cow<'static, str>),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(Cow<'static, str>),
    /// The file of extra certificate authorities cannot be used.
    #[error("the file of extra certificate authorities cannot be used: {0}")]
    ExtraCa(Cow<'static, str>),
}
