//! What each service refuses, written from its documents alone: a channel whose request passes here is understood
//! there. One file per kind, each with `check(request) -> Result<(), String>`; a channel's tests give it to
//! [`crate::conformance::Subject::checked_by`].

pub mod discord;
pub mod gotify;
pub mod ntfy;
mod schema;
pub mod slack;
pub mod teams;
pub mod telegram;
pub mod twilio;
pub mod webhook;

pub use schema::{conforms, schema};
