//! The real binary, from outside.
#![allow(clippy::unwrap_used)]

mod backup;
mod bad_input;
mod command_line;
mod crash;
mod process;
mod routing;
mod told;
