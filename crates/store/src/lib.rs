#![doc = include_str!("../README.md")]

mod check;
mod checkpoint;
mod commit;
mod condition;
mod config;
mod counters;
mod digest;
mod ends;
mod entity;
mod error;
mod follow;
mod keyring;
mod lanes;
mod leap;
mod ledger;
mod listen;
mod migration;
mod node;
mod open;
mod passphrase;
mod queue;
mod record;
mod rotate;
mod rows;
mod sqlite;
mod state;
mod tables;
mod watch;
mod whole;

pub use commit::{Attempted, Commit, KnownKey, NewEvent, Next};
pub use condition::{ConditionId, HeldConditions, KnownConditions, ToldRow};
pub use config::{CHANNEL_DELETED, ChannelRow, JobRow, LastRun};
pub use digest::{DigestRow, Freeze, Member};
pub use entity::{
    attempt::Model as AttemptRow, delivery::Model as DeliveryRow, event::Model as EventRow, lane::Model as LaneRow,
};
pub use error::StoreError;
pub use follow::{Follow, Followed, Follower, Moves, NOT_TOLD};
pub use keyring::{Keyring, KeyringError};
pub use ledger::{DeliveryFilter, HourCount, Page, TextSearch};
pub use listen::{Changed, Listener};
pub use migration::Step;
pub use open::{BUSY, Store, StoreOptions};
pub use passphrase::Stretching;
pub use queue::{Claimed, Stalled, Waiting};
pub use record::Record;
pub use rotate::Rotated;
pub use state::DeliveryState;
pub use watch::Watch;
pub use whole::{Column, ConfigRow, ConfigRows, ConfigTable, Difference, RowChange, TABLES, difference};
