#![doc = include_str!("../README.md")]

mod answer;
mod channel;
mod config;
mod gsm;
mod number;
mod sms;

pub use channel::Twilio;
pub use config::TwilioConfig;
