//! Why something about accounts and tokens cannot be done.

use std::time::Duration;

use fanfare::{StoreError, core::Fault};
use sea_orm::DbErr;

/// Why something about accounts and tokens cannot be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccessError {
    /// The input is wrong.
    #[error("the input is not valid")]
    Invalid(Vec<Fault>),
    /// There is no such thing.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// Another account has this address.
    #[error("another account has this e-mail address")]
    EmailTaken,
    /// Nobody would be left who can administer.
    #[error("this is the only account that administers: make another one an admin first")]
    LastAdmin,
    /// Address or password is wrong; which of them is not said.
    #[error("the e-mail address or the password is wrong")]
    WrongCredentials,
    /// Too many attempts.
    #[error("there were too many attempts: try again later")]
    TooMany(Duration),
    /// There is an account already.
    #[error("there is an account already: sign in, or ask whoever administers for an account")]
    SetUp,
    /// The set-up link is not one of ours.
    #[error("this set-up link is not valid: the server prints one when it starts")]
    WrongSetupKey,
    /// A password could not be hashed.
    #[error("a password could not be hashed: {0}")]
    Hashing(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DbErr> for AccessError {
    fn from(error: DbErr) -> Self {
        Self::Store(error.into())
    }
}
