#![doc = include_str!("../README.md")]

mod builder;
mod kinds;
mod variables;

pub use builder::{Fanfare, Opened, StartError};
pub use fanfare_core as core;
pub use fanfare_engine::*;
pub use fanfare_http::Limits;
pub use fanfare_store::{Keyring, KeyringError, Store};
pub use kinds::registry;
pub use variables::Environment;
