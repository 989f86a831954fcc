//! The words of Fanfare as types, and every decision that needs no I/O.
//!
//! An [`Event`] happens, [`plan()`] decides who must hear of it, a [`Notification`] is what they are
//! told, and a [`Channel`] is how it reaches them. This crate never reads a clock, draws a random
//! number, opens a socket or touches a database: such facts are arguments.
#![doc = include_str!("../README.md")]

mod address;
mod base_url;
pub mod catalog;
mod channel;
mod conceal;
mod config;
mod digest;
mod event;
mod fault;
mod http_channel;
mod hue;
mod id;
mod job;
mod lane;
mod mentions;
mod network;
mod notification;
mod plan;
mod remind;
mod retry;
mod secret;
mod settings;
pub mod text;
mod token;
mod user;

pub use address::{AddressPolicy, Refusal};
pub use base_url::BaseUrl;
pub use catalog::{Catalog, CatalogError, EventType};
pub use channel::{
    Attempt, AttemptInfo, Channel, ErrorKind, Receipt, Recipients, SendError, Transport, TransportError,
};
pub use config::{BuildError, ChannelConfig, Kind, Registry, keep_secrets, merge_patch};
pub use digest::{DigestPolicy, Waiting, digest};
pub use event::{Condition, ConditionState, Event, JobRef};
pub use fault::{Fault, escape_pointer};
pub use http_channel::{Http, HttpChannel, one_line, parse_retry_after, status_line, verdict, verdict_saying};
pub use hue::Hue;
pub use id::{ChannelId, DeliveryId, EventId, EventTypeId, JobId};
pub use job::{Assignment, Outcome, RunCondition};
pub use lane::LaneDefaults;
pub use mentions::Mentions;
pub use network::{Network, NetworkRules};
pub use notification::{Color, Field, Notification, Status};
pub use plan::{ChannelInfo, Channels, Facts, Plan, Skip, SkipReason, Target, TargetReason, plan};
pub use remind::{ConditionFacts, Reminder, Told, remind};
pub use retry::{Decision, RetryPolicy, spread};
pub use secret::{MissingVariable, NoVariables, PLACEHOLDER, Secret, SecretUrl, Variables};
pub use settings::{EventSettings, NotificationSettings, NotifyUser, check_settings};
pub use token::sensitive_value;
pub use user::{DirectoryError, NoUsers, User, UserDirectory, bare_address, is_same_mailbox};

/// Cuts a time to whole milliseconds, the resolution in which every time is kept.
pub fn whole_millis(time: jiff::Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
