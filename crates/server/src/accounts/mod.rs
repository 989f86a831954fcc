//! Who may do what here: accounts, the sessions in which they are signed in, and tokens.
//!
//! Accounts and tokens are few and asked for with every request, so all of them are kept in memory and read again
//! when one changes. Sessions are read from the database, so that one that was ended is ended on every node at once.

mod audit;
mod background;
mod directory;
mod entity;
mod error;
mod known;
mod migration;
mod passwords;
mod secrets;
mod sessions;
mod setup;
mod throttle;
mod tokens;
mod users;

use std::sync::{Arc, PoisonError, RwLock};

use fanfare::{Clock, Store, StoreError};
use jiff::Timestamp;
use sea_orm::{
    ConnectionTrait, DatabaseTransaction, EntityTrait, QuerySelect, QueryTrait, Statement,
    sea_query::{Expr, ExprTrait},
};

pub(crate) use audit::{AuditFilter, Change, Entry};
pub(crate) use error::AccessError;
pub(crate) use passwords::Passwords;
pub(crate) use secrets::hash as hash_of_secret;
pub(crate) use sessions::{SIGNED_IN_AT_MOST, Session};
pub(crate) use setup::NewAdmin;
pub(crate) use throttle::{Rate, Throttle, network_of};
pub(crate) use tokens::{MadeToken, TokenSpec, TokenView};
pub(crate) use users::{Account, NewUser, Role, UserChange};

use known::Known;
use migration::Migrator;
use sessions::SignIns;

/// The accounts, sessions and tokens of a server. Cheap to clone.
///
/// It is also the [`UserDirectory`](fanfare::core::UserDirectory) that knows the accounts by their ids.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Arc<dyn Clock>,
    known: RwLock<Arc<Known>>,
    /// Held while what is known is read again, so that an older reading cannot replace a newer one.
    reading: tokio::sync::Mutex<()>,
    passwords: Passwords,
    sign_ins: SignIns,
}

impl Accounts {
    /// Brings the server's tables up to date and reads them.
    pub async fn open(store: Store, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        store.migrate::<Migrator>().await?;
        store.keep_sealed(tokens::TABLE, tokens::SIGNING_SECRET);
        let accounts = Self(Arc::new(Inner {
            store,
            clock,
            known: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
            passwords: Passwords::default(),
            sign_ins: SignIns::default(),
        }));
        accounts.read_again().await?;
        background::start(&accounts.0);
        Ok(accounts)
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn known(&self) -> Arc<Known> {
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn read_again(&self) -> Result<(), StoreError> {
        let _alone = self.0.reading.lock().await;
        let known = Known::read(&self.0.store, &self.known()).await?;
        *self.0.known.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        Ok(())
    }

    /// A transaction that changes accounts or tokens. It begins with the one row that all of them write, so that
    /// what it reads is not changed by another at the same time.
    async fn change(&self) -> Result<DatabaseTransaction, StoreError> {
        let tx = self.0.store.begin().await?;
        tx.execute_raw(self.next_revision()).await?;
        Ok(tx)
    }

    /// What tells every node that accounts or tokens have changed, for the transaction of the change.
    pub(crate) fn next_revision(&self) -> Statement {
        entity::access::Entity::update_many()
            .col_expr(entity::access::Column::Revision, Expr::col(entity::access::Column::Revision).add(1))
            .build(self.0.store.reader().get_database_backend())
    }

    /// Ends a change: it is in force here when this returns.
    async fn in_force(&self, tx: DatabaseTransaction) -> Result<(), StoreError> {
        tx.commit().await?;
        self.read_again().await
    }

    /// Takes over what an import has written.
    pub(crate) async fn imported(&self) -> Result<(), StoreError> {
        self.read_again().await
    }

    async fn revision(&self) -> Result<i64, StoreError> {
        let row = entity::access::Entity::find().limit(1).one(self.0.store.reader()).await?;
        Ok(row.map_or(0, |row| row.revision))
    }
}
