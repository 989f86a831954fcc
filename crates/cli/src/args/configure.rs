//! What changes the configuration: channels, jobs, and who hears of system events.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::{Span, SpanRelativeTo, Unit};

/// `fanfare channels create`
#[derive(Debug, Args)]
#[command(after_help = AFTER_CONFIG)]
pub(crate) struct ChannelCreate {
    /// Its name
    pub(crate) name: String,
    /// Its kind, as fanfare channels kinds lists them
    #[arg(long)]
    pub(crate) kind: String,
    /// Its configuration
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) members: Vec<String>,
    /// Make it disabled: what is meant for it is held
    #[arg(long)]
    pub(crate) disabled: bool,
    #[command(flatten)]
    pub(crate) lane: Lane,
}

/// `fanfare channels update`
#[derive(Debug, Args)]
#[command(after_help = AFTER_CONFIG)]
pub(crate) struct ChannelUpdate {
    /// Its name or id
    pub(crate) channel: String,
    /// What changes in its configuration; KEY:=null resets
    #[arg(value_name = "KEY=VALUE")]
    pub(crate) members: Vec<String>,
    /// A new name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) lane: Lane,
}

/// `fanfare channels delete`
#[derive(Debug, Args)]
pub(crate) struct ChannelDelete {
    /// Its name or id
    pub(crate) channel: String,
    /// Also where it is in use: it is taken out everywhere, and what waits for it is suppressed
    #[arg(long)]
    pub(crate) force: bool,
}

/// How a channel's deliveries leave.
#[derive(Debug, Default, Args)]
pub(crate) struct Lane {
    /// How many deliveries may be under way at once, or default
    #[arg(long, value_name = "N", value_parser = or_default::<u16>)]
    pub(crate) concurrency: Option<OrDefault<u16>>,
    /// How many deliveries a second on average, or default
    #[arg(long, value_name = "N", value_parser = or_default::<f64>)]
    pub(crate) rate: Option<OrDefault<f64>>,
    /// How many deliveries may leave at once before the rate counts, or default
    #[arg(long, value_name = "N", value_parser = or_default::<u32>)]
    pub(crate) burst: Option<OrDefault<u32>>,
    /// Whether a storm of one event type is told in one digest: true, false or default
    #[arg(long, value_name = "BOOL", value_parser = or_default::<bool>)]
    pub(crate) digest: Option<OrDefault<bool>>,
}

const AFTER_CONFIG: &str = "KEY=VALUE is a text, a number, true or false, as the kind declares it; a list is KEY=VALUE \
                            several times. KEY.NAME=VALUE is a member, such as headers.X-Key=1. KEY:=JSON is taken as \
                            it is. KEY@=FILE is the text of a file, - being standard input: others on this machine can \
                            read arguments, but not that.";

/// `fanfare jobs create`
#[derive(Debug, Args)]
pub(crate) struct JobCreate {
    /// Its name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) tells: Tells,
    #[command(flatten)]
    pub(crate) expected: Expected,
}

/// `fanfare jobs update`
#[derive(Debug, Args)]
pub(crate) struct JobUpdate {
    /// Its name or id
    pub(crate) job: String,
    /// A new name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) tells: Tells,
    /// Tell nobody
    #[arg(long, conflicts_with_all = ["always", "on_success", "on_failure"])]
    pub(crate) nobody: bool,
    #[command(flatten)]
    pub(crate) expected: Expected,
}

/// Who hears of a job's runs. What is given is all: it takes the place of who heard before.
#[derive(Debug, Default, Args)]
pub(crate) struct Tells {
    /// A channel (name or id) that hears of every run; may be given several times
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) always: Vec<String>,
    /// A channel that hears of runs that went well
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) on_success: Vec<String>,
    /// A channel that hears of runs that did not go well, or were missed
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) on_failure: Vec<String>,
}

/// When a job is expected to run.
#[derive(Debug, Default, Args)]
pub(crate) struct Expected {
    /// How often it is expected to run, such as 90min, 24h or 7d; never: at no set times
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) every: Option<Seconds>,
    /// How late it may be, such as 30min; never: no later than expected
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub(crate) grace: Option<Seconds>,
}

/// `fanfare settings`
#[derive(Debug, Subcommand)]
pub(crate) enum SettingsCommand {
    /// Show who hears of system events
    Show,
    /// Replace all of it by a document in JSON, as settings show --json prints it; what is left out has its default
    Set {
        /// The document; - is standard input
        file: PathBuf,
    },
    /// Choose the channels of all event types that have none of their own
    Global(GlobalArgs),
}

/// `fanfare settings global`
#[derive(Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Their names or ids, in the order in which they are told
    #[arg(value_name = "CHANNEL", required_unless_present = "none", conflicts_with = "none")]
    pub(crate) channels: Vec<String>,
    /// No channels
    #[arg(long)]
    pub(crate) none: bool,
}

/// What is decided for one event type: `fanfare events …` and `fanfare event-types …`.
#[derive(Debug, Subcommand)]
pub(crate) enum DecideCommand {
    /// Switch an event type on
    Enable(TypeArg),
    /// Switch an event type off
    Disable(TypeArg),
    /// Choose the channels of an event type
    #[command(override_usage = "fanfare events channels <TYPE> <CHANNEL>...\n       \
                                fanfare events channels <TYPE> --inherit\n       \
                                fanfare events channels <TYPE> --mute")]
    Channels(TypeChannels),
    /// Choose whether the user whom an event is about is told
    NotifyUser {
        /// The event type, such as user_login
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// The channels alone, the channels and also the user, or the user only
        mode: Mode,
    },
    /// Choose how often a lasting condition is told of again
    Remind {
        /// The event type, such as connection_offline
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// Hours between reminders, off, or default
        #[arg(value_name = "HOURS", value_parser = hours)]
        hours: OrDefault<f64>,
    },
    /// Go back to all defaults of an event type, its wording included
    Reset(TypeArg),
}

/// An event type.
#[derive(Debug, Args)]
pub(crate) struct TypeArg {
    /// The event type, such as user_login
    #[arg(value_name = "TYPE")]
    pub(crate) event_type: String,
}

/// The channels of one event type.
#[derive(Debug, Args)]
pub(crate) struct TypeChannels {
    /// The event type, such as system_error
    #[arg(value_name = "TYPE")]
    pub(crate) event_type: String,
    /// Channels of its own (names or ids), in the order in which they are told
    #[arg(value_name = "CHANNEL", required_unless_present_any = ["inherit", "mute"])]
    pub(crate) channels: Vec<String>,
    /// The global channels
    #[arg(long, conflicts_with_all = ["channels", "mute"])]
    pub(crate) inherit: bool,
    /// No channels: nobody is told
    #[arg(long, conflicts_with = "channels")]
    pub(crate) mute: bool,
}

/// Whether the user whom an event is about is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    None,
    Also,
    Only,
}

/// A value, or the word that resets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OrDefault<T> {
    Default,
    Value(T),
}

/// A time in seconds; none for `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) Option<u32>);

fn or_default<T: std::str::FromStr>(text: &str) -> Result<OrDefault<T>, String>
where
    T::Err: std::fmt::Display,
{
    match text {
        "default" => Ok(OrDefault::Default),
        text => text.parse().map(OrDefault::Value).map_err(|error: T::Err| error.to_string()),
    }
}

fn hours(text: &str) -> Result<OrDefault<f64>, String> {
    match text {
        "off" => Ok(OrDefault::Value(0.0)),
        text => or_default(text).map_err(|_| "this is a number of hours, off, or default".to_owned()),
    }
}

/// A number of seconds, or a time as people write it; a day has 24 hours.
fn seconds(text: &str) -> Result<Seconds, String> {
    if text == "never" {
        return Ok(Seconds(None));
    }
    let whole =
        |seconds: f64| (seconds.fract() == 0.0 && (0.0..=u32::MAX.into()).contains(&seconds)).then_some(seconds as u32);
    let span = || text.parse::<Span>().and_then(|span| span.total((Unit::Second, SpanRelativeTo::days_are_24_hours())));
    let seconds = text.parse::<f64>().ok().or_else(|| span().ok()).and_then(whole);
    seconds.map(|seconds| Seconds(Some(seconds))).ok_or_else(|| "this is a time such as 90s, 15min, 24h or 7d".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_write_them() {
        for (text, expected) in [
            ("90", 90),
            ("90s", 90),
            ("15min", 900),
            ("15 minutes", 900),
            ("24h", 86_400),
            ("7d", 604_800),
            ("1h 30m", 5_400),
            ("0", 0),
        ] {
            assert_eq!(seconds(text), Ok(Seconds(Some(expected))), "{text}");
        }
        assert_eq!(seconds("never"), Ok(Seconds(None)));
        for wrong in ["", "soon", "-5", "-5min", "1.5", "1 month", "1e300", "nan", "99999999999"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_word_resets() {
        assert_eq!(hours("off"), Ok(OrDefault::Value(0.0)));
        assert_eq!(hours("0.5"), Ok(OrDefault::Value(0.5)));
        assert_eq!(hours("default"), Ok(OrDefault::Default));
        assert!(hours("often").is_err());
        assert_eq!(or_default::<bool>("false"), Ok(OrDefault::Value(false)));
        assert!(or_default::<u16>("70000").is_err());
    }
}
