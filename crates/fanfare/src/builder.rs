//! Putting the parts together.

use std::{sync::Arc, time::Duration};

use fanfare_core::{
    AddressPolicy, Catalog, CatalogError, Kind, NoUsers, Registry, RetryPolicy, TransportError, UserDirectory,
    Variables,
};
use fanfare_engine::{Clock, Engine, EngineError, EngineParts, LEASE, LanePolicy, RETENTION, SteadyClock, SystemClock};
use fanfare_http::{HttpTransport, Limits};
use fanfare_net::{Guard, NetError, Outbound, tls_config};
use fanfare_store::{BUSY, Keyring, KeyringError, Store, StoreError, StoreOptions};

use crate::{Environment, registry};

/// A Fanfare in the making: a database and a key, and defaults for everything else.
#[derive(Debug)]
pub struct Fanfare {
    url: String,
    keyring: Keyring,
    event_types: Vec<(String, String)>,
    registry: Registry,
    addresses: Option<AddressPolicy>,
    extra_ca_pem: Option<Vec<u8>>,
    variables: Arc<dyn Variables>,
    users: Arc<dyn UserDirectory>,
    retry: RetryPolicy,
    lease: Duration,
    lanes: LanePolicy,
    limits: Limits,
    retention: Duration,
    busy_timeout: Duration,
    clock: Arc<dyn Clock>,
}

/// Why Fanfare cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An event type is wrong.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The extra certificates cannot be used.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The HTTP client cannot be built.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The database cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The engine cannot start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Fanfare {
    /// Keeps everything in the database at `url` (`sqlite:PATH` or `postgres://…`), with secrets encrypted by
    /// `secret_key`: 32 bytes in base64, or several separated by commas, of which the first encrypts.
    ///
    /// Only one process may work on the same SQLite file; locking it is the caller's business.
    pub fn builder(url: impl Into<String>, secret_key: &str) -> Result<Self, KeyringError> {
        Ok(Self {
            url: url.into(),
            keyring: Keyring::parse(secret_key)?,
            event_types: Vec::new(),
            registry: registry(),
            addresses: None,
            extra_ca_pem: None,
            variables: Arc::new(Environment::default()),
            users: Arc::new(NoUsers),
            retry: RetryPolicy::default(),
            lease: LEASE,
            lanes: LanePolicy::default(),
            limits: Limits::default(),
            retention: RETENTION,
            busy_timeout: BUSY,
            clock: Arc::new(SteadyClock::new(SystemClock)),
        })
    }

    /// Adds an event type: the text of a TOML file, and the name under which errors speak of it.
    #[must_use]
    pub fn event_type(mut self, file: impl Into<String>, toml: impl Into<String>) -> Self {
        self.event_types.push((file.into(), toml.into()));
        self
    }

    /// Adds a kind of channel.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.registry = self.registry.with(kind);
        self
    }

    /// Fixes which networks outbound connections may reach besides public addresses. Otherwise the settings say so
    /// ([`Engine::replace_outbound`]); until they do, it is the private ranges of a home or office, without this
    /// machine itself.
    #[must_use]
    pub fn addresses(mut self, addresses: AddressPolicy) -> Self {
        self.addresses = Some(addresses);
        self
    }

    /// Certificates in PEM that are trusted besides the public roots.
    #[must_use]
    pub fn extra_ca(mut self, pem: Vec<u8>) -> Self {
        self.extra_ca_pem = Some(pem);
        self
    }

    /// Where channels' references to variables are looked up; by default, see [`Environment`].
    #[must_use]
    pub fn variables(mut self, variables: impl Variables + 'static) -> Self {
        self.variables = Arc::new(variables);
        self
    }

    /// Who knows the application's users: asked for the name and address of a user whom an event names by
    /// [`id`](fanfare_core::User::id) alone. By default nobody does, and such a user has no address.
    ///
    /// It is asked while [`Engine::accept`] and [`Engine::explain`] are waited for, and has two seconds. If it fails
    /// or takes longer, that is logged and the event goes on as if the user were unknown: it is never lost.
    #[must_use]
    pub fn users(mut self, users: impl UserDirectory + 'static) -> Self {
        self.users = Arc::new(users);
        self
    }

    /// When failed deliveries are tried again.
    #[must_use]
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// How long this node may be silent before others that work on the same PostgreSQL take over its deliveries; at
    /// least a quarter of a second, by default [`LEASE`]. The same for all nodes. Of no meaning on SQLite.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// When lanes probe and gather, and what makes a channel count as failing.
    #[must_use]
    pub fn lanes(mut self, lanes: LanePolicy) -> Self {
        self.lanes = lanes;
        self
    }

    /// How much one outbound HTTP exchange may take.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// How long the ledger tells of an event of which nothing waits; by default [`RETENTION`], 90 days.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// How long a transaction waits for its turn, on SQLite for that of another process to end, on PostgreSQL for a
    /// connection; by default 5 s. What waited in vain is refused, and nothing of it is stored.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Another clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Opens the database, checks the catalog and starts. What an earlier start left pending is taken up at once.
    pub async fn start(self) -> Result<Engine, StartError> {
        self.open().await?.start().await
    }

    /// Does all of [`start`](Self::start) but the last step, for who keeps tables of its own in the same database.
    pub async fn open(self) -> Result<Opened, StartError> {
        let added = self.event_types.iter().map(|(file, toml)| (file.as_str(), toml.as_str()));
        let catalog = Catalog::builtin()?.with_types(added)?;
        let tls = tls_config(self.extra_ca_pem.as_deref())?;
        let locked = self.addresses.is_some();
        let guard = Arc::new(Guard::new(self.addresses.unwrap_or_else(AddressPolicy::home_and_office)));
        let transport = Arc::new(HttpTransport::new(guard.clone(), tls, self.limits)?);
        let network = Outbound::new(guard, self.extra_ca_pem);
        let network = Arc::new(if locked { network.locked() } else { network });
        let options = StoreOptions { url: self.url, keyring: self.keyring, busy_timeout: self.busy_timeout };
        let store = Store::open(&options, self.clock.now()).await?;
        let parts = EngineParts::new(store, catalog, self.registry, transport, network, self.variables);
        let Self { retry, lanes, lease, retention, clock, users, .. } = self;
        Ok(Opened(EngineParts { retry, lanes, lease, retention, clock, users, ..parts }))
    }
}

/// A Fanfare with its database open, which has not started.
#[derive(Debug)]
pub struct Opened(EngineParts);

impl Opened {
    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// Who knows the users, as [`Fanfare::users`] says, where that is known only now.
    #[must_use]
    pub fn users(mut self, users: impl UserDirectory + 'static) -> Self {
        self.0.users = Arc::new(users);
        self
    }

    /// Starts. What an earlier start left pending is taken up at once.
    pub async fn start(self) -> Result<Engine, StartError> {
        Ok(Engine::start(self.0).await?)
    }
}
