//! The tables as types. Columns are explained where they are created, in the migration.

#![allow(missing_docs, unreachable_pub, reason = "the ORM wants public types; the migration explains the columns")]

pub(crate) mod attempt;
pub(crate) mod channel;
pub(crate) mod counter;
pub(crate) mod delivery;
pub(crate) mod digest;
pub(crate) mod event;
pub(crate) mod idempotency;
pub(crate) mod job;
pub(crate) mod lane;
pub(crate) mod meta;
pub(crate) mod node;
pub(crate) mod setting;
