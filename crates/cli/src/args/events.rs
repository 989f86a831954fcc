//! Events: sent, explained, tested and listed; event types with their wording.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{DecideCommand, Stretch};

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
    /// What lasts, where the event tells of something that does: what recognises it among events of its type
    #[arg(long, value_name = "KEY")]
    pub(crate) condition: Option<String>,
    /// Whether that begins or goes on (firing), or is over (resolved)
    #[arg(long, value_name = "STATE", requires = "condition", default_value = "firing")]
    pub(crate) state: ConditionState,
    /// When it happened, such as 2026-03-29T01:30:00Z; now if absent
    #[arg(long, value_name = "TIME")]
    pub(crate) occurred_at: Option<String>,
}

/// Whether something lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ConditionState {
    Firing,
    Resolved,
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
    #[arg(long, value_name = "JOB", requires = "outcome", conflicts_with_all = ["user_id", "user_name", "user_email", "condition"])]
    pub(crate) job: Option<String>,
    /// How that run ended; or missed: it does not come, or recovered: one comes at last
    #[arg(long, requires = "job")]
    pub(crate) outcome: Option<ExplainedOutcome>,
    /// Try out the wording in this file (JSON) instead of the one that is saved; - is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) wording: Option<PathBuf>,
}

/// How a run ended, or that it did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainedOutcome {
    Success,
    Partial,
    Failure,
    Missed,
    Recovered,
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
