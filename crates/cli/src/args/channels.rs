//! Channels and their kinds.

use clap::{Args, Subcommand};

use super::{ChannelCreate, ChannelDelete, ChannelUpdate};

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
