#![doc = include_str!("../README.md")]

mod answer;
mod channel;
mod chat;
mod config;
mod html;
mod message;

pub use channel::Telegram;
pub use chat::ChatId;
pub use config::TelegramConfig;
