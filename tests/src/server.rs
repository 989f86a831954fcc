//! The server as a process.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tempfile::TempDir;

use crate::{Api, Cli, Output, PATIENCE, Wrapper, binary, database, signal, tool, until};

/// The admin token of every server here.
const TOKEN: &str = "end-to-end-admin-token-4f1c";

/// A `fanfare serve` with a data directory and a port of its own. It is killed when this is dropped; the directory
/// goes with it.
pub struct Server {
    dir: TempDir,
    variables: Vec<(String, String)>,
    process: Killer,
    /// Where the log of the present start begins.
    began: usize,
    api: Api,
}

/// Ends a server's process from anywhere, at once and without a word.
#[derive(Clone, Debug, Default)]
pub struct Killer(Arc<Mutex<Option<Child>>>);

impl Killer {
    /// Sends SIGKILL. Does not wait for the end of the process.
    pub fn kill9(&self) {
        if let Some(child) = self.child().as_mut() {
            // Fails where it has ended by itself, which whoever waits for it will see.
            let _ = child.kill();
        }
    }

    fn child(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// A server that is ready.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same with more variables in its environment.
    pub async fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut server = Self::prepare(variables);
        server.restart().await;
        server
    }

    /// One that has not been started, with a data directory that does not exist yet.
    pub fn prepare(variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut all = vec![
            ("FANFARE_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("FANFARE_DATA_DIR".to_owned(), dir.path().join("data").display().to_string()),
            ("FANFARE_ADMIN_TOKEN".to_owned(), TOKEN.to_owned()),
            ("FANFARE_ALLOW_NETWORKS".to_owned(), "127.0.0.0/8".to_owned()),
        ];
        all.extend(variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let api = Api::new(String::new(), TOKEN);
        Self { dir, variables: all, process: Killer::default(), began: 0, api }
    }

    /// Sets a variable for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a variable away for the next start.
    pub fn unset(&mut self, name: &str) {
        self.variables.retain(|(known, _)| known != name);
    }

    /// Compiles this source in C and loads it before the C library from the next start on.
    ///
    /// # Panics
    /// When there is no C compiler, or it does not take the source.
    pub fn preload(&mut self, source: &str) {
        let (file, library) = (self.place().join("preloaded.c"), self.place().join("preloaded.so"));
        fs::write(&file, source).unwrap();
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&file).arg("-ldl");
        assert!(compiler.status().unwrap().success());
        self.set("LD_PRELOAD", library.to_str().unwrap());
    }

    /// Starts the process on the same data directory; does not wait until it is ready.
    ///
    /// # Panics
    /// When it runs already.
    pub fn spawn(&mut self) {
        assert!(self.process.child().is_none(), "the server runs already");
        self.began = self.whole_log().len();
        let log = OpenOptions::new().create(true).append(true).open(self.log_file()).unwrap();
        let child = self.command(&["serve"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        *self.process.child() = Some(child.unwrap_or_else(|e| panic!("{} cannot run: {e}", binary().display())));
    }

    /// Waits until it is ready; `None` when it ended before that.
    pub async fn ready(&mut self) -> Option<()> {
        let what = "readiness";
        let found = until(what, PATIENCE, async || {
            if self.has_ended() {
                return Some(None);
            }
            let url = announced(&self.log())?;
            let ready = Api::new(url.clone(), TOKEN).answers("/readyz").await;
            ready.then_some(Some(url))
        });
        let url = found.await?;
        self.api = Api::new(url, TOKEN);
        Some(())
    }

    /// Starts it again on the same data directory and waits until it is ready.
    ///
    /// # Panics
    /// When it ends instead.
    pub async fn restart(&mut self) {
        self.spawn();
        if self.ready().await.is_none() {
            panic!("the server ended instead of becoming ready");
        }
    }

    /// Ends the process as a crash would, and waits for its end.
    pub async fn kill9(&mut self) {
        self.process.kill9();
        self.wait().await;
    }

    /// What can kill it from another task.
    pub fn killer(&self) -> Killer {
        self.process.clone()
    }

    /// Sends SIGTERM; does not wait.
    pub fn ask_to_stop(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        signal(self.process.child().as_ref().expect("the server runs").id(), name);
    }

    /// Sends SIGTERM and waits for the exit code.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.ask_to_stop();
        self.wait().await.code()
    }

    /// The number of the process.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        self.process.child().as_ref().expect("the server runs").id()
    }

    /// Waits for the end of the process.
    pub async fn wait(&mut self) -> ExitStatus {
        let status = until("end of the process", PATIENCE, async || {
            self.process.child().as_mut().expect("the server runs").try_wait().unwrap()
        });
        let status = status.await;
        *self.process.child() = None;
        status
    }

    /// Stops it, changes its database on SQLite, and starts it again: so time passes for what stands there.
    ///
    /// # Panics
    /// When that is not possible.
    pub async fn alter(&mut self, sql: &str) {
        assert_eq!(self.terminate().await, Some(0));
        let file = database(&self.data_dir());
        let changed = tool(&["-batch", "-bail", file.to_str().unwrap(), sql]);
        assert!(changed.status.success() && changed.stderr.is_empty(), "{changed:?}");
        self.restart().await;
    }

    /// Runs `fanfare` with these arguments and this server's environment to its end, beside the server if that runs.
    pub fn run(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        Output::of(command)
    }

    /// The command line as a user of this server.
    pub fn cli(&self) -> Cli {
        Cli::new(self.api.url(), TOKEN)
    }

    /// A user of this server who runs commands as runs of jobs.
    pub fn wrapper(&self) -> Wrapper {
        Wrapper::new(self.api.url(), TOKEN)
    }

    /// The API with the admin token.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// Where it keeps its data.
    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// A place for a test's own files.
    pub fn place(&self) -> &Path {
        self.dir.path()
    }

    /// What the present start has written to standard error.
    pub fn log(&self) -> String {
        self.whole_log().split_off(self.began)
    }

    /// What all starts have written to standard error.
    pub fn whole_log(&self) -> String {
        let bytes = fs::read(self.log_file()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.path().join("stderr.log")
    }

    fn has_ended(&self) -> bool {
        self.process.child().as_mut().is_none_or(|child| child.try_wait().unwrap().is_some())
    }

    /// Nothing of the environment that these tests run in, and a working directory without a configuration file.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).env_clear().current_dir(self.dir.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.process.child().take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(60).collect();
            eprintln!("--- the server's log");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// The address that the server says it listens on, to a person or to a program.
fn announced(log: &str) -> Option<String> {
    // An unfinished line might end in the middle of the port.
    let mut lines = log.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let (_, rest) = lines.find(|line| line.contains(" is listening"))?.split_once("http://")?;
    let address = rest.split(|c: char| c.is_whitespace() || c == '"').next()?;
    Some(format!("http://{address}"))
}
