#![doc = include_str!("../README.md")]

mod answer;
mod channel;
mod config;
mod payload;

pub use channel::Ntfy;
pub use config::NtfyConfig;
