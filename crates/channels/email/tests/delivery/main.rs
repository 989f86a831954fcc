//! Deliveries to a real mail server on loopback.
#![allow(clippy::unwrap_used)]

mod bench;
mod connections;
mod refusals;
mod security;
