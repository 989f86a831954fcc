//! Opening the database: connections, migrations, and whose deliveries are whose.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicI64},
    time::Duration,
};

use jiff::Timestamp;
use sea_orm::{
    ActiveValue::Set,
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait,
    TransactionTrait,
    sqlx::{
        self, Connection, PgConnection,
        postgres::PgConnectOptions,
        sqlite::{SqliteJournalMode, SqliteSynchronous},
    },
};
use sea_orm_migration::MigratorTrait;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    Keyring, KeyringError, StoreError, check::check, commit::immediate, entity::meta, keyring::Keys,
    migration::Migrator, rotate::FINGERPRINT, sqlite::Direct,
};

/// Where the database is, and what secrets in it are encrypted with.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// The keys.
    pub keyring: Keyring,
    /// How long a transaction waits for its turn: on SQLite for another process's to end, on PostgreSQL for a
    /// connection.
    pub busy_timeout: Duration,
}

impl StoreOptions {
    /// SQLite in this file.
    pub fn sqlite(file: impl Into<PathBuf>, keyring: Keyring) -> Self {
        Self { url: format!("sqlite:{}", file.into().display()), keyring, busy_timeout: BUSY }
    }
}

/// The database. Cheap to clone.
///
/// On SQLite there is one connection for what is accepted and recorded, one for all other changes, and several that
/// read; a write waits for the one before.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) writer: DatabaseConnection,
    pub(crate) reader: DatabaseConnection,
    /// On SQLite, where what is accepted and recorded is written.
    pub(crate) direct: Option<Direct>,
    pub(crate) keyring: Keys,
    /// Columns of other tables that hold sealed values.
    pub(crate) sealed_elsewhere: Arc<Mutex<Vec<(&'static str, &'static str)>>>,
    /// This start of this node, which owns the deliveries it has in memory.
    pub(crate) owner: Arc<AtomicI64>,
}

/// How many statements stay prepared. Those of the writer come for few numbers of rows; under a steady load, all that
/// occur fit in here.
const STATEMENTS: usize = 96;

/// After how many pages of 4 KiB the write-ahead log is merged into the file. Most commits touch the same few pages
/// of every index; merged less often than SQLite's 1,000, each of them is written once instead of many times.
const CHECKPOINT_PAGES: &str = "4000";

/// How long a transaction waits for its turn, unless it is set otherwise.
pub const BUSY: Duration = Duration::from_secs(5);

/// How long a statement waits in this process for a connection to SQLite.
const QUEUE: Duration = Duration::from_secs(10);

/// How long a PostgreSQL that does not answer is waited for at the start: it may be starting, too.
const STARTING: Duration = Duration::from_secs(10);

/// How long lies between two attempts to reach it.
const KNOCK: Duration = Duration::from_millis(250);

/// PostgreSQL's `cannot_connect_now`: it is starting or stopping.
const NOT_NOW: &str = "57P03";

/// The advisory lock that is held while tables are brought up to date; a number that nobody else is likely to use.
const MIGRATING: i64 = 0x66_616e_6661_7265;

impl Store {
    /// Connects, brings the tables up to date and registers this start of the node.
    ///
    /// On SQLite the caller makes sure that no other process works on the same database; whatever an earlier start had
    /// in memory is taken back at once. Fails where the key is not the one the database was written with.
    pub async fn open(options: &StoreOptions, now: Timestamp) -> Result<Self, StoreError> {
        let busy = options.busy_timeout;
        let (writer, reader) = connect(&options.url, busy).await?;
        migrate::<Migrator>(&writer).await?;
        check_key(&writer, &options.keyring).await?;
        let direct = file_of(&options.url).map(|file| Direct::open(Path::new(file), busy));
        let (direct, keyring) = (direct.transpose()?, Keys::new(options.keyring.clone()));
        let store = Self { writer, reader, direct, keyring, sealed_elsewhere: Arc::default(), owner: Arc::default() };
        store.join(now).await?;
        Ok(store)
    }

    /// A transaction that may write after reading, for tables that are not this crate's own. On SQLite it is the one
    /// that writes, so whoever holds it keeps everybody else waiting.
    pub async fn begin(&self) -> Result<DatabaseTransaction, StoreError> {
        immediate(&self.writer).await
    }

    /// The connections that read, for tables that are not this crate's own.
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Brings tables up to date that are not this crate's own.
    pub async fn migrate<M: MigratorTrait>(&self) -> Result<(), StoreError> {
        migrate::<M>(&self.writer).await
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        Ok(self.reader.execute_unprepared("SELECT 1").await.map(drop)?)
    }

    /// Ends all connections; on SQLite the write-ahead log is merged into the file.
    pub async fn close(self) -> Result<(), StoreError> {
        if let Some(direct) = &self.direct {
            direct.close();
        }
        self.reader.close().await?;
        Ok(self.writer.close().await?)
    }
}

/// One node at a time: of several that start together on a new version, the others find everything done.
async fn migrate<M: MigratorTrait>(db: &DatabaseConnection) -> Result<(), StoreError> {
    if db.get_database_backend() != DbBackend::Postgres {
        return Ok(M::up(db, None).await?);
    }
    let lock = db.begin().await?;
    lock.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({MIGRATING})")).await?;
    M::up(db, None).await?;
    Ok(lock.commit().await?)
}

async fn connect(url: &str, busy: Duration) -> Result<(DatabaseConnection, DatabaseConnection), StoreError> {
    let base = |url: &str| {
        let mut options = ConnectOptions::new(url);
        options.sqlx_logging(false).test_before_acquire(false).acquire_timeout(QUEUE);
        options
    };
    if let Some(file) = file_of(url) {
        let file = file.to_owned();
        check(Path::new(&file))?;
        make_private(&file)?;
        let sqlite = move |connections| {
            let file = file.clone();
            // The file goes in below: in a URL, a "?" in its path would have a meaning.
            let mut options = base("sqlite:file");
            options.min_connections(1).max_connections(connections).map_sqlx_sqlite_opts(move |sqlite| {
                sqlite
                    .filename(&file)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(busy)
                    .foreign_keys(true)
                    .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
                    // What SQLite sets aside while it works on a statement would be a file made and removed.
                    .pragma("temp_store", "MEMORY")
                    .statement_cache_capacity(STATEMENTS)
            });
            options
        };
        let writer = Database::connect(sqlite(1)).await?;
        Ok((writer, Database::connect(sqlite(4)).await?))
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        reach(url).await?;
        let mut options = base(url);
        options
            .max_connections(8)
            .acquire_timeout(busy)
            .test_before_acquire(true)
            .map_sqlx_postgres_opts(|postgres| postgres.statement_cache_capacity(STATEMENTS));
        let pool = Database::connect(options).await?;
        Ok((pool.clone(), pool))
    } else {
        Err(StoreError::Url)
    }
}

/// Makes sure that PostgreSQL answers. The pool would only say that it has waited for too long; this says for what.
async fn reach(url: &str) -> Result<(), StoreError> {
    let options: PgConnectOptions = url.parse().map_err(|error: sqlx::Error| StoreError::Unreachable {
        place: "FANFARE_DATABASE_URL".into(),
        cause: error.to_string(),
    })?;
    let place = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let deadline = Instant::now() + STARTING;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let error = match timeout(left, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => {
                // It has answered; that is all it was for.
                let _ = connection.close().await;
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()),
        };
        let may_come = match &error {
            sqlx::Error::Io(_) => true,
            sqlx::Error::Database(error) => error.code().is_some_and(|code| code == NOT_NOW),
            _ => false,
        };
        if !may_come || Instant::now() + KNOCK >= deadline {
            return Err(StoreError::Unreachable { place, cause: error.to_string() });
        }
        sleep(KNOCK).await;
    }
}

/// The file that an address of SQLite names.
fn file_of(url: &str) -> Option<&str> {
    Some(url.strip_prefix("sqlite:")?.trim_start_matches("//"))
}

/// Makes the file before SQLite does, for the owner alone; SQLite gives the files beside it the same mode.
fn make_private(file: &str) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file).map(drop).map_err(|error| StoreError::File(file.into(), error))
}

/// Remembers the fingerprint of the first key that the database was written with, and insists on it.
async fn check_key(db: &DatabaseConnection, keyring: &Keyring) -> Result<(), StoreError> {
    match meta::Entity::find_by_id(FINGERPRINT).one(db).await? {
        Some(row) if keyring.has(&row.value) => Ok(()),
        Some(_) => Err(KeyringError::WrongKey.into()),
        None => {
            let row = meta::ActiveModel { name: Set(FINGERPRINT.into()), value: Set(keyring.fingerprint()) };
            meta::Entity::insert(row).exec_without_returning(db).await?;
            Ok(())
        }
    }
}
