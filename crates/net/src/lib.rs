#![doc = include_str!("../README.md")]

mod error;
mod guard;
mod tls;

pub use error::NetError;
pub use guard::Guard;
pub use tls::tls_config;
