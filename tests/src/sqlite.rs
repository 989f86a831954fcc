//! Looking into a database with SQLite's own tool, from outside.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// Runs SQLite's command line tool to its end.
///
/// # Panics
/// When there is no such tool.
pub fn tool(arguments: &[&str]) -> Output {
    let output = Command::new("sqlite3").args(arguments).stdin(Stdio::null()).output();
    output.unwrap_or_else(|e| panic!("these tests need sqlite3, which tests/run installs: {e}"))
}

/// The rows that statements give, each as its columns.
///
/// # Panics
/// When the tool says that something is wrong.
pub fn rows(file: &Path, sql: &str) -> Vec<Vec<String>> {
    let output = tool(&[
        "-batch",
        "-bail",
        "-cmd",
        ".timeout 5000",
        "-noheader",
        "-separator",
        "\t",
        file.to_str().unwrap(),
        sql,
    ]);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{sql}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(Into::into).collect()).collect()
}

/// The database in a data directory: the one file that is a SQLite database.
///
/// # Panics
/// When there is none.
pub fn database(data_dir: &Path) -> PathBuf {
    let files = fs::read_dir(data_dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let is_database = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0"));
    files.into_iter().find(is_database).expect("a database in the data directory")
}

/// A copy of a database as a crash left it. Opening the original would already repair it.
pub fn snapshot(file: &Path) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.db");
    fs::copy(file, &copy).unwrap();
    let beside = |path: &Path, suffix: &str| PathBuf::from(format!("{}{suffix}", path.display()));
    if beside(file, "-wal").exists() {
        fs::copy(beside(file, "-wal"), beside(&copy, "-wal")).unwrap();
    }
    (dir, copy)
}
