#![doc = include_str!("../README.md")]

mod address;
mod channel;
mod config;
mod message;
mod smtp;

pub use channel::Email;
pub use config::{EmailConfig, Security};
pub use smtp::Limits;
