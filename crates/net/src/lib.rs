#![doc = include_str!("../README.md")]

mod connect;
mod error;
mod guard;
mod outbound;
mod tls;
mod words;

pub use connect::{connect, server_name};
pub use error::NetError;
pub use guard::Guard;
pub use outbound::Outbound;
pub use tls::tls_config;
pub use words::{connect_words, find, io_kind};
