//! Digests: deliveries that are told as one.
//!
//! From the moment on at which it is frozen, a digest is what lanes send, and its members follow it: its row has the
//! owner and the time at which it is due, and its members have the owner [`FROZEN`], so that nobody takes them one by
//! one. Its id is the receiver's key for recognising repeats, as a delivery's is.
//!
//! A digest ends with all its members at once. One that is tried again by hand after that goes by itself:
//! `digest_count` is taken from it, and `digest_id` stays, so that its ledger still tells of the attempts.

mod freeze;
mod record;
mod waiting;

use sea_orm::EntityTrait;
use uuid::Uuid;

pub use crate::entity::digest::Model as DigestRow;
pub use freeze::{Freeze, Member};
pub(crate) use record::{record, record_here};
pub(crate) use waiting::{free_orphans, rest, revive, wake};

use crate::{Store, StoreError, entity::digest};

/// Who owns a delivery that is part of a digest which has not ended.
pub(crate) const FROZEN: i64 = 0;

impl Store {
    /// One digest.
    pub async fn digest(&self, id: Uuid) -> Result<Option<DigestRow>, StoreError> {
        Ok(digest::Entity::find_by_id(id).one(&self.reader).await?)
    }
}
