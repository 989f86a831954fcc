//! Files that hold one secret each: the key and the admin token.

use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use secrecy::{ExposeSecret, SecretString};

/// Makes a directory that only its owner can enter; one that is there stays as it is.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The secret in a file; `None` where there is no file.
pub(crate) fn read(path: &Path) -> io::Result<Option<SecretString>> {
    match fs::read_to_string(path) {
        Ok(content) => Ok(Some(content.trim().into())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Keeps a secret in a new file that only its owner can read. It is there in full or not at all, even if the power
/// fails.
pub(crate) fn write(path: &Path, secret: &SecretString) -> io::Result<()> {
    let unfinished = path.with_added_extension("new");
    // What an interrupted start may have left.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    writeln!(file, "{}", secret.expose_secret())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    match path.parent() {
        Some(dir) => fs::File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Whether others than the owner may read the file.
pub(crate) fn open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_kept_for_the_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("a/b");
        private_dir(&data).unwrap();
        private_dir(&data).unwrap();
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);

        let file = data.join("admin-token");
        assert!(read(&file).unwrap().is_none());
        fs::write(data.join("admin-token.new"), "left over").unwrap();
        write(&file, &"s3cret".into()).unwrap();
        assert_eq!(read(&file).unwrap().unwrap().expose_secret(), "s3cret");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!open_to_others(&file));
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open_to_others(&file));
    }
}
