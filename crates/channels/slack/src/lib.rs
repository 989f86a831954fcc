#![doc = include_str!("../README.md")]

mod answer;
mod channel;
mod config;
mod fields;
mod markup;
mod mention;
mod message;

pub use channel::Slack;
pub use config::SlackConfig;
