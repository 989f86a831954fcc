//! The documents of the API. They are types of their own, so that the engine's can change without changing
//! what other people's programs read; where a conversion fails to compile, that is the reminder.

pub(crate) mod account;
pub(crate) mod audit;
pub(crate) mod channel;
pub(crate) mod delivery;
pub(crate) mod event;
pub(crate) mod event_type;
pub(crate) mod explain;
pub(crate) mod job;
pub(crate) mod outbound;
pub(crate) mod plan;
pub(crate) mod settings;
pub(crate) mod token;
pub(crate) mod whole;
pub(crate) mod wording;
pub(crate) mod words;
