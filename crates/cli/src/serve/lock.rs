//! One process at a time works on a SQLite database.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use crate::failure::Failure;

/// Locks `path` until the file is closed, which the end of the process does in any case; `what` is what the lock
/// stands for. The file holds the process's number, for whoever finds it locked.
pub(crate) fn lock(path: &Path, what: &str) -> Result<File, Failure> {
    let place = path.display();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::WrongUse(format!("{place} cannot be opened: {error}")))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // A courtesy; the message is as clear without it.
            let _ = file.read_to_string(&mut holder);
            let holder = holder.trim().parse::<u32>().map(|id| format!(" (process {id})")).unwrap_or_default();
            return Err(Failure::WrongUse(format!(
                "{what} is in use by another fanfare serve{holder}. Stop that one first, or give this one another \
                 directory with FANFARE_DATA_DIR."
            )));
        }
        Err(TryLockError::Error(error)) => {
            return Err(Failure::WrongUse(format!("{place} cannot be locked: {error}. Is it on a network drive?")));
        }
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(|error| Failure::WrongUse(format!("{place} cannot be written: {error}")));
    written.map(|()| file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_can_hold_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = lock(&path, "this directory").unwrap();
        let refused = lock(&path, "this directory").unwrap_err();
        assert_eq!(refused.code(), 2);
        let expected = format!("this directory is in use by another fanfare serve (process {}).", std::process::id());
        assert!(refused.words().unwrap().starts_with(&expected), "{refused:?}");
        drop(held);
        lock(&path, "this directory").unwrap();
    }
}
