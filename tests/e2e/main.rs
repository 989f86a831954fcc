//! The real binary, from outside.
#![allow(clippy::unwrap_used)]

mod access;
mod apply;
mod audit;
mod backup;
mod bad_input;
mod canary;
mod command_line;
mod conditions;
mod configuration;
mod crash;
mod databases;
mod endings;
mod health;
mod hostile;
mod kinds;
mod limits;
mod log_lines;
mod mail;
mod mail_elsewhere;
mod missed;
mod monitoring;
mod nodes;
mod nodes_conditions;
mod notify_user;
mod notify_user_refused;
mod outbound;
mod own_event_type;
mod pg_dump;
mod process;
<<<<<<< HEAD
mod reminders;
=======
mod routes;
>>>>>>> bb0004b (Keep what is logged on its line, say of a panic where it was, and try to break in)
mod routing;
mod rules;
mod run;
mod run_spool;
mod run_terminal;
mod secrets;
mod sessions;
mod signed;
mod tests_of;
mod told;
mod whole;
mod wording;
