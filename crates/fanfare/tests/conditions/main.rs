//! Conditions that last, on a real SQLite file with real receivers and a clock that the test sets.

#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test may panic, and has no outside")]

mod home;
mod missed;
mod reminders;
