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

/// A PostgreSQL that listens on a socket in a directory of its own. It is stopped when this is dropped, and its files
/// go with it. Nothing is synchronised to the disk: it is as fast as it is short-lived.
#[derive(Debug)]
pub struct Postgres {
    bin: PathBuf,
    dir: TempDir,
    server: Child,
}

impl Postgres {
    /// Makes and starts one.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine: a test that cannot run has failed.
    pub async fn start() -> Self {
        let bin = bin_dir();
        // A socket's path must be short, and the directory above it open to whom the server runs as.
        let dir = tempfile::Builder::new().prefix("fanfare-pg-").tempdir_in("/tmp").unwrap();
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(dir.path(), Some(user), Some(group)).unwrap();
        }
        let as_owner = |program: &str| {
            let mut command = Command::new(bin.join(program));
            command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir(dir.path());
            command.stdin(Stdio::null());
            if let Some((user, group)) = owner {
                command.uid(user).gid(group);
            }
            command
        };

        let data = dir.path().join("data");
        let mut initdb = as_owner("initdb");
        initdb.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-sync", "--pgdata"]).arg(&data);
        checked(&mut initdb);

        let log = fs::File::create(dir.path().join("server.log")).unwrap();
        let mut server = as_owner("postgres");
        server.arg("-D").arg(&data).arg("-k").arg(dir.path());
        for setting in ["listen_addresses=", "fsync=off", "synchronous_commit=off", "full_page_writes=off"] {
            server.args(["-c", setting]);
        }
        let server = server.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut postgres = Self { bin, dir, server };
        postgres.ready().await;
        postgres
    }

    async fn ready(&mut self) {
        let mut ask = self.client("pg_isready", "postgres");
        let log = || fs::read_to_string(self.dir.path().join("server.log")).unwrap_or_default();
        let deadline = Instant::now() + PATIENCE;
        while !ask.output().unwrap().status.success() {
            if let Some(status) = self.server.try_wait().unwrap() {
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
        // At once, without writing anything; its own processes go with it.
        if matches!(self.server.try_wait(), Ok(None)) {
            // A test may be failing already, so nothing here can.
            let _ = Command::new("sh").args(["-c", &format!("kill -QUIT {}", self.server.id())]).status();
            let _ = self.server.wait();
        }
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
