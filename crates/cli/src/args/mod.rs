//! The command line: what can be said, and how it is explained.

mod access;
mod channels;
mod configure;
mod deliveries;
mod events;
mod jobs;
mod serve;
#[cfg(test)]
mod tests;
mod whole;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use access::{
    AuditCommand, AuditFilters, ExportFormat, Role, TokenArgs, TokensCommand, UserUpdate, UsersCommand,
};
pub(crate) use channels::{ChannelsCommand, KindsCommand, PreviewArgs};
pub(crate) use configure::{
    ChannelCreate, ChannelDelete, ChannelUpdate, DecideCommand, GlobalArgs, JobCreate, JobUpdate, Lane, OrDefault,
    SettingsCommand, Tells, TypeChannels,
};
pub(crate) use deliveries::{DeliveriesCommand, DeliveryFilters, RetryArgs};
pub(crate) use events::{
    ConditionState, EventArgs, EventTypesCommand, EventsCommand, ExplainArgs, ExplainedOutcome, SendArgs, TestArgs,
    WordingArgs,
};
pub(crate) use jobs::{JobsCommand, Outcome, PingKeyArgs, RunArgs};
pub(crate) use serve::ServeFlags;
pub(crate) use whole::{ApplyArgs, Consent, ExportArgs, ImportArgs, KeysCommand, OutboundCommand, PassphraseArgs};

/// Fanfare tells the right people what happened, and can show that it did.
///
/// Without a command, it serves.
#[derive(Debug, Parser)]
#[command(name = "fanfare", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(flatten)]
    pub(crate) serve: ServeFlags,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

const AFTER_HELP: &str = "Every setting can also stand in fanfare.toml or in a variable: --listen is listen there and \
                          FANFARE_LISTEN here. Flags win over variables, variables over the file.";

/// What every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Common options")]
pub(crate) struct Common {
    /// The configuration file, instead of fanfare.toml in the working directory or the data directory
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the server keeps its data [default: ./fanfare-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<String>,
    /// The server to talk to [default: the one on this machine]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Print the server's answer as it is, in JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(Box<ServeFlags>),
    /// Send an event
    Send(SendArgs),
    /// Run a command as a run of a job, and report how it ended
    Run(RunArgs),
    /// Say who would hear of an event and what they would be told; nothing is sent
    Explain(ExplainArgs),
    /// The configured destinations
    #[command(subcommand)]
    Channels(ChannelsCommand),
    /// What kinds of channel there are
    #[command(subcommand)]
    ChannelKinds(KindsCommand),
    /// What can happen
    #[command(subcommand)]
    EventTypes(EventTypesCommand),
    /// Named pieces of work whose runs are told of
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// What has happened
    #[command(subcommand)]
    Events(EventsCommand),
    /// What was sent to whom, and how that went
    #[command(subcommand)]
    Deliveries(DeliveriesCommand),
    /// Who may sign in
    #[command(subcommand)]
    Users(UsersCommand),
    /// What lets programs in
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Who changed what, and when
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Who hears of system events
    #[command(subcommand)]
    Settings(SettingsCommand),
    /// Which networks the server may reach besides public addresses
    #[command(subcommand)]
    Outbound(OutboundCommand),
    /// The keys that secrets are encrypted with
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Write the whole configuration into one document
    Export(ExportArgs),
    /// Make the configuration what an exported document says
    Import(ImportArgs),
    /// Make channels, jobs and settings what a file wants, by name
    Apply(ApplyArgs),
}

/// Which stretch of a long list.
#[derive(Debug, Args)]
pub(crate) struct Stretch {
    /// How many at the most, 1 to 200 [default: 50]
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u16>,
    /// Where the page before ended
    #[arg(long, value_name = "CURSOR")]
    pub(crate) cursor: Option<String>,
}

/// The word for one of the listed values, as the API spells it.
pub(crate) fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
