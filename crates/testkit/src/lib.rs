#![doc = include_str!("../README.md")]
#![allow(clippy::unwrap_used)]

pub mod conformance;
pub mod fixtures;
mod receiver;
mod stub;
mod wire;

pub use receiver::{Answer, Received, Receiver};
pub use stub::{Stub, Vars};
