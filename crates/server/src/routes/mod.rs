//! The operations. A handler reads the request, asks the engine once, and puts the answer into a document;
//! decisions are made elsewhere.

pub(crate) mod audit;
pub(crate) mod channels;
pub(crate) mod deliveries;
pub(crate) mod docs;
pub(crate) mod event_types;
pub(crate) mod events;
pub(crate) mod jobs;
pub(crate) mod keys;
pub(crate) mod outbound;
pub(crate) mod ping;
pub(crate) mod service;
pub(crate) mod session;
pub(crate) mod settings;
pub(crate) mod stream;
pub(crate) mod tokens;
pub(crate) mod users;
pub(crate) mod whole;
