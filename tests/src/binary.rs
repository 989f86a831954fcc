//! Which binary is tested.

use std::{env, path::PathBuf};

/// The binary: what `FANFARE_BIN` names, else the one that stands beside these tests.
///
/// # Panics
/// When there is none. A test that cannot run has failed.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("FANFARE_BIN").map(PathBuf::from) {
        assert!(path.is_file(), "FANFARE_BIN names {}, which is not there", path.display());
        return path;
    }
    // Tests stand in `deps`, programs in the directory above.
    let tests = env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("fanfare");
    assert!(path.is_file(), "there is no binary to test: tests/run builds it and names it in FANFARE_BIN");
    path
}
