//! How much one exchange may take.

use std::time::Duration;

/// How much one exchange may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For resolving the name, connecting and the TLS handshake.
    pub connect: Duration,
    /// For everything, from the name to the last byte of the answer.
    pub exchange: Duration,
    /// For the body of the answer.
    pub answer: Cap,
}

/// What happens to an answer that is too long. It is never read further than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cap {
    /// The first bytes stand for the whole: for whoever needs the status and a few words.
    Cut(usize),
    /// It is an error: for whoever needs all of it.
    Refuse(usize),
}

impl Cap {
    /// The length that is still read.
    pub fn bytes(self) -> usize {
        match self {
            Self::Cut(bytes) | Self::Refuse(bytes) => bytes,
        }
    }
}

impl Default for Limits {
    /// 5 s, 15 s and the first 64 KiB: what deliveries get.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), exchange: Duration::from_secs(15), answer: Cap::Cut(64 * 1024) }
    }
}
