//! What can go wrong between us and the database.

use sea_orm::DbErr;

use crate::keyring::KeyringError;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// SQLite refused what the writer asked.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The connection has been ended.
    #[error("the database is closed")]
    Closed,
    /// Another row has this name already.
    #[error("the name {0:?} is taken")]
    NameTaken(String),
    /// A secret could not be decrypted, or the key is not this database's.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// A stored document cannot be read.
    #[error("the stored {what} cannot be read: {detail}")]
    Corrupt {
        /// Which document.
        what: &'static str,
        /// Why.
        detail: String,
    },
    /// The database's file cannot be made or opened.
    #[error("the database file {0} cannot be opened: {1}")]
    File(String, std::io::Error),
    /// The address of the database is not one we know.
    #[error("the database URL needs to start with sqlite: or postgres://")]
    Url,
}

impl StoreError {
    pub(crate) fn corrupt(what: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt { what, detail: detail.to_string() }
    }
}
