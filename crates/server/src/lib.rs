#![doc = include_str!("../README.md")]

mod accounts;
mod app;
mod auth;
mod catalog_doc;
mod dto;
mod etag;
mod extract;
mod keys;
mod life;
mod mask;
mod page;
mod pages;
mod problem;
mod reply;
mod routes;
mod serve;
mod witness;

pub use accounts::Accounts;
pub use app::{Measures, ServerOptions, app, openapi};
pub use auth::RateLimits;
pub use keys::KeyPlace;
pub use serve::serve;
