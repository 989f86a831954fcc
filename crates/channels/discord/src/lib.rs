#![doc = include_str!("../README.md")]

mod address;
mod answer;
mod channel;
mod config;
mod embed;
mod markdown;
mod mention;
mod message;

pub use channel::Discord;
pub use config::DiscordConfig;
