//! `fanfare serve`: from settings to a running server, and back to nothing running.

mod database;
mod export;
mod lines;
mod lock;
mod logging;
mod measures;
mod secrets;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::Arc,
    time::Duration,
};

use fanfare::{Engine, EngineError, Environment, Fanfare, KeyringError, StartError, StoreError, core::AddressPolicy};
use fanfare_server::{Accounts, KeyPlace, ServerOptions};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
    time::{Instant, timeout},
};

use crate::{
    config::{Loaded, LogFormat, Settings},
    failure::Failure,
    panics, secret_files,
};
use database::Database;
use export::Export;
pub(crate) use secrets::TOKEN_FILE;
use secrets::{AdminToken, KeyFile, SecretKey, TokenPlace};

/// How long everything under way may take to finish after a signal.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of that requests may take, so that a caller who reads slowly leaves time for deliveries.
const PATIENCE_WITH_CALLERS: Duration = Duration::from_secs(4);

/// Serves until a signal says to stop.
pub(crate) async fn serve(loaded: &Loaded) -> Result<(), Failure> {
    let settings = &loaded.settings;
    let export = Export::start(settings)?;
    logging::start(settings.log, settings.log_format, export.listener());
    panics::log();
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::new()?;

    let dir = &settings.data_dir;
    secret_files::private_dir(dir).map_err(|error| {
        let dir = dir.display();
        Failure::WrongUse(format!("the data directory {dir} cannot be made: {error}. FANFARE_DATA_DIR names another"))
    })?;
    let database = Database::of(settings)?;
    // Held until the end of the process.
    let _locks = locks(dir, &database)?;
    let key = secrets::secret_key(settings, &database)?;
    let token = secrets::admin_token(settings)?;
    let listener = listen(&settings.listen).await?;
    let address =
        listener.local_addr().map_err(|error| Failure::Failed(format!("the socket has no address: {error}")))?;

    // Before the engine starts, which asks for its measures once.
    let measures = measures::start().map_err(|error| Failure::Failed(format!("nothing can be measured: {error}")))?;
    let builder = builder(settings, &database, key.keys.expose_secret())?;
    let (engine, accounts, setup_key) = tokio::select! {
        started = start(builder) => started.map_err(|error| start_failure(&error))?,
        // A database that is away can take long to be missed.
        _ = signals.next() => return Ok(()),
    };
    finish_rotation(&engine, &key).await?;
    let mut options = ServerOptions::new(token.token.clone());
    options.key_place = key.file.map(|file| Arc::new(file) as Arc<dyn KeyPlace>);
    options.trusted_proxies.extend(settings.trusted_proxies.iter().flatten());
    options.rate_limits = settings.limits.rate_limits();
    options.measures = Some(measures);
    let app = fanfare_server::app(engine.clone(), accounts, options);
    let (stop, mut stopped) = watch::channel(false);
    let shutdown = async move {
        // An error means that the sender is gone, which is a stop as well.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let mut server = tokio::spawn(fanfare_server::serve(listener, app, shutdown));
    let url = format!("http://{address}");
    greet(&url, loaded, &database, &token);
    if let Some(key) = setup_key {
        invite(&url, &key, settings.log_format);
    }

    let name = tokio::select! {
        ended = &mut server => {
            engine.stop(PATIENCE).await;
            let why = match ended {
                Ok(Ok(())) => "it ended by itself".to_owned(),
                Ok(Err(error)) => error.to_string(),
                Err(error) => error.to_string(),
            };
            return Err(Failure::Failed(format!("the server stopped: {why}")));
        }
        name = signals.next() => name,
    };
    tracing::info!("{name}: finishing what is under way; once more ends it at once");
    tokio::spawn(async move {
        signals.next().await;
        process::exit(1);
    });
    let deadline = Instant::now() + PATIENCE;
    engine.end_watching();
    // Fails only where the server is gone already.
    let _ = stop.send(true);
    if timeout(PATIENCE_WITH_CALLERS, &mut server).await.is_err() {
        tracing::warn!("requests that took too long to finish were cut off");
        server.abort();
    }
    stop_engine(&engine, deadline).await;
    tracing::info!("stopped");
    export.stop().await;
    Ok(())
}

/// Finishes a change of the key that an earlier start began.
async fn finish_rotation(engine: &Engine, key: &SecretKey) -> Result<(), Failure> {
    let Some(file) = key.file.as_ref().filter(|_| KeyFile::has_several(&key.keys)) else { return Ok(()) };
    let failed = |why: String| Failure::Failed(format!("the change of the key could not be finished: {why}"));
    engine.rotate_keys(None).await.map_err(|error| failed(error.to_string()))?;
    file.keep_first().map_err(|error| failed(error.to_string()))?;
    tracing::info!("a change of the key that an earlier start began is finished");
    Ok(())
}

/// Opens the database and starts: the engine, the accounts that it looks users up in, and the key of a set-up link
/// where there is no account.
async fn start(builder: Fanfare) -> Result<(Engine, Accounts, Option<SecretString>), StartError> {
    let opened = builder.open().await?;
    let accounts = Accounts::open(opened.store().clone(), opened.clock().clone()).await?;
    let setup_key = accounts.new_setup_key().await?;
    Ok((opened.users(accounts.clone()).start().await?, accounts, setup_key))
}

/// Lets deliveries under way finish. The engine keeps to its time; the database gets a moment more to close.
async fn stop_engine(engine: &Engine, deadline: Instant) {
    let patience = deadline.saturating_duration_since(Instant::now());
    if timeout(patience + Duration::from_secs(1), engine.stop(patience)).await.is_err() {
        tracing::warn!("the engine did not stop in time; what it had under way is taken up at the next start");
    }
}

/// The locks that keep a second process away from a SQLite database.
fn locks(dir: &Path, database: &Database) -> Result<Vec<fs::File>, Failure> {
    let Database::Sqlite(file) = database else { return Ok(Vec::new()) };
    let mut locks = vec![lock::lock(&dir.join("lock"), &format!("the data directory {}", dir.display()))?];
    if !file.starts_with(dir) {
        let what = format!("the database {}", file.display());
        locks.push(lock::lock(&file.with_added_extension("lock"), &what)?);
    }
    Ok(locks)
}

async fn listen(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has this port. Stop that one, or choose another port with FANFARE_LISTEN".into()
            }
            io::ErrorKind::AddrNotAvailable => "this machine does not have this address. Check FANFARE_LISTEN".into(),
            io::ErrorKind::PermissionDenied => {
                "the system does not let this user have this port; those from 1024 on are free to all. Check \
                 FANFARE_LISTEN"
                    .into()
            }
            io::ErrorKind::InvalidInput => "this is not an address and a port, such as 127.0.0.1:8600".into(),
            _ => error.to_string(),
        };
        Failure::WrongUse(format!("cannot listen on {address}: {advice}"))
    })
}

fn builder(settings: &Settings, database: &Database, key: &str) -> Result<Fanfare, Failure> {
    let mut builder = Fanfare::builder(database.url(), key)
        .map_err(|error| Failure::WrongUse(error.to_string()))?
        .retry(settings.engine.retry_policy())
        .lease(settings.engine.lease())
        .lanes(settings.engine.lane_policy())
        .limits(settings.engine.limits())
        .retention(settings.engine.retention())
        .variables(Environment::new(settings.env_allow.iter().cloned()));
    if let Some(timeout) = settings.engine.busy_timeout() {
        builder = builder.busy_timeout(timeout);
    }
    if let Some(networks) = &settings.allow_networks {
        builder = builder.addresses(AddressPolicy::new(networks.iter().copied()));
    }
    if let Some(file) = &settings.extra_ca_file {
        builder = builder.extra_ca(fs::read(file).map_err(|error| unreadable("FANFARE_EXTRA_CA_FILE", file, &error))?);
    }
    for (file, toml) in event_types(settings.event_types_dir.as_deref())? {
        builder = builder.event_type(file.display().to_string(), toml);
    }
    Ok(builder)
}

/// Every TOML file of the directory, in the order of their names.
pub(crate) fn event_types(dir: Option<&Path>) -> Result<Vec<(PathBuf, String)>, Failure> {
    let Some(dir) = dir else { return Ok(Vec::new()) };
    let unreadable = |path: &Path, error: &io::Error| unreadable("FANFARE_EVENT_TYPES_DIR", path, error);
    let entries = fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| unreadable(dir, &error))?;
    let mut files: Vec<_> = entries.iter().map(fs::DirEntry::path).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let read = |file: PathBuf| match fs::read_to_string(&file) {
        Ok(toml) => Ok((file, toml)),
        Err(error) => Err(unreadable(&file, &error)),
    };
    files.into_iter().map(read).collect()
}

fn unreadable(variable: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::WrongUse(format!("{variable}: {} cannot be read: {error}", path.display()))
}

/// What an operator can mend is wrong use; a database that is away may come back.
fn start_failure(error: &StartError) -> Failure {
    match error {
        StartError::Store(error) | StartError::Engine(EngineError::Store(error)) => match error {
            StoreError::Keyring(KeyringError::WrongKey) => Failure::WrongUse(
                "the secrets in the database were encrypted with another key: give that one in FANFARE_SECRET_KEY, or \
                 put it back as secret-key in the data directory. A new key is added in front of it, with a comma \
                 between them"
                    .into(),
            ),
            StoreError::Keyring(_)
            | StoreError::Url
            | StoreError::NotSqlite(_)
            | StoreError::Foreign(_)
            | StoreError::Damaged { .. } => Failure::WrongUse(error.to_string()),
            error => Failure::Failed(format!("the database cannot be used: {error}")),
        },
        StartError::Catalog(_) => Failure::WrongUse(error.to_string()),
        StartError::Net(_) => Failure::WrongUse(format!("FANFARE_EXTRA_CA_FILE: {error}")),
        error => Failure::WrongUse(error.to_string()),
    }
}

/// Tells where everything is: to a person in a few lines, to a program in the log.
fn greet(url: &str, loaded: &Loaded, database: &Database, token: &AdminToken) {
    let version = env!("CARGO_PKG_VERSION");
    let data_dir = loaded.settings.data_dir.display();
    let admin_token = match &token.place {
        TokenPlace::Given => "the one that the configuration gives".to_owned(),
        TokenPlace::Kept(file) => file.display().to_string(),
        TokenPlace::Written(file) => format!("{} (written now)", file.display()),
    };
    match loaded.settings.log_format {
        LogFormat::Json => {
            tracing::info!(version, url, %data_dir, %database, admin_token, "Fanfare is listening");
        }
        LogFormat::Text => {
            let file = loaded.file.as_ref().map(|file| format!("  settings     {}\n", file.display()));
            eprintln!(
                "Fanfare {version} is listening on {url}\n\n  \
                 database     {database}\n  \
                 admin token  {admin_token}\n  \
                 data         {data_dir}\n{}  \
                 API          {url}/api/docs\n",
                file.unwrap_or_default()
            );
        }
    }
}

/// Shows the link by which the first account is made. The key stands behind a `#`, which browsers keep to themselves.
fn invite(url: &str, key: &SecretString, format: LogFormat) {
    let link = format!("{url}/setup#{}", key.expose_secret());
    match format {
        LogFormat::Json => tracing::info!(link, "there is no account yet: this link makes the first one, once"),
        LogFormat::Text => eprintln!("  There is no account yet. This link makes the first one, once:\n  {link}\n"),
    }
}

/// The signals that mean: stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::Failed(format!("signals cannot be heard: {error}")));
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    /// Waits for the next one.
    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_the_toml_files_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("b.toml", "B"), ("a.toml", "A"), ("notes.md", "N")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let texts: Vec<_> = event_types(Some(dir.path())).unwrap().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["A", "B"]);
        let missing = event_types(Some(&dir.path().join("x"))).unwrap_err();
        assert_eq!(missing.code(), 2);
        assert!(missing.words().unwrap().starts_with("FANFARE_EVENT_TYPES_DIR: "));
    }

    #[test]
    fn a_database_elsewhere_has_a_lock_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("x.db");
        let held = locks(&dir.path().join("."), &Database::Sqlite(dir.path().join("./x.db"))).unwrap();
        assert_eq!(held.len(), 1);
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        assert_eq!(locks(&other, &Database::Sqlite(file)).unwrap().len(), 2);
        assert!(locks(&other, &Database::Postgres("postgres://x".into())).unwrap().is_empty());
    }
}
