//! The conversation with a mail server: connecting, signing in, and one message at a time.
//!
//! It is our own and not the library's, which reads a line of an answer whatever its length, keeps what came in the
//! clear when a connection turns to TLS, and does not tell how large a message may be. See
//! `docs/adr/0007-the-smtp-conversation.md`.

mod connection;
mod hide;
mod open;
mod pool;
mod reply;
mod transaction;
mod trust;

use std::time::Duration;

use fanfare_core::{Secret, SendError, Variables};

use crate::Security;

pub(crate) use hide::Confidential;
pub(crate) use open::open;
pub(crate) use pool::Pool;
pub(crate) use transaction::{Envelope, transact};
pub(crate) use trust::Trust;

/// Which server, and as whom.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) security: Security,
    pub(crate) login: Option<Login>,
}

/// What to sign in with.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: Secret,
}

/// What to sign in with, with the password read.
pub(crate) struct Credentials {
    pub(crate) username: String,
    pub(crate) password: String,
}

impl Login {
    pub(crate) fn expose(&self, variables: &dyn Variables) -> Result<Credentials, SendError> {
        let password = self.password.expose(variables)?.into_owned();
        if password.chars().any(char::is_control) {
            return Err(SendError::misconfigured("the password holds line breaks or other control characters"));
        }
        Ok(Credentials { username: self.username.clone(), password })
    }
}

/// How much one delivery may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For resolving the name, connecting and the TLS handshake.
    pub connect: Duration,
    /// For everything, from the name to the answer to the message.
    pub exchange: Duration,
    /// How long a connection waits to be used again.
    pub idle: Duration,
}

impl Default for Limits {
    /// 5 s, 60 s and 30 s: what deliveries get.
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), exchange: Duration::from_secs(60), idle: Duration::from_secs(30) }
    }
}
