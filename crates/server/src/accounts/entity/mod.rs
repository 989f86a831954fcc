//! Rows of the server's own tables.

pub(crate) mod access;
pub(crate) mod audit;
pub(crate) mod session;
pub(crate) mod setup_key;
pub(crate) mod token;
pub(crate) mod user;
