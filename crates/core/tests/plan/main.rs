//! Who hears of an event: the rules case by case, the laws that hold in every case, and the table of all cases.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod case;
mod laws;
mod rules;
mod table;
