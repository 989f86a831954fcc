//! A PostgreSQL of a test's own.

use std::{
    env, fs,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// The superuser of every database here; nobody needs a password.
const USER: &str = "fanfare";

/// What makes it as fast as it is short-lived: nothing is synchronised to the disk.
const FAST: &[&str] = &["fsync=off", "synchronous_commit=off", "full_page_writes=off"];

/// The same where it is stopped in a test: a commit that was answered outlives its processes, if not the machine.
const DURABLE: &[&str] = &["fsync=off"];

/// A PostgreSQL that listens on a socket in a directory of its own. It is stopped when this is dropped, and its files
/// go with it.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    dir: TempDir,
    owner: Option<(u32, u32)>,
    settings: &'static [&'static str],
    server: Option<Child>,
}

impl Postgres {
    /// Makes and starts one, which forgets when it is stopped.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine: a test that cannot run has failed.
    pub async fn start() -> Self {
        Self::start_with(FAST).await
    }

    /// Makes and starts one that can be stopped and started again, and keeps what it has committed.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine.
    pub async fn start_durable() -> Self {
        Self::start_with(DURABLE).await
    }

    async fn start_with(settings: &'static [&'static str]) -> Self {
        let bin = bin_dir();
        // A socket's path must be short, and the directory above it open to whom the server runs as.
        let dir = tempfile::Builder::new().prefix("fanfare-pg-").tempdir_in("/tmp").unwrap();
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(dir.path(), Some(user), Some(group)).unwrap();
        }
        let mut postgres = Self { bin, dir, owner, settings, server: None };
        let mut initdb = postgres.as_owner("initdb");
        initdb.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-sync", "--pgdata"]);
        checked(initdb.arg(postgres.dir.path().join("data")));
        postgres.start_again().await;
        postgres
    }

    /// Starts it after [`stop`](Self::stop), and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_again(&mut self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.dir.path().join("server.log")).unwrap();
        let mut server = self.as_owner("postgres");
        server.arg("-D").arg(self.dir.path().join("data")).arg("-k").arg(self.dir.path());
        for setting in self.settings.iter().chain(&["listen_addresses="]) {
            server.args(["-c", setting]);
        }
        self.server = Some(server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        self.ready().await;
    }

    /// Stops it: in order, with what is under way broken off; or at once, as a crash would.
    pub fn stop(&mut self, in_order: bool) {
        let Some(mut server) = self.server.take() else { return };
        // One that has ended already is as good as stopped. Its own processes go with it.
        if matches!(server.try_wait(), Ok(None)) {
            let signal = if in_order { "INT" } else { "QUIT" };
            // A test may be failing already, so nothing here can.
            let _ = Command::new("sh").args(["-c", &format!("kill -{signal} {}", server.id())]).status();
            let _ = server.wait();
        }
    }

    /// Whom a directory must belong to that it is to write to, where that is not who runs the tests.
    pub fn owner(&self) -> Option<(u32, u32)> {
        self.owner
    }

    fn as_owner(&self, program: &str) -> Command {
        let mut command = Command::new(self.bin.join(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir(self.dir.path());
        command.stdin(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    async fn ready(&mut self) {
        let mut ask = self.client("pg_isready", "postgres");
        let log = || fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
        let deadline = Instant::now() + PATIENCE;
        while !ask.output().unwrap().status.success() {
            if let Some(status) = self.server.as_mut().and_then(|server| server.try_wait().unwrap()) {
                panic!("PostgreSQL ended with {status}: {}", log());
            }
            assert!(Instant::now() < deadline, "PostgreSQL does not answer: {}", log());
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// One of its programs, such as `pg_dump`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin.join(name)
    }

    /// The directory that its socket is in: the host, for every client.
    pub fn host(&self) -> &Path {
        self.dir.path()
    }

    /// One of its client programs, set to this database.
    pub fn client(&self, program: &str, database: &str) -> Command {
        let mut command = Command::new(self.program(program));
        command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command.arg("-h").arg(self.host()).args(["-U", USER, "-d", database]);
        command
    }

    /// Where one of its databases is, for Fanfare.
    pub fn url(&self, database: &str) -> String {
        let host = self.host().display().to_string().replace('/', "%2F");
        format!("postgres://{USER}@{host}/{database}")
    }

    /// Makes a database.
    pub fn create(&self, database: &str) {
        self.sql("postgres", &format!("CREATE DATABASE \"{database}\""));
    }

    /// Runs statements in a database and gives what they answer, without headings.
    ///
    /// # Panics
    /// When one fails.
    pub fn sql(&self, database: &str, statements: &str) -> String {
        let mut psql = self.client("psql", database);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statements]);
        let output = checked(&mut psql);
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, without writing anything.
        self.stop(false);
    }
}

/// Where PostgreSQL's programs are: in Debian's place, the newest, else on the path.
fn bin_dir() -> PathBuf {
    let has_all = |dir: &PathBuf| ["initdb", "postgres", "pg_dump", "psql"].iter().all(|name| dir.join(name).is_file());
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path());
    let number = |dir: &PathBuf| dir.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let newest = versions.filter(|dir| has_all(&dir.join("bin"))).max_by_key(number).map(|dir| dir.join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let found = newest.or_else(|| env::split_paths(&path).find(has_all));
    found.expect("these tests need PostgreSQL's server and clients, which tests/run installs")
}

/// Whom PostgreSQL runs as, where we are root, which it refuses to be.
fn owner() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| {
        let output = checked(Command::new("id").args(arguments));
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    (id(&["-u"]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}

fn checked(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?} cannot run: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
