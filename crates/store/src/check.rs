//! Whether a file may be opened as a SQLite database of ours. Nothing is written to find that out: whoever gave the
//! wrong path, or has a damaged file, finds every byte as it was.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags};

use crate::StoreError;

const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The header of a SQLite database.
const HEADER: usize = 100;

/// Up to here a file is read whole at every start, which takes a moment; a larger one would keep the start waiting.
const READ_WHOLE: u64 = 256 * 1024 * 1024;

/// Checks a file that is to be opened. One that does not exist, or is empty, becomes a new database.
pub(crate) fn check(file: &Path) -> Result<(), StoreError> {
    let place = || file.display().to_string();
    let length = match fs::metadata(file) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::File(place(), error)),
    };
    if length == 0 {
        return Ok(());
    }
    let mut header = Vec::with_capacity(HEADER);
    let read = File::open(file).and_then(|file| file.take(HEADER as u64).read_to_end(&mut header));
    read.map_err(|error| StoreError::File(place(), error))?;
    if !header.starts_with(MAGIC) {
        return Err(StoreError::NotSqlite(place()));
    }
    let damaged = |detail: String| StoreError::Damaged { file: place(), detail };
    let has_log = fs::metadata(beside(file, "-wal")).is_ok_and(|log| log.len() > 0);
    // What a crash left in the log may be more than what is in the file.
    if !has_log && length < expected_length(&header) {
        return Err(damaged("it is shorter than it says".into()));
    }
    let wrong = |error: rusqlite::Error| damaged(error.to_string());
    let connection = open_to_read(file, has_log).map_err(wrong)?;
    let tables =
        "SELECT count(*), count(*) FILTER (WHERE name LIKE 'fanfare_%') FROM sqlite_master WHERE type = 'table'";
    let (all, ours): (i64, i64) =
        connection.query_row(tables, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(wrong)?;
    if all > 0 && ours == 0 {
        return Err(StoreError::Foreign(place()));
    }
    if length <= READ_WHOLE {
        let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(wrong)?;
        if found != "ok" {
            return Err(damaged(found.replace('\n', " ")));
        }
    }
    Ok(())
}

/// How long the file is by its own words. A page of 65,536 bytes is written as 1.
fn expected_length(header: &[u8]) -> u64 {
    let page = header.get(16..18).map_or(0, |bytes| u64::from(u16::from_be_bytes([bytes[0], bytes[1]])));
    let pages = header.get(28..32).map_or(0, |b| u64::from(u32::from_be_bytes([b[0], b[1], b[2], b[3]])));
    pages.max(1) * if page == 1 { 65_536 } else { page }
}

/// Opens it to read. Without a log nothing beside it is needed, and SQLite is told that nobody changes it: otherwise it
/// would make a log and its index.
fn open_to_read(file: &Path, has_log: bool) -> Result<Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if has_log {
        return Connection::open_with_flags(file, flags);
    }
    let uri = format!("file:{}?immutable=1", escaped(&file.display().to_string()));
    Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
}

/// A path as it stands in a URI: only what has a meaning there is written otherwise.
fn escaped(path: &str) -> String {
    path.replace('%', "%25").replace('?', "%3f").replace('#', "%23")
}

fn beside(file: &Path, ending: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(dir: &Path, name: &str, sql: &str) -> PathBuf {
        let file = dir.join(name);
        Connection::open(&file).unwrap().execute_batch(sql).unwrap();
        file
    }

    #[test]
    fn only_files_of_ours_or_empty_ones_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        check(&dir.path().join("missing")).unwrap();
        let empty = dir.path().join("empty");
        fs::write(&empty, "").unwrap();
        check(&empty).unwrap();
        let ours = made(dir.path(), "100% ours?#", "PRAGMA journal_mode = WAL; CREATE TABLE fanfare_meta (a);");
        check(&ours).unwrap();
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "nothing is made beside it: {names:?}");

        let text = dir.path().join("text");
        fs::write(&text, "Dear diary").unwrap();
        assert!(matches!(check(&text), Err(StoreError::NotSqlite(_))));
        let foreign = made(dir.path(), "foreign", "CREATE TABLE diary (day TEXT);");
        assert!(matches!(check(&foreign), Err(StoreError::Foreign(_))));
        let bytes = fs::read(&ours).unwrap();
        for length in [16, 100, 4_096] {
            fs::write(&ours, &bytes[..length]).unwrap();
            assert!(matches!(check(&ours), Err(StoreError::Damaged { .. })), "{length}");
        }
    }

    #[test]
    fn a_log_that_a_crash_left_counts() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.db");
        let open = Connection::open(&file).unwrap();
        open.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE fanfare_meta (a);").unwrap();
        // The table stands in the log alone.
        let copy = dir.path().join("copy.db");
        fs::copy(&file, &copy).unwrap();
        fs::copy(beside(&file, "-wal"), beside(&copy, "-wal")).unwrap();
        drop(open);
        let before = fs::read(&copy).unwrap();
        check(&copy).unwrap();
        assert_eq!(fs::read(&copy).unwrap(), before);
    }
}
