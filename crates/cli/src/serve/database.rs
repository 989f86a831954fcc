//! Which database.

use std::{fmt, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{Settings, sqlite_file},
    failure::Failure,
};

const FILE: &str = "fanfare.db";

/// Which database.
#[derive(Debug)]
pub(super) enum Database {
    /// In this file, which one process works on at a time.
    Sqlite(PathBuf),
    /// At this URL, which may hold a password.
    Postgres(SecretString),
}

impl Database {
    /// The database that the settings name.
    pub(super) fn of(settings: &Settings) -> Result<Self, Failure> {
        let Some(secret) = &settings.database_url else { return Ok(Self::Sqlite(settings.data_dir.join(FILE))) };
        let url = secret.expose_secret();
        match sqlite_file(url) {
            Some(file) if !file.is_empty() && file != ":memory:" => Ok(Self::Sqlite(file.into())),
            Some(_) => Err(Failure::WrongUse("FANFARE_DATABASE_URL: sqlite: is followed by the path of a file".into())),
            None if url.starts_with("postgres://") || url.starts_with("postgresql://") => {
                Ok(Self::Postgres(secret.clone()))
            }
            None => Err(Failure::WrongUse("FANFARE_DATABASE_URL begins with sqlite: or postgres://".into())),
        }
    }

    /// The URL, for whoever opens it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Sqlite(file) => format!("sqlite:{}", file.display()),
            Self::Postgres(url) => url.expose_secret().to_owned(),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(f, "SQLite, {}", file.display()),
            Self::Postgres(_) => f.write_str("PostgreSQL"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: Option<&str>) -> Result<String, u8> {
        let settings = Settings { database_url: url.map(Into::into), ..Settings::default() };
        Database::of(&settings).map(|database| database.to_string()).map_err(|failure| failure.code())
    }

    #[test]
    fn databases_are_shown_without_passwords() {
        assert_eq!(of(None).unwrap(), "SQLite, ./fanfare-data/fanfare.db");
        assert_eq!(of(Some("sqlite:///var/lib/x.db")).unwrap(), "SQLite, /var/lib/x.db");
        assert_eq!(of(Some("sqlite:x.db")).unwrap(), "SQLite, x.db");
        assert_eq!(of(Some("postgres://me:s3cret@db/fanfare")).unwrap(), "PostgreSQL");
        assert_eq!(of(Some("mysql://db")), Err(2));
        assert_eq!(of(Some("sqlite:")), Err(2));
        assert_eq!(of(Some("sqlite::memory:")), Err(2));
    }
}
