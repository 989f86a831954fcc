//! What can go wrong between us and the database.

use sea_orm::{DbErr, RuntimeErr, sqlx};

use crate::keyring::KeyringError;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is gone.
    #[error("the database failed: {0}")]
    Database(#[from] DbErr),
    /// The answer to a commit was lost: it may have happened, and be it later.
    #[error("the connection to the database broke during a commit: {0}")]
    Uncertain(DbErr),
    /// SQLite refused what the writer asked.
    #[error("the database failed: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The system gives no thread for the work beside the writer.
    #[error("a thread for the database cannot be started: {0}")]
    Thread(std::io::Error),
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
    /// The file is something else.
    #[error("{0} is not a SQLite database; it was left as it is")]
    NotSqlite(String),
    /// The file is a database, with tables of which none is ours.
    #[error("{0} is the database of another program; it was left as it is")]
    Foreign(String),
    /// The file was a database of ours.
    #[error("the database {file} is damaged ({detail}); it was left as it is. Restore it from a backup")]
    Damaged {
        /// The file.
        file: String,
        /// What SQLite says.
        detail: String,
    },
    /// Nobody answers where the database should be.
    #[error("PostgreSQL at {place} cannot be used: {cause}")]
    Unreachable {
        /// Host and port, or the socket.
        place: String,
        /// Why.
        cause: String,
    },
    /// The address of the database is not one we know.
    #[error("the database URL needs to start with sqlite: or postgres://")]
    Url,
}

/// SQLite has no space for what is written, or for the index of its log.
const SQLITE_FULL: [i32; 2] = [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_IOERR_SHMSIZE];

/// PostgreSQL's `disk_full`.
const POSTGRES_FULL: &str = "53100";

impl StoreError {
    /// Whether there is no space left for the database.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Sqlite(rusqlite::Error::SqliteFailure(error, _)) => SQLITE_FULL.contains(&error.extended_code),
            Self::Database(DbErr::Exec(error) | DbErr::Query(error) | DbErr::Conn(error)) => full(error),
            _ => false,
        }
    }

    pub(crate) fn corrupt(what: &'static str, detail: impl ToString) -> Self {
        Self::Corrupt { what, detail: detail.to_string() }
    }
}

/// What a commit that failed means: nothing is stored where the database says so itself.
pub(crate) fn commit_failed(error: DbErr) -> StoreError {
    let said = match &error {
        DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error))
        | DbErr::Conn(RuntimeErr::SqlxError(error)) => matches!(**error, sqlx::Error::Database(_)),
        _ => false,
    };
    if said { StoreError::Database(error) } else { StoreError::Uncertain(error) }
}

fn full(error: &RuntimeErr) -> bool {
    let RuntimeErr::SqlxError(error) = error else { return false };
    let sqlx::Error::Database(error) = &**error else { return false };
    let code = error.code();
    code.is_some_and(|code| code == POSTGRES_FULL || code.parse().is_ok_and(|code| SQLITE_FULL.contains(&code)))
}
