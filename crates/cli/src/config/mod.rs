//! What Fanfare is told before it starts: a file, then variables, then flags, each over the one before.

mod error;
mod layers;
mod list;

use std::{
    ffi::OsString,
    net::IpAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use fanfare::{LanePolicy, Limits, core::RetryPolicy};
use fanfare_server::RateLimits;
use figment::{
    Figment,
    value::{Dict, Value},
};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de};
use tracing::level_filters::LevelFilter;

pub(crate) use error::ConfigError;
use error::Origin;
pub(crate) use layers::sqlite_file;
use layers::{Layer, environment, file};
use list::list;

use crate::args::{Common, ServeFlags};

const FILE: &str = "fanfare.toml";
const DEFAULT_DATA_DIR: &str = "./fanfare-data";

/// Every setting, as the keys of `fanfare.toml` name them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// Address and port to listen on.
    pub(crate) listen: String,
    /// Where data, key and token are kept.
    pub(crate) data_dir: PathBuf,
    /// The database, if not SQLite in the data directory. It may hold a password.
    pub(crate) database_url: Option<SecretString>,
    /// The keys that secrets are encrypted with.
    pub(crate) secret_key: Option<SecretString>,
    /// A token that may do everything.
    pub(crate) admin_token: Option<SecretString>,
    /// What outbound requests may reach besides public addresses.
    #[serde(deserialize_with = "networks")]
    pub(crate) allow_networks: Option<Vec<IpNet>>,
    /// Certificates that are trusted besides the public authorities.
    pub(crate) extra_ca_file: Option<PathBuf>,
    /// More event types.
    pub(crate) event_types_dir: Option<PathBuf>,
    /// Variables that channels may refer to.
    #[serde(deserialize_with = "list")]
    pub(crate) env_allow: Vec<String>,
    /// How much Fanfare itself logs.
    #[serde(deserialize_with = "level")]
    pub(crate) log: LevelFilter,
    /// In which form.
    pub(crate) log_format: LogFormat,
    /// Proxies whose word is taken for where a request comes from, besides those on this machine.
    #[serde(deserialize_with = "networks")]
    pub(crate) trusted_proxies: Option<Vec<IpNet>>,
    /// How many requests are taken.
    pub(crate) limits: LimitSettings,
    /// The engine's own.
    pub(crate) engine: EngineSettings,
    /// The server that the command line talks to.
    pub(crate) url: Option<String>,
    /// The token that it sends.
    pub(crate) token: Option<SecretString>,
    /// What it signs with what it sends, where the token demands that.
    pub(crate) signing_secret: Option<SecretString>,
    /// Where reports of runs wait that could not be sent, if not in the user's state directory.
    pub(crate) spool_dir: Option<PathBuf>,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs, a document on each line.
    Json,
}

/// The table `[engine]`: how long the engine waits for what. What is absent has its documented value.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EngineSettings {
    /// The waits in seconds; the last one repeats.
    retry_schedule_s: Option<Vec<Seconds>>,
    /// How long a delivery lives, in seconds.
    lifetime_s: Option<Seconds>,
    /// By how much a wait may vary, as a share of it.
    #[serde(deserialize_with = "share")]
    jitter: Option<f64>,
    /// After how many seconds of silence other nodes take over a node's deliveries.
    lease_s: Option<Seconds>,
    /// The waits before the probes of a channel whose configuration is wrong, in seconds; the last one repeats.
    probe_schedule_s: Option<Vec<Seconds>>,
    /// Over how long five attempts in a row must have failed for a channel to count as failing, in seconds.
    failing_after_s: Option<Seconds>,
    /// How long the oldest delivery must have waited for a storm to be told as one, in seconds.
    digest_after_s: Option<Seconds>,
    /// How long an outbound HTTP connection may take to be made, in seconds.
    connect_timeout_s: Option<Seconds>,
    /// How long a whole outbound HTTP exchange may take, in seconds.
    exchange_timeout_s: Option<Seconds>,
    /// How long the ledger tells of an event, in seconds.
    retention_s: Option<Seconds>,
    /// How long a transaction waits for its turn, in seconds.
    busy_timeout_s: Option<Seconds>,
}

/// The table `[limits]`: how many requests a second are taken for long, 0 for any number. What is absent has its
/// documented value.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitSettings {
    /// With one token, or one account.
    requests_per_token: Option<u32>,
    /// From one address.
    requests_per_address: Option<u32>,
}

impl LimitSettings {
    /// The limits with what is set here.
    pub(crate) fn rate_limits(&self) -> RateLimits {
        let default = RateLimits::default();
        RateLimits {
            per_token: self.requests_per_token.map_or(default.per_token, NonZeroU32::new),
            per_address: self.requests_per_address.map_or(default.per_address, NonZeroU32::new),
        }
    }
}

/// What was read, and what is to be said about it.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) settings: Settings,
    /// The file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// What looks like a mistake but does no harm.
    pub(crate) warnings: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8600".into(),
            data_dir: DEFAULT_DATA_DIR.into(),
            database_url: None,
            secret_key: None,
            admin_token: None,
            allow_networks: None,
            extra_ca_file: None,
            event_types_dir: None,
            env_allow: Vec::new(),
            log: LevelFilter::INFO,
            log_format: LogFormat::default(),
            trusted_proxies: None,
            limits: LimitSettings::default(),
            engine: EngineSettings::default(),
            url: None,
            token: None,
            signing_secret: None,
            spool_dir: None,
        }
    }
}

impl EngineSettings {
    /// The retry policy with what is set here.
    pub(crate) fn retry_policy(&self) -> RetryPolicy {
        let mut policy = RetryPolicy::default();
        if let Some(schedule) = &self.retry_schedule_s {
            policy.schedule = schedule.iter().map(|wait| wait.0).collect();
        }
        set(&mut policy.lifetime, &self.lifetime_s);
        policy.jitter = self.jitter.unwrap_or(policy.jitter);
        policy
    }

    /// How long the ledger tells of an event.
    pub(crate) fn retention(&self) -> Duration {
        self.retention_s.as_ref().map_or(fanfare::RETENTION, |retention| retention.0)
    }

    /// After how much silence other nodes take over a node's deliveries.
    pub(crate) fn lease(&self) -> Duration {
        self.lease_s.as_ref().map_or(fanfare::LEASE, |lease| lease.0)
    }

    /// How long a transaction waits for its turn.
    pub(crate) fn busy_timeout(&self) -> Option<Duration> {
        self.busy_timeout_s.as_ref().map(|timeout| timeout.0)
    }

    /// The policy of lanes with what is set here.
    pub(crate) fn lane_policy(&self) -> LanePolicy {
        let mut policy = LanePolicy::default();
        if let Some(schedule) = &self.probe_schedule_s {
            policy.probes = schedule.iter().map(|wait| wait.0).collect();
        }
        set(&mut policy.failing_after, &self.failing_after_s);
        set(&mut policy.digest.after, &self.digest_after_s);
        policy
    }

    /// The limits of outbound HTTP with what is set here.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        set(&mut limits.connect, &self.connect_timeout_s);
        set(&mut limits.exchange, &self.exchange_timeout_s);
        limits
    }
}

/// Reads the settings. Relative paths in the file start at the file's directory, others at the working directory.
pub(crate) fn load(
    common: &Common,
    flags: &[&ServeFlags],
    variables: impl IntoIterator<Item = (OsString, OsString)>,
    working_dir: &Path,
) -> Result<Loaded, ConfigError> {
    let (environment, warnings) = environment(variables)?;
    let flags = layers::flags(common, flags)?;
    let in_data_dir = || {
        let data_dir = [&flags, &environment].into_iter().find_map(|layer| layer.text("data_dir"));
        working_dir.join(data_dir.unwrap_or(DEFAULT_DATA_DIR)).join(FILE)
    };
    let found = match &common.config {
        Some(path) => Some((path.clone(), file(path)?.ok_or_else(|| ConfigError::no_file(path))?)),
        None => {
            let mut found = None;
            for path in [working_dir.join(FILE), in_data_dir()] {
                if let Some(layer) = file(&path)? {
                    found = Some((path, layer));
                    break;
                }
            }
            found
        }
    };
    let (file, from_file) = found.unzip();
    let figment = Figment::from(from_file.unwrap_or_else(|| Layer::new(Origin::Default, Dict::new())))
        .merge(environment)
        .merge(flags);
    let settings: Settings = figment.extract().map_err(|error| ConfigError::of(error, file.as_deref()))?;
    Ok(Loaded { settings, file, warnings })
}

fn set(duration: &mut Duration, seconds: &Option<Seconds>) {
    if let Some(seconds) = seconds {
        *duration = seconds.0;
    }
}

#[derive(Debug)]
struct Seconds(Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        let duration = Duration::try_from_secs_f64(seconds).ok().filter(|_| seconds <= A_YEAR);
        duration.map(Self).ok_or_else(|| de::Error::custom("must be a number of seconds, 0 or more, up to a year"))
    }
}

/// Far beyond any use, and far below what overflows when it is added to a time.
const A_YEAR: f64 = 366.0 * 24.0 * 3600.0;

fn share<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let share = f64::deserialize(deserializer)?;
    if (0.0..=1.0).contains(&share) { Ok(Some(share)) } else { Err(de::Error::custom("must be a number from 0 to 1")) }
}

fn level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<LevelFilter, D::Error> {
    let wanted = String::deserialize(deserializer)?;
    // The type would read numbers too, which nobody could explain.
    let level = match wanted.to_ascii_lowercase().as_str() {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => return Err(de::Error::custom("must be one of off, error, warn, info, debug, trace")),
    };
    Ok(level)
}

fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<IpNet>>, D::Error> {
    let network = |text: &String| {
        text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
            de::Error::custom(format!("{text:?} is no network; one is written like 192.168.1.0/24 or fd00::/8"))
        })
    };
    list(deserializer)?.iter().map(network).collect::<Result<_, _>>().map(Some)
}

/// A text as figment keeps it.
fn text(value: impl Into<String>) -> Value {
    Value::from(value.into())
}

#[cfg(test)]
mod tests;
