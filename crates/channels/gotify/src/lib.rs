#![doc = include_str!("../README.md")]

mod channel;
mod config;
mod markdown;
mod payload;

pub use channel::Gotify;
pub use config::GotifyConfig;
