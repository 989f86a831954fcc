//! What is left of a flow that failed.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use super::Stage;

/// Where files of these tests are kept: a folder of this name below the target directory.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Keeps what the browser shows, the page's source, the browser's log and the server's.
pub(super) async fn keep(stage: &Stage) {
    let test = thread::current().name().unwrap_or("unknown").replace("::", "-");
    let folder = folder(&test);
    let client = stage.driver.client();
    // The browser may be what failed, so each of these may fail, too.
    if let Ok(picture) = client.screenshot().await {
        let _ = fs::write(folder.join("screenshot.png"), picture);
    }
    if let Ok(source) = client.source().await {
        let _ = fs::write(folder.join("page.html"), source);
    }
    if let Ok(log) = stage.driver.log().await {
        let _ = fs::write(folder.join("browser.json"), format!("{log:#}"));
    }
    let _ = fs::write(folder.join("server.log"), stage.server.log());
    eprintln!("what the browser showed is in {}", folder.display());
}
