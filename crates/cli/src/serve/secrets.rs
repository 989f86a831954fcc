//! The key and the admin token: given, kept from an earlier start, or made now.

use std::path::{Path, PathBuf};

use fanfare::Keyring;
use secrecy::{ExposeSecret, SecretString};

use super::database::Database;
use crate::{config::Settings, failure::Failure, secret_files};

/// The file of the admin token, in the data directory.
pub(crate) const TOKEN_FILE: &str = "admin-token";

const KEY_FILE: &str = "secret-key";

/// The admin token, and where an operator finds it.
#[derive(Debug)]
pub(crate) struct AdminToken {
    pub(crate) token: SecretString,
    pub(crate) place: TokenPlace,
}

/// Where an operator finds the admin token.
#[derive(Debug, PartialEq)]
pub(crate) enum TokenPlace {
    /// With whoever wrote the configuration.
    Given,
    /// In this file, from an earlier start.
    Kept(PathBuf),
    /// In this file, since now.
    Written(PathBuf),
}

/// The keys that secrets are encrypted with, checked for their form.
pub(super) fn secret_key(settings: &Settings, database: &Database) -> Result<SecretString, Failure> {
    if let Some(key) = &settings.secret_key {
        return checked(key.clone(), "FANFARE_SECRET_KEY");
    }
    let Database::Sqlite(data) = database else {
        return Err(Failure::WrongUse(
            "FANFARE_SECRET_KEY is required with PostgreSQL, and must be the same on every node: 32 random bytes in \
             base64, such as openssl rand -base64 32 prints"
                .into(),
        ));
    };
    let file = settings.data_dir.join(KEY_FILE);
    if let Some(key) = read(&file)? {
        return checked(key, &file.display().to_string());
    }
    // A new key could not open what an old one closed, and would only hide that the old one is missed.
    if data.exists() {
        return Err(Failure::WrongUse(format!(
            "the database {} is there, but its key is not: put {} back, or give the key in FANFARE_SECRET_KEY",
            data.display(),
            file.display()
        )));
    }
    let key = SecretString::from(Keyring::generate().as_str());
    write(&file, &key)?;
    Ok(key)
}

/// The admin token.
pub(super) fn admin_token(settings: &Settings) -> Result<AdminToken, Failure> {
    if let Some(token) = &settings.admin_token {
        check_token(token, "FANFARE_ADMIN_TOKEN")?;
        return Ok(AdminToken { token: token.clone(), place: TokenPlace::Given });
    }
    let file = settings.data_dir.join(TOKEN_FILE);
    if let Some(token) = read(&file)? {
        check_token(&token, &file.display().to_string())?;
        return Ok(AdminToken { token, place: TokenPlace::Kept(file) });
    }
    let token = new_token();
    write(&file, &token)?;
    Ok(AdminToken { token, place: TokenPlace::Written(file) })
}

fn checked(key: SecretString, place: &str) -> Result<SecretString, Failure> {
    match Keyring::parse(key.expose_secret()) {
        Ok(_) => Ok(key),
        Err(error) => Err(Failure::WrongUse(format!("{place}: {error}"))),
    }
}

/// A token travels in a header, so it has to fit in there.
fn check_token(token: &SecretString, place: &str) -> Result<(), Failure> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = "an admin token is not empty and has only visible ASCII characters, without spaces";
        return Err(Failure::WrongUse(format!("{place}: {detail}")));
    }
    Ok(())
}

/// 256 random bits behind a word by which scanners for leaked secrets can know it, without characters that a shell
/// or a URL would mind.
fn new_token() -> SecretString {
    let random = Keyring::generate();
    let random = random.trim_end_matches('=').replace('+', "-").replace('/', "_");
    SecretString::from(format!("fanfare_{random}"))
}

fn read(file: &Path) -> Result<Option<SecretString>, Failure> {
    let secret = secret_files::read(file)
        .map_err(|error| Failure::WrongUse(format!("{} cannot be read: {error}", file.display())))?;
    if secret.is_some() && secret_files::open_to_others(file) {
        tracing::warn!(file = %file.display(), "others can read this secret: chmod 600 makes it private");
    }
    Ok(secret)
}

fn write(file: &Path, secret: &SecretString) -> Result<(), Failure> {
    secret_files::write(file, secret)
        .map_err(|error| Failure::WrongUse(format!("{} cannot be written: {error}", file.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(dir: &Path) -> Settings {
        Settings { data_dir: dir.into(), ..Settings::default() }
    }

    #[test]
    fn a_key_is_made_once_and_never_for_a_database_that_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let (settings, data) = (at(dir.path()), dir.path().join("fanfare.db"));
        let database = Database::Sqlite(data.clone());
        let key = secret_key(&settings, &database).unwrap();
        std::fs::write(data, "").unwrap();
        let again = secret_key(&settings, &database).unwrap();
        assert_eq!(key.expose_secret(), again.expose_secret());
        std::fs::remove_file(dir.path().join("secret-key")).unwrap();
        let refused = secret_key(&settings, &database).unwrap_err();
        assert_eq!(refused.code(), 2);
        assert!(refused.words().unwrap().contains("FANFARE_SECRET_KEY"));
    }

    #[test]
    fn several_nodes_cannot_make_up_a_key_each() {
        let dir = tempfile::tempdir().unwrap();
        let refused = secret_key(&at(dir.path()), &Database::Postgres("postgres://x".into())).unwrap_err();
        assert!(refused.words().unwrap().starts_with("FANFARE_SECRET_KEY is required with PostgreSQL"));
    }

    #[test]
    fn a_bad_key_is_refused_without_being_shown() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { secret_key: Some("no-key".into()), ..at(dir.path()) };
        let refused = secret_key(&settings, &Database::Sqlite("x".into())).unwrap_err();
        assert!(refused.words().unwrap().starts_with("FANFARE_SECRET_KEY: a secret key is 32 bytes in base64"));
        assert!(!format!("{refused:?}").contains("no-key"));
    }

    #[test]
    fn the_token_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = admin_token(&at(dir.path())).unwrap();
        assert_eq!(first.place, TokenPlace::Written(dir.path().join("admin-token")));
        let token = first.token.expose_secret();
        assert!(token.starts_with("fanfare_") && token.len() == 51, "{token}");
        assert!(token.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{token}");
        let second = admin_token(&at(dir.path())).unwrap();
        assert_eq!(second.place, TokenPlace::Kept(dir.path().join("admin-token")));
        assert_eq!(second.token.expose_secret(), token);
    }

    #[test]
    fn a_given_token_is_used_and_not_written() {
        let dir = tempfile::tempdir().unwrap();
        let given = |token: &str| admin_token(&Settings { admin_token: Some(token.into()), ..at(dir.path()) });
        assert_eq!(given("t0ken").unwrap().place, TokenPlace::Given);
        assert!(!dir.path().join("admin-token").exists());
        assert_eq!(given("two words").unwrap_err().code(), 2);
    }
}
