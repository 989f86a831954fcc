#![doc = include_str!("../README.md")]

mod birth;
mod check_in;
mod clock;
mod conditions;
mod configure;
mod engine;
mod expect;
mod explain;
mod follow;
mod health;
mod herald;
mod intake;
mod janitor;
mod lane;
mod ledger;
mod meters;
mod node;
mod outbound;
mod preview;
mod send;
mod snapshot;
mod test_send;
mod types;
mod users;
mod watch;
mod watchman;
mod whole;
mod witness;
mod wording;
mod writer;

pub use check_in::CheckIn;
pub use clock::{Clock, Random, SteadyClock, SystemClock, SystemRandom};
pub use engine::{Engine, EngineError, EngineParts, NotReady};
pub use fanfare_store::{
    Changed, Column, ConfigTable, DeliveryFilter, DeliveryState, HourCount, LastRun, Page, Record, Rotated, StoreError,
    TextSearch,
};
pub use janitor::RETENTION;
pub use lane::LanePolicy;
pub use ledger::{AttemptView, DeliveryDetail, DeliveryView, DigestView};
pub use node::LEASE;
pub use preview::{Preview, PreviewError};
pub use types::*;
pub use watch::Watcher;
pub use whole::{ImportReport, ItemChange, SectionReport};
pub use witness::{Changing, Witness};
