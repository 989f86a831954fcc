#![doc = include_str!("../README.md")]

mod addresses;
mod failure;
mod limits;
mod resolver;
mod transport;

pub use limits::{Cap, Limits};
pub use transport::{HttpTransport, Stream};
