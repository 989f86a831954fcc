//! The settings of the server that may be given as flags.

use clap::Args;
use serde::Serialize;

/// The settings of the server that may be given as flags. Key and token are not among them: every user of the machine
/// can read another process's arguments.
#[derive(Clone, Debug, Default, PartialEq, Args, Serialize)]
#[command(next_help_heading = "Options of serve")]
pub(crate) struct ServeFlags {
    /// Address and port to listen on [default: 127.0.0.1:8600]
    #[arg(long, value_name = "ADDRESS:PORT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<String>,
    /// The database, if not SQLite in the data directory: sqlite:PATH or postgres://… (others can see a password here;
    /// FANFARE_DATABASE_URL hides it)
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database_url: Option<String>,
    /// Networks that outbound requests may reach besides public addresses, separated by commas
    #[arg(long, value_name = "CIDR,…")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_networks: Option<String>,
    /// Certificates in PEM that are trusted besides the public authorities
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extra_ca_file: Option<String>,
    /// More event types, one TOML file each
    #[arg(long, value_name = "DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event_types_dir: Option<String>,
    /// Variables that channels may refer to besides FANFARE_VAR_*, separated by commas
    #[arg(long, value_name = "NAME,…")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) env_allow: Option<String>,
    /// How much Fanfare logs: error, warn, info, debug, trace or off [default: info]
    #[arg(long, value_name = "LEVEL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log: Option<String>,
    /// Whether the log is text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) log_format: Option<String>,
}
