//! The real binary, from outside.
#![allow(clippy::unwrap_used)]

mod access;
mod apply;
mod backup;
mod bad_input;
mod canary;
mod command_line;
mod conditions;
mod configuration;
mod crash;
mod databases;
mod endings;
mod kinds;
mod log_lines;
mod mail;
mod mail_elsewhere;
mod monitoring;
mod nodes;
mod notify_user;
mod notify_user_refused;
mod outbound;
mod own_event_type;
mod pg_dump;
mod process;
mod routing;
mod rules;
mod run;
mod run_spool;
mod run_terminal;
mod secrets;
mod tests_of;
mod told;
mod whole;
mod wording;
