//! What goes wrong, on the real binary, real SQLite and real PostgreSQL. Each case prints its criterion and its figures.
#![allow(clippy::unwrap_used)]

mod harness;
mod load;

mod backlog;
mod clock;
mod disk;
mod disk_full;
mod foreign_file;
mod hostile;
mod kills;
mod locked;
mod lost_commit;
mod restarted_database;
mod storm;
