//! Deliveries: listed, shown, tried again and watched.

use clap::{Args, Subcommand, ValueEnum};

use super::Stretch;

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
    /// Only what was told in this digest
    #[arg(long, value_name = "ID")]
    pub(crate) digest: Option<String>,
    /// Only those that say this in their title, their channel's name or their last error
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
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
