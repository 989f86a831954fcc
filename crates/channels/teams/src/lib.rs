#![doc = include_str!("../README.md")]

mod address;
mod answer;
mod card;
mod channel;
mod config;
mod markdown;

pub use channel::Teams;
pub use config::TeamsConfig;
