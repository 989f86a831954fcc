//! How much a run made.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// How long counting may take: the report and the exit code wait for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// The bytes in all of these files and directories; `None` where none are named, and words where one cannot be
/// counted: a part of the sum would be taken for the whole.
pub(super) fn size_of(paths: &[PathBuf]) -> Result<Option<u64>, String> {
    if paths.is_empty() {
        return Ok(None);
    }
    let deadline = Instant::now() + PATIENCE;
    let mut sum = 0_u64;
    for path in paths {
        let size = one(path, deadline);
        sum = sum.saturating_add(size.map_err(|why| format!("the size of {} is not known: {why}", path.display()))?);
    }
    Ok(Some(sum))
}

/// A file's size, or that of all files below a directory. Links below it are not followed.
fn one(path: &Path, deadline: Instant) -> Result<u64, String> {
    let words = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        _ => error.to_string(),
    };
    let top = fs::metadata(path).map_err(words)?;
    if top.is_file() {
        return Ok(top.len());
    }
    if !top.is_dir() {
        return Err("it is neither a file nor a directory".into());
    }
    let (mut sum, mut left) = (0_u64, vec![path.to_owned()]);
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).map_err(words)? {
            if Instant::now() > deadline {
                return Err(format!("it holds more than can be counted within {} s", PATIENCE.as_secs()));
            }
            let entry = entry.map_err(words)?;
            match entry.metadata() {
                Ok(found) if found.is_dir() => left.push(entry.path()),
                Ok(found) if found.is_file() => sum = sum.saturating_add(found.len()),
                Ok(_) => {}
                // Somebody tidies up at the same time.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(words(error)),
            }
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("tree/deep")).unwrap();
        fs::write(path("tree/deep/a"), [0; 100]).unwrap();
        fs::write(path("tree/b"), [0; 20]).unwrap();
        fs::write(path("c"), [0; 3]).unwrap();
        std::os::unix::fs::symlink(path("tree"), path("tree/loop")).unwrap();
        assert_eq!(size_of(&[]), Ok(None));
        assert_eq!(size_of(&[path("c")]), Ok(Some(3)));
        assert_eq!(size_of(&[path("tree"), path("c")]), Ok(Some(123)));
        assert_eq!(size_of(&[path("tree/loop")]), Ok(Some(120)), "a link that is named is followed");
    }

    #[test]
    fn what_cannot_be_counted_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let (there, missing) = (dir.path().join("c"), dir.path().join("missing"));
        fs::write(&there, "abc").unwrap();
        let words = size_of(&[there, missing]).unwrap_err();
        assert!(words.contains("missing is not known: there is no such file"), "{words}");
        assert!(size_of(&["/dev/null".into()]).unwrap_err().contains("neither"));
    }

    #[test]
    fn counting_does_not_take_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a"), "abc").unwrap();
        let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        assert!(one(dir.path(), past).unwrap_err().contains("within 10 s"));
    }
}
