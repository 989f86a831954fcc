//! The key and the admin token: given, kept from an earlier start, or made now.

use std::{
    io,
    path::{Path, PathBuf},
};

use fanfare::Keyring;
use fanfare_server::KeyPlace;
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

/// The keys that secrets are encrypted with, and the file that has them if nobody gave them.
#[derive(Debug)]
pub(super) struct SecretKey {
    pub(super) keys: SecretString,
    pub(super) file: Option<KeyFile>,
}

/// The file of the key: one key, and behind it those that it replaces, as long as something may be encrypted with them.
#[derive(Clone, Debug)]
pub(super) struct KeyFile(PathBuf);

impl KeyFile {
    /// Whether a change of the key was begun and not finished.
    pub(super) fn has_several(keys: &SecretString) -> bool {
        keys.expose_secret().contains(',')
    }

    fn keys(&self) -> io::Result<SecretString> {
        secret_files::read(&self.0)?.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl KeyPlace for KeyFile {
    fn add(&self) -> io::Result<Keyring> {
        let present = self.keys()?;
        let all = SecretString::from(format!("{},{}", *Keyring::generate(), present.expose_secret()));
        let keyring = Keyring::parse(all.expose_secret()).map_err(io::Error::other)?;
        secret_files::write(&self.0, &all)?;
        Ok(keyring)
    }

    fn keep_first(&self) -> io::Result<()> {
        let present = self.keys()?;
        let first = present.expose_secret().split(',').next().unwrap_or_default().trim();
        secret_files::write(&self.0, &first.into())
    }
}

/// The keys that secrets are encrypted with, checked for their form.
pub(super) fn secret_key(settings: &Settings, database: &Database) -> Result<SecretKey, Failure> {
    if let Some(key) = &settings.secret_key {
        return Ok(SecretKey { keys: checked(key.clone(), "FANFARE_SECRET_KEY")?, file: None });
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
        let keys = checked(key, &file.display().to_string())?;
        return Ok(SecretKey { keys, file: Some(KeyFile(file)) });
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
    Ok(SecretKey { keys: key, file: Some(KeyFile(file)) })
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
        assert_eq!(key.keys.expose_secret(), again.keys.expose_secret());
        std::fs::remove_file(dir.path().join("secret-key")).unwrap();
        let refused = secret_key(&settings, &database).unwrap_err();
        assert_eq!(refused.code(), 2);
        assert!(refused.words().unwrap().contains("FANFARE_SECRET_KEY"));
    }

    #[test]
    fn a_key_is_replaced_in_two_steps() {
        let dir = tempfile::tempdir().unwrap();
        let file = KeyFile(dir.path().join("secret-key"));
        assert!(file.add().is_err(), "there is none");
        let old = SecretString::from(Keyring::generate().as_str());
        write(&file.0, &old).unwrap();
        let both = file.add().unwrap();
        let kept = file.keys().unwrap();
        let (new, rest) = kept.expose_secret().split_once(',').unwrap();
        assert_eq!(rest, old.expose_secret());
        assert_eq!(both.fingerprint(), Keyring::parse(new).unwrap().fingerprint());
        assert!(both.has(&Keyring::parse(rest).unwrap().fingerprint()));
        assert!(KeyFile::has_several(&kept));
        file.keep_first().unwrap();
        assert_eq!(file.keys().unwrap().expose_secret(), new);
        assert!(!secret_files::open_to_others(&file.0));
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
