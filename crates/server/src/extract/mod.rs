//! From a request to what a handler works with. Whatever cannot be read becomes a [`Problem`].

mod body;
mod depth;
mod key;
mod path;
mod query;
mod shape;
mod strict;

pub(crate) use body::{Document, Form, Json, JsonOrNothing, PATIENCE, limit};
pub(crate) use depth::is_deeper_than;
pub(crate) use key::{IdempotencyKey, idempotency};
pub(crate) use path::{Id, Name};
pub(crate) use query::{NoQuery, Query};
pub(crate) use shape::{parse, shape};
pub(crate) use strict::{Members, Strict, at_most, given, rfc3339};

#[cfg(doc)]
use crate::problem::Problem;
