//! The command line: what can be said, and how it is explained.

mod access;
mod configure;

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

pub(crate) use access::{
    AuditCommand, AuditFilters, ExportFormat, Role, TokenArgs, TokensCommand, UserUpdate, UsersCommand,
};
pub(crate) use configure::{
    ChannelCreate, ChannelDelete, ChannelUpdate, DecideCommand, GlobalArgs, JobCreate, JobUpdate, Lane, OrDefault,
    SettingsCommand, Tells, TypeChannels,
};

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

/// `fanfare apply`
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The file, in TOML; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only say what would change
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do it without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// `fanfare export`
#[derive(Debug, Args)]
#[command(after_help = AFTER_PASSPHRASE)]
pub(crate) struct ExportArgs {
    /// Where to write it, readable for you alone; to standard output if absent
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// `fanfare import`
#[derive(Debug, Args)]
#[command(after_help = AFTER_PASSPHRASE)]
pub(crate) struct ImportArgs {
    /// The document; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only say what would change
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// Do it without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) passphrase: PassphraseArgs,
}

/// Where the passphrase comes from. Not from an argument, which every user of the machine could read.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// A file whose first line is the passphrase
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

const AFTER_PASSPHRASE: &str = "The passphrase that encrypts the secrets in the document is read from \
                                --passphrase-file, else from FANFARE_PASSPHRASE, else from the terminal.";

/// `fanfare keys`
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Encrypt all secrets anew while the server runs: with a new key in the server's key file, or with the first of
    /// FANFARE_SECRET_KEY where that is set
    Rotate,
}

/// `fanfare outbound`
#[derive(Debug, Subcommand)]
pub(crate) enum OutboundCommand {
    /// List the networks
    Show,
    /// Let the server reach these networks too
    Allow {
        /// Networks such as 192.168.1.0/24, or single addresses
        #[arg(value_name = "CIDR", required = true)]
        networks: Vec<String>,
    },
    /// Let it reach these networks no more
    Forbid {
        /// Networks as the list shows them
        #[arg(value_name = "CIDR", required = true)]
        networks: Vec<String>,
    },
}

/// An event on the command line.
#[derive(Debug, Args)]
pub(crate) struct EventArgs {
    /// Its data: KEY=VALUE, KEY:=JSON for anything that is not plain text, or KEY@=FILE for the text of a file
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) data: Vec<String>,
    /// The id of the user it is about
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Option<String>,
    /// That user's name
    #[arg(long, value_name = "NAME")]
    pub(crate) user_name: Option<String>,
    /// That user's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) user_email: Option<String>,
    /// When it happened, such as 2026-03-29T01:30:00Z; now if absent
    #[arg(long, value_name = "TIME")]
    pub(crate) occurred_at: Option<String>,
}

/// `fanfare send`
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The event's type, such as system_error
    #[arg(value_name = "TYPE")]
    pub(crate) event_type: String,
    #[command(flatten)]
    pub(crate) event: EventArgs,
    /// What recognises a repeat of this command within 24 hours
    #[arg(long, value_name = "KEY")]
    pub(crate) idempotency_key: Option<String>,
}

/// `fanfare explain`
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// The event's type; not with --job
    #[arg(value_name = "TYPE", required_unless_present = "job")]
    pub(crate) event_type: Option<String>,
    #[command(flatten)]
    pub(crate) event: EventArgs,
    /// A run of this job (name or id) instead of an event
    #[arg(long, value_name = "JOB", requires = "outcome", conflicts_with_all = ["user_id", "user_name", "user_email"])]
    pub(crate) job: Option<String>,
    /// How that run ended
    #[arg(long, requires = "job")]
    pub(crate) outcome: Option<Outcome>,
    /// Try out the wording in this file (JSON) instead of the one that is saved; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) wording: Option<PathBuf>,
}

/// `fanfare run`
#[derive(Debug, Args)]
#[command(after_help = AFTER_RUN)]
pub(crate) struct RunArgs {
    /// The job that this is a run of (name or id); it is not made where there is none
    #[arg(long, value_name = "JOB")]
    pub(crate) job: String,
    /// What the command works on, as people call it
    #[arg(long, value_name = "NAME")]
    pub(crate) source: Option<String>,
    /// Exit codes that mean that a part of it went well, such as 1,3
    #[arg(long, value_name = "CODE,…", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) partial_exit: Vec<u8>,
    /// A file or directory that the command makes, whose size is reported; several are added up
    #[arg(long, value_name = "PATH")]
    pub(crate) size_of: Vec<PathBuf>,
    /// Never show a line with the time that has passed, as a terminal does while the command is silent
    #[arg(long)]
    pub(crate) no_progress: bool,
    /// Say that all is well even where no person watches
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// The command and its arguments, behind --
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

const AFTER_RUN: &str = "The command's output and exit code are passed through; 127 is a command that was not found, 126 \
                         one that could not be run, 128 and more one that a signal ended. A report that fails changes \
                         none of this. With --json, the server's answer goes to standard error.";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Outcome {
    Success,
    Partial,
    Failure,
}

/// `fanfare channels`
#[derive(Debug, Subcommand)]
pub(crate) enum ChannelsCommand {
    /// List all channels
    List,
    /// Show one channel
    Show {
        /// Its name or id
        channel: String,
    },
    /// Send a sample through a channel, now
    Test {
        /// Its name or id
        channel: String,
    },
    /// Show exactly what would be sent of an event type's sample, without sending it
    Preview(PreviewArgs),
    /// List the kinds of channel
    Kinds,
    /// Make a channel
    Create(ChannelCreate),
    /// Change a channel
    Update(ChannelUpdate),
    /// Let a channel send, and send what is held for it
    Enable {
        /// Its name or id
        channel: String,
    },
    /// Hold what is meant for a channel, for 7 days at the most
    Disable {
        /// Its name or id
        channel: String,
    },
    /// Delete a channel
    Delete(ChannelDelete),
}

/// `fanfare channels preview`
#[derive(Debug, Args)]
pub(crate) struct PreviewArgs {
    /// A kind, which needs no server; or the name or id of a channel
    #[arg(value_name = "KIND")]
    pub(crate) channel: String,
    /// The event type, such as system_error
    #[arg(value_name = "EVENT_TYPE")]
    pub(crate) event_type: String,
}

/// `fanfare channel-kinds`
#[derive(Debug, Subcommand)]
pub(crate) enum KindsCommand {
    /// List the kinds of channel
    List,
}

/// `fanfare event-types`
#[derive(Debug, Subcommand)]
pub(crate) enum EventTypesCommand {
    /// List all event types
    List,
    /// Show one event type and its data
    Show {
        /// Its id, such as system_error
        #[arg(value_name = "TYPE")]
        event_type: String,
    },
    /// Send a sample of an event type to everyone who would hear of it, now
    Test(TestArgs),
    /// Read the files of event types as a server would, and say what is wrong; needs no server
    Check {
        /// Files in TOML, or directories of them
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Show, set or reset what its events say instead of the event type's own words
    Wording(WordingArgs),
    #[command(flatten)]
    Decide(DecideCommand),
}

/// `fanfare event-types wording` and `fanfare jobs wording`
#[derive(Debug, Args)]
pub(crate) struct WordingArgs {
    /// The id of the event type, or the name or id of the job
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Set it to what a file in JSON says; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "reset")]
    pub(crate) set: Option<PathBuf>,
    /// Go back to the event type's own words
    #[arg(long)]
    pub(crate) reset: bool,
}

/// `fanfare event-types test` and `fanfare events test`
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// The event's type, such as system_error
    #[arg(value_name = "TYPE")]
    pub(crate) event_type: String,
    /// The address that stands for the user's
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) user_email: Option<String>,
}

/// `fanfare jobs`
#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// List all jobs
    List,
    /// Show one job
    Show {
        /// Its name or id
        job: String,
    },
    /// Show, set or reset what its runs say instead of the event types' own words
    Wording(WordingArgs),
    /// Make a job
    Create(JobCreate),
    /// Change a job
    Update(JobUpdate),
    /// Delete a job; what its runs told stays in the ledger
    Delete {
        /// Its name or id
        job: String,
    },
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

/// `fanfare events`
#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List events, newest first, also those that nobody was told of
    List(Stretch),
    /// Show one event: what it said, who was told, who was not and why
    Show {
        /// Its id, or the end of it as the list shows it
        #[arg(value_name = "ID")]
        event: String,
    },
    /// Send a sample of an event type to everyone who would hear of it, now
    Test(TestArgs),
    #[command(flatten)]
    Decide(DecideCommand),
}

/// `fanfare deliveries`
#[derive(Debug, Subcommand)]
pub(crate) enum DeliveriesCommand {
    /// List deliveries, newest first
    List(DeliveryFilters),
    /// Show one delivery: its text, what went out, and every attempt
    Show {
        /// Its id, or the end of it as the list shows it
        #[arg(value_name = "ID")]
        delivery: String,
    },
    /// Try again at once: one delivery, or all in a state
    #[command(override_usage = "fanfare deliveries retry <ID>\n       \
                                fanfare deliveries retry --state <STATE> [--channel <CHANNEL>] [--event-type <TYPE>]")]
    Retry(RetryArgs),
    /// Show deliveries as they change, until it is interrupted
    Watch,
}

/// `fanfare deliveries list`
#[derive(Debug, Args)]
pub(crate) struct DeliveryFilters {
    /// Only those in this state
    #[arg(long)]
    pub(crate) state: Option<State>,
    /// Only through this channel (name or id)
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    /// Only of this event type
    #[arg(long, value_name = "TYPE")]
    pub(crate) event_type: Option<String>,
    /// Only of this job's runs (name or id)
    #[arg(long, value_name = "JOB")]
    pub(crate) job: Option<String>,
    /// Only of this event
    #[arg(long, value_name = "ID")]
    pub(crate) event: Option<String>,
    /// Only tests, or (with false) all but tests
    #[arg(long, value_name = "true|false", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) test: Option<bool>,
    #[command(flatten)]
    pub(crate) stretch: Stretch,
}

/// `fanfare deliveries retry`
#[derive(Debug, Args)]
pub(crate) struct RetryArgs {
    /// The delivery's id, or the end of it as the list shows it
    #[arg(value_name = "ID", required_unless_present = "state", conflicts_with_all = ["state", "channel", "event_type"])]
    pub(crate) delivery: Option<String>,
    /// All in this state
    #[arg(long)]
    pub(crate) state: Option<State>,
    /// Of these, only those through this channel (name or id)
    #[arg(long, value_name = "CHANNEL", requires = "state")]
    pub(crate) channel: Option<String>,
    /// Of these, only those of this event type
    #[arg(long, value_name = "TYPE", requires = "state")]
    pub(crate) event_type: Option<String>,
}

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum State {
    Pending,
    Held,
    Delivered,
    Suppressed,
    Dead,
}

/// The word for one of the listed values, as the API spells it.
pub(crate) fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Cli, ErrorKind> {
        Cli::try_parse_from(line.split_whitespace()).map_err(|error| error.kind())
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_needs_no_word() {
        let cli = parse("fanfare --listen 127.0.0.1:0").unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.listen.as_deref(), Some("127.0.0.1:0"));
    }

    #[test]
    fn common_options_stand_anywhere() {
        for line in ["fanfare --json channels list", "fanfare channels --json list", "fanfare channels list --json"] {
            assert!(parse(line).unwrap().common.json, "{line}");
        }
    }

    #[test]
    fn wrong_use_is_recognised() {
        assert_eq!(parse("fanfare --colour red").unwrap_err(), ErrorKind::UnknownArgument);
        assert_eq!(parse("fanfare serve --secret-key x").unwrap_err(), ErrorKind::UnknownArgument);
        assert_eq!(parse("fanfare deliveries retry").unwrap_err(), ErrorKind::MissingRequiredArgument);
        assert_eq!(parse("fanfare deliveries list --state lost").unwrap_err(), ErrorKind::InvalidValue);
        assert_eq!(parse("fanfare explain --job nightly").unwrap_err(), ErrorKind::MissingRequiredArgument);
    }

    #[test]
    fn a_command_stands_behind_its_dashes() {
        let run = |line: &str| {
            parse(line).map(|cli| match cli.command {
                Some(Command::Run(args)) => args,
                other => panic!("{other:?}"),
            })
        };
        let args = run("fanfare run --job nightly --partial-exit 1,3 -- borg create --json --job x").unwrap();
        assert_eq!((args.job.as_str(), args.partial_exit.as_slice()), ("nightly", [1, 3].as_slice()));
        assert_eq!(args.command, ["borg", "create", "--json", "--job", "x"]);
        for (line, kind) in [
            ("fanfare run --job nightly", ErrorKind::MissingRequiredArgument),
            ("fanfare run -- true", ErrorKind::MissingRequiredArgument),
            ("fanfare run --job nightly true", ErrorKind::UnknownArgument),
            ("fanfare run --job nightly --partial-exit 0 -- true", ErrorKind::ValueValidation),
            ("fanfare run --job nightly --partial-exit 256 -- true", ErrorKind::ValueValidation),
        ] {
            assert_eq!(run(line).unwrap_err(), kind, "{line}");
        }
    }

    #[test]
    fn tests_are_filtered_either_way() {
        let test = |line: &str| match parse(line).unwrap().command {
            Some(Command::Deliveries(DeliveriesCommand::List(filters))) => filters.test,
            other => panic!("{other:?}"),
        };
        assert_eq!(test("fanfare deliveries list"), None);
        assert_eq!(test("fanfare deliveries list --test"), Some(true));
        assert_eq!(test("fanfare deliveries list --test=false"), Some(false));
    }
}
