//! What is kept in memory: all accounts and all tokens, as one immutable value.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use fanfare::{Store, StoreError};
use sea_orm::{EntityTrait, QuerySelect};
use uuid::Uuid;

use super::{
    entity::{access, token, user},
    secrets::Hash,
    tokens::KnownToken,
    users::Account,
};

/// All accounts and tokens as they were read.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The number of the change up to which this is true.
    pub(super) revision: i64,
    /// Accounts, oldest first.
    pub(super) users: BTreeMap<Uuid, Arc<Account>>,
    /// Tokens, oldest first.
    pub(super) tokens: BTreeMap<Uuid, Arc<KnownToken>>,
    /// Tokens by their hashes.
    pub(super) by_hash: HashMap<Hash, Arc<KnownToken>>,
}

impl Known {
    /// Reads everything. When a token was last used is taken over from `before`, which may know it better.
    pub(super) async fn read(store: &Store, before: &Self) -> Result<Self, StoreError> {
        let db = store.reader();
        // First, so that what is read after it is at least as new.
        let revision = access::Entity::find().limit(1).one(db).await?.map_or(0, |row| row.revision);
        let mut known = Self { revision, ..Self::default() };
        for row in user::Entity::find().all(db).await? {
            let account = Account::try_from(row)?;
            known.users.insert(account.id, Arc::new(account));
        }
        for row in token::Entity::find().all(db).await? {
            let hash = Hash::try_from(row.hash.as_slice()).map_err(|_| StoreError::Corrupt {
                what: "token",
                detail: "its hash has another length than hashes have".into(),
            })?;
            let token = Arc::new(KnownToken::read(row, before, store)?);
            known.by_hash.insert(hash, token.clone());
            known.tokens.insert(token.view.id, token);
        }
        Ok(known)
    }
}
