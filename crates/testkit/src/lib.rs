#![doc = include_str!("../README.md")]
#![allow(clippy::unwrap_used)]

mod certificate;
pub mod conformance;
pub mod fixtures;
mod postgres;
mod receiver;
pub mod rules;
pub mod smtp;
mod spellings;
mod stub;
mod trap;
mod wire;

pub use certificate::Certificate;
pub use postgres::Postgres;
pub use receiver::{Answer, Received, Receiver};
pub use spellings::{Spelled, spellings};
pub use stub::{Stub, Vars, nowhere};
pub use trap::Trap;
