//! The directory in which reports wait that could not be sent: one file each, named so that the oldest comes first.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::report::Report;

/// How many reports wait, and how many refused ones are kept, at the most.
const ROOM: usize = 1_000;

/// What the files of this version say of their form.
const VERSION: u32 = 1;

/// No report is near this size; what is larger is none of ours.
const LARGEST: u64 = 1 << 20;

/// After this time, nobody is still writing a file.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// A directory of waiting reports.
#[derive(Clone, Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    room: usize,
}

/// A file of the spool.
#[derive(Debug, Serialize, Deserialize)]
struct Document {
    version: u32,
    kept_at: Timestamp,
    #[serde(flatten)]
    report: Report,
}

impl Spool {
    /// The spool in this directory, which need not be there yet.
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir, room: ROOM }
    }

    /// Where it is.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Keeps a report; it is there in full or not at all, even if the power fails. Says how many older ones had to go
    /// to make room.
    pub(super) fn keep(&self, report: &Report, now: Timestamp) -> io::Result<usize> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.dir)?;
        // Ids of version 7 begin with the time; the report's own key would do as well, but for its form.
        let name = Uuid::now_v7().to_string();
        let unfinished = self.dir.join(format!(".{name}.new"));
        let document = Document { version: VERSION, kept_at: now, report: report.clone() };
        let written = serde_json::to_vec(&document).map_err(io::Error::from).and_then(|text| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&unfinished, self.dir.join(format!("{name}.json")))
        });
        if let Err(error) = written {
            // A full disk should not be filled further.
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        File::open(&self.dir)?.sync_all()?;
        make_room(&self.dir, self.room)
    }

    /// The reports that wait, oldest first.
    pub(super) fn waiting(&self) -> io::Result<Vec<PathBuf>> {
        reports(&self.dir)
    }

    /// A waiting report; `None` where somebody else has taken it meanwhile.
    pub(super) fn read(&self, path: &Path) -> Result<Option<Report>, String> {
        let text = match fs::metadata(path).and_then(|file| match file.len() > LARGEST {
            true => Err(io::Error::other("it is too large for a report")),
            false => fs::read(path),
        }) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let document: Document = serde_json::from_slice(&text).map_err(|error| format!("it is no report: {error}"))?;
        match document.version {
            VERSION => Ok(Some(document.report)),
            other => Err(format!("it is of version {other}, which this fanfare does not know")),
        }
    }

    /// Takes out a report that the server has.
    pub(super) fn done(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Puts a report aside that will never be sent, for people to look at, and says where it is now.
    pub(super) fn put_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let aside = self.dir.join("refused");
        DirBuilder::new().recursive(true).mode(0o700).create(&aside)?;
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let place = aside.join(name);
        fs::rename(path, &place)?;
        make_room(&aside, self.room)?;
        Ok(place)
    }

    /// The right to send what waits, until the file is closed, which the end of the process does in any case. `None`
    /// where another process has it, or where nothing has ever been kept.
    pub(super) fn claim(&self) -> io::Result<Option<File>> {
        let lock = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(self.dir.join("lock"));
        let lock = match lock {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            lock => lock?,
        };
        match lock.try_lock() {
            Ok(()) => Ok(Some(lock)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes out what interrupted processes left half-written.
    pub(super) fn tidy(&self, now: SystemTime) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            let unfinished = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(".new"));
            let old = || {
                let age = entry.metadata().and_then(|file| file.modified()).ok();
                age.and_then(|written| now.duration_since(written).ok()).is_some_and(|age| age > ABANDONED)
            };
            if unfinished && old() {
                self.done(&entry.path())?;
            }
        }
        Ok(())
    }
}

/// The directory for the spool: as told, else in the user's state directory (XDG Base Directory Specification, where a
/// relative path counts as none).
pub(super) fn directory(told: Option<&Path>, state_home: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    if let Some(told) = told {
        return Some(told.to_owned());
    }
    let state_home = state_home.filter(|path| path.is_absolute()).map(Path::to_owned);
    let in_home = || home.filter(|path| path.is_absolute()).map(|home| home.join(".local/state"));
    Some(state_home.or_else(in_home)?.join("fanfare/spool"))
}

/// The files of reports in a directory, oldest first.
fn reports(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        let id = name.to_str().and_then(|name| name.strip_suffix(".json"));
        if id.is_some_and(|id| Uuid::try_parse(id).is_ok()) {
            found.push(dir.join(name));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Takes out the oldest reports where there are too many, and says how many.
fn make_room(dir: &Path, room: usize) -> io::Result<usize> {
    let all = reports(dir)?;
    let excess = all.len().saturating_sub(room);
    for path in &all[..excess] {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(excess)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::{super::report::sample, *};

    fn spool(dir: &tempfile::TempDir) -> Spool {
        Spool { dir: dir.path().join("state/spool"), room: 3 }
    }

    fn jobs(spool: &Spool) -> Vec<String> {
        let paths = spool.waiting().unwrap();
        paths.iter().map(|path| spool.read(path).unwrap().unwrap().job).collect()
    }

    #[test]
    fn the_place_is_as_told_else_in_the_users_state() {
        let place = |told: Option<&str>, state: Option<&str>, home: Option<&str>| {
            directory(told.map(Path::new), state.map(Path::new), home.map(Path::new))
                .map(|path| path.display().to_string())
        };
        assert_eq!(place(Some("x"), Some("/s"), Some("/h")).unwrap(), "x");
        assert_eq!(place(None, Some("/s"), Some("/h")).unwrap(), "/s/fanfare/spool");
        assert_eq!(place(None, Some("relative"), Some("/h")).unwrap(), "/h/.local/state/fanfare/spool");
        assert_eq!(place(None, None, None), None);
    }

    #[test]
    fn what_is_kept_is_read_back_in_order_and_is_the_owners_alone() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(&dir);
        assert!(spool.waiting().unwrap().is_empty());
        for job in ["a", "b", "c"] {
            assert_eq!(spool.keep(&sample(job), Timestamp::UNIX_EPOCH).unwrap(), 0);
        }
        assert_eq!(jobs(&spool), ["a", "b", "c"]);
        let first = &spool.waiting().unwrap()[0];
        assert_eq!(spool.read(first).unwrap().unwrap(), sample("a"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(spool.dir()), mode(first)), (0o700, 0o600));
        assert_eq!(fs::read_dir(spool.dir()).unwrap().count(), 3, "nothing else is left");

        spool.done(first).unwrap();
        spool.done(first).unwrap();
        assert_eq!(spool.read(first).unwrap(), None);
        let aside = spool.put_aside(&spool.waiting().unwrap()[0]).unwrap();
        assert_eq!(jobs(&spool), ["c"]);
        assert!(aside.starts_with(spool.dir().join("refused")) && aside.is_file());
    }

    #[test]
    fn the_oldest_goes_where_there_is_no_room() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(&dir);
        let dropped: Vec<_> =
            ["a", "b", "c", "d"].iter().map(|job| spool.keep(&sample(job), Timestamp::UNIX_EPOCH).unwrap()).collect();
        assert_eq!(dropped, [0, 0, 0, 1]);
        assert_eq!(jobs(&spool), ["b", "c", "d"]);
    }

    #[test]
    fn one_process_sends_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(&dir);
        assert!(spool.claim().unwrap().is_none(), "there is nothing to send");
        spool.keep(&sample("a"), Timestamp::UNIX_EPOCH).unwrap();
        let claim = spool.claim().unwrap();
        assert!(claim.is_some() && spool.claim().unwrap().is_none());
        drop(claim);
        assert!(spool.claim().unwrap().is_some());
    }

    #[test]
    fn what_is_no_report_is_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(&dir);
        spool.keep(&sample("a"), Timestamp::UNIX_EPOCH).unwrap();
        fs::write(spool.dir().join("notes.json"), "{}").unwrap();
        assert_eq!(spool.waiting().unwrap().len(), 1, "files of others are left alone");
        let path = spool.waiting().unwrap().remove(0);
        fs::write(&path, "{\"version\":1").unwrap();
        assert!(spool.read(&path).unwrap_err().starts_with("it is no report"));
        let mut later = serde_json::to_value(sample("a")).unwrap();
        later["version"] = 2.into();
        later["kept_at"] = "2026-03-29T01:30:00Z".into();
        fs::write(&path, later.to_string()).unwrap();
        assert!(spool.read(&path).unwrap_err().contains("version 2"));
        fs::write(&path, vec![b' '; 1 + LARGEST as usize]).unwrap();
        assert!(spool.read(&path).unwrap_err().contains("too large"));
    }

    #[test]
    fn what_was_interrupted_is_tidied_up_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let spool = spool(&dir);
        spool.keep(&sample("a"), Timestamp::UNIX_EPOCH).unwrap();
        let left = spool.dir().join(".0198a2b0.new");
        fs::write(&left, "half").unwrap();
        spool.tidy(SystemTime::now()).unwrap();
        assert!(left.exists(), "somebody may be writing it");
        spool.tidy(SystemTime::now() + Duration::from_secs(3_700)).unwrap();
        assert!(!left.exists() && jobs(&spool) == ["a"]);
    }
}
