#![doc = include_str!("../README.md")]
#![allow(clippy::unwrap_used)]

mod api;
mod binary;
mod cli;
mod letter;
mod mail_server;
mod server;
mod sqlite;
mod wait;
mod wrapped;

pub use api::{Api, Metrics, Problem, Reply};
pub use binary::binary;
pub use cli::{Cli, Output};
pub use fanfare_testkit::Postgres;
pub use letter::{Letter, letters};
pub use mail_server::{MailServer, Mode};
pub use server::{Killer, Server};
pub use sqlite::{database, rows, snapshot, tool};
pub use wait::{PATIENCE, until};
pub use wrapped::{Ran, Running, Wrapper, signal};
