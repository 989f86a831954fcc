//! Commands under `fanfare run`, as cron and shells start them.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, binary, until};

/// A user who runs commands as runs of jobs, with a spool of their own.
#[derive(Debug)]
pub struct Wrapper {
    url: String,
    token: String,
    dir: TempDir,
}

/// A command that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    out: File,
    err: File,
}

/// What a command under `fanfare run` did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The exit code of `fanfare run`; absent where a signal ended it.
    pub code: Option<i32>,
    /// What came out of standard output.
    pub out: Vec<u8>,
    /// What came out of standard error.
    pub err: Vec<u8>,
}

impl Wrapper {
    /// For the server at `url`.
    pub fn new(url: &str, token: &str) -> Self {
        Self { url: url.into(), token: token.into(), dir: tempfile::tempdir().unwrap() }
    }

    /// The same with another token; the spool stays.
    pub fn set_token(&mut self, token: &str) {
        self.token = token.into();
    }

    /// The same for another server; the spool stays.
    pub fn set_url(&mut self, url: &str) {
        self.url = url.into();
    }

    /// A place for a test's own files.
    pub fn place(&self) -> &Path {
        self.dir.path()
    }

    /// `fanfare run` with these arguments, in an environment without anything else.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        // Whatever runs these tests may ignore signals, which all that it starts then does.
        command.arg("--default-signal").arg(binary()).arg("run").args(arguments);
        command.env_clear().current_dir(self.dir.path());
        for (name, value) in self.variables() {
            command.env(name, value);
        }
        command
    }

    /// The variables that the command gets.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.dir.path().join(name).display().to_string();
        vec![
            ("PATH", "/usr/local/bin:/usr/bin:/bin".into()),
            ("HOME", path("home")),
            ("FANFARE_SPOOL_DIR", path("spool")),
            ("FANFARE_URL", self.url.clone()),
            ("FANFARE_TOKEN", self.token.clone()),
        ]
    }

    /// Runs it to its end.
    pub async fn run(&self, arguments: &[&str]) -> Ran {
        self.start(arguments, Stdio::null()).end().await
    }

    /// Runs a script of the shell as a run of this job, to its end.
    pub async fn sh(&self, job: &str, script: &str) -> Ran {
        self.run(&["--job", job, "--", "sh", "-c", script]).await
    }

    /// Starts it with this standard input.
    pub fn start(&self, arguments: &[&str], stdin: impl Into<Stdio>) -> Running {
        Running::of(self.command(arguments), stdin)
    }

    /// The reports that wait in the spool, oldest first.
    pub fn waiting(&self) -> Vec<Value> {
        let read = |path: PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        files(&self.dir.path().join("spool")).into_iter().map(read).collect()
    }

    /// The reports that were put aside.
    pub fn put_aside(&self) -> Vec<PathBuf> {
        files(&self.dir.path().join("spool/refused"))
    }
}

impl Running {
    /// Starts a command with this standard input; its output goes to files, so that nobody has to read meanwhile.
    pub fn of(mut command: Command, stdin: impl Into<Stdio>) -> Self {
        let (out, err) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        command.stdin(stdin).stdout(out.try_clone().unwrap()).stderr(err.try_clone().unwrap());
        let child = command.spawn().unwrap_or_else(|e| panic!("{command:?} cannot run: {e}"));
        Self { child, out, err }
    }

    /// Writes to its standard input, which has to be a pipe.
    pub fn type_in(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("standard input is a pipe");
        stdin.write_all(bytes).and_then(|()| stdin.flush()).unwrap();
    }

    /// Closes its standard input.
    pub fn close_stdin(&mut self) {
        self.child.stdin = None;
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        signal(self.id(), name);
    }

    /// Ends it at once, without its having a say in it.
    pub fn kill9(&mut self) {
        // Does nothing where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until its standard output fits, and gives it.
    pub async fn says(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let out = &self.out;
        until(what, PATIENCE, async || {
            let text = String::from_utf8_lossy(&bytes(out)).into_owned();
            fits(&text).then_some(text)
        })
        .await
    }

    /// Waits until its standard error fits, and gives it.
    pub async fn says_of_errors(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let err = &self.err;
        until(what, PATIENCE, async || {
            let text = String::from_utf8_lossy(&bytes(err)).into_owned();
            fits(&text).then_some(text)
        })
        .await
    }

    /// Waits for its end, and not for ever.
    pub async fn end(self) -> Ran {
        self.end_within(PATIENCE).await
    }

    /// Waits for its end this long.
    pub async fn end_within(mut self, limit: Duration) -> Ran {
        let child = &mut self.child;
        let status: ExitStatus = until("end of the command", limit, async || child.try_wait().unwrap()).await;
        assert_eq!(status.signal(), None, "fanfare run itself is never ended by what it passes on");
        Ran { code: status.code(), out: bytes(&self.out), err: bytes(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that fails leaves nothing running: asked to end, it asks its command to.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = Command::new("sh").args(["-c", &format!("kill -TERM {}", self.id())]).status();
        }
        let deadline = Instant::now() + Duration::from_secs(2);
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
        }
        self.kill9();
    }
}

impl Ran {
    /// Its standard output as text.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// Its standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.err).into_owned()
    }
}

/// Sends a process a signal, such as `TERM`.
///
/// # Panics
/// When there is no such process.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} {process}")]).status().unwrap();
    assert!(sent.success(), "process {process} is not there");
}

fn bytes(file: &File) -> Vec<u8> {
    // The processes share the place at which they write next, so reading must not move it.
    let mut all = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut all, 0).unwrap();
    all
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "json")).collect();
    paths.sort_unstable();
    paths
}
