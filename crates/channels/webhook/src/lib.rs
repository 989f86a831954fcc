#![doc = include_str!("../README.md")]

mod channel;
mod config;
mod payload;
mod signature;
mod template;

pub use channel::Webhook;
pub use config::{Method, WebhookConfig};
